//! What an entry means: when it takes place, each of its occurrences, and who takes part.

use jiff::Timestamp;

use super::{
    ical::{Component, Property},
    recur::Rule,
    when::{self, When},
};

/// The most occurrences of one entry that are told.
const MAX_INSTANCES: usize = 5000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Single,
    Occurrence,
    /// An occurrence that differs from its series.
    Exception,
}

/// An entry that takes place once, or one occurrence of a series.
#[derive(Clone, Debug)]
pub(crate) struct Instance<'a> {
    pub(crate) event: &'a Component,
    pub(crate) kind: Kind,
    /// When it was to begin, by which occurrences are told apart.
    pub(crate) original: Timestamp,
    pub(crate) start: When,
    pub(crate) end: When,
}

/// The event that stands for the whole entry: without RECURRENCE-ID.
pub(crate) fn master(object: &Component) -> Option<&Component> {
    object.within("VEVENT").find(|event| event.get("RECURRENCE-ID").is_none())
}

pub(crate) fn master_mut(object: &mut Component) -> Option<&mut Component> {
    object.components.iter_mut().find(|part| part.name == "VEVENT" && part.get("RECURRENCE-ID").is_none())
}

/// The event to ask for subject, place and people: the master, or an occurrence if there is nothing else.
pub(crate) fn main(object: &Component) -> Option<&Component> {
    master(object).or_else(|| object.within("VEVENT").next())
}

pub(crate) fn uid(object: &Component) -> Option<&str> {
    main(object)?.value("UID")
}

pub(crate) fn start(event: &Component, object: &Component) -> Option<When> {
    When::read(event.get("DTSTART")?, event, object)
}

/// When an event ends: by DTEND, by DURATION, or a day's end.
pub(crate) fn end(event: &Component, object: &Component) -> Option<When> {
    if let Some(end) = event.get("DTEND") {
        return When::read(end, event, object);
    }
    let start = start(event, object)?;
    if let Some(length) = event.value("DURATION").and_then(when::duration) {
        let end = start.timestamp().checked_add(length).ok()?;
        return Some(When::at(end, &start.zone, start.day));
    }
    if start.day {
        return Some(start.on(start.local.date().tomorrow().ok()?));
    }
    Some(start)
}

pub(crate) fn original(event: &Component, object: &Component) -> Option<Timestamp> {
    When::read(event.get("RECURRENCE-ID")?, event, object).map(|when| when.timestamp())
}

/// The occurrences that were taken out of a series.
pub(crate) fn excluded(event: &Component, object: &Component) -> Vec<Timestamp> {
    let values = event.all("EXDATE").flat_map(|property| {
        property.value.split(',').map(|text| When::value(text, property.parameter("TZID"), event, object))
    });
    values.flatten().map(|when| when.timestamp()).collect()
}

/// The occurrence of that original time among those that differ.
pub(crate) fn exception(object: &Component, original: Timestamp) -> Option<&Component> {
    object.within("VEVENT").find(|event| self::original(event, object) == Some(original))
}

fn instance<'a>(
    object: &Component,
    event: &'a Component,
    kind: Kind,
    original: Option<Timestamp>,
) -> Option<Instance<'a>> {
    let (start, end) = (start(event, object)?, end(event, object)?);
    let original = original.unwrap_or_else(|| start.timestamp());
    Some(Instance { event, kind, original, start, end })
}

/// All that begins before that moment, in no order.
fn all(object: &Component, before: Timestamp) -> Vec<Instance<'_>> {
    let others = object.within("VEVENT").filter_map(|event| {
        let original = original(event, object)?;
        instance(object, event, Kind::Exception, Some(original))
    });
    let mut found: Vec<Instance<'_>> = others.collect();
    let differ: Vec<Timestamp> = found.iter().map(|other| other.original).collect();
    let Some(event) = master(object) else { return found };
    let Some(first) = instance(object, event, Kind::Single, None) else { return found };
    let Some(rule) = event.value("RRULE").and_then(Rule::parse) else {
        found.push(first);
        return found;
    };
    let gone = excluded(event, object);
    let length = first.start.timestamp().duration_until(first.end.timestamp());
    let days = first.end.local.date() - first.start.local.date();
    for start in rule.starts(&first.start, before).into_iter().take(MAX_INSTANCES) {
        let original = start.timestamp();
        if gone.contains(&original) || differ.contains(&original) {
            continue;
        }
        // Days are counted, as one of them may have 23 hours.
        let end = if start.day {
            start.local.date().checked_add(days).map(|date| first.end.on(date))
        } else {
            original.checked_add(length).map(|end| When::at(end, &first.end.zone, false))
        };
        let Ok(end) = end else { continue };
        found.push(Instance { event, kind: Kind::Occurrence, original, start, end });
    }
    found
}

