//! What clients write of calendar items, as iCalendar keeps it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use roxmltree::Node;

use super::{property, recurrence};
use crate::{
    calendar::{
        event,
        ical::{Component, Property, escape},
        schedule::Actor,
        when::{DAY_ZONE, When},
        zone,
    },
    ews::{
        Refusal,
        fields::{Extended, Path},
    },
    xml,
};

const INVALID: Refusal = Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.");

/// What a client writes of an event; times wait until all of them are known.
#[derive(Default)]
pub(super) struct Change<'a> {
    start: Option<&'a str>,
    end: Option<&'a str>,
    zone: Option<TimeZone>,
    end_zone: Option<TimeZone>,
    all_day: Option<bool>,
    recurrence: Option<Option<Node<'a, 'a>>>,
}

/// Texts that stand in iCalendar as they are.
const TEXTS: [(&str, &str); 2] = [("Subject", "SUMMARY"), ("Location", "LOCATION")];

/// What a client may send back and nobody keeps.
const IGNORED: [&str; 12] = [
    "ItemId",
    "ParentFolderId",
    "ItemClass",
    "MimeContent",
    "IsResponseRequested",
    "ConferenceType",
    "AllowNewTimeProposal",
    "When",
    "ReminderDueBy",
    "MeetingWorkspaceUrl",
    "NetShowUrl",
    "Culture",
];

/// The property of iCalendar that a field without a value takes away.
const DELETED: [(&str, &str); 9] = [
    ("item:Subject", "SUMMARY"),
    ("calendar:Location", "LOCATION"),
    ("item:Body", "DESCRIPTION"),
    ("item:Categories", "CATEGORIES"),
    ("item:Importance", "PRIORITY"),
    ("item:Sensitivity", "CLASS"),
    ("calendar:LegacyFreeBusyStatus", "X-MICROSOFT-CDO-BUSYSTATUS"),
    ("calendar:When", "X-WHEN"),
    ("calendar:UID", ""),
];

impl<'a> Change<'a> {
    /// Takes one element of a `CalendarItem`.
    pub(super) fn apply(
        &mut self,
        actor: &Actor<'_>,
        event: &mut Component,
        node: Node<'a, 'a>,
    ) -> Result<(), Refusal> {
        let name = node.tag_name().name();
        let text = node.text().unwrap_or_default().trim();
        if let Some((_, own)) = TEXTS.iter().find(|(known, _)| *known == name) {
            event.set(Property::text(own, text));
            return Ok(());
        }
        match name {
            "Body" => event.set(Property::text("DESCRIPTION", node.text().unwrap_or_default())),
            "Sensitivity" => event.set(Property::new("CLASS", known(&property::SENSITIVITIES, text)?)),
            "Importance" => event.set(Property::new("PRIORITY", known(&property::IMPORTANCES, text)?)),
            "Categories" => {
                let all: Vec<String> =
                    xml::children(node).filter_map(|name| name.text()).map(escape).collect();
                event.set(Property::new("CATEGORIES", all.join(",")));
            }
            "ReminderIsSet" => {
                event.components.retain(|part| part.name != "VALARM");
                if is_true(text) {
                    event.components.push(property::alarm(15));
                }
            }
            "ReminderMinutesBeforeStart" => {
                let minutes = text.parse().map_err(|_| INVALID)?;
                if event.within("VALARM").next().is_some() {
                    event.components.retain(|part| part.name != "VALARM");
                    event.components.push(property::alarm(minutes));
                }
            }
            "LegacyFreeBusyStatus" => busy(event, text)?,
            "Start" => self.start = Some(text),
            "End" => self.end = Some(text),
            "IsAllDayEvent" => self.all_day = Some(is_true(text)),
            "StartTimeZone" => self.zone = Some(zone_of(node)?),
            "EndTimeZone" => self.end_zone = Some(zone_of(node)?),
            // Of clients before Exchange 2010; the others name the zone of the start, which comes later.
            "MeetingTimeZone" => self.zone = Some(zone_of(node)?),
            "Recurrence" => self.recurrence = Some(Some(node)),
            "ExtendedProperty" => extended(event, node)?,
            "UID" => {}
            name if property::ROLES.iter().any(|(known, ..)| *known == name) => attendees(actor, event, node),
            name if IGNORED.contains(&name) => {}
            _ => return Err(INVALID),
        }
        Ok(())
    }

