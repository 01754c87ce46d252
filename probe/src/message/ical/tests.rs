use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Method, answered, build, busy_request, read, read_busy};
use crate::protocol::Status;
use crate::protocol::calendar::{Answer, Draft, Repeat, Time};

fn utc(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().into()
}

fn years() -> Range<SystemTime> {
    utc("2020-01-01T00:00Z")..utc("2035-01-01T00:00Z")
}

fn draft(zone: &str, start: &str, minutes: u64) -> Draft {
    Draft {
        uid: "uid-1@probe.test".into(),
        subject: "a subject; with, all \\ of it: ünal €".into(),
        place: "a place".into(),
        time: Time {
            zone: zone.into(),
            start: start.parse().unwrap(),
            length: Duration::from_secs(minutes * 60),
            all_day: false,
        },
        status: Status::Free,
        repeat: None,
        invited: None,
    }
}

fn written(draft: &Draft) -> String {
    build(draft, "alice@probe.test", 0, utc("2026-11-22T08:00Z")).unwrap()
}

/// What is written reads back as the same, also where only the object itself knows the zone.
fn reads_back(draft: &Draft) {
    let floating = TimeZone::get(&draft.time.zone).unwrap();
    let text = written(draft);
    let strange = text.replace(&format!("TZID={}", draft.time.zone), "TZID=Nobody's");
    let strange = strange.replace(&format!("TZID:{}", draft.time.zone), "TZID:Nobody's");
    for text in [text, strange] {
        for line in text.split("\r\n") {
            assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
        }
        let found = read(&text, &years(), &floating).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(found.spans, draft.spans().unwrap(), "{text}");
        assert_eq!((found.uid.as_str(), found.subject.as_str()), (&*draft.uid, &*draft.subject), "{text}");
        assert_eq!((found.place.as_str(), found.status), (&*draft.place, draft.status), "{text}");
        assert_eq!((found.method, found.cancelled), (None, false));
        assert!(text.contains("CLASS:PRIVATE\r\n") && !text.contains("VALARM"), "{text}");
    }
}

#[test]
fn the_days_when_clocks_change() {
    let cases = [
        ("Europe/Lisbon", "2027-03-28T00:30", 60),
        // It does not exist.
        ("Europe/Lisbon", "2027-03-28T01:30", 60),
        ("Europe/Lisbon", "2026-10-25T00:30", 45),
        // It ends in the second hour of that name.
        ("Europe/Lisbon", "2026-10-25T00:30", 120),
        ("Europe/Lisbon", "2026-10-25T01:30", 60),
        ("America/New_York", "2027-03-14T01:30", 60),
        ("America/New_York", "2026-11-01T00:30", 120),
        ("America/New_York", "2026-11-01T01:30", 240),
        ("UTC", "2026-11-01T01:30", 240),
        ("Asia/Kathmandu", "2026-11-01T01:30", 30),
        ("Australia/Lord_Howe", "2026-10-04T02:10", 30),
    ];
    for (zone, start, minutes) in cases {
        let mut draft = draft(zone, start, minutes);
        reads_back(&draft);
        draft.repeat = Some(Repeat { days: 4, moved: None });
        reads_back(&draft);
        draft.time.start = draft.time.start.saturating_sub(jiff::Span::new().days(1));
        let to = draft.time.nth_day(2).saturating_add(jiff::Span::new().minutes(30));
        draft.repeat = Some(Repeat { days: 4, moved: Some((2, to)) });
        reads_back(&draft);
        draft.time = Time {
            start: draft.time.start.date().to_datetime(jiff::civil::Time::midnight()),
            length: Duration::from_secs(86_400),
            all_day: true,
            ..draft.time
        };
        draft.repeat = Some(Repeat { days: 3, moved: None });
        reads_back(&draft);
    }
}

