//! Repetition (RFC 5545, section 3.3.10), as far as it is written here and by those who write simple ones.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Weekday};

use super::when::When;

/// Days that are looked through for occurrences.
const MOST_DAYS: u32 = 40_000;
/// An entry with more occurrences within the span is not one of ours.
const MOST: usize = 1_000;

/// FREQ=DAILY or WEEKLY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Weeks, not days.
    weekly: bool,
    interval: i32,
    count: Option<u32>,
    pub(super) until: Option<When>,
    days: Vec<Weekday>,
    week_start: Weekday,
}

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let unread = || format!("a repetition that is not read: {text}");
        let mut rule = Self {
            weekly: false,
            interval: 1,
            count: None,
            until: None,
            days: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut frequency = false;
        for (key, value) in parts(text) {
            match key.as_str() {
                "FREQ" => {
                    rule.weekly = match value {
                        "DAILY" => false,
                        "WEEKLY" => true,
                        _ => return Err(unread()),
                    };
                    frequency = true;
                }
                "INTERVAL" => {
                    rule.interval =
                        value.parse().ok().filter(|of| (1..=1000).contains(of)).ok_or_else(unread)?;
                }
                "COUNT" => rule.count = Some(value.parse().map_err(|_| unread())?),
                "UNTIL" => rule.until = Some(When::parse(value, None)?),
                "BYDAY" => {
                    let days: Option<Vec<_>> = value.split(',').map(weekday).collect();
                    rule.days = days.ok_or_else(unread)?;
                }
                "WKST" => rule.week_start = weekday(value).ok_or_else(unread)?,
                _ => return Err(unread()),
            }
        }
        if frequency { Ok(rule) } else { Err(unread()) }
    }

    /// What the clock shows at each occurrence, until `last`; `before_end`: whether one is within UNTIL.
    pub(super) fn occurrences(
        &self,
        start: DateTime,
        last: DateTime,
        before_end: impl Fn(DateTime) -> Result<bool, String>,
    ) -> Result<Vec<DateTime>, String> {
        let mut found = Vec::new();
        let first_week = week_of(start.date(), self.week_start)?;
        let (mut day, mut counted) = (start.date(), 0);
        for n in 0..MOST_DAYS {
            let at = day.to_datetime(start.time());
            if at > last || self.count.is_some_and(|count| counted >= count) {
                return Ok(found);
            }
            let due = if self.weekly {
                let weeks =
                    first_week.until(week_of(day, self.week_start)?).map_err(|e| e.to_string())?.get_days()
                        / 7;
                let on = if self.days.is_empty() {
                    day.weekday() == start.weekday()
                } else {
                    self.days.contains(&day.weekday())
                };
                on && weeks % self.interval == 0
            } else {
                let on = self.days.is_empty() || self.days.contains(&day.weekday());
                on && i32::try_from(n).is_ok_and(|n| n % self.interval == 0)
            };
            // DTSTART is always the first.
            if due || n == 0 {
                if !before_end(at)? {
                    return Ok(found);
                }
                counted += 1;
                found.push(at);
                if found.len() > MOST {
                    // Only the last ones matter.
                    found.remove(0);
                }
            }
            day = day.checked_add(1.day()).map_err(|e| e.to_string())?;
        }
        Err("a repetition that began too long ago".to_owned())
    }
}

fn week_of(day: Date, start: Weekday) -> Result<Date, String> {
    let since = day.weekday().since(start);
    day.checked_sub(i64::from(since).days()).map_err(|error| error.to_string())
}

/// FREQ=YEARLY, as in the definitions of zones.
pub(super) struct Yearly {
    month: Option<i8>,
    /// Which one of the month, 0: see `days`.
    nth: i8,
    weekday: Option<Weekday>,
    days: Vec<i8>,
    pub(super) until: Option<DateTime>,
}

impl Yearly {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let unread = || format!("a change of the clock that is not read: {text}");
        let mut rule = Self { month: None, nth: 0, weekday: None, days: Vec::new(), until: None };
        let mut frequency = false;
        for (key, value) in parts(text) {
            match key.as_str() {
                "FREQ" if value == "YEARLY" => frequency = true,
                "INTERVAL" if value == "1" => {}
                "BYMONTH" => rule.month = Some(value.parse().map_err(|_| unread())?),
                "BYDAY" => {
                    let split = value.len().checked_sub(2).ok_or_else(unread)?;
                    let (nth, day) = value.split_at_checked(split).ok_or_else(unread)?;
                    rule.weekday = Some(weekday(day).ok_or_else(unread)?);
                    rule.nth = if nth.is_empty() { 0 } else { nth.parse().map_err(|_| unread())? };
                }
                "BYMONTHDAY" => {
                    let days: Result<_, _> = value.split(',').map(str::parse).collect();
                    rule.days = days.map_err(|_| unread())?;
                }
                "UNTIL" => rule.until = Some(When::parse(value, None)?.civil()),
                "WKST" => {}
                _ => return Err(unread()),
            }
        }
        let well = frequency && !(rule.weekday.is_some() && rule.nth == 0 && rule.days.is_empty());
        if well { Ok(rule) } else { Err(unread()) }
    }

    /// When it is in that year, at the time of day of the first.
    pub(super) fn of_year(&self, year: i16, first: DateTime) -> Option<DateTime> {
        let month = self.month.unwrap_or_else(|| first.month());
        let begin = Date::new(year, month, 1).ok()?;
        let day = match self.weekday {
            Some(weekday) if self.nth != 0 => begin.nth_weekday_of_month(self.nth, weekday).ok()?,
            Some(weekday) => self
                .days
                .iter()
                .filter_map(|day| Date::new(year, month, *day).ok())
                .find(|day| day.weekday() == weekday)?,
            None => {
                let day = self.days.first().copied().unwrap_or_else(|| first.day());
                Date::new(year, month, day).ok()?
            }
        };
        Some(day.to_datetime(first.time()))
    }
}

/// `KEY=value` pairs, in upper case.
fn parts(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.trim()
        .split(';')
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.to_ascii_uppercase(), value))
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.trim_start_matches('+') {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}
