//! The probe by Kerberos over HTTP: tickets from a real KDC, taken by Apache's mod_auth_gssapi or by MIT's GSS-API.

mod signin;

use std::path::Path;

use mailprobe_sandbox::Listener;
use mailprobe_tests::{Apache, Kdc, Metrics, Probe, Reply, Scene, Service, WebScript, secs};
use rcgen::PKCS_ECDSA_P256_SHA256;
use signin::{Identity, Server};

/// A mail service behind Apache, and a KDC.
struct Stage {
    scene: Scene,
    kdc: Kdc,
    identity: Identity,
    service: Service,
    apache: Apache,
}

impl Stage {
    fn new() -> Self {
        Self::of("client.keytab", "", "")
    }

    /// With the keys of that file for the probe, and with the clocks of KDC and Apache so far off.
    fn of(keytab: &str, kdc: &str, apache: &str) -> Self {
        let (kdc, service) = (Kdc::with_clock(kdc), Service::start());
        let identity = Identity::new(&PKCS_ECDSA_P256_SHA256);
        let backend = service.sandbox().address(Listener::Https).port();
        let apache = Apache::start(&kdc, identity.folder.path(), backend, apache);
        let mut scene = Scene::new();
        kdc.prepare(&mut scene, keytab);
        Self { scene, kdc, identity, service, apache }
    }

    /// A mail service at that path of Apache's.
    fn place(&mut self, name: &str, place: &str) {
        let at = format!("https://localhost:{}/{place}", self.apache.port);
        let body = format!(
            "ews: {{ url: \"{at}/EWS/Exchange.asmx\" }}, autodiscover: {{ url: \"{at}/autodiscover/autodiscover.xml\" }}"
        );
        self.mail_service(name, &body, "");
    }

    fn mail_service(&mut self, name: &str, body: &str, tls: &str) {
        let ca = self.identity.authority();
        let rest = "resolver: system, ip_family: v4";
        let body = format!("{body}, tls: {{ ca_file: \"{}\"{tls} }}, {rest}", ca.display());
        self.scene.mail_service(name, &body);
    }

    fn by_password(&mut self, name: &str, place: &str, user: &str, password: &str) {
        let file = self.scene.file(&format!("password-{name}"), password);
        self.mailbox(name, place, user, &format!("password_file: \"{file}\""));
    }

    fn by_key(&mut self, name: &str, place: &str, user: &str, keytab: &str) {
        let keytab = self.kdc.path(keytab);
        self.mailbox(name, place, user, &format!("keytab_file: \"{}\"", keytab.display()));
    }

    fn mailbox(&mut self, name: &str, place: &str, user: &str, proof: &str) {
        let auth = format!("method: kerberos, username: {user}@PROBE.TEST, {proof}");
        self.scene.mailbox_by(name, place, &format!("{user}@sandbox.test"), &auth, "");
    }

    fn login(&mut self, name: &str, times: &str) {
        self.scene.check(&format!("login: {{ name: {name}, mailbox: {name}, protocols: [ews], {times} }}"));
    }
}

const ONCE: &str = "every: 24h, timeout: 30s";

fn well(metrics: &Metrics, check: &str) -> bool {
    metrics.has("mailprobe_check_success", &[("check", check)])
        && metrics.all("mailprobe_check_success", &[("check", check)], 1.0)
}

fn failing(metrics: &Metrics, check: &str, reason: &str) -> bool {
    metrics.has("mailprobe_check_failing", &[("check", check), ("reason", reason)])
}

