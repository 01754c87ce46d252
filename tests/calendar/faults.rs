//! Each fault has its reason, at the lane and the step that it belongs to; what is not to blame is not called so.

use std::collections::BTreeSet;

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{Metrics, secs};

use crate::stage::Stage;

/// Where, what, the check, and what each of its lanes comes to.
type Case = (Protocol, Fault, &'static str, &'static [Lane]);
/// Role and protocol, step and reason; without a reason it is good, `-` not judged.
type Lane = (&'static str, &'static str, &'static str, &'static str);

const ENTRY: &str = "calendar: { name: x, mailbox: alice, write: caldav, views: [caldav, ews], every: 5s, late_after: 600ms }";
/// A sign-in that hangs lets another of the same account go beside it after 3 s: a run has to have more time than that.
const ENTRY_PATIENT: &str =
    "calendar: { name: x, mailbox: alice, write: caldav, views: [caldav, ews], every: 10s, late_after: 1s }";
const ENTRY_EWS: &str =
    "calendar: { name: x, mailbox: alice, write: ews, views: [ews, caldav], every: 5s, late_after: 600ms }";
const SERIES_EWS: &str = "calendar: { name: x, mailbox: alice, write: ews, views: [ews, caldav], every: 5s, late_after: 600ms, \
     recurring: true }";
const MEETING: &str =
    "meeting: { name: x, organizer: alice, attendee: bob, protocol: caldav, every: 5s, late_after: 600ms }";
const MEETING_EWS: &str =
    "meeting: { name: x, organizer: alice, attendee: bob, protocol: ews, every: 5s, late_after: 600ms }";
const BUSY: &str = "free_busy: { name: x, mailbox: alice, of: bob, protocol: ews, write: caldav, every: 5s, late_after: 600ms }";

use Protocol::{Caldav, Ews};
#[rustfmt::skip]
const CASES: &[Case] = &[
    // One view shows another time.
    (Caldav, Fault::ShiftHour, SERIES_EWS, &[
        ("write", "ews", "", ""), ("view", "ews", "", ""), ("view", "caldav", "create", "calendar_shifted"),
    ]),
    (Ews, Fault::ShiftHour, ENTRY, &[
        ("write", "caldav", "", ""), ("view", "caldav", "", ""), ("view", "ews", "create", "calendar_shifted"),
    ]),
    // One view does not show it; the others do.
    (Caldav, Fault::Stale, ENTRY_EWS, &[
        ("write", "ews", "", ""), ("view", "ews", "", ""), ("view", "caldav", "create", "calendar_stale"),
    ]),
    (Ews, Fault::Stale, ENTRY, &[
        ("write", "caldav", "", ""), ("view", "caldav", "", ""), ("view", "ews", "create", "calendar_stale"),
    ]),
    // Who writes does not see it either; of a series not even as much as to move one of its days.
    (Ews, Fault::Stale, SERIES_EWS, &[
        ("write", "ews", "create", "calendar_conflict"), ("view", "ews", "", "-"), ("view", "caldav", "", "-"),
    ]),
    (Ews, Fault::Stale, ENTRY_EWS, &[
        ("write", "ews", "move", "calendar_lost"), ("view", "ews", "create", "calendar_stale"), ("view", "caldav", "", "-"),
    ]),
    (Caldav, Fault::DoubleEntry, ENTRY, &[
        ("write", "caldav", "move", "calendar_duplicated"),
        ("view", "caldav", "create", "calendar_duplicated"), ("view", "ews", "create", "calendar_duplicated"),
    ]),
    // One protocol is down; the others go on.
    (Ews, Fault::SignInUnavailable, ENTRY, &[
        ("write", "caldav", "", ""), ("view", "caldav", "", ""), ("view", "ews", "auth", "server_unavailable"),
    ]),
    (Ews, Fault::StallAfterAuth, ENTRY_PATIENT, &[
        ("write", "caldav", "", ""), ("view", "caldav", "", ""), ("view", "ews", "auth", "server_timeout"),
    ]),
    (Ews, Fault::SignInUnavailable, ENTRY_EWS, &[
        ("write", "ews", "auth", "server_unavailable"), ("view", "ews", "auth", "server_unavailable"),
        ("view", "caldav", "", "-"),
    ]),
    (Caldav, Fault::LoseInvitation, MEETING, &[
        ("write", "caldav", "", "-"), ("view", "caldav", "invite", "calendar_lost"),
    ]),
    (Ews, Fault::LoseInvitation, MEETING_EWS, &[
        ("write", "ews", "", "-"), ("view", "ews", "invite", "calendar_lost"),
    ]),
    (Caldav, Fault::LoseAnswer, MEETING, &[
        ("write", "caldav", "answer", "meeting_unanswered"), ("view", "caldav", "", "-"),
    ]),
    (Ews, Fault::LoseAnswer, MEETING_EWS, &[
        ("write", "ews", "answer", "meeting_unanswered"), ("view", "ews", "", "-"),
    ]),
    (Ews, Fault::Stale, BUSY, &[("write", "caldav", "", ""), ("check", "ews", "create", "free_busy_wrong")]),
    (Ews, Fault::SignInUnavailable, BUSY, &[
        ("write", "caldav", "", "-"), ("check", "ews", "auth", "server_unavailable"),
    ]),
];