/// What takes place between two moments, in order.
pub(crate) fn instances(object: &Component, from: Timestamp, to: Timestamp) -> Vec<Instance<'_>> {
    let mut found = all(object, to);
    found.retain(|instance| {
        let (start, end) = (instance.start.timestamp(), instance.end.timestamp());
        start < to && (end > from || (start == end && start >= from))
    });
    found.sort_by_key(|instance| instance.start.timestamp());
    found
}

/// The occurrence that was to begin then; an entry that takes place once has one.
pub(crate) fn occurrence(object: &Component, original: Timestamp) -> Option<Instance<'_>> {
    let after = original.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
    all(object, after).into_iter().find(|instance| instance.original == original)
}

/// Makes an occurrence of a series one that differs, so that it can be changed alone.
pub(crate) fn differ(object: &mut Component, original: Timestamp) -> Option<&mut Component> {
    if exception(object, original).is_none() {
        let found = occurrence(object, original)?;
        let mut event = found.event.clone();
        for name in ["RRULE", "EXDATE", "RDATE", "DURATION"] {
            event.remove(name);
        }
        event.set(found.start.property("DTSTART"));
        event.set(found.end.property("DTEND"));
        event.set(found.start.property("RECURRENCE-ID"));
        object.components.push(event);
    }
    let known = object.clone();
    object
        .components
        .iter_mut()
        .find(|part| part.name == "VEVENT" && self::original(part, &known) == Some(original))
}

/// Takes an occurrence out of a series.
pub(crate) fn exclude(object: &mut Component, original: Timestamp) -> Option<()> {
    let found = occurrence(object, original)?;
    let first = start(master(object)?, object)?;
    let gone = When::at(original, &first.zone, found.start.day).property("EXDATE");
    let known = object.clone();
    object.components.retain(|part| part.name != "VEVENT" || self::original(part, &known) != Some(original));
    master_mut(object)?.properties.push(gone);
    Some(())
}

/// Whether the entry can be understood, and why not.
pub(crate) fn check(object: &Component) -> Result<(), String> {
    if object.name != "VCALENDAR" {
        return Err("it is no VCALENDAR".to_owned());
    }
    let uid = uid(object).filter(|uid| !uid.is_empty()).ok_or("there is no VEVENT with a UID")?;
    if object.within("VEVENT").filter(|event| event.get("RECURRENCE-ID").is_none()).count() > 1 {
        return Err("there is more than one entry".to_owned());
    }
    for event in object.within("VEVENT") {
        if event.value("UID") != Some(uid) {
            return Err("the UIDs differ".to_owned());
        }
        let (start, end) = (start(event, object), end(event, object));
        let (Some(start), Some(end)) = (start, end) else {
            return Err("its times are not understood".to_owned());
        };
        if end.timestamp() < start.timestamp() {
            return Err("it ends before it begins".to_owned());
        }
        if event.get("RECURRENCE-ID").is_some() && original(event, object).is_none() {
            return Err("its RECURRENCE-ID is not understood".to_owned());
        }
        if event.value("RRULE").is_some_and(|rule| Rule::parse(rule).is_none()) {
            return Err("its RRULE is not understood".to_owned());
        }
    }
    Ok(())
}

pub(crate) fn organizer(object: &Component) -> Option<String> {
    main(object)?.get("ORGANIZER").map(Property::address)
}

/// The addresses of those who take part, each once.
pub(crate) fn attendees(object: &Component) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for attendee in object.within("VEVENT").flat_map(|event| event.all("ATTENDEE")) {
        let address = attendee.address();
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `Free`, `Tentative`, `Busy` or `OOF`, as Exchange has it.
pub(crate) fn busy(event: &Component) -> &'static str {
    let transparent = event.value("TRANSP").is_some_and(|value| value.eq_ignore_ascii_case("TRANSPARENT"));
    let cancelled = is_cancelled(event);
    let status = event.value("X-MICROSOFT-CDO-BUSYSTATUS").unwrap_or_default();
    match status.to_ascii_uppercase().as_str() {
        _ if cancelled => "Free",
        "FREE" => "Free",
        "TENTATIVE" => "Tentative",
        "OOF" => "OOF",
        "BUSY" => "Busy",
        _ if transparent => "Free",
        _ if event.value("STATUS").is_some_and(|value| value == "TENTATIVE") => "Tentative",
        _ => "Busy",
    }
}