/// The log's lines about that check.
fn lines(probe: &Probe, check: &str) -> String {
    let log = probe.log();
    let of = |line: &&str| line.contains(&format!(" check={check} "));
    log.lines().filter(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_goes_round_behind_apache() {
    let mut stage = Stage::new();
    stage.place("hq", "each");
    stage.by_key("alice", "hq", "alice", "client.keytab");
    stage.by_password("bob", "hq", "bob", "pw-bob");
    let ews = format!("https://localhost:{}/each/EWS/Exchange.asmx", stage.apache.port);
    stage.service.sandbox().set_autodiscover(mailprobe_sandbox::Autodiscover {
        ews_internal: Some(ews.clone()),
        ews_external: Some(ews),
        ..mailprobe_sandbox::Autodiscover::default()
    });
    for check in [
        "roundtrip: { name: there, from: alice, to: bob, send: ews, views: [ews], every: 2s }",
        "roundtrip: { name: back, from: bob, to: alice, send: ews, views: [ews], every: 2s }",
        "login: { name: in, mailbox: alice, protocols: [ews], every: 2s }",
        "directory: { name: book, mailbox: bob, of: alice, protocols: [ews], every: 5s }",
        "free_busy: { name: busy, mailbox: alice, of: bob, protocol: ews, every: 5s }",
        "autodiscover: { name: find, mailbox: bob, every: 5s }",
    ] {
        stage.scene.check(check);
    }
    let mut probe = stage.scene.start();
    probe.wait_until("all checks are well", secs(30), |metrics| {
        ["there", "back", "in", "book", "busy", "find"].iter().all(|check| well(metrics, check))
    });
    probe.wait_until("messages go round", secs(30), |metrics| {
        ["there", "back"]
            .iter()
            .all(|check| metrics.sum("mailprobe_messages_received_total", &[("check", check)]) >= 3.0)
    });
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    for books in ["lost", "duplicated", "corrupted"] {
        assert_eq!(last.sum(&format!("mailprobe_messages_{books}_total"), &[]), 0.0, "{books}");
    }
    let log = probe.log();
    assert!(!log.contains("pw-bob") && !log.contains("panicked") && !log.contains("Negotiate YI"), "{log}");
}

/// Once each: the sign-in, the look at the inbox and that at Recoverable Items, over one connection where that will do.
#[test]
fn a_proof_goes_with_each_request_that_needs_one() {
    const PROVEN: &str = "200 alice@PROBE.TEST yes";
    const RESTING: &str = "200 alice@PROBE.TEST no";
    const CASES: &[(&str, &[&str])] = &[
        // Nothing is said of the connection: one finds out, and knows from then on.
        ("each", &[PROVEN, "401 - no", PROVEN, PROVEN]),
        ("each-told", &[PROVEN, PROVEN, PROVEN]),
        ("bound", &[PROVEN, RESTING, RESTING]),
        ("bound-told", &[PROVEN, RESTING, RESTING]),
    ];
    for by_key in [true, false] {
        let mut stage = Stage::new();
        for (place, _) in CASES {
            stage.place(place, place);
            if by_key {
                stage.by_key(place, place, "alice", "client.keytab");
            } else {
                stage.by_password(place, place, "alice", "pw-alice");
            }
            stage.login(place, ONCE);
        }
        let probe = stage.scene.start();
        for (place, expected) in CASES {
            probe.wait_until(place, secs(20), |metrics| well(metrics, place));
            assert_eq!(stage.apache.requests(&format!("/{place}/")), *expected, "{place}, by key: {by_key}");
        }
        drop(probe);
        let tickets = std::fs::read_dir(stage.scene.folder().join("tickets")).expect("a folder").count();
        assert_eq!(tickets > 0, by_key, "of a password nothing is written");
    }
}

#[test]
fn whatever_goes_wrong_has_its_reason() {
    const CASES: &[(&str, &str, &str)] = &[
        ("wrong-password", "credentials_rejected", "Kerberos: "),
        ("nobody", "credentials_rejected", "not found in Kerberos database"),
        ("locked", "account_locked", "revoked"),
        ("expired", "password_expired", "Password has expired"),
        (
            "no-spn",
            "mechanism_unavailable",
            "Server HTTP/127.0.0.1@PROBE.TEST not found in Kerberos database",
        ),
        ("not-offered", "mechanism_unavailable", "the server offers Basic; configured is Negotiate"),
        ("wrong-proof", "protocol_violation", "the server's own proof is wrong"),
        ("echo", "protocol_violation", "400 Bad Request Negotiate <hidden>"),
        ("no-key", "secret_missing", "Kerberos: "),
    ];
    let mut stage = Stage::new();
    stage.place("each", "each");
    stage.place("basic", "basic");
    let address =
        format!("ews: {{ url: \"https://127.0.0.1:{}/each/EWS/Exchange.asmx\" }}", stage.apache.port);
    stage.mail_service("address", &address, ", server_name: localhost");
    let liar = WebScript::start(|asked| {
        if asked.path.starts_with("/echo/") {
            return Reply::Whole(400, String::new(), asked.header("authorization").to_owned());
        }
        Reply::Whole(
            200,
            "www-authenticate: Negotiate oQ4wDKADCgEAogUEAwcHBw==".to_owned(),
            "well".to_owned(),
        )
    });
    for (name, path) in [("liar", ""), ("echo", "/echo")] {
        let port = liar.address().port();
        let url = format!("ews: {{ url: \"http://localhost:{port}{path}/EWS/Exchange.asmx\" }}");
        stage.mail_service(name, &url, "");
    }
    stage.by_password("wrong-password", "each", "bob", "pw-wrong");
    stage.by_password("nobody", "each", "nobody", "pw-nobody");
    stage.by_password("locked", "each", "locked", "pw-locked");
    stage.by_password("expired", "each", "expired", "pw-expired");
    stage.by_password("no-spn", "address", "alice", "pw-alice");
    stage.by_password("not-offered", "basic", "alice", "pw-alice");
    stage.by_password("wrong-proof", "liar", "alice", "pw-alice");
    stage.by_password("echo", "echo", "alice", "pw-alice");
    stage.by_key("no-key", "each", "expired-without-key", "client.keytab");
    for (name, ..) in CASES {
        stage.login(name, "every: 1s, timeout: 1s");
    }
    let probe = stage.scene.start();
    for (name, reason, words) in CASES {
        // A refusal is named once, and from then on the credential is paused.
        probe.wait_until(name, secs(20), |_| lines(&probe, name).contains(&format!("reason={reason} ")));
        assert!(lines(&probe, name).contains(words), "{name}: {}", lines(&probe, name));
    }
    let paused = |metrics: &Metrics| {
        ["wrong-password", "nobody", "locked", "expired"].iter().all(|name| {
            metrics.value("mailprobe_credential_paused", &[("mailbox", name)]) == Some(1.0)
                && metrics.sum("mailprobe_checks_skipped_total", &[("check", name), ("why", "paused")]) >= 2.0
        })
    };
    probe.wait_until("the refused ones are paused", secs(20), paused);
    assert_eq!(stage.kdc.attempts("bob"), 1, "one refusal and no more\n{}", probe.log());
    assert!(!probe.log().contains("pw-") && !probe.log().contains("internal_error"), "{}", probe.log());
}

#[test]
fn a_key_that_is_no_more_is_one_refusal() {
    let mut stage = Stage::of("wrong.keytab", "", "");
    stage.place("each", "each");
    stage.by_key("alice", "each", "alice", "wrong.keytab");
    stage.scene.check("login: { name: alice, mailbox: alice, protocols: [ews], every: 1s }");
    stage.scene.check("free_busy: { name: busy, mailbox: alice, of: alice, protocol: ews, every: 1s }");
    let probe = stage.scene.start();
    probe.wait_until("it is paused", secs(20), |metrics| {
        metrics.sum("mailprobe_checks_skipped_total", &[("why", "paused")]) >= 4.0
    });
    assert!(probe.log().contains("reason=credentials_rejected "), "{}", probe.log());
    assert_eq!(stage.kdc.attempts("alice"), 1);
}

#[test]
fn a_server_without_the_key_of_its_service_is_not_the_accounts_fault() {
    let mut stage = Stage::new();
    stage.kdc.command("new-service-key", &[]);
    stage.place("each", "each");
    stage.by_key("alice", "each", "alice", "client.keytab");
    stage.login("alice", "every: 1s, timeout: 1s");
    let probe = stage.scene.start();
    let told = |metrics: &Metrics| {
        metrics.sum("mailprobe_check_runs_total", &[("check", "alice")]) >= 3.0
            && failing(metrics, "alice", "sign_in_unavailable")
    };
    probe.wait_until("it is told, and tried again", secs(20), told);
    let log = lines(&probe, "alice");
    assert!(log.contains("the KDC gave a ticket and the server does not take it: "), "{log}");
    assert!(log.contains("Key version is not available"), "{log}");
}

#[test]
fn clocks_that_differ_are_told_apart() {
    for (kdc, apache, reason, words) in [
        ("+20m", "+20m", "clock_wrong", "Kerberos: Clock skew too great"),
        ("", "+20m", "sign_in_unavailable", "the server does not take it: Clock skew too great"),
    ] {
        let mut stage = Stage::of("client.keytab", kdc, apache);
        stage.place("each", "each");
        stage.by_password("alice", "each", "alice", "pw-alice");
        stage.by_key("bob", "each", "bob", "client.keytab");
        for name in ["alice", "bob"] {
            stage.login(name, ONCE);
        }
        let probe = stage.scene.start();
        for name in ["alice", "bob"] {
            probe.wait_until(reason, secs(20), |metrics| {
                metrics.has("mailprobe_check_success", &[("check", name)])
            });
            assert!(failing(&probe.metrics(), name, reason), "{name}: {}", probe.log());
            assert!(lines(&probe, name).contains(words), "{name}: {}", probe.log());
            assert_eq!(stage.kdc.attempts(name), 0);
        }
    }
}

fn waiting_threads(probe: &Probe) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", probe.id())).expect("the process lives");
    let name = |task: &Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
    tasks.filter(|task| task.as_ref().is_ok_and(|task| name(&task.path()).trim() == "kerberos")).count()
}

#[test]
fn a_kdc_that_is_down_or_silent_is_told_in_time_and_holds_one_thread() {
    let mut stage = Stage::new();
    stage.place("each", "each");
    stage.by_password("alice", "each", "alice", "pw-alice");
    stage.login("alice", "every: 2s, timeout: 2s");
    for (name, times) in [("other", "every: 2s, timeout: 2s"), ("patient", "every: 15s, timeout: 15s")] {
        stage.scene.check(&format!("login: {{ name: {name}, mailbox: alice, protocols: [ews], {times} }}"));
    }
    let probe = stage.scene.start();
    let all = ["alice", "other", "patient"];
    let all_well = |metrics: &Metrics| all.iter().all(|check| well(metrics, check));
    let told = |metrics: &Metrics| all.iter().all(|check| failing(metrics, check, "sign_in_unavailable"));
    probe.wait_until("all is well", secs(20), all_well);
    for (stop, start) in [("stop-kdc", "start-kdc"), ("silence", "speak")] {
        stage.kdc.command(stop, &[]);
        probe.wait_until(&format!("{stop} is told"), secs(40), |metrics| {
            assert!(waiting_threads(&probe) <= 1, "{} threads wait", waiting_threads(&probe));
            told(metrics)
        });
        stage.kdc.command(start, &[]);
        probe.wait_until(&format!("well after {start}"), secs(60), all_well);
    }
    assert_eq!(stage.kdc.attempts("alice"), 0);
    let log = probe.log();
    assert!(log.contains("Kerberos: no answer from a KDC within 10 s"), "{log}");
    for line in log.lines().filter(|line| line.contains("outcome=failed")) {
        assert!(line.contains("reason=sign_in_unavailable ") && line.contains("step=auth "), "{line}");
    }
}

/// The KDC refuses after nobody waits any more: that is told all the same, and not provoked again.
#[test]
fn a_refusal_that_comes_late_counts() {
    let mut stage = Stage::new();
    stage.place("each", "each");
    stage.by_password("bob", "each", "bob", "pw-wrong");
    stage.login("bob", "every: 3s, timeout: 3s");
    stage.kdc.command("silence", &[]);
    let probe = stage.scene.start();
    probe.wait_until("nobody answers", secs(20), |metrics| failing(metrics, "bob", "sign_in_unavailable"));
    stage.kdc.command("speak", &[]);
    probe.wait_until("the refusal is told", secs(40), |_| {
        lines(&probe, "bob").contains("reason=credentials_rejected ")
    });
    probe.wait_until("it is paused", secs(20), |metrics| {
        metrics.sum("mailprobe_checks_skipped_total", &[("check", "bob"), ("why", "paused")]) >= 2.0
    });
    assert_eq!(stage.kdc.attempts("bob"), 1);
}

/// Of the servers here this one looks at the channel binding, and signs a connection in.
#[test]
fn the_channel_is_bound_where_that_is_required() {
    let mut stage = Stage::new();
    let keytab = stage.kdc.path("http.keytab");
    let keytab = keytab.to_str().expect("a path in UTF-8").to_owned();
    let body = stage.scene.file("answer.xml", include_str!("signin/get_folder.xml"));
    let config = stage.kdc.path("krb5.conf");
    let arguments = ["negotiate", &keytab, "--binding", "require", "--body", &body];
    let mut server = Server::start(&arguments, Some(&stage.identity), &[("KRB5_CONFIG", &config)]);
    let url = format!("ews: {{ url: \"https://localhost:{}/EWS/Exchange.asmx\" }}", server.port);
    stage.mail_service("bound", &url, "");
    stage.by_key("alice", "bound", "alice", "client.keytab");
    stage.login("alice", ONCE);
    let probe = stage.scene.start();
    probe.wait_until("it is well", secs(20), |metrics| well(metrics, "alice"));
    assert_eq!(server.said(), "accepted: alice@PROBE.TEST");
}
