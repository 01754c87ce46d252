//! How Exchange's properties stand in iCalendar.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    calendar::ical::{Component, Property},
    ews::fields::Key,
};

/// What exchange calls an answer, and what iCalendar does.
const RESPONSES: [(&str, &str); 4] = [
    ("Accept", "ACCEPTED"),
    ("Tentative", "TENTATIVE"),
    ("Decline", "DECLINED"),
    ("NoResponseReceived", "NEEDS-ACTION"),
];

pub(super) const SENSITIVITIES: [(&str, &str); 4] = [
    ("Normal", "PUBLIC"),
    ("Personal", "X-PERSONAL"),
    ("Private", "PRIVATE"),
    ("Confidential", "CONFIDENTIAL"),
];

pub(super) const IMPORTANCES: [(&str, &str); 3] = [("Normal", "5"), ("High", "1"), ("Low", "9")];

/// Where the lists of those who take part stand, with role and kind.
pub(super) const ROLES: [(&str, &str, &str); 3] = [
    ("RequiredAttendees", "REQ-PARTICIPANT", "INDIVIDUAL"),
    ("OptionalAttendees", "OPT-PARTICIPANT", "INDIVIDUAL"),
    ("Resources", "NON-PARTICIPANT", "RESOURCE"),
];

pub(super) fn response(answer: Option<&str>) -> &'static str {
    let answer = answer.unwrap_or("NEEDS-ACTION");
    RESPONSES.iter().find(|(_, known)| *known == answer).map_or("Unknown", |(name, _)| *name)
}

pub(super) fn sensitivity(event: &Component) -> &'static str {
    let class = event.value("CLASS").unwrap_or("PUBLIC").to_ascii_uppercase();
    SENSITIVITIES.iter().find(|(_, known)| *known == class).map_or("Private", |(name, _)| *name)
}

pub(super) fn importance(event: &Component) -> &'static str {
    match event.value("PRIORITY").and_then(|value| value.trim().parse::<u8>().ok()) {
        Some(1..=4) => "High",
        Some(6..=9) => "Low",
        _ => "Normal",
    }
}

pub(super) fn role(attendee: &Property) -> &'static str {
    match (attendee.parameter("CUTYPE"), attendee.parameter("ROLE")) {
        (Some("RESOURCE" | "ROOM"), _) => "Resources",
        (_, Some("OPT-PARTICIPANT" | "NON-PARTICIPANT")) => "OptionalAttendees",
        _ => "RequiredAttendees",
    }
}

/// How many minutes before it begins an alarm rings.
pub(super) fn minutes(alarm: Option<&Component>) -> i64 {
    let before = alarm.and_then(|alarm| alarm.value("TRIGGER")).and_then(crate::calendar::when::duration);
    before.map_or(15, |before| -before.as_secs() / 60)
}

pub(super) fn alarm(minutes: i64) -> Component {
    let mut alarm = Component::new("VALARM");
    alarm.set(Property::new("ACTION", "DISPLAY"));
    alarm.set(Property::new("DESCRIPTION", "Reminder"));
    alarm.set(Property::new("TRIGGER", format!("-PT{minutes}M")));
    alarm
}

/// What an identifier of a meeting begins with (MS-OXOCAL, PidLidGlobalObjectId).
const GLOBAL: &str = "040000008200E00074C5B7101A82E008";

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?)).collect()
}

fn unhex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A new UID as Exchange makes them.
pub(super) fn new_uid() -> String {
    let guid = crate::http::guid().replace('-', "").to_uppercase();
    let ticks =
        u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default() * 10 + 116_444_736_000_000_000;
    let time = unhex(&ticks.to_le_bytes());
    format!("{GLOBAL}00000000{time}000000000000000010000000{guid}")
}

