//! Exchange's protocols whole, against the sandbox.

use mailprobe_sandbox::{ExtendedProtection, Fault, Protocol, Scheme};
use mailprobe_tests::{Metrics, PASSWORD, Probe, Scene, Service, secs};

/// A mail service with Exchange's protocols; alice and bob sign in by that method.
fn lay(service: &Service, scene: &mut Scene, method: &str) {
    let body = service.exchange_body(scene);
    scene.mail_service("hq", &body);
    let file = scene.file("password", PASSWORD);
    for user in ["alice", "bob"] {
        let auth = format!("method: {method}, username: {user}, password_file: \"{file}\"");
        scene.mailbox_by(user, "hq", &format!("{user}@sandbox.test"), &auth, "");
    }
}

const ALL: &[&str] = &[
    "roundtrip: { name: trip, from: alice, to: bob, send: ews, views: [ews, imap], every: 2s, late_after: 3s }",
    "login: { name: in, mailbox: alice, protocols: [ews, owa, imap], every: 5s }",
    "directory: { name: book, mailbox: alice, of: bob, protocols: [ews], every: 5s }",
    "free_busy: { name: busy, mailbox: alice, of: bob, protocol: ews, every: 5s }",
    "autodiscover: { name: find, mailbox: alice, every: 5s }",
    "endpoint: { name: doors, mail_service: hq, every: 5s }",
];

fn success(metrics: &Metrics, check: &str, protocol: &str) -> Option<f64> {
    metrics.value("mailprobe_check_success", &[("check", check), ("protocol", protocol)])
}

fn failing(metrics: &Metrics, check: &str, protocol: &str, reason: &str) -> bool {
    let why = [("check", check), ("protocol", protocol), ("reason", reason)];
    metrics.value("mailprobe_check_failing", &why) == Some(1.0)
}

fn all_good(metrics: &Metrics) -> bool {
    let lanes = [
        ("trip", "ews"),
        ("trip", "imap"),
        ("in", "ews"),
        ("in", "owa"),
        ("in", "imap"),
        ("book", "ews"),
        ("busy", "ews"),
        ("find", "autodiscover"),
        ("doors", "ews"),
        ("doors", "owa"),
        ("doors", "autodiscover"),
    ];
    lanes.iter().all(|(check, protocol)| {
        metrics.has("mailprobe_check_success", &[("check", check), ("protocol", protocol)])
            && metrics.all("mailprobe_check_success", &[("check", check), ("protocol", protocol)], 1.0)
    })
}

fn received(metrics: &Metrics, protocol: &str) -> f64 {
    metrics.sum("mailprobe_messages_received_total", &[("check", "trip"), ("protocol", protocol)])
}

fn goes_round(method: &str, prepare: fn(&Service)) {
    let service = Service::start();
    prepare(&service);
    let mut scene = Scene::new();
    lay(&service, &mut scene, method);
    ALL.iter().for_each(|check| scene.check(check));
    let mut probe = scene.start();
    probe.wait_until("all checks are well", secs(30), all_good);
    probe.wait_until("three messages went round", secs(30), |metrics| {
        received(metrics, "ews") >= 3.0 && received(metrics, "imap") >= 3.0
    });
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    assert_eq!(last.sum("mailprobe_messages_lost_total", &[]), 0.0);
    assert_eq!(last.sum("mailprobe_messages_duplicated_total", &[]), 0.0);
    for user in ["alice", "bob"] {
        for folder in ["INBOX", "Sent", "Drafts", "Junk", "Trash"] {
            let left = service.sandbox().messages(user, folder).len();
            assert_eq!(left, 0, "{folder} of {user}\n{}", probe.log());
        }
    }
    let log = probe.log();
    assert!(!log.contains(PASSWORD) && !log.contains("panicked"), "{log}");
}

#[test]
fn everything_goes_round_with_basic() {
    goes_round("password", |service| service.sandbox().set_schemes(&[Scheme::Basic]));
}

#[test]
fn everything_goes_round_with_ntlm_and_extended_protection() {
    goes_round("ntlm", |service| {
        service.sandbox().set_schemes(&[Scheme::Negotiate, Scheme::Ntlm]);
        service.sandbox().set_extended_protection(ExtendedProtection::Require);
    });
}

#[test]
fn what_is_not_offered_is_named_and_nothing_weaker_is_tried() {
    let service = Service::start();
    service.sandbox().set_schemes(&[Scheme::Basic]);
    let mut scene = Scene::new();
    lay(&service, &mut scene, "ntlm");
    scene.check("login: { name: in, mailbox: alice, protocols: [ews], every: 24h }");
    let probe = scene.start();
    probe
        .wait_until("it is told", secs(20), |metrics| failing(metrics, "in", "ews", "mechanism_unavailable"));
    assert!(probe.log().contains("the server offers Basic; configured is NTLM"), "{}", probe.log());
}

/// The incident itself: classic Outlook's protocol shows nothing, the others are well.
#[test]
fn a_stale_view_through_ews_is_told_from_a_broken_server() {
    let service = Service::start();
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    ALL.iter().for_each(|check| scene.check(check));
    let probe = scene.start();
    probe.wait_until("all checks are well", secs(30), all_good);
    service.fault(Protocol::Ews, Some(Fault::Stale));
    probe.wait_until("the view through ews is late", secs(30), |metrics| {
        failing(metrics, "trip", "ews", "message_late")
    });
    let metrics = probe.metrics();
    let view = [("check", "trip"), ("protocol", "imap"), ("role", "view")];
    assert_eq!(metrics.value("mailprobe_check_success", &view), Some(1.0));
    assert_eq!(success(&metrics, "in", "owa"), Some(1.0));
    service.fault(Protocol::Ews, None);
    probe.wait_until("all checks are well again", secs(40), all_good);
}

/// The same server, every fault that it knows at this protocol: the probe says something and comes back.
#[test]
fn after_every_fault_at_ews_it_is_well_again() {
    let service = Service::start();
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check("login: { name: in, mailbox: alice, protocols: [ews], every: 1s, timeout: 1s }");
    let probe = scene.start();
    let well = |metrics: &Metrics| success(metrics, "in", "ews") == Some(1.0);
    probe.wait_until("it is well", secs(20), well);
    for fault in [Fault::Refuse, Fault::Stall, Fault::Cut, Fault::Garbage, Fault::Defer, Fault::BadTag] {
        service.fault(Protocol::Ews, Some(fault.clone()));
        probe.wait_until(&format!("{fault:?} is told"), secs(20), |metrics| {
            success(metrics, "in", "ews") == Some(0.0)
        });
        service.fault(Protocol::Ews, None);
        probe.wait_until(&format!("after {fault:?} it is well"), secs(60), well);
    }
}

#[test]
fn a_drift_from_what_autodiscover_tells_names_both() {
    let service = Service::start();
    service.sandbox().set_autodiscover(mailprobe_sandbox::Autodiscover {
        ews_external: Some("https://elsewhere.test/EWS/Exchange.asmx".to_owned()),
        ..mailprobe_sandbox::Autodiscover::default()
    });
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check("autodiscover: { name: find, mailbox: alice, every: 24h }");
    let probe: Probe = scene.start();
    probe.wait_until("the drift is told", secs(20), |metrics| {
        failing(metrics, "find", "autodiscover", "endpoint_not_found")
    });
    let log = probe.log();
    assert!(log.contains("/EWS/Exchange.asmx, found https://elsewhere.test/EWS/Exchange.asmx"), "{log}");
}