const ZONES: &[&str] = &[
    "Europe/Lisbon",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Apia",
    "Africa/Monrovia",
];
const STATES: &[Status] = &[Status::Free, Status::Tentative, Status::Busy, Status::Away, Status::Elsewhere];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_written_reads_back(
        (zone, status) in (0..ZONES.len(), 0..STATES.len()),
        at in 0_i64..(6 * 366 * 24 * 12),
        // Near a change of the clock, half of the time.
        near in proptest::option::of((0_usize..12, -300_i64..300)),
        minutes in 5_u64..3_000,
        whole in proptest::option::weighted(0.2, 1_u64..4),
        repeat in proptest::option::of((1_u32..8, proptest::option::of((0_u32..8, -300_i64..300)))),
        text in "[ -~äöü€😀]{0,120}",
    ) {
        let zone_name = ZONES[zone];
        let zone = TimeZone::get(zone_name).unwrap();
        let begin = "2024-01-01T00:00Z".parse::<Timestamp>().unwrap();
        let mut at = begin + jiff::SignedDuration::from_mins(at * 5);
        if let Some((which, minutes)) = near
            && let Some(change) = zone.following(begin).nth(which)
        {
            at = change.timestamp() + jiff::SignedDuration::from_mins(minutes);
        }
        let mut draft = draft(zone_name, "2024-01-01T00:00", minutes);
        draft.time.start = zone.to_datetime(at);
        draft.status = STATES[status];
        draft.subject = text.trim().into();
        draft.place = text.trim().chars().rev().collect::<String>().trim().into();
        if let Some(days) = whole {
            draft.time.start = draft.time.start.date().to_datetime(jiff::civil::Time::midnight());
            draft.time.length = Duration::from_secs(days * 86_400);
            draft.time.all_day = true;
        }
        draft.repeat = repeat.map(|(days, moved)| Repeat {
            days,
            moved: moved.filter(|(which, _)| *which < days && whole.is_none()).map(|(which, minutes)| {
                (which, draft.time.nth_day(which).saturating_add(jiff::Span::new().minutes(minutes)))
            }),
        });
        reads_back(&draft);
    }

    #[test]
    fn nothing_that_comes_off_the_wire_panics(
        noise in "(BEGIN:|END:|VCALENDAR|VEVENT|VTIMEZONE|STANDARD|\r\n|DTSTART|RRULE|;TZID=|:|FREQ=DAILY|20260101T000000|P1D|[ -~]){0,60}",
    ) {
        read(&noise, &years(), &TimeZone::UTC).ok();
        read_busy(&noise).ok();
        let inside = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\n{noise}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        read(&inside, &years(), &TimeZone::UTC).ok();
        answered(&inside, &BTreeSet::new(), Answer::Accepted, SystemTime::UNIX_EPOCH).ok();
    }
}

fn object(inner: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inner}END:VCALENDAR\r\n")
}

fn event(times: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:s\r\n{times}\r\nEND:VEVENT\r\n")
}

const OWN_ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:Europe/Lisbon\r\n\
    BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0500\r\nTZOFFSETTO:+0400\r\n\
    RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n\
    BEGIN:DAYLIGHT\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0400\r\nTZOFFSETTO:+0500\r\n\
    RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n";

