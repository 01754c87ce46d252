//! Zones: as the object itself defines them (VTIMEZONE, RFC 5545, section 3.6.5), else by their name.

use std::str::FromStr as _;
use std::time::SystemTime;

use icalendar::parser::Component;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, ToSpan as _};

use super::read::{all, property, text};
use super::rule::Yearly;
use super::when::{When, offset};

/// The zones of one object.
pub(super) struct Zones<'a> {
    own: Vec<(String, Option<Vec<Change>>)>,
    /// Where times without a zone are.
    pub(super) floating: &'a TimeZone,
}

/// A STANDARD or DAYLIGHT: from when on, from which offset to which.
struct Change {
    /// By the clock as it was before.
    first: DateTime,
    again: Again,
    from: SignedDuration,
    to: SignedDuration,
}

/// When the same change comes again.
enum Again {
    Never,
    At(Vec<DateTime>),
    Yearly(Yearly),
}

impl<'a> Zones<'a> {
    pub(super) fn of(calendar: &[Component<'_>], floating: &'a TimeZone) -> Self {
        let zones = calendar.iter().filter(|of| of.name.as_str().eq_ignore_ascii_case("VTIMEZONE"));
        let own = zones.map(|zone| {
            let changes: Result<Vec<_>, String> = zone.components.iter().map(Change::read).collect();
            // One that cannot be read is perhaps known by its name.
            (text(zone, "TZID"), changes.ok().filter(|changes| !changes.is_empty()))
        });
        Self { own: own.collect(), floating }
    }

    pub(super) fn resolve(&self, at: DateTime, name: &str) -> Result<SystemTime, String> {
        let own = self.own.iter().find(|(of, _)| of == name).and_then(|(_, changes)| changes.as_ref());
        let zone = match own {
            Some(changes) => TimeZone::fixed(offset_at(changes, at)?),
            None => named(name).ok_or_else(|| format!("nobody knows the zone {name:?}"))?,
        };
        zone.to_timestamp(at).map(Into::into).map_err(|error| error.to_string())
    }
}

/// The offset that holds when the clock on the wall shows this. A time that is left out is told by the offset before it; one
/// that comes twice is the first.
fn offset_at(changes: &[Change], at: DateTime) -> Result<Offset, String> {
    let latest = changes.iter().filter_map(|of| of.latest(at).map(|onset| (onset, of)));
    let earliest = || changes.iter().min_by_key(|of| of.first).map_or(SignedDuration::ZERO, |of| of.from);
    let seconds = match latest.max_by_key(|(onset, _)| *onset) {
        Some((onset, change)) => {
            let left_out = onset.saturating_add(change.to.saturating_sub(change.from));
            if at < left_out { change.from } else { change.to }
        }
        None => earliest(),
    };
    let seconds = i32::try_from(seconds.as_secs()).map_err(|error| error.to_string())?;
    Offset::from_seconds(seconds).map_err(|error| error.to_string())
}

impl Change {
    fn read(of: &Component<'_>) -> Result<Self, String> {
        let first = property(of, "DTSTART").ok_or("a change of the clock without DTSTART")?;
        let times: Result<Vec<_>, _> = all(of, "RDATE").map(When::list).collect();
        let times: Vec<_> = times?.iter().flatten().map(When::civil).collect();
        let again = match property(of, "RRULE") {
            Some(rule) => Again::Yearly(Yearly::parse(rule.val.as_str())?),
            None if times.is_empty() => Again::Never,
            None => Again::At(times),
        };
        Ok(Self {
            first: When::of(first)?.civil(),
            again,
            from: offset(&text(of, "TZOFFSETFROM"))?,
            to: offset(&text(of, "TZOFFSETTO"))?,
        })
    }

    /// The last time that it came, until then.
    fn latest(&self, at: DateTime) -> Option<DateTime> {
        let again = match &self.again {
            Again::Never => None,
            Again::At(times) => times.iter().copied().filter(|time| *time <= at).max(),
            Again::Yearly(rule) => {
                let years = [at.year(), at.year().saturating_sub(1)];
                let ends = rule.until.map(|until| until.saturating_add(self.from));
                let mut of_years = years.iter().filter_map(|year| rule.of_year(*year, self.first));
                match ends {
                    // Over: the last that came before.
                    Some(end) if end < at => {
                        let years = [end.year(), end.year().saturating_sub(1)];
                        let found: Vec<_> =
                            years.iter().filter_map(|year| rule.of_year(*year, self.first)).collect();
                        found.into_iter().find(|time| *time <= end)
                    }
                    _ => of_years.find(|time| *time <= at),
                }
            }
        };
        let first = Some(self.first).filter(|first| *first <= at);
        again.filter(|again| *again >= self.first).max(first)
    }
}

/// By its IANA name, with or without what some programs put before it, or by the name that Windows has for it.
pub fn named(name: &str) -> Option<TimeZone> {
    let parts: Vec<_> = name.trim_matches('/').split('/').collect();
    let tails = [parts.len(), 3, 2, 1].into_iter().filter(|count| *count <= parts.len());
    let iana =
        tails.map(|count| parts[parts.len() - count..].join("/")).find_map(|name| TimeZone::get(&name).ok());
    iana.or_else(|| {
        let known = calcard::common::timezone::Tz::from_str(name).ok()?;
        TimeZone::get(&known.name()?).ok()
    })
}

/// A zone as VTIMEZONE, good for a year before and after these times.
pub(super) fn definition(
    name: &str,
    zone: &TimeZone,
    start: SystemTime,
    end: SystemTime,
) -> Result<String, String> {
    let stamp = |at: SystemTime| jiff::Timestamp::try_from(at).map_err(|error| error.to_string());
    let year = 366 * 24.hours();
    let begin = stamp(start)?.checked_sub(year).map_err(|error| error.to_string())?;
    let end = stamp(end)?.checked_add(year).map_err(|error| error.to_string())?;
    let mut changes: Vec<_> = zone.preceding(begin).take(1).collect();
    changes.extend(zone.following(begin).take_while(|change| change.timestamp() <= end));
    let mut out = format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n");
    let mut put = |kind: &str, at: DateTime, from: Offset, to: Offset, label: &str| {
        out.push_str(&format!(
            "BEGIN:{kind}\r\nDTSTART:{}\r\nTZOFFSETFROM:{}\r\nTZOFFSETTO:{}\r\nTZNAME:{label}\r\nEND:{kind}\r\n",
            at.strftime("%Y%m%dT%H%M%S"),
            written(from),
            written(to),
        ));
    };
    if changes.is_empty() {
        let offset = zone.to_offset(begin);
        let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        put("STANDARD", epoch, offset, offset, name);
    }
    for change in &changes {
        let just_before = change.timestamp().checked_sub(1.second()).map_err(|error| error.to_string())?;
        let from = zone.to_offset(just_before);
        let kind = if change.dst().is_dst() { "DAYLIGHT" } else { "STANDARD" };
        put(kind, from.to_datetime(change.timestamp()), from, change.offset(), change.abbreviation());
    }
    out.push_str("END:VTIMEZONE\r\n");
    Ok(out)
}

/// As UTC-OFFSET (section 3.3.14).
fn written(offset: Offset) -> String {
    let all = offset.seconds();
    let sign = if all < 0 { '-' } else { '+' };
    let all = all.unsigned_abs();
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if seconds == 0 {
        format!("{sign}{hours:02}{minutes:02}")
    } else {
        format!("{sign}{hours:02}{minutes:02}{seconds:02}")
    }
}
