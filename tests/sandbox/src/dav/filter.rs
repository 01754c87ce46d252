//! Which entries a calendar-query means (RFC 4791, section 9.7).

use jiff::Timestamp;
use roxmltree::Node;

use super::{CALDAV, Refusal};
use crate::{
    calendar::{
        event,
        ical::{Component, Property},
    },
    xml,
};

/// A time range as `20260101T000000Z`; without one of its ends it has none.
pub(super) fn range(node: Node<'_, '_>) -> Result<(Timestamp, Timestamp), Refusal> {
    let end = |name: &str, otherwise: Timestamp| match node.attribute(name) {
        None => Ok(otherwise),
        Some(text) => match event_time(text) {
            Some(time) => Ok(time),
            None => Err(Refusal::condition(CALDAV, "valid-filter", "A time is not in UTC.")),
        },
    };
    Ok((end("start", Timestamp::MIN)?, end("end", Timestamp::MAX)?))
}

fn event_time(text: &str) -> Option<Timestamp> {
    let bare = text.strip_suffix('Z')?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", bare).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// Whether an object is meant by what stands within `filter`.
pub(super) fn matches(filter: Node<'_, '_>, object: &Component) -> Result<bool, Refusal> {
    let outer = xml::child(filter, "comp-filter").filter(|node| node.attribute("name") == Some("VCALENDAR"));
    let invalid = || Refusal::condition(CALDAV, "valid-filter", "A filter begins with VCALENDAR.");
    let outer = outer.ok_or_else(invalid)?;
    for node in xml::children(outer) {
        let fits = match node.tag_name().name() {
            "comp-filter" => component(node, object)?,
            "prop-filter" => property(node, object)?,
            _ => return Err(unknown()),
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn unknown() -> Refusal {
    Refusal::condition(CALDAV, "supported-filter", "The filter is not understood.")
}

/// A filter of components within the object: one of them has to fit.
fn component(node: Node<'_, '_>, object: &Component) -> Result<bool, Refusal> {
    let name = node.attribute("name").unwrap_or_default().to_ascii_uppercase();
    if xml::child(node, "is-not-defined").is_some() {
        return Ok(object.within(&name).next().is_none());
    }
    if let Some(node) = xml::child(node, "time-range") {
        let (from, to) = range(node)?;
        if name != "VEVENT" || event::instances(object, from, to).is_empty() {
            return Ok(false);
        }
    }
    for event in object.within(&name) {
        let mut fits = true;
        for node in xml::children(node) {
            fits &= match node.tag_name().name() {
                "prop-filter" => property(node, event)?,
                "comp-filter" => component(node, event)?,
                "time-range" => true,
                _ => return Err(unknown()),
            };
        }
        if fits {
            return Ok(true);
        }
    }
    Ok(false)
}

fn property(node: Node<'_, '_>, event: &Component) -> Result<bool, Refusal> {
    let name = node.attribute("name").unwrap_or_default().to_ascii_uppercase();
    if xml::child(node, "is-not-defined").is_some() {
        return Ok(event.get(&name).is_none());
    }
    for property in event.all(&name) {
        if property_fits(node, property)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn property_fits(node: Node<'_, '_>, property: &Property) -> Result<bool, Refusal> {
    for node in xml::children(node) {
        let fits = match node.tag_name().name() {
            "text-match" => text(node, &crate::calendar::ical::unescape(&property.value)),
            "param-filter" => {
                let given =
                    property.parameter(&node.attribute("name").unwrap_or_default().to_ascii_uppercase());
                match (xml::child(node, "text-match"), given) {
                    (Some(node), Some(given)) => text(node, given),
                    (None, given) => given.is_some() == xml::child(node, "is-not-defined").is_none(),
                    (Some(_), None) => false,
                }
            }
            "time-range" => {
                let (from, to) = range(node)?;
                event_time(&property.value).is_some_and(|time| time >= from && time < to)
            }
            _ => return Err(unknown()),
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn text(node: Node<'_, '_>, value: &str) -> bool {
    let wanted = node.text().unwrap_or_default();
    let found = match (node.attribute("collation"), node.attribute("match-type")) {
        (Some("i;octet"), Some("equals")) => value == wanted,
        (Some("i;octet"), _) => value.contains(wanted),
        (_, Some("equals")) => value.to_lowercase() == wanted.to_lowercase(),
        _ => value.to_lowercase().contains(&wanted.to_lowercase()),
    };
    found != (node.attribute("negate-condition") == Some("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_mean_entries() {
        let object = Component::parse(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1-a\nSUMMARY:Hello\\, World\nDTSTART:20260301T090000Z\n\
             DTEND:20260301T100000Z\nRRULE:FREQ=DAILY;COUNT=3\nATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x\n\
             END:VEVENT\nEND:VCALENDAR\n",
        )
        .unwrap();
        let event = |inner: &str| format!(r#"<comp-filter name="VEVENT">{inner}</comp-filter>"#);
        let prop =
            |name: &str, inner: &str| event(&format!(r#"<prop-filter name="{name}">{inner}</prop-filter>"#));
        for (inner, wanted) in [
            (String::new(), true),
            (event(""), true),
            (r#"<comp-filter name="VTODO"/>"#.to_owned(), false),
            (r#"<comp-filter name="VTODO"><is-not-defined/></comp-filter>"#.to_owned(), true),
            (event(r#"<time-range start="20260303T000000Z" end="20260304T000000Z"/>"#), true),
            (event(r#"<time-range start="20260304T000000Z"/>"#), false),
            (event(r#"<time-range end="20260301T090000Z"/>"#), false),
            (prop("UID", r#"<text-match collation="i;octet">1-a</text-match>"#), true),
            (prop("UID", r#"<text-match collation="i;octet">1-A</text-match>"#), false),
            (prop("SUMMARY", "<text-match>hello, w</text-match>"), true),
            (prop("SUMMARY", r#"<text-match negate-condition="yes">hello</text-match>"#), false),
            (prop("LOCATION", "<is-not-defined/>"), true),
            (prop("LOCATION", ""), false),
            (
                prop(
                    "ATTENDEE",
                    r#"<param-filter name="PARTSTAT"><text-match>accepted</text-match></param-filter>"#,
                ),
                true,
            ),
            (prop("ATTENDEE", r#"<param-filter name="CN"/>"#), false),
        ] {
            let text = format!(r#"<filter><comp-filter name="VCALENDAR">{inner}</comp-filter></filter>"#);
            let document = xml::parse(&text).unwrap();
            assert_eq!(matches(document.root_element(), &object).ok(), Some(wanted), "{inner}");
        }
        for text in ["<filter/>", r#"<filter><comp-filter name="VCALENDAR"><near/></comp-filter></filter>"#] {
            let document = xml::parse(text).unwrap();
            assert!(matches(document.root_element(), &object).is_err());
        }
    }
}
