//! A calendar, whatever the protocol: entries are listed, created, changed, deleted, answered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::Status;
use crate::catalogue::Reason;
use crate::message::build::SUBJECT;
use crate::outcome::{Fault, Fut, Recorder};

/// When an entry begins and how long it lasts, as people say it: by the clock on the wall of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// An IANA name, such as `Europe/Lisbon`.
    pub zone: Arc<str>,
    pub start: DateTime,
    pub length: Duration,
    /// Whole days: `start` is at midnight and `length` days long, whatever a day of that zone lasts.
    pub all_day: bool,
}

impl Time {
    /// The same in the world's time. A time that a clock change leaves out or shows twice is what iCalendar says it is
    /// (RFC 5545, section 3.3.5): by the offset before the gap; the first of the two.
    ///
    /// # Errors
    /// `internal_error` for a zone that nobody knows.
    pub fn span(&self) -> Result<Range<SystemTime>, Fault> {
        let unknown = |error| self.unknown(&error);
        let zone = TimeZone::get(&self.zone).map_err(unknown)?;
        let at = |at: DateTime| at.to_zoned(zone.clone()).map(|zoned| SystemTime::from(zoned.timestamp()));
        let start = at(self.start).map_err(unknown)?;
        let end = if self.all_day {
            at(self.start.saturating_add(self.length)).map_err(unknown)?
        } else {
            start + self.length
        };
        Ok(start..end)
    }

    /// What the clock shows then.
    ///
    /// # Errors
    /// As [`Self::span`].
    pub fn shown(&self, at: SystemTime) -> Result<DateTime, Fault> {
        let unknown = |error| self.unknown(&error);
        let zone = TimeZone::get(&self.zone).map_err(unknown)?;
        Ok(zone.to_datetime(Timestamp::try_from(at).map_err(unknown)?))
    }

    fn unknown(&self, error: &jiff::Error) -> Fault {
        Fault::new(Reason::InternalError, &format!("the zone {}: {error}", self.zone))
    }

    /// What the clock shows when it begins so many days later.
    pub fn nth_day(&self, days: u32) -> DateTime {
        self.start.saturating_add(jiff::Span::new().days(days))
    }
}

/// Every day, so many days; one occurrence may begin at another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub days: u32,
    /// Which occurrence, counted from 0, and when it begins instead; it lasts as long as the others.
    pub moved: Option<(u32, DateTime)>,
}

/// What an entry is to be. It is written as private and without a reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// iCalendar's UID.
    pub uid: Arc<str>,
    pub subject: Arc<str>,
    pub place: Arc<str>,
    pub time: Time,
    /// How it shows to others.
    pub status: Status,
    pub repeat: Option<Repeat>,
    /// The address of the one who is invited: then it is a meeting, and changes are sent to them.
    pub invited: Option<Arc<str>>,
}

impl Draft {
    /// What tells it from everything else: the subject without the prefix of all that is ours.
    pub fn mark(&self) -> &str {
        self.subject.strip_prefix(SUBJECT).unwrap_or(&self.subject).trim()
    }

    /// Every occurrence, by time.
    ///
    /// # Errors
    /// As [`Time::span`].
    pub fn spans(&self) -> Result<Vec<Range<SystemTime>>, Fault> {
        let Some(repeat) = &self.repeat else { return Ok(vec![self.time.span()?]) };
        let begins = |day: u32| match repeat.moved {
            Some((moved, to)) if moved == day => to,
            _ => self.time.nth_day(day),
        };
        let spans = (0..repeat.days).map(|day| Time { start: begins(day), ..self.time.clone() }.span());
        let mut spans: Vec<_> = spans.collect::<Result<_, _>>()?;
        spans.sort_by_key(|span| span.start);
        Ok(spans)
    }
}

/// What names an entry in its calendar, and the state that it was seen in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// EWS: ItemId. CalDAV: the resource's path.
    pub id: String,
    /// EWS: ChangeKey. CalDAV: ETag. A change of an entry that was changed by another since is refused by the server.
    pub mark: String,
}

/// What somebody who is invited said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Nothing,
    Tentative,
    Accepted,
    Declined,
}

