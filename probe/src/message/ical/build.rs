//! Writing: an entry, an answer to an invitation, a question for somebody's time.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::SystemTime;

use icalendar::{Calendar, CalendarComponent, Component, Event, Parameter, Property};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{unfolded, zone};
use crate::catalogue::Reason;
use crate::message::build::HEADER;
use crate::outcome::Fault;
use crate::protocol::Status;
use crate::protocol::calendar::{Answer, Draft};

const PRODUCT: &str = concat!("-//mailprobe//", env!("CARGO_PKG_VERSION"), "//EN");

fn internal(error: impl ToString) -> Fault {
    Fault::new(Reason::InternalError, &error.to_string())
}

/// A draft as an object. `organizer`: who invites, where somebody is invited; `sequence`: how often it was changed.
///
/// # Errors
/// `internal_error` for a zone or a time that there is none.
pub fn build(draft: &Draft, organizer: &str, sequence: u32, now: SystemTime) -> Result<String, Fault> {
    written(draft, organizer, sequence, now, &[])
}

/// The same as it is sent to whoever is invited: `cancel`: it is called off.
///
/// # Errors
/// As [`build`].
pub fn invitation(
    draft: &Draft,
    organizer: &str,
    sequence: u32,
    cancel: bool,
    now: SystemTime,
) -> Result<String, Fault> {
    let method = if cancel { "CANCEL" } else { "REQUEST" };
    written(draft, organizer, sequence, now, &[("METHOD", method).into()])
}

fn written(
    draft: &Draft,
    organizer: &str,
    sequence: u32,
    now: SystemTime,
    properties: &[Property],
) -> Result<String, Fault> {
    let zone = Place::of(draft)?;
    let mut inner = String::new();
    let spans = draft.spans()?;
    let ends = spans.iter().map(|span| span.end).max();
    if let (Some(first), Some(end), Some(name)) = (spans.first(), ends, &zone.name)
        && !draft.time.all_day
    {
        inner.push_str(&zone::definition(name, &zone.zone, first.start, end).map_err(internal)?);
    }
    let cancels = properties.iter().any(|of| of.value() == "CANCEL");
    let write = |start: DateTime| {
        let mut event = event(draft, &zone, start, organizer, sequence, now)?;
        if cancels {
            event.append_property(("STATUS", "CANCELLED"));
        }
        Ok::<_, Fault>(event)
    };
    let mut main = write(draft.time.start)?;
    let Some(repeat) = &draft.repeat else { return calendar(properties, &inner, &main) };
    main.append_property(("RRULE", format!("FREQ=DAILY;COUNT={}", repeat.days).as_str()));
    component(&mut inner, &main)?;
    let Some((which, to)) = repeat.moved else { return object(properties, &inner) };
    let mut moved = write(to)?;
    let replaces = draft.time.nth_day(which);
    moved.append_property(zone.property("RECURRENCE-ID", replaces, draft.time.all_day)?);
    calendar(properties, &inner, &moved)
}

/// An object of what is written already and one more component.
fn calendar(properties: &[Property], inner: &str, last: &impl Component) -> Result<String, Fault> {
    let mut inner = inner.to_owned();
    component(&mut inner, last)?;
    object(properties, &inner)
}

/// An object of what is written already, with more properties than it has to have.
fn object(properties: &[Property], inner: &str) -> Result<String, Fault> {
    let mut out = "BEGIN:VCALENDAR\r\n".to_owned();
    let own = [("VERSION", "2.0"), ("PRODID", PRODUCT), ("CALSCALE", "GREGORIAN")].map(Property::from);
    let own = own.iter().filter(|of| properties.iter().all(|other| other.key() != of.key()));
    for property in own.chain(properties) {
        line(&mut out, property)?;
    }
    out.push_str(inner);
    out.push_str("END:VCALENDAR\r\n");
    Ok(out)
}

/// A component as text. The library's own writing puts UID and DTSTAMP into zones, too, which Cyrus refuses.
fn component(out: &mut String, of: &impl Component) -> Result<(), Fault> {
    out.push_str(&format!("BEGIN:{}\r\n", of.component_kind()));
    for property in of.properties().values().chain(of.multi_properties().values().flatten()) {
        line(out, property)?;
    }
    for inner in of.components() {
        component(out, inner)?;
    }
    out.push_str(&format!("END:{}\r\n", of.component_kind()));
    Ok(())
}

