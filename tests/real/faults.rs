//! What the probe says when real servers break, and that it is right again when they are mended.

use mailprobe_tests::{Auth, Config, Metrics, Probe, Testbed, User, books_agree, messages, secs};

const VIEWS: [&str; 2] = ["imap", "pop3"];

fn config(bed: &Testbed, alice: &User, bob: &User, times: &str) -> Config {
    let check =
        format!("roundtrip: {{ name: rt, from: alice, to: bob, send: smtp, views: [imap, pop3], {times} }}");
    bed.config("lisbon")
        .mailbox("alice", alice, &Auth::Password)
        .mailbox("bob", bob, &Auth::Password)
        .check(&check)
}

fn view(protocol: &str) -> [(&'static str, &str); 3] {
    [("check", "rt"), ("role", "view"), ("protocol", protocol)]
}

fn success(metrics: &Metrics, wanted: f64) -> bool {
    VIEWS.iter().all(|protocol| metrics.value("mailprobe_check_success", &view(protocol)) == Some(wanted))
}

fn fails_with(metrics: &Metrics, reason: &str) -> bool {
    VIEWS.iter().all(|protocol| {
        let [check, role, protocol] = view(protocol);
        metrics.has("mailprobe_check_failing", &[check, role, protocol, ("reason", reason)])
    })
}

fn in_each_view(metrics: &Metrics, what: &str, wanted: impl Fn(usize) -> bool) -> bool {
    VIEWS.iter().all(|protocol| wanted(messages(metrics, what, "rt", protocol)))
}

#[test]
fn dovecot_stopped_turns_the_views_red_and_they_come_back() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let mut probe = Probe::start(&config(&bed, &alice, &bob, "every: 1s, late_after: 5s, lost_after: 60s"));
    probe.wait_until("both views are good", secs(20), |metrics| success(metrics, 1.0));

    bed.stop_dovecot();
    probe.wait_until("both views are red: connect_refused", secs(20), |metrics| {
        success(metrics, 0.0) && fails_with(metrics, "connect_refused")
    });
    bed.start_dovecot();
    probe.wait_until("both views are good again", secs(60), |metrics| {
        success(metrics, 1.0) && !metrics.has("mailprobe_check_failing", &[("check", "rt")])
    });

    let (_, last) = probe.stop(secs(45));
    assert!(in_each_view(&last, "lost", |count| count == 0), "{last:?}");
    books_agree(&[&last], &bed, "rt", &alice, &bob, &VIEWS);
    bed.wait_until_empty(&[&alice, &bob]);
    assert_eq!(bed.refusals(&alice) + bed.refusals(&bob), 0);
}

#[test]
fn a_queue_held_for_40_seconds_is_late_and_not_lost() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let mut probe = Probe::start(&config(&bed, &alice, &bob, "every: 2s, late_after: 5s, lost_after: 120s"));
    probe.wait_until("both views are good", secs(20), |metrics| success(metrics, 1.0));

    bed.hold();
    probe.wait_until("both views are red: message_late", secs(20), |metrics| {
        success(metrics, 0.0)
            && fails_with(metrics, "message_late")
            && in_each_view(metrics, "late", |count| count > 0)
    });
    // Slots go on while messages are awaited: 40 s hold 20 of them.
    probe.holds_for("nothing is called lost", secs(30), |metrics| {
        in_each_view(metrics, "lost", |count| count == 0)
    });
    bed.release();
    let metrics = probe.wait_until("all has arrived and both views are good", secs(30), |metrics| {
        success(metrics, 1.0)
            && VIEWS.iter().all(|protocol| {
                metrics.sum("mailprobe_messages_in_flight", &[("check", "rt"), ("protocol", protocol)]) <= 1.0
            })
    });
    assert!(in_each_view(&metrics, "late", |count| count >= 10), "{metrics:?}");

    let (_, last) = probe.stop(secs(45));
    assert!(in_each_view(&last, "lost", |count| count == 0), "{last:?}");
    books_agree(&[&last], &bed, "rt", &alice, &bob, &VIEWS);
    bed.wait_until_empty(&[&alice, &bob]);
}

