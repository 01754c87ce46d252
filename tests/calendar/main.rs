//! Calendars whole: the checks `calendar`, `meeting` and `free_busy` as a process, against the sandbox.

mod faults;
mod killed;
mod stage;

use mailprobe_tests::{Metrics, secs};
use stage::{CHECKS, Stage};

/// Each change that each lane awaits.
const SEEN: &[(&str, &str, &[&str])] = &[
    ("entry", "caldav", ENTRY),
    ("entry", "ews", ENTRY),
    ("series", "caldav", ENTRY),
    ("series", "ews", ENTRY),
    ("entry-ews", "caldav", ENTRY),
    ("entry-ews", "ews", ENTRY),
    ("series-ews", "caldav", ENTRY),
    ("series-ews", "ews", ENTRY),
    ("meet", "caldav", MEETING),
    ("meet-ews", "ews", MEETING),
    ("meet-mixed", "ews", &["answer"]),
    ("meet-mixed", "caldav", &["invite", "move", "cancel"]),
    ("mailed", "ews", &["answer"]),
    ("mailed", "imap", &["invite", "move", "cancel"]),
    ("mailing", "imap", &["answer"]),
    ("mailing", "ews", &["invite", "move", "cancel"]),
    ("mailed-dav", "caldav", &["answer"]),
    ("mailed-dav", "imap", &["invite", "move", "cancel"]),
    ("mails", "imap", MEETING),
];
const ENTRY: &[&str] = &["create", "move", "relocate", "delete"];
const MEETING: &[&str] = &["invite", "answer", "move", "cancel"];

fn seen(metrics: &Metrics, check: &str, protocol: &str, action: &str) -> f64 {
    let labels = [("check", check), ("protocol", protocol), ("action", action)];
    metrics.sum("mailprobe_calendar_seconds_count", &labels)
}

fn all_good(metrics: &Metrics) -> bool {
    CHECKS.iter().all(|(check, _)| {
        let lanes = [("check", *check)];
        metrics.has("mailprobe_check_success", &lanes) && metrics.all("mailprobe_check_success", &lanes, 1.0)
    })
}

#[test]
fn every_change_is_seen_and_nothing_is_left() {
    let mut stage = Stage::new();
    let strangers = stage.strangers();
    CHECKS.iter().for_each(|(_, check)| stage.scene.check(check));
    let mut probe = stage.scene.start();
    probe.wait_until("three runs of each are well", secs(60), |metrics| {
        all_good(metrics)
            && SEEN.iter().all(|(check, protocol, actions)| {
                actions.iter().all(|action| seen(metrics, check, protocol, action) >= 3.0)
            })
    });
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    for what in ["failures_total", "failure_reasons_total"] {
        assert_eq!(last.sum(&format!("mailprobe_check_{what}"), &[]), 0.0, "{}", probe.log());
    }
    let swept: Vec<_> = last
        .text()
        .lines()
        .filter(|line| line.starts_with("mailprobe_messages_swept_total{") && !line.ends_with(" 0"))
        .collect();
    assert_eq!(swept, [""; 0], "each run took its own away");
    assert_eq!(last.sum("mailprobe_cleanup_failures_total", &[]), 0.0, "{}", probe.log());
    assert_eq!(stage.left(), strangers, "{}", probe.log());
}

/// What people would see of it while it is there.
#[test]
fn a_test_entry_disturbs_nobody() {
    let mut stage = Stage::new();
    stage.scene.check(
        "calendar: { name: entry, mailbox: alice, write: caldav, views: [caldav], every: 1s, zone: Europe/Lisbon }",
    );
    stage.scene.check(
        "calendar: { name: series, mailbox: bob, write: caldav, views: [caldav], recurring: true, every: 1s, zone: UTC }",
    );
    let probe = stage.scene.start();
    let (mut single, mut series) = (None, None);
    mailprobe_tests::wait_until("an entry and a series are caught while they are there", secs(30), || {
        let sandbox = stage.service.sandbox();
        single = single.take().or_else(|| sandbox.calendar("alice").pop());
        series = series.take().or_else(|| sandbox.calendar("bob").pop());
        single.is_some() && series.is_some()
    });
    drop(probe);
    let day = jiff::SignedDuration::from_hours(24);
    let now = jiff::Timestamp::now();
    for entry in [single.as_ref().unwrap(), series.as_ref().unwrap()] {
        assert!(entry.start > now + day, "a day or more ahead: {entry:?}");
        assert!(entry.occurrences.iter().all(|at| *at < now + day * 7), "within a week: {entry:?}");
        assert_eq!((&*entry.busy, &*entry.class, entry.reminder), ("Free", "PRIVATE", false), "{entry:?}");
        let token = entry.subject.strip_prefix("[mailprobe] ").expect("the prefix");
        assert_eq!(token.len(), 60);
        assert!(entry.uid.starts_with(token), "{entry:?}");
        assert!(entry.extra.iter().any(|(_, value)| value == token), "an X- property: {:?}", entry.extra);
    }
    assert_eq!(single.unwrap().zone, "Europe/Lisbon");
    let series = series.unwrap();
    assert_eq!(series.occurrences.len(), 4);
    let steps: Vec<_> =
        series.occurrences.windows(2).map(|two| two[1].duration_since(two[0]).as_hours()).collect();
    assert_eq!(steps, [24, 25, 23], "one of them is moved by an hour");
}

/// `MAILPROBE_RUNS` says how many.
#[test]
fn many_runs_leave_nothing() {
    let count = std::env::var("MAILPROBE_RUNS").map_or(200.0, |count| count.parse().expect("a number"));
    let mut stage = Stage::new();
    let strangers = stage.strangers();
    for n in 0..5 {
        for (mailbox, more) in [
            ("alice", "write: caldav, views: [ews]"),
            ("bob", "write: ews, views: [caldav], recurring: true"),
        ] {
            stage.scene.check(&format!(
                "calendar: {{ name: {mailbox}-{n}, mailbox: {mailbox}, {more}, every: 1s }}"
            ));
        }
    }
    let mut probe = stage.scene.start();
    let runs = |metrics: &Metrics| metrics.sum("mailprobe_check_runs_total", &[("role", "write")]);
    probe.wait_until("so many runs", secs(300), |metrics| runs(metrics) >= count);
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    assert_eq!(last.sum("mailprobe_check_failures_total", &[]), 0.0, "{}", probe.log());
    assert_eq!(stage.left(), strangers, "{}", probe.log());
    assert!(runs(&last) >= count);
}

/// An invitation, a change, a cancellation: what a run cannot send to its end it does not begin to send.
#[test]
fn a_meeting_keeps_within_the_limits_of_who_sends() {
    let mut stage = Stage::limited("limits: { messages_per_day: 7 }");
    stage.scene.check("meeting: { name: meet, organizer: alice, attendee: bob, protocol: ews, every: 1s }");
    let mut probe = stage.scene.start();
    let counted = |metrics: &Metrics, what: &str, more: (&str, &str)| {
        metrics.sum(&format!("mailprobe_check{what}_total"), &[("check", "meet"), ("role", "write"), more])
    };
    probe.wait_until("there is nothing left to be sent", secs(30), |metrics| {
        counted(metrics, "s_skipped", ("why", "limited")) >= 2.0
    });
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    assert_eq!(counted(&last, "_runs", ("protocol", "ews")), 2.0, "{}", probe.log());
    assert_eq!(stage.service.sandbox().counts().accepted, 8, "three and one, twice");
}