/// In lines of at most 75 octets (section 3.1): the library's are longer by one.
fn line(out: &mut String, property: &Property) -> Result<(), Fault> {
    let text: String = property.clone().try_into().map_err(internal)?;
    let mut length = 0;
    for c in icalendar::parser::unfold(text.trim_end_matches(['\r', '\n'])).chars() {
        if length + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
    Ok(())
}

/// The zone that times are written in; without a name: UTC.
struct Place {
    name: Option<String>,
    zone: TimeZone,
}

impl Place {
    fn of(draft: &Draft) -> Result<Self, Fault> {
        let zone = TimeZone::get(&draft.time.zone).map_err(internal)?;
        let is_utc = matches!(&*draft.time.zone, "UTC" | "Etc/UTC" | "Z");
        Ok(Self { name: (!is_utc).then(|| draft.time.zone.to_string()), zone })
    }

    fn property(&self, key: &str, at: DateTime, is_day: bool) -> Result<Property, Fault> {
        if is_day {
            let day = at.strftime("%Y%m%d").to_string();
            return Ok(Property::new(key, day).add_parameter("VALUE", "DATE").done());
        }
        match &self.name {
            Some(name) => {
                let local = at.strftime("%Y%m%dT%H%M%S").to_string();
                Ok(Property::new(key, local).add_parameter("TZID", name).done())
            }
            None => Ok(Property::new(key, utc(self.zone.to_timestamp(at).map_err(internal)?))),
        }
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn stamp(at: SystemTime) -> Result<Timestamp, Fault> {
    Timestamp::try_from(at).map_err(internal)
}

/// What no line can carry is left out.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn event(
    draft: &Draft,
    zone: &Place,
    start: DateTime,
    organizer: &str,
    sequence: u32,
    now: SystemTime,
) -> Result<Event, Fault> {
    let mut event = Event::new();
    let (shown, state, words) = match draft.status {
        Status::Free => ("TRANSPARENT", "CONFIRMED", "FREE"),
        Status::Tentative => ("OPAQUE", "TENTATIVE", "TENTATIVE"),
        Status::Busy => ("OPAQUE", "CONFIRMED", "BUSY"),
        Status::Away => ("OPAQUE", "CONFIRMED", "OOF"),
        Status::Elsewhere => ("OPAQUE", "CONFIRMED", "WORKINGELSEWHERE"),
    };
    let texts = [
        ("UID", clean(&draft.uid)),
        ("DTSTAMP", utc(stamp(now)?)),
        ("SEQUENCE", sequence.to_string()),
        ("SUMMARY", clean(&draft.subject)),
        ("LOCATION", clean(&draft.place)),
        ("CLASS", "PRIVATE".to_owned()),
        ("TRANSP", shown.to_owned()),
        ("STATUS", state.to_owned()),
        ("X-MICROSOFT-CDO-BUSYSTATUS", words.to_owned()),
        (HEADER, clean(draft.mark())),
    ];
    for (key, value) in &texts {
        event.append_property((*key, value.as_str()));
    }
    event.append_property(zone.property("DTSTART", start, draft.time.all_day)?);
    event.append_property(end(draft, zone, start)?);
    if let Some(invited) = &draft.invited {
        event.append_property(("ORGANIZER", format!("mailto:{}", clean(organizer)).as_str()));
        let mut who = Property::new("ATTENDEE", format!("mailto:{}", clean(invited)));
        let said = [
            ("CUTYPE", "INDIVIDUAL"),
            ("ROLE", "REQ-PARTICIPANT"),
            ("PARTSTAT", "NEEDS-ACTION"),
            ("RSVP", "TRUE"),
        ];
        for (key, value) in said {
            who.add_parameter(key, value);
        }
        event.append_multi_property(who);
    }
    Ok(event.done())
}

/// DTEND; but an end in an hour that comes twice, and in the second of the two, only a duration tells.
fn end(draft: &Draft, zone: &Place, start: DateTime) -> Result<Property, Fault> {
    let length = draft.time.length;
    if draft.time.all_day {
        return zone.property("DTEND", start.saturating_add(length), true);
    }
    let begins = zone.zone.to_timestamp(start).map_err(internal)?;
    let ends = begins.checked_add(length).map_err(internal)?;
    let shown = zone.zone.to_datetime(ends);
    if zone.zone.to_timestamp(shown).is_ok_and(|at| at == ends) {
        return zone.property("DTEND", shown, false);
    }
    Ok(Property::new("DURATION", format!("PT{}S", length.as_secs())))
}

/// An invitation as it lies in the calendar of one who is invited, with what they say to it; `None` where none of these
/// addresses is invited.
///
/// # Errors
/// `protocol_violation` for what is no iCalendar.
pub fn answered(
    text: &str,
    own: &BTreeSet<String>,
    answer: Answer,
    now: SystemTime,
) -> Result<Option<String>, Fault> {
    answering(text, own, answer, now, false)
}

/// The answer to an invitation that came by mail, as it is sent to the organizer (RFC 5546, section 3.2.3).
///
/// # Errors
/// As [`answered`].
pub fn reply(
    text: &str,
    own: &BTreeSet<String>,
    answer: Answer,
    now: SystemTime,
) -> Result<Option<String>, Fault> {
    answering(text, own, answer, now, true)
}

fn answering(
    text: &str,
    own: &BTreeSet<String>,
    answer: Answer,
    now: SystemTime,
    reply: bool,
) -> Result<Option<String>, Fault> {
    let wrong = |error: String| Fault::new(Reason::ProtocolViolation, &format!("the invitation: {error}"));
    let mut calendar: Calendar = unfolded(text).and_then(|text| text.parse()).map_err(wrong)?;
    let said = match answer {
        Answer::Nothing => "NEEDS-ACTION",
        Answer::Tentative => "TENTATIVE",
        Answer::Accepted => "ACCEPTED",
        Answer::Declined => "DECLINED",
    };
    let stamped = utc(stamp(now)?);
    let mut invited = false;
    for event in calendar.events_mut() {
        let all = event.multi_properties().get("ATTENDEE").cloned().unwrap_or_default();
        event.remove_multi_property("ATTENDEE");
        for who in all {
            let address = who.value().to_lowercase();
            let is_own = address.strip_prefix("mailto:").is_some_and(|address| own.contains(address));
            invited |= is_own;
            if is_own {
                event.append_multi_property(saying(&who, said));
            } else if !reply {
                event.append_multi_property(who);
            }
        }
        event.append_property(("DTSTAMP", stamped.as_str()));
    }
    if !invited {
        return Ok(None);
    }
    let mut inner = String::new();
    for of in &calendar.components {
        match of {
            CalendarComponent::Event(event) => component(&mut inner, event)?,
            CalendarComponent::Other(other) => component(&mut inner, other)?,
            _ => {}
        }
    }
    if reply {
        calendar.properties.retain(|of| !of.key().eq_ignore_ascii_case("METHOD"));
        calendar.properties.push(("METHOD", "REPLY").into());
    }
    object(&calendar.properties, &inner).map(Some)
}

/// The same ATTENDEE, who says this and is not asked any more.
fn saying(who: &Property, said: &str) -> Property {
    let mut answered = Property::new(who.key(), who.value());
    let kept = who
        .params()
        .values()
        .filter(|of| !["PARTSTAT", "RSVP"].contains(&of.key().to_ascii_uppercase().as_str()));
    kept.cloned().chain([Parameter::new("PARTSTAT", said)]).for_each(|of| {
        answered.append_parameter(of);
    });
    answered
}

/// A question for somebody's time (RFC 6638, section 5): METHOD:REQUEST with a VFREEBUSY.
///
/// # Errors
/// `internal_error` for a time that there is none.
pub fn busy_request(
    uid: &str,
    organizer: &str,
    of: &str,
    span: &Range<SystemTime>,
    now: SystemTime,
) -> Result<String, Fault> {
    let mut inner = "BEGIN:VFREEBUSY\r\n".to_owned();
    let properties = [
        ("UID", clean(uid)),
        ("DTSTAMP", utc(stamp(now)?)),
        ("DTSTART", utc(stamp(span.start)?)),
        ("DTEND", utc(stamp(span.end)?)),
        ("ORGANIZER", format!("mailto:{}", clean(organizer))),
        ("ATTENDEE", format!("mailto:{}", clean(of))),
    ];
    for (key, value) in properties {
        line(&mut inner, &Property::new(key, value))?;
    }
    inner.push_str("END:VFREEBUSY\r\n");
    object(&[("METHOD", "REQUEST").into()], &inner)
}