#[test]
fn times_are_read_in_every_form() {
    let outlook = OWN_ZONE.replace("Europe/Lisbon", "Somebody's own");
    let cases: &[(&str, &str, &str)] = &[
        ("", "DTSTART:20260701T080000Z\r\nDTEND:20260701T090000Z", "2026-07-01T08:00Z/2026-07-01T09:00Z"),
        ("", "DTSTART:20260701T080000Z\r\nDURATION:PT1H30M", "2026-07-01T08:00Z/2026-07-01T09:30Z"),
        ("", "DTSTART:20260701T080000Z", "2026-07-01T08:00Z/2026-07-01T08:00Z"),
        // Floating, and whole days: in the zone of who looks.
        ("", "DTSTART:20260701T080000\r\nDURATION:P1D", "2026-07-01T07:00Z/2026-07-02T07:00Z"),
        ("", "DTSTART;VALUE=DATE:20260701", "2026-06-30T23:00Z/2026-07-01T23:00Z"),
        (
            "",
            "DTSTART;VALUE=DATE:20260701\r\nDTEND;VALUE=DATE:20260703",
            "2026-06-30T23:00Z/2026-07-02T23:00Z",
        ),
        (
            "",
            "DTSTART;TZID=Europe/Berlin:20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T06:00Z/2026-07-01T07:00Z",
        ),
        (
            "",
            "DTSTART;TZID=\"W. Europe Standard Time\":20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T06:00Z/2026-07-01T07:00Z",
        ),
        (
            "",
            "DTSTART;TZID=GMT Standard Time:20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T07:00Z/2026-07-01T08:00Z",
        ),
        (
            "",
            "dtstart;tzid=Eastern Standard Time:20260701T080000\r\nduration:PT1H",
            "2026-07-01T12:00Z/2026-07-01T13:00Z",
        ),
        (
            "",
            "DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T06:00Z/2026-07-01T07:00Z",
        ),
        // What the object says of a zone wins over what everybody knows of it.
        (
            OWN_ZONE,
            "DTSTART;TZID=Europe/Lisbon:20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T03:00Z/2026-07-01T04:00Z",
        ),
        (
            &outlook,
            "DTSTART;TZID=Somebody's own:20261201T080000\r\nDURATION:PT1H",
            "2026-12-01T04:00Z/2026-12-01T05:00Z",
        ),
        // One that cannot be read, of a name that everybody knows.
        (
            "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:x\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n",
            "DTSTART;TZID=Europe/Berlin:20260701T080000\r\nDURATION:PT1H",
            "2026-07-01T06:00Z/2026-07-01T07:00Z",
        ),
        (
            "",
            "DTSTART:20260701T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,FR;COUNT=3",
            "2026-07-01T08:00Z/2026-07-01T09:00Z 2026-07-03T08:00Z/2026-07-03T09:00Z 2026-07-15T08:00Z/2026-07-15T09:00Z",
        ),
        (
            "",
            "DTSTART:20260701T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;UNTIL=20260703T080000Z\r\nEXDATE:20260702T080000Z",
            "2026-07-01T08:00Z/2026-07-01T09:00Z 2026-07-03T08:00Z/2026-07-03T09:00Z",
        ),
        (
            "",
            "DTSTART;VALUE=DATE:20260701\r\nRRULE:FREQ=DAILY;UNTIL=20260702",
            "2026-06-30T23:00Z/2026-07-01T23:00Z 2026-07-01T23:00Z/2026-07-02T23:00Z",
        ),
    ];
    let lisbon = TimeZone::get("Europe/Lisbon").unwrap();
    for (zone, times, expected) in cases {
        let text = object(&format!("{zone}{}", event(times)));
        let found = read(&text, &years(), &lisbon).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let expected: Vec<_> = expected
            .split_whitespace()
            .map(|span| span.split_once('/').map(|(start, end)| utc(start)..utc(end)).unwrap())
            .collect();
        assert_eq!(found.spans, expected, "{times}");
    }
}

#[test]
fn what_is_no_entry_is_refused_and_an_endless_one_is_bounded() {
    let deep = format!("BEGIN:VCALENDAR\r\n{}", "BEGIN:VEVENT\r\n".repeat(100_000));
    let start = "DTSTART:20260701T080000Z";
    let cases = [
        "",
        "<html>",
        "BEGIN:VCALENDAR\r\n",
        &deep,
        &"x".repeat(2 << 20),
        &object(""),
        &object(&event("")),
        &object(&event("DTSTART:yesterday")),
        &object(&event("DTSTART;TZID=Nobody's:20260701T080000")),
        &object(&event(&format!("{start}\r\nRRULE:FREQ=SECONDLY"))),
        &object(&event(&format!("{start}\r\nDURATION:P"))),
        &object(&event(start)).replace("END:VEVENT", "END:VTODO"),
        &object(&(event(start) + &event(start).replace("UID:1", "UID:2"))),
    ];
    for text in cases {
        assert!(read(text, &years(), &TimeZone::UTC).is_err(), "{text:.200}");
    }
    let endless = object(&event("DTSTART:20000101T000000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY"));
    let week = utc("2026-07-01T00:00Z")..utc("2026-07-08T00:00Z");
    assert_eq!(read(&endless, &week, &TimeZone::UTC).unwrap().spans.len(), 7);
}

