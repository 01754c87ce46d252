//! When and what a test entry is: a day or more ahead, at a half hour of the check's own, so that nobody's phone rings.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Reason;
use crate::message::build::SUBJECT;
use crate::message::token::Token;
use crate::outcome::Fault;
use crate::protocol::Status;
use crate::protocol::calendar::{Draft, Time};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An entry lasts so long, and is moved by as much.
const HALF_HOUR: Duration = Duration::from_secs(30 * 60);
/// Clocks change at night: a time then would not be one, or two.
const MORNING: i64 = 4;
/// Half hours of a day that are used: what is moved, by an hour and a half at most, ends on the same day.
const HALF_HOURS: u32 = 34;
/// After tomorrow.
const AHEAD: i64 = 2;

/// When a check's entry begins, by the clock of the zone; `turn`: another half hour, after a day's on the next day.
pub(crate) fn begin(zone: &str, check: u32, turn: u32, now: SystemTime) -> Result<DateTime, Fault> {
    let wrong = |error: jiff::Error| Fault::new(Reason::InternalError, &error.to_string());
    let now = Timestamp::try_from(now).map_err(wrong)?;
    let today = now.to_zoned(TimeZone::get(zone).map_err(wrong)?).date();
    let at = (check % HALF_HOURS + turn % HALF_HOURS) % HALF_HOURS;
    let days = AHEAD + i64::from(turn / HALF_HOURS);
    let into =
        SignedDuration::from_hours(MORNING) + SignedDuration::from_mins(30) * i32::try_from(at).unwrap_or(0);
    let day = today.checked_add(jiff::Span::new().days(days)).map_err(wrong)?;
    Ok(day.to_datetime(jiff::civil::Time::midnight()).saturating_add(into))
}

/// An entry of half an hour that carries the token.
pub(crate) fn draft(token: &Token, address: &str, zone: &Arc<str>, start: DateTime) -> Draft {
    let domain = address.rsplit_once('@').map_or("mailprobe.invalid", |(_, domain)| domain);
    let text = token.text();
    Draft {
        uid: format!("{text}@{domain}").into(),
        subject: format!("{SUBJECT} {text}").into(),
        place: "mailprobe, place 1".into(),
        time: Time { zone: Arc::clone(zone), start, length: HALF_HOUR, all_day: false },
        status: Status::Free,
        repeat: None,
        invited: None,
    }
}

/// The same half an hour later, a moved occurrence too.
pub(crate) fn later(draft: &Draft) -> Draft {
    let mut moved = draft.clone();
    let add = |at: DateTime| at.saturating_add(HALF_HOUR);
    moved.time.start = add(moved.time.start);
    if let Some((_, to)) = moved.repeat.as_mut().and_then(|repeat| repeat.moved.as_mut()) {
        *to = add(*to);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_a_day_or_more_ahead_within_a_day_and_not_at_night() {
        for (zone, now) in [
            ("UTC", "2026-11-22T23:59:59Z"),
            ("Europe/Lisbon", "2027-03-26T12:00:00Z"),
            ("America/New_York", "2026-10-30T03:59:00Z"),
            ("Pacific/Kiritimati", "2026-12-30T23:00:00Z"),
        ] {
            for check in [0, 1, 33, 34, u32::MAX] {
                for turn in [0, 1, 33] {
                    let now: Timestamp = now.parse().unwrap();
                    let start = begin(zone, check, turn, now.into()).unwrap();
                    let time = Time { zone: zone.into(), start, length: HALF_HOUR, all_day: false };
                    let span = time.span().unwrap();
                    let ahead = span.start.duration_since(now.into()).unwrap();
                    assert!(ahead > DAY && ahead < DAY * 3, "{zone} {check} {turn}: {ahead:?}");
                    let end = start.saturating_add(HALF_HOUR * 2);
                    assert!((4..=20).contains(&start.hour()) && end.date() == start.date(), "{start}");
                }
            }
        }
    }
}
