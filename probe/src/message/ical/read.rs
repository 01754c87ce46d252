//! Reading: one object, which is all that is said of one UID, with METHOD where it came by mail or through an inbox.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use icalendar::parser::{Component, Property, read_components};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::rule::Rule;
use super::unfolded;
use super::when::{Length, When, param};
use super::zone::Zones;
use crate::protocol::calendar::Answer;
use crate::protocol::{Busy, Status};

/// What an object that was sent wants (RFC 5546, section 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Request,
    Reply,
    Cancel,
    /// Whatever else there is.
    Other,
}

/// One entry, as an object tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `None`: it lies in a calendar.
    pub method: Option<Method>,
    pub uid: String,
    pub subject: String,
    pub place: String,
    /// Every occurrence within the span that was asked for, by time.
    pub spans: Vec<Range<SystemTime>>,
    pub status: Status,
    pub cancelled: bool,
    pub sequence: u32,
    /// The address, in lower case.
    pub organizer: Option<String>,
    /// Who is invited (lower case), and what they said.
    pub answers: BTreeMap<String, Answer>,
}

/// Reads an object. `floating`: the zone of whole days, and of times that name none.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str, within: &Range<SystemTime>, floating: &TimeZone) -> Result<Object, String> {
    let text = unfolded(text)?;
    let calendar = calendar(&text)?;
    let method =
        property(&calendar, "METHOD").map(|of| match of.val.as_str().to_ascii_uppercase().as_str() {
            "REQUEST" => Method::Request,
            "REPLY" => Method::Reply,
            "CANCEL" => Method::Cancel,
            _ => Method::Other,
        });
    let zones = Zones::of(&calendar.components, floating);
    let events: Result<Vec<_>, String> =
        calendar.components.iter().filter(|of| is(of, "VEVENT")).map(Event::read).collect();
    let events = events?;
    // Who is invited to one occurrence alone has only that.
    let master = events.iter().find(|of| of.replaces.is_none()).or_else(|| events.first());
    let main = master.ok_or("no VEVENT")?;
    if events.iter().any(|of| of.uid != main.uid) {
        return Err("entries of several UIDs in one object".to_owned());
    }
    let mut spans = spans(&events, main, within, &zones)?;
    spans.retain(|span| span.start < within.end && (span.end > within.start || span.start == within.start));
    spans.sort_by_key(|span| (span.start, span.end));
    Ok(Object {
        method,
        uid: main.uid.clone(),
        subject: main.subject.clone(),
        place: main.place.clone(),
        spans,
        status: main.status,
        cancelled: main.cancelled || method == Some(Method::Cancel),
        sequence: main.sequence,
        organizer: main.organizer.clone(),
        answers: main.answers.clone(),
    })
}

/// The UID of an object; nothing where it cannot be read.
pub fn uid(text: &str) -> Option<String> {
    let text = unfolded(text).ok()?;
    let calendar = calendar(&text).ok()?;
    let event = calendar.components.iter().find(|of| is(of, "VEVENT"))?;
    property(event, "UID").map(|of| of.val.as_str().trim().to_owned())
}

/// Reads when somebody is busy (VFREEBUSY, section 3.6.4).
///
/// # Errors
/// What is wrong with it.
pub fn read_busy(text: &str) -> Result<Vec<Busy>, String> {
    let text = unfolded(text)?;
    let calendar = calendar(&text)?;
    let utc = TimeZone::UTC;
    let zones = Zones::of(&calendar.components, &utc);
    let mut told = calendar.components.iter().filter(|of| is(of, "VFREEBUSY")).peekable();
    told.peek().ok_or("no VFREEBUSY")?;
    let mut found = Vec::new();
    for property in told.flat_map(|of| all(of, "FREEBUSY")) {
        let status = match param(property, "FBTYPE").unwrap_or("BUSY").to_ascii_uppercase().as_str() {
            "FREE" => Status::Free,
            "BUSY-TENTATIVE" => Status::Tentative,
            "BUSY-UNAVAILABLE" => Status::Away,
            _ => Status::Busy,
        };
        for period in property.val.as_str().split(',').filter(|period| !period.trim().is_empty()) {
            let span = period_of(period.trim(), &zones)?;
            found.push(Busy { span, status });
        }
    }
    Ok(found)
}

