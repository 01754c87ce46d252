//! Entries as tests see them.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Stored, event,
    ical::{Component, Property},
    when::When,
    zone,
};

/// What there is to know of an entry of a calendar, for tests and demonstrations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The UID, which all copies of an entry share.
    pub uid: String,
    /// The subject.
    pub subject: String,
    /// Where it takes place.
    pub location: String,
    /// When it begins; a series: its first occurrence.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// The zone in which it was entered.
    pub zone: String,
    /// Whether it lasts whole days.
    pub all_day: bool,
    /// The rule by which it recurs; empty if it does not.
    pub recurrence: String,
    /// The start of every occurrence, of two hundred at most.
    pub occurrences: Vec<Timestamp>,
    /// `Free`, `Tentative`, `Busy` or `OOF`.
    pub busy: String,
    /// `PUBLIC`, `PRIVATE` or `CONFIDENTIAL`.
    pub class: String,
    /// Whether it reminds of itself.
    pub reminder: bool,
    /// Whether it was called off and lies there still.
    pub cancelled: bool,
    /// Who invites; empty if nobody does.
    pub organizer: String,
    /// Who takes part, each with the answer: `NEEDS-ACTION`, `ACCEPTED`, `DECLINED`, `TENTATIVE`.
    pub attendees: Vec<(String, String)>,
    /// How often the organizer has moved it.
    pub sequence: u32,
    /// What clients wrote besides: `X-…` properties.
    pub extra: Vec<(String, String)>,
    /// The whole as iCalendar.
    pub ical: String,
}

/// The occurrences that are told of a series.
const MOST: usize = 200;

impl Entry {
    pub(crate) fn of(stored: &Stored) -> Option<Self> {
        let object = &stored.object;
        let main = event::main(object)?;
        let (start, end) = (event::start(main, object)?, event::end(main, object)?);
        let text = |name: &str| main.text(name).unwrap_or_default();
        let attendee = |property: &Property| {
            (property.address(), property.parameter("PARTSTAT").unwrap_or("NEEDS-ACTION").to_owned())
        };
        let extra = main.properties.iter().filter(|property| property.name.starts_with("X-"));
        let occurrences = event::instances(object, Timestamp::MIN, Timestamp::MAX);
        Some(Self {
            uid: stored.uid().to_owned(),
            subject: text("SUMMARY"),
            location: text("LOCATION"),
            start: start.timestamp(),
            end: end.timestamp(),
            zone: start.zone.iana_name().unwrap_or("UTC").to_owned(),
            all_day: start.day,
            recurrence: text("RRULE"),
            occurrences: occurrences.iter().take(MOST).map(|instance| instance.start.timestamp()).collect(),
            busy: event::busy(main).to_owned(),
            class: main.value("CLASS").unwrap_or("PUBLIC").to_owned(),
            reminder: main.within("VALARM").next().is_some(),
            cancelled: event::is_cancelled(main),
            organizer: main.get("ORGANIZER").map(Property::address).unwrap_or_default(),
            attendees: main.all("ATTENDEE").map(attendee).collect(),
            sequence: text("SEQUENCE").parse().unwrap_or_default(),
            extra: extra.map(|p| (p.name.clone(), super::ical::unescape(&p.value))).collect(),
            ical: object.write(),
        })
    }
}

/// An entry of its own, as a stranger would put one into the calendar.
pub(crate) fn plain(uid: &str, subject: &str, start: Timestamp, end: Timestamp) -> Component {
    let mut event = Component::new("VEVENT");
    event.set(Property::text("UID", uid));
    event.set(Property::text("SUMMARY", subject));
    event.set(When::at(start, &TimeZone::UTC, false).property("DTSTART"));
    event.set(When::at(end, &TimeZone::UTC, false).property("DTEND"));
    wrap(event)
}

/// An event within its calendar object.
pub(crate) fn wrap(mut event: Component) -> Component {
    event.set(Property::new("DTSTAMP", super::when::utc(Timestamp::now())));
    let mut object = Component::new("VCALENDAR");
    object.set(Property::new("VERSION", "2.0"));
    object.set(Property::new("PRODID", "-//mailprobe//sandbox//EN"));
    let from = event::start(&event, &object).map_or_else(Timestamp::now, |start| start.timestamp());
    object.components.push(event);
    zone::complete(&mut object, from);
    object
}