    /// Takes a property away.
    pub(super) fn delete(&mut self, event: &mut Component, path: &Path) -> Result<(), Refusal> {
        match path {
            Path::Extended(extended) => property::keep(event, &extended.key, None),
            Path::Uri(uri) if uri == "calendar:Recurrence" => self.recurrence = Some(None),
            Path::Uri(uri) if uri == "item:ReminderIsSet" => event.components.clear(),
            Path::Uri(uri) if uri.starts_with("calendar:") && list(uri).is_some() => {
                event.properties.retain(|p| p.name != "ATTENDEE" || Some(property::role(p)) != list(uri));
            }
            Path::Uri(uri) => {
                let (_, name) = DELETED.iter().find(|(known, _)| known == uri).ok_or(INVALID)?;
                if name.is_empty() {
                    return Err(INVALID);
                }
                event.remove(name);
            }
            Path::Indexed => return Err(INVALID),
        }
        Ok(())
    }

    /// Puts the times into the event, now that zone and kind are known.
    pub(super) fn finish(&self, event: &mut Component, object: &Component) -> Result<(), Refusal> {
        let (start, end) = (event::start(event, object), event::end(event, object));
        let given = [self.start, self.end].iter().any(Option::is_some)
            || self.zone.is_some()
            || self.end_zone.is_some()
            || self.all_day.is_some();
        if given {
            let day = self.all_day.unwrap_or_else(|| start.as_ref().is_some_and(|start| start.day));
            let known = |when: &Option<When>| when.as_ref().map(|when| when.zone.clone());
            let zone = self.zone.clone().or_else(|| known(&start)).unwrap_or(TimeZone::UTC);
            let end_zone = self.end_zone.clone().or_else(|| self.zone.clone()).or_else(|| known(&end));
            let end_zone = end_zone.unwrap_or_else(|| zone.clone());
            let missing = Refusal("ErrorRequiredPropertyMissing", "The required property is missing.");
            let time = |text: Option<&str>, before: Option<&When>, zone: &TimeZone| match text {
                Some(text) => time(text, zone),
                None => before.map(When::timestamp).ok_or_else(|| missing.clone()),
            };
            let begins = time(self.start, start.as_ref(), &zone)?;
            let ends = time(self.end, end.as_ref(), &end_zone)?;
            if ends < begins {
                let text = "The end date is earlier than the start date.";
                return Err(Refusal("ErrorCalendarEndDateIsEarlierThanStartDate", text));
            }
            put(event, begins, ends, (&zone, &end_zone), day);
        }
        match self.recurrence {
            None => {}
            Some(None) => {
                event.remove("RRULE");
                event.remove("EXDATE");
            }
            Some(Some(node)) => {
                let start = event::start(event, object).ok_or(INVALID)?;
                let rule = recurrence::read(node, &start)?;
                event.set(Property::new("RRULE", rule));
            }
        }
        Ok(())
    }

    /// Whether the series is another one, of which nothing is known to differ.
    pub(super) fn is_new_series(&self) -> bool {
        self.recurrence.is_some() || self.start.is_some()
    }
}

fn put(event: &mut Component, begins: Timestamp, ends: Timestamp, zones: (&TimeZone, &TimeZone), day: bool) {
    let (zone, end_zone) = zones;
    let mut start = When::at(begins, zone, day);
    let mut end = When::at(ends, if day { zone } else { end_zone }, day);
    event.remove("DURATION");
    event.remove(DAY_ZONE);
    if day {
        // To the midnights around, as Exchange does.
        let whole = |date: jiff::civil::Date| date.to_datetime(jiff::civil::Time::midnight());
        let last = end.local.date();
        let partly = end.local != whole(last) || last == start.local.date();
        let last = if partly { last.tomorrow().unwrap_or(last) } else { last };
        start.local = whole(start.local.date());
        end.local = whole(last);
        event.set(Property::new("X-MICROSOFT-CDO-ALLDAYEVENT", "TRUE"));
        if let Some(id) = zone.iana_name().filter(|_| !zone::is_utc(zone)) {
            event.set(Property::new(DAY_ZONE, id));
        }
    } else {
        event.remove("X-MICROSOFT-CDO-ALLDAYEVENT");
    }
    event.set(start.property("DTSTART"));
    event.set(end.property("DTEND"));
}