/// The GlobalObjectId behind a UID; for an occurrence, with its day.
pub(super) fn global_object_id(uid: &str, original: Option<Timestamp>) -> Vec<u8> {
    let own = uid.get(..GLOBAL.len()).is_some_and(|head| head.eq_ignore_ascii_case(GLOBAL))
        && uid.len().is_multiple_of(2);
    let mut bytes = own.then(|| hex(uid)).flatten().unwrap_or_else(|| {
        let data = [b"vCal-Uid\x01\0\0\0", uid.as_bytes(), b"\0"].concat();
        let length = u32::try_from(data.len()).unwrap_or_default().to_le_bytes();
        [&hex(GLOBAL).unwrap_or_default()[..], &[0; 20], &length, &data].concat()
    });
    if let (Some(original), Some(day)) = (original, bytes.get_mut(16..20)) {
        let date = original.to_zoned(TimeZone::UTC).date();
        let year = date.year().to_be_bytes();
        day.copy_from_slice(&[year[0], year[1], date.month().unsigned_abs(), date.day().unsigned_abs()]);
    }
    bytes
}

/// The UID that a GlobalObjectId stands for.
pub(super) fn uid_of(global: &[u8]) -> Option<String> {
    let mut bytes = global.to_vec();
    bytes.get_mut(16..20)?.fill(0);
    let data = bytes.get(40..)?;
    match data.strip_prefix(b"vCal-Uid\x01\0\0\0") {
        Some(uid) => String::from_utf8(uid.strip_suffix(b"\0").unwrap_or(uid).to_vec()).ok(),
        None => Some(unhex(&bytes)),
    }
}

/// Whether a property is PidLidGlobalObjectId (3) or PidLidCleanGlobalObjectId (0x23).
pub(super) fn is_global(key: &Key) -> Option<bool> {
    let Key::Named(set, name) = key else { return None };
    let meeting = set == "Meeting" || set.eq_ignore_ascii_case("6ED8DA90-450B-101B-98DA-00AA003F1305");
    match name.as_str() {
        "0x0003" if meeting => Some(true),
        "0x0023" if meeting => Some(false),
        _ => None,
    }
}

/// Where a property of a client's own is kept: under its name if iCalendar has it so, or under its key.
pub(super) fn place(key: &Key) -> (String, Option<String>) {
    match key {
        Key::Named(_, name) | Key::Header(name)
            if name.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("x-"))
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') =>
        {
            (name.to_ascii_uppercase(), None)
        }
        Key::Named(set, name) => ("X-SANDBOX-EXTENDED".to_owned(), Some(format!("{set}/{name}"))),
        Key::Header(name) => ("X-SANDBOX-EXTENDED".to_owned(), Some(format!("header/{name}"))),
        Key::Tag(tag) => ("X-SANDBOX-EXTENDED".to_owned(), Some(format!("{tag:#06x}"))),
    }
}

/// A property by one of its MAPI names.
pub(super) fn extended(event: &Component, key: &Key, original: Option<Timestamp>) -> Option<String> {
    if let Some(with_day) = is_global(key) {
        let original = original.filter(|_| with_day);
        return Some(STANDARD.encode(global_object_id(event.value("UID")?, original)));
    }
    let (name, mark) = place(key);
    let found = event.all(&name).find(|property| property.parameter("X-KEY") == mark.as_deref());
    found.map(|property| crate::calendar::ical::unescape(&property.value))
}

/// Keeps a property of a client's own, or forgets it.
pub(super) fn keep(event: &mut Component, key: &Key, value: Option<&str>) {
    let (name, mark) = place(key);
    event.properties.retain(|p| p.name != name || p.parameter("X-KEY") != mark.as_deref());
    if let Some(value) = value {
        let mut property = Property::text(&name, value);
        if let Some(mark) = mark {
            property.set("X-KEY", &mark);
        }
        event.properties.push(property);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_and_global_object_ids_stand_for_each_other() {
        for uid in ["One-1@example.org".to_owned(), new_uid()] {
            let bytes = global_object_id(&uid, None);
            assert_eq!(unhex(&bytes[..16]), GLOBAL);
            assert_eq!(uid_of(&bytes), Some(uid.clone()), "{uid}");
            let day = global_object_id(&uid, "2026-11-22T09:00:00Z".parse().ok());
            assert_eq!(day[16..20], [0x07, 0xEA, 11, 22]);
            assert_eq!(uid_of(&day), Some(uid));
        }
        assert_eq!(new_uid().len(), 112);
        assert_eq!(uid_of(b"short"), None);
    }
}
