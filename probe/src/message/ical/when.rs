//! Dates, times, durations (RFC 5545, sections 3.3.4 to 3.3.6 and 3.3.14).

use std::time::{Duration, SystemTime};

use icalendar::parser::Property;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::zone::Zones;

/// A DATE or DATE-TIME in one of its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Utc(Timestamp),
    /// By the clock on the wall of a zone of that name.
    Local(DateTime, String),
    /// By the clock on the wall of whoever looks.
    Floating(DateTime),
    Day(Date),
}

impl When {
    /// A property's one value.
    pub(super) fn of(property: &Property<'_>) -> Result<Self, String> {
        Self::parse(property.val.as_str().trim(), param(property, "TZID"))
    }

    /// A property's list of values.
    pub(super) fn list(property: &Property<'_>) -> Result<Vec<Self>, String> {
        let zone = param(property, "TZID");
        property.val.as_str().split(',').map(|text| Self::parse(text.trim(), zone)).collect()
    }

    pub(super) fn parse(text: &str, zone: Option<&str>) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time");
        if !text.contains(['T', 't']) {
            return Date::strptime("%Y%m%d", text).map(Self::Day).map_err(|_| wrong());
        }
        let text = text.to_ascii_uppercase();
        let (local, utc) = text.strip_suffix('Z').map_or((text.as_str(), false), |local| (local, true));
        let at = DateTime::strptime("%Y%m%dT%H%M%S", local).map_err(|_| wrong())?;
        match zone {
            _ if utc => at.to_zoned(TimeZone::UTC).map(|at| Self::Utc(at.timestamp())).map_err(|_| wrong()),
            Some(zone) => Ok(Self::Local(at, zone.to_owned())),
            None => Ok(Self::Floating(at)),
        }
    }

    /// What the clock shows there; in UTC where it is written so.
    pub(super) fn civil(&self) -> DateTime {
        match self {
            Self::Utc(at) => TimeZone::UTC.to_datetime(*at),
            Self::Local(at, _) | Self::Floating(at) => *at,
            Self::Day(day) => day.to_datetime(Time::midnight()),
        }
    }

    /// The same form, with the clock showing something else.
    pub(super) fn with(&self, at: DateTime) -> Result<Self, String> {
        Ok(match self {
            Self::Utc(_) => Self::Utc(at.to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?.timestamp()),
            Self::Local(_, zone) => Self::Local(at, zone.clone()),
            Self::Floating(_) => Self::Floating(at),
            Self::Day(_) => Self::Day(at.date()),
        })
    }

    pub(super) fn is_day(&self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// In the world's time.
    pub(super) fn resolve(&self, zones: &Zones<'_>) -> Result<SystemTime, String> {
        match self {
            Self::Utc(at) => Ok((*at).into()),
            Self::Local(at, zone) => zones.resolve(*at, zone),
            Self::Floating(_) | Self::Day(_) => {
                zones.floating.to_timestamp(self.civil()).map(Into::into).map_err(|e| e.to_string())
            }
        }
    }
}

/// A parameter's value; names are the same in any case (section 3.2).
pub(super) fn param<'a>(property: &'a Property<'_>, name: &str) -> Option<&'a str> {
    let found = property.params.iter().find(|of| of.key.as_str().eq_ignore_ascii_case(name));
    found?.val.as_ref().map(|value| value.as_str().trim_matches('"'))
}

/// How long: days by the calendar, and seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) days: i64,
    pub(super) seconds: u64,
}

impl Length {
    /// `P15DT5H0M20S`, `P7W`; one that goes back in time is none that an entry can have.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration");
        let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P').ok_or_else(wrong)?;
        let mut length = Self { days: 0, seconds: 0 };
        let (mut digits, mut in_time) = (String::new(), false);
        for c in rest.chars() {
            let number = || digits.parse::<u32>().ok().filter(|number| *number < 10_000_000);
            match c {
                'T' if digits.is_empty() => in_time = true,
                '0'..='9' => digits.push(c),
                'W' | 'D' if !in_time => {
                    length.days += i64::from(number().ok_or_else(wrong)?) * if c == 'W' { 7 } else { 1 };
                }
                'H' | 'M' | 'S' if in_time => {
                    let unit = match c {
                        'H' => 3600,
                        'M' => 60,
                        _ => 1,
                    };
                    length.seconds += u64::from(number().ok_or_else(wrong)?) * unit;
                }
                _ => return Err(wrong()),
            }
            if !c.is_ascii_digit() {
                digits.clear();
            }
        }
        if digits.is_empty() && rest.len() > 1 { Ok(length) } else { Err(wrong()) }
    }

    /// When it is over.
    pub(super) fn after(self, start: &When, zones: &Zones<'_>) -> Result<SystemTime, String> {
        let begins = start.civil();
        let days = begins
            .checked_add(jiff::Span::new().try_days(self.days).map_err(|e| e.to_string())?)
            .map_err(|e| e.to_string())?;
        Ok(start.with(days)?.resolve(zones)? + Duration::from_secs(self.seconds))
    }
}

/// `+0100`, `-003015`.
pub(super) fn offset(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is no offset");
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'+') => (1, text.get(1..)),
        Some(b'-') => (-1, text.get(1..)),
        _ => (1, None),
    };
    let digits = digits.filter(|digits| matches!(digits.len(), 4 | 6)).ok_or_else(wrong)?;
    let pair = |at: usize| digits.get(at..at + 2).map_or(Some(0), |pair| pair.parse::<i64>().ok());
    let (hours, minutes, seconds) = (pair(0), pair(2), pair(4));
    match (hours, minutes, seconds) {
        (Some(hours @ 0..=23), Some(minutes @ 0..=59), Some(seconds @ 0..=59)) => {
            Ok(SignedDuration::from_secs(sign * (hours * 3600 + minutes * 60 + seconds)))
        }
        _ => Err(wrong()),
    }
}