/// Reads a time; without an offset it is one of that zone.
fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, Refusal> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local = text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(zone.clone()).ok());
    local.map(|local| local.timestamp()).ok_or(INVALID)
}

pub(super) fn is_true(text: &str) -> bool {
    matches!(text, "true" | "1")
}

fn known(table: &[(&str, &'static str)], text: &str) -> Result<&'static str, Refusal> {
    table.iter().find(|(name, _)| *name == text).map(|(_, own)| *own).ok_or(INVALID)
}

fn list(uri: &str) -> Option<&'static str> {
    let name = uri.strip_prefix("calendar:")?;
    property::ROLES.iter().find(|(known, ..)| *known == name).map(|(known, ..)| *known)
}

fn busy(event: &mut Component, text: &str) -> Result<(), Refusal> {
    if !["Free", "Tentative", "Busy", "OOF"].contains(&text) {
        return Err(INVALID);
    }
    event.set(Property::new("X-MICROSOFT-CDO-BUSYSTATUS", text.to_ascii_uppercase()));
    event.set(Property::new("TRANSP", if text == "Free" { "TRANSPARENT" } else { "OPAQUE" }));
    Ok(())
}

fn zone_of(node: Node<'_, '_>) -> Result<TimeZone, Refusal> {
    let id =
        node.attribute("Id").or_else(|| node.attribute("TimeZoneName")).or_else(|| node.attribute("Name"));
    let found = id.and_then(zone::of_windows);
    found.ok_or(Refusal("ErrorTimeZone", "The specified time zone isn't valid."))
}

fn extended(event: &mut Component, node: Node<'_, '_>) -> Result<(), Refusal> {
    let extended = xml::child(node, "ExtendedFieldURI").and_then(Extended::read).ok_or(INVALID)?;
    if property::is_global(&extended.key).is_none() {
        property::keep(event, &extended.key, Some(xml::text(node, "Value").unwrap_or_default()));
    }
    Ok(())
}

/// The UID that a client gives a new item: as such, or as a GlobalObjectId.
pub(super) fn uid(node: Node<'_, '_>) -> Option<String> {
    let plain = xml::text(node, "UID").filter(|uid| !uid.is_empty()).map(str::to_owned);
    let global = || {
        xml::children(node).filter(|child| child.tag_name().name() == "ExtendedProperty").find_map(|child| {
            let extended = xml::child(child, "ExtendedFieldURI").and_then(Extended::read)?;
            property::is_global(&extended.key)?;
            property::uid_of(&STANDARD.decode(xml::text(child, "Value")?).ok()?)
        })
    };
    plain.or_else(global)
}

/// Puts a list of those who take part in the place of the one that was there; answers are kept.
fn attendees(actor: &Actor<'_>, event: &mut Component, node: Node<'_, '_>) {
    let element = node.tag_name().name();
    let Some((_, role, kind)) = property::ROLES.iter().find(|(known, ..)| *known == element) else { return };
    let before: Vec<Property> =
        event.all("ATTENDEE").filter(|p| property::role(p) == element).cloned().collect();
    event
        .properties
        .retain(|p| p.name != "ATTENDEE" || property::role(p) != element || actor.is_me(&p.address()));
    for attendee in xml::children(node) {
        let Some(mailbox) = xml::child(attendee, "Mailbox") else { continue };
        let address = xml::text(mailbox, "EmailAddress").unwrap_or_default().to_ascii_lowercase();
        if address.is_empty() || actor.is_me(&address) {
            continue;
        }
        let known = before.iter().find(|known| known.address() == address).cloned();
        event.properties.push(known.unwrap_or_else(|| {
            let mut new = Property::new("ATTENDEE", format!("mailto:{address}"))
                .with("CUTYPE", kind)
                .with("ROLE", role)
                .with("PARTSTAT", "NEEDS-ACTION")
                .with("RSVP", "TRUE");
            if let Some(name) = xml::text(mailbox, "Name").filter(|name| !name.is_empty()) {
                new.set("CN", name);
            }
            new
        }));
    }
    if event.get("ATTENDEE").is_some() && event.get("ORGANIZER").is_none() {
        event.set(Property::new("ORGANIZER", format!("mailto:{}", actor.address())));
    }
}