fn shows(metrics: &Metrics, lanes: &[Lane]) -> bool {
    lanes.iter().all(|(role, protocol, step, reason)| {
        let lane = [("role", *role), ("protocol", *protocol)];
        let success = metrics.value("mailprobe_check_success", &lane);
        match *reason {
            "" => success == Some(1.0),
            "-" => {
                success.is_none()
                    && metrics.sum("mailprobe_checks_skipped_total", &with(&lane, "why", "unjudged")) > 0.0
            }
            reason => {
                let why = [lane[0], lane[1], ("step", *step), ("reason", reason)];
                metrics.value("mailprobe_check_failing", &why) == Some(1.0)
            }
        }
    })
}

fn with<'a>(lane: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    [lane, &[(name, value)]].concat()
}

#[test]
fn each_fault_has_its_reason_at_its_lane_and_heals() {
    std::thread::scope(|scope| {
        for case in CASES {
            scope.spawn(move || one(case));
        }
    });
}

fn one((protocol, fault, check, lanes): &Case) {
    let mut stage = Stage::new();
    let strangers = stage.strangers();
    stage.scene.check(check);
    let mut probe = stage.scene.start();
    let what = format!("{protocol} {fault}: {check}");
    probe.wait_until(&format!("at first it is well: {what}"), secs(30), |metrics| {
        metrics.has("mailprobe_check_success", &[]) && metrics.all("mailprobe_check_success", &[], 1.0)
    });
    // Right after a run: the next one begins with it.
    let runs = |metrics: &Metrics| metrics.sum("mailprobe_check_runs_total", &[]);
    let so_far = runs(&probe.metrics());
    let per_run = lanes.len() as f64;
    probe.wait_until("a run ends", secs(30), |metrics| runs(metrics) >= so_far + per_run);
    stage.fault(*protocol, Some(fault.clone()));
    probe.wait_until(&what, secs(30), |metrics| shows(metrics, lanes));
    stage.fault(*protocol, None);
    probe.wait_until(&format!("it is well again: {what}"), secs(60), |metrics| {
        metrics.has("mailprobe_check_success", &[]) && metrics.all("mailprobe_check_success", &[], 1.0)
    });
    let (status, last) = probe.stop(secs(30));
    assert!(status.success(), "{status}");
    let reasons: BTreeSet<_> = last
        .labels("mailprobe_check_failure_reasons_total", &[])
        .into_iter()
        .filter_map(|mut labels| labels.remove("reason"))
        .collect();
    let expected: BTreeSet<_> = lanes.iter().map(|(.., reason)| reason.trim_matches('-')).collect();
    let unexpected: Vec<_> = reasons.iter().filter(|reason| !expected.contains(&***reason)).collect();
    assert!(unexpected.is_empty(), "{what}: {unexpected:?} too\n{}", probe.log());
    assert_eq!(stage.left(), strangers, "{what}\n{}", probe.log());
}
