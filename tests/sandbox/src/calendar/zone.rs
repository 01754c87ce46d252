//! Time zones: by the names of IANA and of Windows, and as iCalendar writes them out.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::ical::{Component, Property};

/// What Windows calls a zone, and what IANA does; the first is the one that is meant.
const NAMES: &[(&str, &str)] = &[
    ("UTC", "Etc/UTC UTC Etc/GMT Etc/UCT Etc/Zulu GMT"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Alaskan Standard Time", "America/Anchorage America/Juneau"),
    ("Pacific Standard Time", "America/Los_Angeles America/Vancouver America/Tijuana"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Mountain Standard Time", "America/Denver America/Edmonton America/Boise"),
    ("Central Standard Time", "America/Chicago America/Winnipeg"),
    ("Central Standard Time (Mexico)", "America/Mexico_City"),
    ("Canada Central Standard Time", "America/Regina"),
    ("SA Pacific Standard Time", "America/Bogota America/Lima America/Panama"),
    ("Eastern Standard Time", "America/New_York America/Toronto America/Detroit"),
    ("Venezuela Standard Time", "America/Caracas"),
    ("Atlantic Standard Time", "America/Halifax Atlantic/Bermuda"),
    ("SA Western Standard Time", "America/La_Paz America/Puerto_Rico America/Manaus"),
    ("Pacific SA Standard Time", "America/Santiago"),
    ("Newfoundland Standard Time", "America/St_Johns"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Argentina Standard Time", "America/Buenos_Aires America/Argentina/Buenos_Aires"),
    ("Azores Standard Time", "Atlantic/Azores"),
    ("Cape Verde Standard Time", "Atlantic/Cape_Verde"),
    (
        "GMT Standard Time",
        "Europe/London Europe/Lisbon Europe/Dublin Atlantic/Madeira Atlantic/Canary Atlantic/Faeroe",
    ),
    ("Greenwich Standard Time", "Atlantic/Reykjavik Africa/Abidjan Africa/Accra Africa/Dakar"),
    ("Morocco Standard Time", "Africa/Casablanca"),
    (
        "W. Europe Standard Time",
        "Europe/Berlin Europe/Amsterdam Europe/Zurich Europe/Rome Europe/Stockholm Europe/Vienna Europe/Oslo \
         Europe/Luxembourg Europe/Monaco Europe/Malta",
    ),
    (
        "Central Europe Standard Time",
        "Europe/Budapest Europe/Prague Europe/Belgrade Europe/Bratislava Europe/Ljubljana",
    ),
    ("Romance Standard Time", "Europe/Paris Europe/Madrid Europe/Brussels Europe/Copenhagen"),
    ("Central European Standard Time", "Europe/Warsaw Europe/Zagreb Europe/Skopje Europe/Sarajevo"),
    ("W. Central Africa Standard Time", "Africa/Lagos Africa/Algiers Africa/Tunis"),
    ("GTB Standard Time", "Europe/Bucharest Europe/Athens Asia/Nicosia"),
    ("Egypt Standard Time", "Africa/Cairo"),
    (
        "FLE Standard Time",
        "Europe/Kiev Europe/Kyiv Europe/Helsinki Europe/Riga Europe/Tallinn Europe/Vilnius Europe/Sofia",
    ),
    ("South Africa Standard Time", "Africa/Johannesburg Africa/Harare Africa/Maputo"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Arab Standard Time", "Asia/Riyadh Asia/Kuwait Asia/Qatar"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("E. Africa Standard Time", "Africa/Nairobi Africa/Addis_Ababa"),
    ("Iran Standard Time", "Asia/Tehran"),
    ("Arabian Standard Time", "Asia/Dubai Asia/Muscat"),
    ("Afghanistan Standard Time", "Asia/Kabul"),
    ("Pakistan Standard Time", "Asia/Karachi"),
    ("India Standard Time", "Asia/Calcutta Asia/Kolkata"),
    ("Nepal Standard Time", "Asia/Katmandu Asia/Kathmandu"),
    ("Bangladesh Standard Time", "Asia/Dhaka"),
    ("SE Asia Standard Time", "Asia/Bangkok Asia/Jakarta Asia/Saigon Asia/Ho_Chi_Minh"),
    ("China Standard Time", "Asia/Shanghai Asia/Hong_Kong Asia/Macau"),
    ("Singapore Standard Time", "Asia/Singapore Asia/Kuala_Lumpur Asia/Manila"),
    ("Taipei Standard Time", "Asia/Taipei"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Cen. Australia Standard Time", "Australia/Adelaide"),
    ("AUS Central Standard Time", "Australia/Darwin"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("AUS Eastern Standard Time", "Australia/Sydney Australia/Melbourne"),
    ("Tasmania Standard Time", "Australia/Hobart"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
];

/// The zone that Windows calls so.
pub(crate) fn of_windows(name: &str) -> Option<TimeZone> {
    let (_, iana) = NAMES.iter().find(|(known, _)| *known == name)?;
    TimeZone::get(iana.split(' ').next()?).ok()
}

/// What Windows calls that zone; UTC if it has no name for it.
pub(crate) fn windows(zone: &TimeZone) -> &'static str {
    let name = zone.iana_name().unwrap_or("UTC");
    let found = NAMES.iter().find(|(_, iana)| iana.split(' ').any(|known| known == name));
    found.map_or("UTC", |(windows, _)| *windows)
}

pub(crate) fn is_utc(zone: &TimeZone) -> bool {
    zone.iana_name().is_none_or(|name| windows(zone) == "UTC" || name == "UTC")
        && zone.to_fixed_offset().is_ok()
}

/// The zone behind a `TZID`, which the object may define itself.
pub(crate) fn named(id: &str, object: &Component) -> Option<TimeZone> {
    let known = |id: &str| {
        // Some put what they are before the name: `/example.org/Europe/Lisbon`.
        let id = id.trim_start_matches('/');
        let tail = id.match_indices('/').rev().nth(1).and_then(|(at, _)| id.get(at + 1..));
        [Some(id), tail]
            .into_iter()
            .flatten()
            .find_map(|id| TimeZone::get(id).ok().or_else(|| of_windows(id)))
    };
    let definition =
        || object.within("VTIMEZONE").find(|zone| zone.value("TZID").is_some_and(|own| own == id));
    known(id)
        .or_else(|| known(definition()?.value("X-LIC-LOCATION")?))
        .or_else(|| TimeZone::posix(&posix(definition()?)?).ok())
}

/// A definition as POSIX writes zones, if it is as simple as that.
fn posix(zone: &Component) -> Option<String> {
    let offset = |text: &str| {
        let (sign, digits) = text.split_at_checked(1)?;
        // POSIX counts the other way round.
        let sign = if sign == "-" { "" } else { "-" };
        Some(format!("{sign}{}:{}", digits.get(..2)?, digits.get(2..4)?))
    };
    let last = |name: &str| zone.components.iter().rfind(|part| part.name == name);
    let standard = last("STANDARD")?;
    let mut text = format!("<STD>{}", offset(standard.value("TZOFFSETTO")?)?);
    let Some(daylight) = last("DAYLIGHT") else { return Some(text) };
    text += &format!("<DLT>{}", offset(daylight.value("TZOFFSETTO")?)?);
    for part in [daylight, standard] {
        let rule = part.value("RRULE")?;
        let of = |key: &str| rule.split(';').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        let (week, day) = of("BYDAY")?.split_at_checked(of("BYDAY")?.len().checked_sub(2)?)?;
        let day = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"].iter().position(|known| *known == day)?;
        let week = if week == "-1" { "5" } else { week.trim_start_matches('+') };
        let time = part.value("DTSTART")?.split_once('T')?.1;
        text += &format!(",M{}.{week}.{day}/{}:{}", of("BYMONTH")?, time.get(..2)?, time.get(2..4)?);
    }
    Some(text)
}

fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

/// The zone written out, with what changes from a year before that time to so many years after it.
fn define(zone: &TimeZone, id: &str, from: Timestamp, years: i64) -> Component {
    let mut definition = Component::new("VTIMEZONE");
    definition.set(Property::new("TZID", id));
    let at = from.to_zoned(TimeZone::UTC);
    let begin = at.checked_sub(1.year()).map_or(from, |at| at.timestamp());
    let end = at.checked_add(years.years()).map_or(from, |at| at.timestamp());
    let info = zone.to_offset_info(begin);
    let mut before = info.offset();
    let mut parts = vec![part(info.dst().is_dst(), info.abbreviation(), before, before, "19700101T000000")];
    for change in zone.following(begin).take_while(|change| change.timestamp() < end) {
        let local = before.to_datetime(change.timestamp()).strftime("%Y%m%dT%H%M%S").to_string();
        parts.push(part(change.dst().is_dst(), change.abbreviation(), before, change.offset(), &local));
        before = change.offset();
    }
    definition.components = parts;
    definition
}

fn part(dst: bool, name: &str, from: jiff::tz::Offset, to: jiff::tz::Offset, start: &str) -> Component {
    let mut part = Component::new(if dst { "DAYLIGHT" } else { "STANDARD" });
    part.set(Property::new("DTSTART", start));
    part.set(Property::new("TZOFFSETFROM", offset(from.seconds())));
    part.set(Property::new("TZOFFSETTO", offset(to.seconds())));
    part.set(Property::text("TZNAME", name));
    part
}

/// Adds the definitions of the zones that an object uses and does not define, as it has to.
pub(crate) fn complete(object: &mut Component, from: Timestamp) {
    let used = object.within("VEVENT").flat_map(|event| &event.properties);
    let mut ids: Vec<String> = used.filter_map(|p| p.parameter("TZID")).map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    let endless = object.within("VEVENT").any(|event| event.get("RRULE").is_some());
    for id in ids {
        let defined = object.within("VTIMEZONE").any(|zone| zone.value("TZID") == Some(id.as_str()));
        if let (false, Some(zone)) = (defined, named(&id, object)) {
            object.components.insert(0, define(&zone, &id, from, if endless { 10 } else { 2 }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_zone() {
        for (windows, iana) in NAMES {
            assert!(of_windows(windows).is_some(), "{windows}");
            for name in iana.split(' ') {
                let zone = TimeZone::get(name).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(super::windows(&zone), *windows, "{name}");
            }
        }
    }

    #[test]
    fn definitions_say_when_clocks_change() {
        let mut event = Component::new("VEVENT");
        event.set(Property::new("DTSTART", "20260328T090000").with("TZID", "Europe/Lisbon"));
        let mut object = Component::new("VCALENDAR");
        object.components.push(event);
        complete(&mut object, "2026-03-28T09:00:00Z".parse().unwrap());
        let text = object.write();
        for line in
            ["DTSTART:20260329T010000", "DTSTART:20261025T020000", "TZOFFSETTO:+0100", "BEGIN:DAYLIGHT"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn zones_of_the_object_s_own_are_understood() {
        let part = |name: &str, to: &str, start: &str, rule: &str| {
            format!(
                "BEGIN:{name}\nDTSTART:{start}\nTZOFFSETFROM:+0000\nTZOFFSETTO:{to}\nRRULE:FREQ=YEARLY;{rule}\nEND:{name}\n"
            )
        };
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Mine\n{}{}END:VTIMEZONE\nEND:VCALENDAR\n",
            part("STANDARD", "-0500", "16010101T020000", "BYDAY=1SU;BYMONTH=11"),
            part("DAYLIGHT", "-0400", "16010101T020000", "BYDAY=2SU;BYMONTH=3")
        );
        let object = Component::parse(&text).unwrap();
        let zone = named("Mine", &object).unwrap();
        for (time, seconds) in [("2026-01-01T00:00:00Z", -18000), ("2026-07-01T00:00:00Z", -14400)] {
            assert_eq!(zone.to_offset(time.parse().unwrap()).seconds(), seconds);
        }
        assert!(named("Nowhere", &object).is_none());
        assert!(named("/mozilla.org/20050126_1/Europe/Lisbon", &object).is_some());
    }
}