#[test]
fn an_invitation_is_answered_by_who_is_invited_and_by_nobody_else() {
    let mut draft = draft("Europe/Lisbon", "2026-12-01T10:00", 60);
    draft.invited = Some("Bob@Probe.test".into());
    let text = written(&draft);
    let found = read(&text, &years(), &TimeZone::UTC).unwrap();
    assert_eq!(found.organizer.as_deref(), Some("alice@probe.test"));
    assert_eq!(found.answers.get("bob@probe.test"), Some(&Answer::Nothing));
    let own = |address: &str| BTreeSet::from([address.to_owned()]);
    let now = utc("2026-11-23T08:00Z");
    for answer in [Answer::Tentative, Answer::Accepted, Answer::Declined] {
        let text = answered(&text, &own("bob@probe.test"), answer, now).unwrap().unwrap();
        let said = read(&text, &years(), &TimeZone::UTC).unwrap();
        assert_eq!(said.answers.get("bob@probe.test"), Some(&answer), "{text}");
        assert_eq!((said.spans, said.subject), (found.spans.clone(), found.subject.clone()), "{text}");
    }
    assert_eq!(answered(&text, &own("carol@probe.test"), Answer::Accepted, now).unwrap(), None);
    assert!(answered("<html>", &own("bob@probe.test"), Answer::Accepted, now).is_err());
    for (word, method) in [
        ("REQUEST", Method::Request),
        ("REPLY", Method::Reply),
        ("CANCEL", Method::Cancel),
        ("ADD", Method::Other),
    ] {
        let sent = text.replace("VERSION:2.0\r\n", &format!("VERSION:2.0\r\nMETHOD:{word}\r\n"));
        let found = read(&sent, &years(), &TimeZone::UTC).unwrap();
        assert_eq!((found.method, found.cancelled), (Some(method), word == "CANCEL"), "{sent}");
    }
}

#[test]
fn busy_times_are_asked_for_and_read() {
    let span = utc("2026-12-01T00:00Z")..utc("2026-12-02T00:00Z");
    let asked = busy_request("1", "alice@probe.test", "bob@probe.test", &span, span.start).unwrap();
    for line in
        ["METHOD:REQUEST", "BEGIN:VFREEBUSY", "DTSTART:20261201T000000Z", "ATTENDEE:mailto:bob@probe.test"]
    {
        assert!(asked.contains(&format!("{line}\r\n")), "{asked}");
    }
    assert_eq!(read_busy(&asked).unwrap(), []);
    let told = object(
        "BEGIN:VFREEBUSY\r\nFREEBUSY:20261201T100000Z/PT1H,20261201T120000Z/20261201T123000Z\r\n\
         FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261201T140000Z/PT15M\r\nEND:VFREEBUSY\r\n",
    );
    let found = read_busy(&told).unwrap();
    let spans: Vec<_> = found.iter().map(|busy| (busy.span.start, busy.span.end, busy.status)).collect();
    assert_eq!(
        spans,
        [
            (utc("2026-12-01T10:00Z"), utc("2026-12-01T11:00Z"), Status::Busy),
            (utc("2026-12-01T12:00Z"), utc("2026-12-01T12:30Z"), Status::Busy),
            (utc("2026-12-01T14:00Z"), utc("2026-12-01T14:15Z"), Status::Tentative),
        ]
    );
    assert!(read_busy(&object("")).is_err(), "no VFREEBUSY at all");
}