/// `start/end` or `start/duration` (section 3.3.9).
fn period_of(text: &str, zones: &Zones<'_>) -> Result<Range<SystemTime>, String> {
    let (start, end) = text.split_once('/').ok_or_else(|| format!("{text:?} is no period"))?;
    let start = When::parse(start, None)?;
    let end = if end.starts_with(['P', '+']) {
        Length::parse(end)?.after(&start, zones)?
    } else {
        When::parse(end, None)?.resolve(zones)?
    };
    Ok(start.resolve(zones)?..end)
}

/// The one VCALENDAR that it has to be.
fn calendar(text: &str) -> Result<Component<'_>, String> {
    let mut found = read_components(text).map_err(|error| first_line(&error))?;
    if found.len() != 1 || !is(&found[0], "VCALENDAR") {
        return Err("it is no VCALENDAR".to_owned());
    }
    Ok(found.swap_remove(0))
}

fn first_line(error: &str) -> String {
    error.lines().filter(|line| !line.trim().is_empty()).take(2).collect::<Vec<_>>().join(" ")
}

fn is(component: &Component<'_>, name: &str) -> bool {
    component.name.as_str().eq_ignore_ascii_case(name)
}

pub(super) fn all<'a, 'b>(
    component: &'a Component<'b>,
    name: &'a str,
) -> impl Iterator<Item = &'a Property<'b>> {
    component.properties.iter().filter(move |of| of.name.as_str().eq_ignore_ascii_case(name))
}

pub(super) fn property<'a, 'b>(component: &'a Component<'b>, name: &'a str) -> Option<&'a Property<'b>> {
    all(component, name).next()
}

/// A property's value; empty where there is none.
pub(super) fn text(component: &Component<'_>, name: &str) -> String {
    property(component, name).map_or_else(String::new, |of| of.val.as_str().trim().to_owned())
}

/// `mailto:` in any case.
fn address(value: &str) -> Option<String> {
    let (scheme, address) = value.trim().split_once(':')?;
    scheme.eq_ignore_ascii_case("mailto").then(|| address.to_lowercase())
}

/// Until when.
enum End {
    At(When),
    Length(Length),
}

/// A VEVENT.
struct Event {
    uid: String,
    subject: String,
    place: String,
    start: When,
    end: End,
    replaces: Option<When>,
    rule: Option<Rule>,
    left_out: Vec<When>,
    status: Status,
    cancelled: bool,
    sequence: u32,
    organizer: Option<String>,
    answers: BTreeMap<String, Answer>,
}

impl Event {
    fn read(of: &Component<'_>) -> Result<Self, String> {
        let start = When::of(property(of, "DTSTART").ok_or("a VEVENT without DTSTART")?)?;
        let end = match (property(of, "DTEND"), property(of, "DURATION")) {
            (Some(end), _) => End::At(When::of(end)?),
            (None, Some(length)) => End::Length(Length::parse(length.val.as_str().trim())?),
            (None, None) => End::Length(Length { days: i64::from(start.is_day()), seconds: 0 }),
        };
        let left_out: Result<Vec<_>, String> = all(of, "EXDATE").map(When::list).collect();
        if property(of, "RDATE").is_some() {
            return Err("a repetition that is not read: RDATE".to_owned());
        }
        let state = text(of, "STATUS").to_ascii_uppercase();
        let answers = all(of, "ATTENDEE").filter_map(|who| Some((address(who.val.as_str())?, said(who))));
        let uid = text(of, "UID");
        if uid.is_empty() {
            return Err("a VEVENT without UID".to_owned());
        }
        Ok(Self {
            uid,
            subject: text(of, "SUMMARY"),
            place: text(of, "LOCATION"),
            start,
            end,
            replaces: property(of, "RECURRENCE-ID").map(When::of).transpose()?,
            rule: property(of, "RRULE").map(|rule| Rule::parse(rule.val.as_str())).transpose()?,
            left_out: left_out?.concat(),
            status: shown(of, &state),
            cancelled: state == "CANCELLED",
            sequence: text(of, "SEQUENCE").parse().unwrap_or(0),
            organizer: property(of, "ORGANIZER").and_then(|who| address(who.val.as_str())),
            answers: answers.collect(),
        })
    }