pub(crate) fn is_cancelled(event: &Component) -> bool {
    event.value("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"))
}

/// The same entry an hour later, as a server shows it that mistakes the zone.
pub(crate) fn shifted(object: &Component) -> Component {
    let mut object = object.clone();
    for event in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
        for property in &mut event.properties {
            let (separator, of): (&str, fn(&str) -> String) = match property.name.as_str() {
                "DTSTART" | "DTEND" | "RECURRENCE-ID" | "EXDATE" => (",", later),
                "RRULE" => (";", |part| {
                    let until = part.strip_prefix("UNTIL=");
                    until.map_or_else(|| part.to_owned(), |until| format!("UNTIL={}", later(until)))
                }),
                _ => continue,
            };
            let parts: Vec<String> = property.value.split(separator).map(of).collect();
            property.value = parts.join(separator);
        }
    }
    object
}

fn later(text: &str) -> String {
    let (bare, z) = text.strip_suffix('Z').map_or((text, ""), |bare| (bare, "Z"));
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", bare).ok();
    let later = time.and_then(|time| time.checked_add(jiff::SignedDuration::from_hours(1)).ok());
    later.map_or_else(|| text.to_owned(), |time| format!("{}{z}", time.strftime("%Y%m%dT%H%M%S")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(lines: &str) -> Component {
        let lines = lines.replace('|', "\n");
        Component::parse(&format!("BEGIN:VCALENDAR\n{lines}\nEND:VCALENDAR\n")).unwrap()
    }

    fn told(object: &Component) -> Vec<String> {
        let found = instances(
            object,
            "2026-03-01T00:00:00Z".parse().unwrap(),
            "2026-12-01T00:00:00Z".parse().unwrap(),
        );
        let told = found.iter().map(|i| {
            let hour = |when: &When| when.timestamp().strftime("%m-%d %H").to_string();
            format!("{} {} {}", hour(&i.start), hour(&i.end), i.event.value("SUMMARY").unwrap_or_default())
        });
        told.collect()
    }

    #[test]
    fn a_series_is_told_with_what_differs() {
        let series = object(
            "BEGIN:VEVENT|UID:1|SUMMARY:a|DTSTART;TZID=Europe/Lisbon:20260328T090000|DURATION:PT1H|\
             RRULE:FREQ=DAILY;COUNT=4|EXDATE;TZID=Europe/Lisbon:20260330T090000|END:VEVENT|\
             BEGIN:VEVENT|UID:1|SUMMARY:b|RECURRENCE-ID:20260329T080000Z|DTSTART:20260329T100000Z|\
             DTEND:20260329T110000Z|END:VEVENT",
        );
        assert_eq!(check(&series), Ok(()));
        assert_eq!(told(&series), ["03-28 09 03-28 10 a", "03-29 10 03-29 11 b", "03-31 08 03-31 09 a"]);
        let found = occurrence(&series, "2026-03-29T08:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((found.kind, found.event.value("SUMMARY")), (Kind::Exception, Some("b")));
        assert_eq!(
            told(&shifted(&series)),
            ["03-28 10 03-28 11 a", "03-29 11 03-29 12 b", "03-31 09 03-31 10 a"]
        );
    }

    #[test]
    fn days_last_till_the_next() {
        let days = object(
            "BEGIN:VEVENT|UID:1|DTSTART;VALUE=DATE:20261024|DTEND;VALUE=DATE:20261026|\
             X-SANDBOX-DAY-TZID:Europe/Lisbon|RRULE:FREQ=WEEKLY;COUNT=2|END:VEVENT",
        );
        assert_eq!(told(&days), ["10-23 23 10-26 00 ", "10-31 00 11-02 00 "]);
        assert_eq!(told(&object("BEGIN:VEVENT|UID:1|DTSTART;VALUE=DATE:20261024|END:VEVENT")).len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (lines, why) in [
            ("BEGIN:VTODO|UID:1|END:VTODO", "no VEVENT"),
            ("BEGIN:VEVENT|UID:1|END:VEVENT", "times"),
            ("BEGIN:VEVENT|UID:1|DTSTART:20260101T000000Z|DTEND:20250101T000000Z|END:VEVENT", "before"),
            ("BEGIN:VEVENT|UID:1|DTSTART:20260101T000000Z|RRULE:FREQ=HOURLY|END:VEVENT", "RRULE"),
        ] {
            let error = check(&object(lines)).unwrap_err();
            assert!(error.contains(why), "{lines}: {error}");
        }
    }
}
