//! Exchange's protocols whole, against the sandbox.

use mailprobe_sandbox::{ExtendedProtection, Fault, Protocol, Scheme};
use mailprobe_tests::{Metrics, PASSWORD, Probe, Scene, Service, secs};

/// A mail service with Exchange's protocols; alice and bob sign in by that method.
fn lay(service: &Service, scene: &mut Scene, method: &str) {
    let body = service.exchange_body(scene);
    lay_at(&body, scene, method);
}

fn lay_at(body: &str, scene: &mut Scene, method: &str) {
    scene.mail_service("hq", body);
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
    let lanes = [("check", check), ("protocol", protocol)];
    let is_judged = metrics.has("mailprobe_check_success", &lanes);
    is_judged.then(|| f64::from(u8::from(metrics.all("mailprobe_check_success", &lanes, 1.0))))
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
    // The checks that see nothing of the mailbox do not wipe what others saw.
    let counted =
        |metrics: &Metrics| metrics.value("mailprobe_mailbox_items", &[("mailbox", "alice")]).is_some();
    probe.wait_until("alice's messages are counted", secs(10), counted);
    probe.holds_for("they stay so", secs(6), counted);
    probe.wait_until("three messages went round", secs(30), |metrics| {
        received(metrics, "ews") >= 3.0 && received(metrics, "imap") >= 3.0
    });
    let metrics = probe.metrics();
    assert_eq!(metrics.value("mailprobe_clock_skew_seconds", &[("mail_service", "hq")]), Some(0.0));
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
fn everything_goes_round_where_autodiscover_says() {
    let service = Service::start();
    let mut scene = Scene::new();
    let body = service.found_body(&scene);
    lay_at(&body, &mut scene, "ntlm");
    ALL.iter().filter(|check| !check.starts_with("endpoint")).for_each(|check| scene.check(check));
    let mut probe = scene.start();
    let lanes = [("in", "ews"), ("in", "owa"), ("book", "ews"), ("busy", "ews"), ("find", "autodiscover")];
    probe.wait_until("three messages went round, all checks are well", secs(40), |metrics| {
        received(metrics, "ews") >= 3.0
            && lanes.iter().all(|(check, protocol)| success(metrics, check, protocol) == Some(1.0))
    });
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    assert_eq!(last.sum("mailprobe_check_failures_total", &[]), 0.0, "{}", probe.log());
    assert_eq!(service.sandbox().messages("bob", "INBOX").len(), 0, "{}", probe.log());
}

#[test]
fn autodiscover_is_asked_by_soap_where_that_is_configured() {
    let service = Service::start();
    let mut scene = Scene::new();
    let body = service.exchange_body(&scene).replace("autodiscover.xml", "autodiscover.svc");
    lay_at(&body, &mut scene, "ntlm");
    scene.check("autodiscover: { name: find, mailbox: alice, every: 24h }");
    let probe = scene.start();
    let found = |metrics: &Metrics| success(metrics, "find", "autodiscover") == Some(1.0);
    probe.wait_until("it is found as configured", secs(20), found);
    let asked = service.sandbox().log();
    assert!(asked.iter().any(|line| line.contains("200 GetUserSettings")), "{asked:?}");
    assert!(!asked.iter().any(|line| line.contains("autodiscover.xml")), "{asked:?}");
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
    let counts = service.sandbox().counts();
    assert_eq!((counts.ews.signed_in, counts.ews.refused), (0, 0), "no password went over the wire");
}

/// Whatever asks first is refused once, and nobody asks again: also not by another protocol.
#[test]
fn a_wrong_password_is_refused_once_by_each_protocol_and_by_all_together() {
    let checks = [
        "login: { name: in, mailbox: alice, protocols: [ews], every: 1s }",
        "login: { name: in, mailbox: alice, protocols: [owa], every: 1s }",
        "autodiscover: { name: in, mailbox: alice, every: 1s }",
        "directory: { name: in, mailbox: alice, of: bob, protocols: [ews], every: 1s }",
        "free_busy: { name: in, mailbox: alice, of: bob, protocol: ews, every: 1s }",
    ];
    for these in checks.iter().map(std::slice::from_ref).chain([&checks[..]]) {
        let service = Service::start();
        service.sandbox().set_schemes(&[Scheme::Basic]);
        let mut scene = Scene::new();
        let body = service.exchange_body(&scene);
        scene.mail_service("hq", &body);
        let file = scene.file("wrong", "not-the-password");
        let auth = format!("method: password, username: alice, password_file: \"{file}\"");
        scene.mailbox_by("alice", "hq", "alice@sandbox.test", &auth, "");
        scene.mailbox("bob", "hq", "bob@sandbox.test");
        for (at, check) in these.iter().enumerate() {
            scene.check(&check.replace("name: in", &format!("name: in-{at}")));
        }
        let probe = scene.start();
        let told = |metrics: &Metrics| {
            (0..these.len()).all(|at| {
                metrics.value("mailprobe_check_success", &[("check", &*format!("in-{at}"))]) == Some(0.0)
            })
        };
        probe.wait_until("each says so", secs(20), told);
        probe.holds_for("it stays so", secs(3), told);
        let counts = service.sandbox().counts();
        let refused = counts.ews.refused + counts.owa.refused + counts.autodiscover.refused;
        assert_eq!(refused, 1, "{these:?}: {counts:?}\n{}", probe.log());
        assert!(!probe.log().contains("not-the-password"), "{}", probe.log());
    }
}

/// The password changes while sessions are open that send it with each request.
#[test]
fn a_password_that_changes_under_kept_sessions_is_refused_once() {
    let service = Service::start();
    service.sandbox().set_schemes(&[Scheme::Basic]);
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check(
        "roundtrip: { name: trip, from: bob, to: bob, send: ews, views: [ews], every: 1s, late_after: 3s }",
    );
    scene.check("login: { name: in, mailbox: bob, protocols: [ews], every: 1s }");
    let probe = scene.start();
    let well =
        |metrics: &Metrics| received(metrics, "ews") >= 2.0 && success(metrics, "in", "ews") == Some(1.0);
    probe.wait_until("messages go round", secs(30), well);
    assert_eq!(service.sandbox().counts().ews.refused, 0);
    service.sandbox().add_user("bob", "another-password");
    probe.wait_until("it is told", secs(30), |metrics| {
        failing(metrics, "in", "ews", "credentials_rejected")
            || failing(metrics, "in", "ews", "credential_paused")
    });
    probe.holds_for("nobody asks again", secs(4), |_| service.sandbox().counts().ews.refused <= 1);
}

/// Five protocols sign in at once, at a server that takes its time to refuse, as those do that fear guessing.
#[test]
fn a_password_that_changes_is_refused_twice_at_most_by_all_protocols_together() {
    let service = Service::start();
    service.sandbox().set_schemes(&[Scheme::Basic]);
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check(
        "login: { name: in, mailbox: alice, protocols: [ews, owa, imap, pop3, smtp], every: 4s, timeout: 4s }",
    );
    let probe = scene.start();
    let all = ["ews", "owa", "imap", "pop3", "smtp"];
    let are = |metrics: &Metrics, value| all.iter().all(|of| success(metrics, "in", of) == Some(value));
    probe.wait_until("all are well", secs(20), |metrics| are(metrics, 1.0));
    for protocol in [Protocol::Ews, Protocol::Owa, Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
        service.fault(protocol, Some(Fault::Slow(std::time::Duration::from_millis(400))));
    }
    service.sandbox().add_user("alice", "another-password");
    probe.wait_until("none is", secs(40), |metrics| are(metrics, 0.0));
    let refused = || {
        let counts = service.sandbox().counts();
        [counts.ews, counts.owa, counts.imap, counts.pop3, counts.smtp]
            .iter()
            .map(|of| of.refused)
            .sum::<u64>()
    };
    probe.holds_for("nobody asks again", secs(8), |_| refused() <= 2);
    assert!(refused() >= 1, "{}", probe.log());
}

/// What stands between holds the notifications back, or breaks them off: messages are seen all the same, and that the
/// server promised to tell and did not is told.
#[test]
fn without_its_notifications_a_view_through_ews_goes_on() {
    let cases = [
        (Fault::PushHeld, true),
        (Fault::PushCut, true),
        (Fault::NoPush, true),
        // Who refuses the subscription has promised nothing.
        (Fault::NoIdle, false),
    ];
    std::thread::scope(|scope| {
        for (fault, promised) in cases {
            scope.spawn(move || goes_on_without(&fault, promised));
        }
    });
}

fn goes_on_without(fault: &Fault, promised: bool) {
    let service = Service::start();
    service.fault(Protocol::Ews, Some(fault.clone()));
    // Later than the looks that follow an acceptance.
    service.fault(Protocol::Smtp, Some(Fault::Delay(secs(2))));
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check(
        "roundtrip: { name: trip, from: alice, to: bob, send: smtp, views: [ews], every: 5s, late_after: 4s }",
    );
    let probe = scene.start();
    let seat = [("mailbox", "bob"), ("protocol", "ews")];
    let up = |metrics: &Metrics| metrics.value("mailprobe_session_up", &seat) == Some(1.0);
    probe.wait_until(&format!("{fault:?}: the view is up"), secs(20), up);
    probe.holds_for(&format!("{fault:?}: it stays up"), secs(14), up);
    let last = probe.wait_until(&format!("{fault:?}: messages are seen"), secs(20), |metrics| {
        received(metrics, "ews") >= 3.0
    });
    assert_eq!(last.sum("mailprobe_messages_late_total", &[]), 0.0, "{fault:?}");
    let missed = last.sum("mailprobe_notifications_missed_total", &seat);
    assert_eq!(missed > 0.0, promised, "{fault:?}: {missed} missed");
    let opened = service.sandbox().counts().ews.connections;
    assert!(opened < 20, "{fault:?}: {opened} connections");
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

/// From the first second of an outage on: whoever starts in the middle of it must know as much.
#[test]
fn a_protocol_that_hangs_takes_nothing_from_the_others() {
    let service = Service::start();
    service.fault(Protocol::Ews, Some(Fault::Stall));
    let mut scene = Scene::new();
    lay(&service, &mut scene, "password");
    scene.check(
        "login: { name: in, mailbox: alice, protocols: [ews, imap, pop3, owa], every: 5s, timeout: 5s }",
    );
    let probe = scene.start();
    let others = ["imap", "pop3", "owa"];
    probe.wait_until("the others are well", secs(20), |metrics| {
        assert!(others.iter().all(|other| success(metrics, "in", other) != Some(0.0)), "{}", probe.log());
        others.iter().all(|other| success(metrics, "in", other) == Some(1.0))
    });
    probe.holds_for("they stay so", secs(16), |metrics| {
        others.iter().all(|other| success(metrics, "in", other) == Some(1.0))
    });
    assert!(failing(&probe.metrics(), "in", "ews", "server_timeout"));
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