/// An entry as a calendar shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub uid: String,
    pub subject: String,
    pub place: String,
    /// Every occurrence within the span that was asked for, by time.
    pub spans: Vec<Range<SystemTime>>,
    pub status: Status,
    /// Who is invited (lower case), and what they said, as far as this calendar tells.
    pub answers: BTreeMap<String, Answer>,
    /// Its organizer called it off, and it is still there.
    pub cancelled: bool,
}

/// What a server laid beside the calendar about an entry: in CalDAV's schedule inbox, a copy of each invitation, answer
/// and cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub id: EntryId,
    pub uid: String,
    pub subject: String,
}

/// How a change that was not refused ended.
#[derive(Debug)]
pub enum Written {
    /// When the server accepted it.
    Accepted(Instant),
    /// The line broke after the last byte: nobody knows.
    Unknown(Fault),
}

/// A session that has a calendar: the mailbox's own, the one that invitations go to.
pub trait Calendar: Send {
    /// Every entry that has an occurrence in the span and `marked` in its subject; one that recurs is one entry. `zone`
    /// (an IANA name): where days begin, since a protocol may tell whole days by their date alone.
    fn list<'a>(
        &'a mut self,
        span: Range<SystemTime>,
        zone: &'a str,
        marked: &'a str,
        rec: &'a Recorder,
    ) -> Fut<'a, Vec<Entry>>;

    /// Creates an entry; `calendar_conflict` where there is one of that UID already.
    fn create<'a>(&'a mut self, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written>;

    /// Makes an entry what the draft says, the whole of it; `calendar_conflict` where it is not in that state any more.
    fn update<'a>(&'a mut self, id: &'a EntryId, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written>;

    /// Deletes for good; a meeting of one's own is called off. What is gone already is no fault.
    fn delete<'a>(&'a mut self, id: &'a EntryId, rec: &'a Recorder) -> Fut<'a, Written>;

    /// Answers an invitation that stands in the calendar; the answer is sent to the organizer.
    fn answer<'a>(&'a mut self, id: &'a EntryId, answer: Answer, rec: &'a Recorder) -> Fut<'a, Written>;

    /// What the server laid beside the calendar with `marked` in its subject; [`Self::delete`] takes it away.
    fn notices<'a>(&'a mut self, marked: &'a str, rec: &'a Recorder) -> Fut<'a, Vec<Notice>> {
        let _ = (marked, rec);
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_wall_is_one_of_the_world_also_on_the_days_when_clocks_change() {
        let cases = [
            ("Europe/Lisbon", "2027-03-28T00:30", 3600, false, "2027-03-28T00:30Z", "2027-03-28T01:30Z"),
            // 01:30 does not exist: by the offset before the gap.
            ("Europe/Lisbon", "2027-03-28T01:30", 3600, false, "2027-03-28T01:30Z", "2027-03-28T02:30Z"),
            ("Europe/Lisbon", "2027-03-28T02:30", 3600, false, "2027-03-28T01:30Z", "2027-03-28T02:30Z"),
            // 01:30 comes twice: the first.
            ("Europe/Lisbon", "2026-10-25T01:30", 3600, false, "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
            ("America/New_York", "2026-11-01T00:00", 86_400, true, "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
            ("UTC", "2026-11-22T08:00", 1800, false, "2026-11-22T08:00Z", "2026-11-22T08:30Z"),
        ];
        for (zone, start, length, all_day, begins, ends) in cases {
            let length = Duration::from_secs(length);
            let time = Time { zone: zone.into(), start: start.parse().unwrap(), length, all_day };
            let utc = |text: &str| SystemTime::from(text.parse::<Timestamp>().unwrap());
            assert_eq!(time.span().unwrap(), utc(begins)..utc(ends), "{zone} {start}");
        }
        let nowhere = Time {
            zone: "Mars/Olympus".into(),
            start: DateTime::default(),
            length: Duration::ZERO,
            all_day: false,
        };
        assert_eq!(nowhere.span().unwrap_err().reason, Reason::InternalError);
    }
}
