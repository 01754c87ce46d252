//! Times of an entry: a day, a time in a zone, and how long it takes.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{
    ical::{Component, Property},
    zone,
};

/// A time as it is written; for a day, its first moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct When {
    pub(crate) local: DateTime,
    pub(crate) zone: TimeZone,
    pub(crate) day: bool,
}

/// Where the zone of a day is noted, which iCalendar has none for.
pub(crate) const DAY_ZONE: &str = "X-SANDBOX-DAY-TZID";

impl When {
    /// By the clock of that zone; but the second of two hours that it shows alike is told in UTC alone.
    pub(crate) fn at(time: Timestamp, zone: &TimeZone, day: bool) -> Self {
        let by = |zone: &TimeZone| Self { local: zone.to_datetime(time), zone: zone.clone(), day };
        let there = by(zone);
        if day || there.timestamp() == time { there } else { by(&TimeZone::UTC) }
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        let zoned = self.zone.to_ambiguous_zoned(self.local).compatible();
        zoned.map_or(Timestamp::MIN, |zoned| zoned.timestamp())
    }

    /// Reads a property such as `DTSTART`.
    pub(crate) fn read(property: &Property, event: &Component, object: &Component) -> Option<Self> {
        Self::value(&property.value, property.parameter("TZID"), event, object)
    }

    pub(crate) fn value(
        text: &str,
        tzid: Option<&str>,
        event: &Component,
        object: &Component,
    ) -> Option<Self> {
        let text = text.trim();
        if text.len() == 8 {
            let local = Date::strptime("%Y%m%d", text).ok()?.to_datetime(jiff::civil::Time::midnight());
            let zone = event.value(DAY_ZONE).and_then(|id| zone::named(id, object));
            return Some(Self { local, zone: zone.unwrap_or(TimeZone::UTC), day: true });
        }
        let (text, utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
        let local = DateTime::strptime("%Y%m%dT%H%M%S", text).ok()?;
        let zone = match tzid {
            Some(id) if !utc => zone::named(id, object)?,
            // Floating times are taken as UTC.
            _ => TimeZone::UTC,
        };
        Some(Self { local, zone, day: false })
    }

    /// The property as it is written.
    pub(crate) fn property(&self, name: &str) -> Property {
        let time = self.local.strftime("%Y%m%dT%H%M%S");
        match self.zone.iana_name() {
            _ if self.day => {
                Property::new(name, self.local.strftime("%Y%m%d").to_string()).with("VALUE", "DATE")
            }
            Some(id) if !zone::is_utc(&self.zone) => Property::new(name, time.to_string()).with("TZID", id),
            _ => Property::new(name, utc(self.timestamp())),
        }
    }

    /// The same time of day so many days later.
    pub(crate) fn on(&self, date: Date) -> Self {
        Self { local: date.to_datetime(self.local.time()), ..self.clone() }
    }
}

/// A time in UTC as iCalendar writes it.
pub(crate) fn utc(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Reads `P1DT2H` and the like, also with a sign.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number = 0_i64;
    let mut seconds = 0_i64;
    for c in text.strip_prefix('P')?.chars() {
        let unit = match c {
            '0'..='9' => {
                number = number.checked_mul(10)?.checked_add(i64::from(c.to_digit(10)?))?;
                continue;
            }
            'T' => continue,
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        number = 0;
    }
    Some(SignedDuration::from_secs(sign * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Timestamp> {
        let text = format!("BEGIN:VEVENT\n{line}\nEND:VEVENT\n");
        let event = Component::parse(&text).unwrap();
        When::read(&event.properties[0], &event, &event).map(|when| when.timestamp())
    }

    #[test]
    fn times_are_read_in_their_zones() {
        for (line, time) in [
            ("DTSTART:20260701T090000Z", "2026-07-01T09:00:00Z"),
            ("DTSTART;TZID=Europe/Lisbon:20260701T090000", "2026-07-01T08:00:00Z"),
            ("DTSTART;TZID=GMT Standard Time:20260101T090000", "2026-01-01T09:00:00Z"),
            ("DTSTART;TZID=America/New_York:20260308T023000", "2026-03-08T07:30:00Z"),
            ("DTSTART;VALUE=DATE:20260701", "2026-07-01T00:00:00Z"),
            ("DTSTART:20260701T090000", "2026-07-01T09:00:00Z"),
        ] {
            assert_eq!(read(line), time.parse().ok(), "{line}");
        }
        for line in ["DTSTART:x", "DTSTART:20261301T000000Z", "DTSTART;TZID=Nowhere:20260101T000000"] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_second_of_two_equal_hours_is_told_apart() {
        let zone = TimeZone::get("Europe/Lisbon").unwrap();
        for (time, line) in [
            ("2027-10-31T00:15:00Z", "DTEND;TZID=Europe/Lisbon:20271031T011500"),
            ("2027-10-31T01:15:00Z", "DTEND:20271031T011500Z"),
            ("2027-10-31T02:15:00Z", "DTEND;TZID=Europe/Lisbon:20271031T021500"),
        ] {
            let time = time.parse().unwrap();
            let when = When::at(time, &zone, false);
            assert_eq!(when.timestamp(), time);
            let mut event = Component::new("VEVENT");
            event.set(when.property("DTEND"));
            assert!(event.write().contains(line), "{line} in {}", event.write());
            assert_eq!(read(line), Some(time));
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("PT30M", 1800), ("P1DT2H", 93_600), ("-PT15M", -900), ("P2W", 1_209_600)] {
            assert_eq!(duration(text), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("30M"), None);
    }
}
