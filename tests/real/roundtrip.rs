//! Round trips against real Postfix and Dovecot: green, counted as the servers count, and leaving nothing behind.

use mailprobe_tests::{Auth, Metrics, Probe, Testbed, books_agree, messages, secs};

const CHECK: &str = "roundtrip: { name: rt, from: alice, to: bob, send: smtp, views: [imap, pop3], every: 1s, \
                     late_after: 10s, lost_after: 30s }";

fn green(metrics: &Metrics) -> bool {
    ["imap", "pop3"].iter().all(|protocol| {
        metrics.value("mailprobe_check_success", &[("check", "rt"), ("role", "view"), ("protocol", protocol)])
            == Some(1.0)
            && messages(metrics, "received", "rt", protocol) >= 3
    }) && metrics.value("mailprobe_check_success", &[("check", "rt"), ("role", "send")]) == Some(1.0)
}

fn goes_round(mail_service: &str) {
    let bed = Testbed::shared();
    let (alice, bob) = (bed.user(), bed.user());
    let config = bed
        .config("lisbon")
        .mailbox_of(mail_service, "alice", &alice, &Auth::Password)
        .mailbox_of(mail_service, "bob", &bob, &Auth::Password)
        .check(CHECK);
    let mut probe = Probe::start(&config);
    probe.wait_until("three messages have gone round", secs(20), green);
    assert_eq!(probe.get("/-/ready").map(|answer| answer.status).ok(), Some(200));

    let (status, last) = probe.stop(secs(45));
    assert!(status.success(), "{status}\n{}", probe.log());
    books_agree(&[&last], bed, "rt", &alice, &bob, &["imap", "pop3"]);
    for protocol in ["imap", "pop3"] {
        for never in ["lost", "late", "abandoned"] {
            assert_eq!(messages(&last, never, "rt", protocol), 0, "{protocol}: {never}\n{last:?}");
        }
    }
    bed.wait_until_empty(&[&alice, &bob]);
    assert_eq!(bed.refusals(&alice) + bed.refusals(&bob), 0);
    let log = probe.log();
    assert!(!log.contains(&alice.password) && !log.contains(&bob.password), "a password in the log:\n{log}");
}

#[test]
fn implicit_tls_goes_round() {
    goes_round("real");
}

#[test]
fn starttls_goes_round() {
    goes_round("real-starttls");
}

#[test]
fn what_is_reported_is_what_the_servers_saw() {
    let bed = Testbed::shared();
    let (alice, bob) = (bed.user(), bed.user());
    let config = bed
        .config("porto")
        .mailbox("alice", &alice, &Auth::Password)
        .mailbox("bob", &bob, &Auth::Password)
        .check(CHECK);
    let mut probe = Probe::start(&config);
    probe.wait_until("three messages have gone round", secs(20), green);
    let (_, last) = probe.stop(secs(45));
    let imap = [("check", "rt"), ("protocol", "imap")];
    let mean = last.sum("mailprobe_roundtrip_seconds_sum", &imap)
        / last.sum("mailprobe_roundtrip_seconds_count", &imap);
    let rows = bed.books_between(&alice, &bob);
    let true_times: Vec<f64> =
        rows.iter().filter_map(|row| row.saved.map(|saved| saved - row.accepted)).collect();
    let count = f64::from(u32::try_from(true_times.len()).expect("a few"));
    let true_mean = true_times.iter().sum::<f64>() / count;
    // Both take in the other's doings on a busy machine: of one order, and no poll interval between them.
    assert!(mean < true_mean + 0.25, "reported {mean} s, in truth {true_mean} s");
}

#[test]
fn sigterm_in_the_middle_leaves_nothing() {
    let bed = Testbed::shared();
    let (alice, bob) = (bed.user(), bed.user());
    let config = bed
        .config("faro")
        .mailbox("alice", &alice, &Auth::Password)
        .mailbox("bob", &bob, &Auth::Password)
        .check(CHECK);
    let mut scrapes = Vec::new();
    for _ in 0..3 {
        let mut probe = Probe::start(&config);
        // The next one is on its way, or just there, when the signal comes.
        probe.wait_until("a message is sent", secs(20), |metrics| messages(metrics, "sent", "rt", "") >= 1);
        let (status, last) = probe.stop(secs(45));
        assert!(status.success(), "{status}\n{}", probe.log());
        scrapes.push(last);
        bed.wait_until_empty(&[&alice, &bob]);
    }
    books_agree(&scrapes.iter().collect::<Vec<_>>(), bed, "rt", &alice, &bob, &["imap", "pop3"]);
}

#[test]
fn two_probes_on_one_configuration_do_not_hurt_each_other() {
    let bed = Testbed::shared();
    let (alice, bob) = (bed.user(), bed.user());
    let config = bed
        .config("braga")
        .mailbox("alice", &alice, &Auth::Password)
        .mailbox("bob", &bob, &Auth::Password)
        .check(CHECK);
    let mut probes = [Probe::start(&config), Probe::start(&config)];
    for probe in &probes {
        probe.wait_until("it sees its rival", secs(30), |metrics| {
            metrics.sum("mailprobe_rival_probe", &[]) >= 1.0
        });
        probe.wait_until("its own messages go round", secs(20), green);
    }
    let scrapes = probes.each_mut().map(|probe| probe.stop(secs(45)).1);
    for last in &scrapes {
        for protocol in ["imap", "pop3"] {
            for never in ["lost", "duplicated", "abandoned"] {
                assert_eq!(messages(last, never, "rt", protocol), 0, "{protocol}: {never}\n{last:?}");
            }
        }
    }
    books_agree(&scrapes.each_ref(), bed, "rt", &alice, &bob, &["imap", "pop3"]);
    bed.wait_until_empty(&[&alice, &bob]);
}
