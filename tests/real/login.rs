//! Signing in to real servers: every mechanism, every protocol, and never so often that an account is locked.

use mailprobe_tests::{Auth, Metrics, Probe, Testbed, secs};

const LOGIN: &str = "login: { name: in, mailbox: alice, protocols: [imap, pop3, smtp], every: 1s }";

fn all_three(metrics: &Metrics) -> bool {
    ["imap", "pop3", "smtp"].iter().all(|protocol| {
        metrics.value("mailprobe_check_success", &[("check", "in"), ("protocol", protocol)]) == Some(1.0)
    })
}

fn signs_in(auth: &Auth, method: &str) {
    let bed = Testbed::shared();
    for mail_service in ["real", "real-starttls"] {
        let alice = bed.user();
        let config = bed.config("lisbon").mailbox_of(mail_service, "alice", &alice, auth).check(LOGIN);
        let probe = Probe::start(&config);
        probe.wait_until("imap, pop3 and smtp are signed in to", secs(15), all_three);
        assert_eq!(bed.refusals(&alice), 0, "{mail_service}\n{}", probe.log());
        let log = std::fs::read_to_string(bed.folder().join("log/dovecot.log")).expect("Dovecot's log");
        for protocol in ["imap", "pop3"] {
            let line = format!("{protocol}-login: Info: Login: user=<{}>, method={method}", alice.name);
            assert!(log.lines().any(|it| it.contains(&line)), "no line {line}\n{}", probe.log());
        }
    }
}

#[test]
fn plain_signs_in() {
    signs_in(&Auth::Mechanism("plain"), "PLAIN");
}

#[test]
fn login_signs_in() {
    signs_in(&Auth::Mechanism("login"), "LOGIN");
}

#[test]
fn scram_sha_256_signs_in() {
    signs_in(&Auth::Mechanism("scram-sha-256"), "SCRAM-SHA-256");
}

#[test]
fn xoauth2_signs_in() {
    signs_in(&Auth::Token("xoauth2"), "XOAUTH2");
}

#[test]
fn oauthbearer_signs_in() {
    signs_in(&Auth::Token("oauthbearer"), "OAUTHBEARER");
}

#[test]
fn a_wrong_password_is_tried_once_by_each_process() {
    let bed = Testbed::shared();
    let alice = bed.user();
    let config =
        bed.config("lisbon").mailbox("alice", &alice, &Auth::Wrong("not it".to_owned())).check(LOGIN);
    for start in 1..=6 {
        let mut probe = Probe::start(&config);
        probe.wait_until("the credential is paused", secs(15), |metrics| {
            metrics.value("mailprobe_credential_paused", &[("mailbox", "alice")]) == Some(1.0)
                && metrics.all("mailprobe_check_success", &[("check", "in")], 0.0)
        });
        // Three more slots of three protocols, at least.
        probe.holds_for("no lane is good", secs(3), |metrics| {
            metrics.labels("mailprobe_check_success", &[("check", "in")]).len() == 3
                && metrics.all("mailprobe_check_success", &[("check", "in")], 0.0)
        });
        let last = probe.metrics();
        let reasons = "mailprobe_check_failure_reasons_total";
        assert!(
            last.has(reasons, &[("reason", "credentials_rejected"), ("cause", "authentication")]),
            "{last:?}"
        );
        assert!(last.has("mailprobe_check_failing", &[("reason", "credential_paused")]), "{last:?}");
        assert_eq!(bed.refusals(&alice), start, "after start number {start}\n{}", probe.log());
        assert!(!probe.log().contains("not it"), "the password is in the log");
        let (status, _) = probe.stop(secs(45));
        assert!(status.success(), "{status}");
    }
}

#[test]
fn endpoints_are_watched_without_a_mailbox() {
    let bed = Testbed::shared();
    let alice = bed.user();
    let config = bed
        .config("lisbon")
        .mailbox("alice", &alice, &Auth::Password)
        .check("endpoint: { name: door, mail_service: real, every: 1s }")
        .check("endpoint: { name: tls-door, mail_service: real-starttls, every: 1s }");
    let probe = Probe::start(&config);
    probe.wait_until("every endpoint answers", secs(15), |metrics| {
        ["door", "tls-door"].iter().all(|check| {
            ["imap", "pop3", "smtp"].iter().all(|protocol| {
                let lane = [("check", *check), ("protocol", *protocol)];
                metrics.value("mailprobe_check_success", &lane) == Some(1.0)
            })
        })
    });
    let last = probe.metrics();
    // The test CA gives 180 days.
    let expiry = last.labels("mailprobe_certificate_expiry_timestamp_seconds", &[("mail_service", "real")]);
    assert!(!expiry.is_empty(), "{last:?}");
    assert_eq!(bed.refusals(&alice), 0);
    bed.wait_until_empty(&[&alice]);
}
