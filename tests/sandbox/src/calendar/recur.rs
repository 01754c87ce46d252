//! Recurrence rules (RFC 5545), as far as calendars use them: day by day it is told whether a rule means it.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
};

use super::when::When;

/// The most days that are looked at: about twenty years.
const MAX_DAYS: usize = 7500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("SU", Weekday::Sunday),
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
];

pub(crate) const FREQUENCIES: [(&str, Frequency); 4] = [
    ("DAILY", Frequency::Daily),
    ("WEEKLY", Frequency::Weekly),
    ("MONTHLY", Frequency::Monthly),
    ("YEARLY", Frequency::Yearly),
];

/// A rule, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) frequency: Frequency,
    pub(crate) interval: i32,
    pub(crate) count: Option<usize>,
    /// The last moment at which an occurrence may begin, or its last day.
    pub(crate) until: Option<Until>,
    /// Days of the week, with which one of the month it is (0: each).
    pub(crate) days: Vec<(i8, Weekday)>,
    pub(crate) month_days: Vec<i8>,
    pub(crate) months: Vec<i8>,
    pub(crate) week_start: Weekday,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Until {
    Day(Date),
    Time(Timestamp),
}

impl Until {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let day = |text: &str| Date::strptime("%Y%m%d", text).ok();
        match text.split_once('T') {
            None => day(text).map(Self::Day),
            Some((date, time)) => {
                let time = jiff::civil::Time::strptime("%H%M%S", time.trim_end_matches('Z')).ok()?;
                let zoned = day(date)?.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                Some(Self::Time(zoned.timestamp()))
            }
        }
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

impl Rule {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            days: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut found = false;
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=')?;
            let value = value.to_ascii_uppercase();
            match key.to_ascii_uppercase().as_str() {
                "FREQ" => {
                    rule.frequency = FREQUENCIES.iter().find(|(name, _)| *name == value)?.1;
                    found = true;
                }
                "INTERVAL" => rule.interval = value.parse().ok().filter(|interval| *interval > 0)?,
                "COUNT" => rule.count = Some(value.parse().ok().filter(|count| *count > 0)?),
                "UNTIL" => rule.until = Some(Until::read(&value)?),
                "BYDAY" => {
                    for day in value.split(',') {
                        let (number, name) = day.split_at_checked(day.len().checked_sub(2)?)?;
                        let number = if number.is_empty() { 0 } else { number.parse().ok()? };
                        rule.days.push((number, weekday(name)?));
                    }
                }
                "BYMONTHDAY" => rule.month_days = numbers(&value)?,
                "BYMONTH" => rule.months = numbers(&value)?,
                "WKST" => rule.week_start = weekday(&value)?,
                _ => return None,
            }
        }
        found.then_some(rule)
    }

    fn means(&self, first: Date, day: Date) -> bool {
        let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
        let week = |date: Date| {
            let back = i64::from(date.weekday().since(self.week_start));
            date.checked_sub(back.days()).unwrap_or(date)
        };
        let days = |from: Date, to: Date| (to - from).get_days();
        let (passed, fits) = match self.frequency {
            Frequency::Daily => (days(first, day), self.day_fits(first, day, true)),
            Frequency::Weekly => (days(week(first), week(day)) / 7, self.day_fits(first, day, false)),
            Frequency::Monthly => (months(day) - months(first), self.day_fits(first, day, false)),
            Frequency::Yearly => (i32::from(day.year() - first.year()), self.day_fits(first, day, false)),
        };
        let month = if self.months.is_empty() {
            self.frequency != Frequency::Yearly || day.month() == first.month()
        } else {
            self.months.contains(&day.month())
        };
        passed % self.interval == 0 && fits && month
    }

    /// Whether the day of the week and of the month are among those named; with none named, as the first.
    fn day_fits(&self, first: Date, day: Date, otherwise: bool) -> bool {
        let length = day.days_in_month();
        if !self.days.is_empty() {
            let forward = (day.day() + 6) / 7;
            let backward = -((length - day.day()) / 7 + 1);
            let fits = |(number, weekday): &(i8, Weekday)| {
                *weekday == day.weekday() && (*number == 0 || *number == forward || *number == backward)
            };
            return self.days.iter().any(fits);
        }
        if !self.month_days.is_empty() {
            return self.month_days.iter().any(|n| *n == day.day() || *n == day.day() - length - 1);
        }
        otherwise
            || match self.frequency {
                Frequency::Weekly => day.weekday() == first.weekday(),
                _ => day.day() == first.day(),
            }
    }

    /// When the occurrences begin, the first of them included, up to that moment.
    pub(crate) fn starts(&self, first: &When, before: Timestamp) -> Vec<When> {
        let mut found = Vec::new();
        let from = first.local.date();
        let mut day = from;
        for _ in 0..MAX_DAYS {
            if day == from || self.means(from, day) {
                let start = first.on(day);
                let time = start.timestamp();
                let over = match self.until {
                    Some(Until::Day(last)) => day > last,
                    Some(Until::Time(last)) => time > last,
                    None => false,
                };
                if over || time >= before || self.count.is_some_and(|count| found.len() >= count) {
                    break;
                }
                found.push(start);
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        found
    }
}

fn numbers(text: &str) -> Option<Vec<i8>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(rule: &str, zone: &str) -> Vec<String> {
        let first = When {
            local: "2026-03-27T09:00:00".parse().unwrap(),
            zone: jiff::tz::TimeZone::get(zone).unwrap(),
            day: false,
        };
        let before = "2026-12-31T00:00:00Z".parse().unwrap();
        let found = Rule::parse(rule).unwrap().starts(&first, before);
        found.iter().map(|when| when.timestamp().strftime("%m-%d %H").to_string()).collect()
    }

    #[test]
    fn rules_mean_days() {
        for (rule, wanted) in [
            ("FREQ=DAILY;COUNT=4", "03-27 09,03-28 09,03-29 08,03-30 08"),
            ("FREQ=DAILY;INTERVAL=2;UNTIL=20260331T000000Z", "03-27 09,03-29 08"),
            ("FREQ=DAILY;UNTIL=20260328", "03-27 09,03-28 09"),
            ("FREQ=WEEKLY;COUNT=3", "03-27 09,04-03 08,04-10 08"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4", "03-27 09,04-06 08,04-10 08,04-20 08"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,FR;WKST=SU;COUNT=3", "03-27 09,04-05 08,04-10 08"),
            ("FREQ=MONTHLY;COUNT=2", "03-27 09,04-27 08"),
            ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "03-27 09,04-24 08,05-29 08"),
            ("FREQ=MONTHLY;BYMONTHDAY=-5;COUNT=2", "03-27 09,04-26 08"),
            ("FREQ=YEARLY", "03-27 09"),
        ] {
            assert_eq!(starts(rule, "Europe/Lisbon").join(","), wanted, "{rule}");
        }
        assert_eq!(starts("FREQ=WEEKLY", "America/New_York").len(), 40);
    }

    #[test]
    fn other_rules_are_not_understood() {
        for rule in [
            "",
            "FREQ=HOURLY",
            "COUNT=2",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;BYSETPOS=1",
            "FREQ=WEEKLY;BYDAY=X",
        ] {
            assert_eq!(Rule::parse(rule), None, "{rule}");
        }
    }
}