    fn span(&self, zones: &Zones<'_>) -> Result<Range<SystemTime>, String> {
        let start = self.start.resolve(zones)?;
        let end = match &self.end {
            End::At(end) => end.resolve(zones)?,
            End::Length(length) => length.after(&self.start, zones)?,
        };
        Ok(start..end.max(start))
    }

    /// One of several, that begins when the clock shows this.
    fn at(&self, at: DateTime, exact: Duration, zones: &Zones<'_>) -> Result<Range<SystemTime>, String> {
        let begins = self.start.with(at)?;
        let start = begins.resolve(zones)?;
        let end = match &self.end {
            End::Length(length) => length.after(&begins, zones)?,
            // Whole days are as many days each.
            End::At(When::Day(end)) => {
                let days = self.start.civil().date().until(*end).map_err(|error| error.to_string())?;
                Length { days: days.get_days().into(), seconds: 0 }.after(&begins, zones)?
            }
            End::At(_) => start + exact,
        };
        Ok(start..end)
    }
}

fn said(who: &Property<'_>) -> Answer {
    match param(who, "PARTSTAT").unwrap_or_default().to_ascii_uppercase().as_str() {
        "ACCEPTED" => Answer::Accepted,
        "DECLINED" => Answer::Declined,
        "TENTATIVE" => Answer::Tentative,
        _ => Answer::Nothing,
    }
}

/// How it shows to others: Microsoft's words tell more than TRANSP, where they are there.
fn shown(of: &Component<'_>, state: &str) -> Status {
    match text(of, "X-MICROSOFT-CDO-BUSYSTATUS").to_ascii_uppercase().as_str() {
        "FREE" => Status::Free,
        "TENTATIVE" => Status::Tentative,
        "BUSY" => Status::Busy,
        "OOF" => Status::Away,
        "WORKINGELSEWHERE" => Status::Elsewhere,
        _ if text(of, "TRANSP").eq_ignore_ascii_case("TRANSPARENT") => Status::Free,
        _ if state == "TENTATIVE" => Status::Tentative,
        _ => Status::Busy,
    }
}

fn spans(
    events: &[Event],
    main: &Event,
    within: &Range<SystemTime>,
    zones: &Zones<'_>,
) -> Result<Vec<Range<SystemTime>>, String> {
    let mut found = Vec::new();
    let mut replaced = Vec::new();
    for event in events.iter().filter(|of| of.replaces.is_some()) {
        if let Some(replaces) = &event.replaces {
            replaced.push(replaces.resolve(zones)?);
        }
        if !event.cancelled || main.cancelled {
            found.push(event.span(zones)?);
        }
    }
    if main.replaces.is_some() {
        return Ok(found);
    }
    for left_out in &main.left_out {
        replaced.push(left_out.resolve(zones)?);
    }
    let first = main.span(zones)?;
    let all = match &main.rule {
        None => vec![first],
        Some(rule) => {
            let exact = first.end.duration_since(first.start).unwrap_or_default();
            // A day more: what the clock shows there is behind or ahead.
            let last = jiff::Timestamp::try_from(within.end).map_err(|error| error.to_string())?;
            let last = TimeZone::UTC.to_datetime(last).saturating_add(jiff::SignedDuration::from_hours(26));
            let until = rule.until.as_ref();
            let before_end = |at: DateTime| match until {
                None => Ok(true),
                Some(When::Utc(until)) => {
                    Ok(main.start.with(at)?.resolve(zones)? <= SystemTime::from(*until))
                }
                Some(When::Day(day)) => Ok(at.date() <= *day),
                Some(until) => Ok(at <= until.civil()),
            };
            let starts = rule.occurrences(main.start.civil(), last, before_end)?;
            starts.into_iter().map(|at| main.at(at, exact, zones)).collect::<Result<_, _>>()?
        }
    };
    found.extend(all.into_iter().filter(|span| !replaced.contains(&span.start)));
    Ok(found)
}