#[test]
fn a_bounce_is_recognised_counted_and_swept() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let mut probe = Probe::start(&config(&bed, &alice, &bob, "every: 2s, late_after: 10s, lost_after: 60s"));
    probe.wait_until("both views are good", secs(20), |metrics| success(metrics, 1.0));

    bed.command("bounce-on", &[&bob.name]);
    probe.wait_until("both views are red: message_bounced", secs(20), |metrics| {
        success(metrics, 0.0)
            && fails_with(metrics, "message_bounced")
            && in_each_view(metrics, "bounced", |count| count > 0)
    });
    bed.command("bounce-off", &[&bob.name]);
    probe.wait_until("both views are good again", secs(20), |metrics| success(metrics, 1.0));

    let (_, last) = probe.stop(secs(45));
    books_agree(&[&last], &bed, "rt", &alice, &bob, &VIEWS);
    bed.wait_until_empty(&[&alice, &bob]);
}

#[test]
fn a_refused_recipient_is_the_sender_s_failure() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let mut probe = Probe::start(&config(&bed, &alice, &bob, "every: 1s, late_after: 5s, lost_after: 60s"));
    probe.wait_until("both views are good", secs(20), |metrics| success(metrics, 1.0));
    bed.command("refuse-user", &[&bob.name]);
    let send = [("check", "rt"), ("role", "send")];
    probe.wait_until("the send lane is red: recipient_refused", secs(20), |metrics| {
        metrics.value("mailprobe_check_success", &send) == Some(0.0)
            && metrics.has("mailprobe_check_failing", &[("role", "send"), ("reason", "recipient_refused")])
            // Nothing was sent and the views are well: they are not judged.
            && VIEWS.iter().all(|protocol| !metrics.has("mailprobe_check_success", &view(protocol)))
    });
    bed.command("accept-user", &[&bob.name]);
    probe.wait_until("all is good again", secs(20), |metrics| {
        success(metrics, 1.0) && metrics.value("mailprobe_check_success", &send) == Some(1.0)
    });
    let (_, last) = probe.stop(secs(45));
    books_agree(&[&last], &bed, "rt", &alice, &bob, &VIEWS);
    bed.wait_until_empty(&[&alice, &bob]);
}

/// That the leftovers are swept takes their `lost_after` and five minutes more: `tests/soak/run --scenario kill` waits for it.
#[test]
fn what_a_killed_process_left_is_not_counted_by_the_next() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let config = config(&bed, &alice, &bob, "every: 1s, late_after: 5s, lost_after: 30s");
    let mut first = Probe::start(&config);
    first.wait_until("both views are good", secs(20), |metrics| success(metrics, 1.0));
    bed.hold();
    first.wait_until("two messages are in flight", secs(20), |metrics| {
        metrics.sum("mailprobe_messages_in_flight", &[("check", "rt"), ("protocol", "imap")]) >= 2.0
    });
    first.kill();
    bed.release();
    assert!(bed.messages(&bob) >= 2, "the leftovers are in the mailbox");

    let before = bed.books_between(&alice, &bob).len();
    let mut second = Probe::start(&config);
    second.wait_until("both views are good", secs(20), |metrics| {
        success(metrics, 1.0) && in_each_view(metrics, "received", |count| count >= 3)
    });
    let (_, last) = second.stop(secs(45));
    let own = bed.books_between(&alice, &bob).len() - before;
    assert_eq!(messages(&last, "sent", "rt", ""), own);
    for never in ["lost", "late", "duplicated", "resurfaced"] {
        assert!(in_each_view(&last, never, |count| count == 0), "{never}\n{last:?}");
    }
    assert!(in_each_view(&last, "received", |count| count == own), "{last:?}");
    // A predecessor is not a rival: its messages are older than this process.
    assert!(
        last.all("mailprobe_rival_probe", &[], 0.0) || !last.has("mailprobe_rival_probe", &[]),
        "{last:?}"
    );
}
