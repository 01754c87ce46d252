//! What servers say that they should not: whatever it is, it is never taken for success, never stops or bloats the probe,
//! and never brings a secret to light. Where a client library is known to fail, a case says the library's way.

mod cases;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mailprobe_sandbox::{Fault, Listener, Protocol};
use mailprobe_tests::{Ca, Flaw, Metrics, Probe, Scene, Script, Service, Step, secs, wait_until};

use cases::{CASES, Told, VIEWS, signed_in};

/// Kilobytes that the process may have taken at most.
const MOST_MEMORY: u64 = 64 * 1024;

/// What the kernel counted at most, in kilobytes.
fn most_memory(probe: &Probe) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", probe.id())).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn assert_lives(probe: &Probe) {
    assert_eq!(probe.get("/-/healthy").expect("the probe answers").status, 200);
    let most = most_memory(probe);
    assert!(most < MOST_MEMORY, "{most} kB");
    let log = probe.log();
    assert!(!log.contains("panicked") && !log.contains("internal_error"), "{log}");
}

fn told(metrics: &Metrics, check: &str, told: Told) -> bool {
    let of = [("check", check), ("role", "check")];
    match told {
        Told::Good => metrics.value("mailprobe_check_success", &of) == Some(1.0),
        Told::Failing(reason, step) => {
            let why = [("check", check), ("reason", reason.name()), ("step", step)];
            metrics.value("mailprobe_check_success", &of) == Some(0.0)
                && metrics.value("mailprobe_check_failing", &why) == Some(1.0)
        }
    }
}

fn lines_of(probe: &Probe, name: &str) -> String {
    let log = probe.log();
    let lines = log.lines().filter(|line| line.contains(&format!("={name} ")));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn no_answer_is_taken_for_what_it_is_not() {
    let mut scene = Scene::new();
    let mut scripts = Vec::new();
    for case in CASES {
        let (name, protocol) = (case.name, case.protocol);
        let script = Script::start((case.steps)());
        let body = format!("{protocol}: {{ address: \"{}\", tls: none }}", script.address());
        scene.mail_service(name, &body);
        scene.mailbox(name, name, "alice@sandbox.test");
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {name}, protocols: [{protocol}], every: 24h, timeout: 8s }}"
        ));
        scripts.push(script);
    }
    let probe = scene.start();
    let mut open = BTreeSet::new();
    open.extend(CASES.iter().map(|case| case.name));
    let judged = |metrics: &Metrics, name: &str| metrics.has("mailprobe_check_success", &[("check", name)]);
    probe.wait_until("every case is judged", secs(30), |metrics| {
        open.retain(|name| !judged(metrics, name));
        open.is_empty()
    });
    let metrics = probe.metrics();
    let wrong: Vec<_> = CASES.iter().filter(|case| !told(&metrics, case.name, case.told)).collect();
    let lines: Vec<_> = wrong
        .iter()
        .map(|case| format!("{}: not {:?}, but\n{}", case.name, case.told, lines_of(&probe, case.name)))
        .collect();
    assert!(wrong.is_empty(), "{}", lines.join("\n"));
    for case in CASES.iter().filter(|case| matches!(case.told, Told::Failing(..))) {
        let lines = lines_of(&probe, case.name);
        assert!(lines.contains(case.words), "{}: no {:?} in\n{lines}", case.name, case.words);
    }
    assert_lives(&probe);
}

/// In a kept view: the sender's, which awaits nothing, so that the order of the commands is known.
#[test]
fn a_kept_session_that_is_answered_wrongly_is_down() {
    let service = Service::start();
    let mut scene = Scene::new();
    service.add_to(&mut scene, "well");
    let smtp = service.sandbox().address(Listener::Submissions);
    let ca = scene.file("ca.pem", &service.sandbox().ca_pem());
    let mut scripts = Vec::new();
    for case in VIEWS {
        let name = case.name;
        // What comes after the first session is of no interest.
        let script = Script::each(vec![[signed_in("IDLE"), (case.steps)()].concat(), vec![Step::Stall]]);
        scene.mail_service(
            name,
            &format!(
                "smtp: {{ address: \"{smtp}\", tls: implicit }}, tls: {{ ca_file: \"{ca}\" }}, \
                 imap: {{ address: \"{}\", tls: none }}",
                script.address()
            ),
        );
        scene.mailbox(name, name, "alice@sandbox.test");
        scene.check(&format!(
            "roundtrip: {{ name: {name}, from: {name}, to: well-bob, send: smtp, views: [imap], every: 24h, timeout: 5s }}"
        ));
        scripts.push(script);
    }
    let probe = scene.start();
    for case in VIEWS {
        let line = || {
            probe.log().lines().any(|line| {
                line.contains("msg=\"session down\"")
                    && line.contains(&format!(" mailbox={} ", case.name))
                    && line.contains(&format!(" reason={} ", case.reason.name()))
                    && line.contains(case.words)
            })
        };
        let end = tokio::time::Instant::now() + secs(20);
        while !line() {
            let late = tokio::time::Instant::now() > end;
            assert!(!late, "{}: {}\n{}", case.name, case.reason.name(), lines_of(&probe, case.name));
            probe.wait_until("the next scrape", secs(5), |_| true);
        }
    }
    assert_lives(&probe);
}

/// Finding: RFC 3207, section 6. What was slipped in before the handshake is not believed after it.
#[test]
fn what_is_slipped_in_before_tls_is_refused() {
    let ca = Ca::new("a CA of this test");
    let mut scene = Scene::new();
    let file = ca.write(scene.folder());
    let mut scripts = Vec::new();
    let tls = Step::StartTls(ca.server(Flaw::None));
    for (protocol, steps) in [
        (
            "smtp",
            vec![
                Step::send("220 hello"),
                Step::expect("EHLO"),
                Step::send("250-mail.test"),
                Step::send("250 STARTTLS"),
                Step::expect("STARTTLS"),
                Step::send("220 go\r\n250 AUTH PLAIN"),
            ],
        ),
        (
            "imap",
            vec![
                Step::send("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello"),
                Step::tagged("STARTTLS"),
                Step::send("{tag} OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN"),
            ],
        ),
        (
            "pop3",
            vec![
                Step::send("+OK hello"),
                Step::expect("CAPA"),
                Step::send("+OK\r\nSTLS\r\n."),
                Step::expect("STLS"),
                Step::send("+OK go\r\n+OK slipped in"),
            ],
        ),
    ] {
        let script = Script::start([steps, vec![tls.clone()]].concat());
        let body = format!(
            "{protocol}: {{ address: \"{}\", tls: starttls }}, tls: {{ ca_file: \"{}\" }}",
            script.address(),
            file.display()
        );
        scene.mail_service(protocol, &body);
        scene.mailbox(protocol, protocol, "alice@sandbox.test");
        scene.check(&format!(
            "login: {{ name: {protocol}, mailbox: {protocol}, protocols: [{protocol}], every: 24h, timeout: 5s }}"
        ));
        scripts.push(script);
    }
    let probe = scene.start();
    for protocol in ["smtp", "imap", "pop3"] {
        let of = [("check", protocol), ("reason", "protocol_violation"), ("step", "tls")];
        probe.wait_until(protocol, secs(15), |metrics| metrics.has("mailprobe_check_failing", &of));
    }
    assert!(probe.log().contains("the server spoke on in clear before TLS"), "{}", probe.log());
    for script in scripts {
        // Not a byte of the credential.
        let said = script.transcript().iter().any(|line| line.contains(" C: ") && line.contains("AUTH"));
        assert!(!said, "{:#?}", script.transcript());
    }
}

#[test]
fn no_secret_is_shown_although_the_server_sends_it_back() {
    let password = "s3cr\"et\\of-the-test";
    let token = "eyJhbGciOiJub25lIn0.dG9rZW4tb2YtdGhlLXRlc3Q.x";
    let quoted = "s3cr\\\"et\\\\of-the-test";
    let plain = STANDARD.encode(format!("\0alice@sandbox.test\0{password}"));
    let bearer = STANDARD.encode(format!("user=alice@sandbox.test\x01auth=Bearer {token}\x01\x01"));
    let secrets = [
        password.to_owned(),
        quoted.to_owned(),
        STANDARD.encode(password),
        plain.clone(),
        token.to_owned(),
        STANDARD.encode(token),
        bearer.clone(),
    ];
    let echo = secrets.join(" or ");
    // So that a cut at any length would go through one of them.
    let long = format!("{}{}", "x".repeat(480), echo);
    let mut scene = Scene::new();
    let (password_file, token_file) = (scene.file("pw", password), scene.file("token", token));
    let by_password = format!("method: password, password_file: \"{password_file}\"");
    let by_token =
        format!("method: oauth2, flow: token_file, token_file: \"{token_file}\", mechanisms: [xoauth2]");
    let imap = |capability: &str, says: String| {
        vec![
            Step::send(&format!("* OK [CAPABILITY IMAP4rev1 SASL-IR {capability}] hello")),
            Step::tagged(""),
            Step::send(&says),
        ]
    };
    let smtp = |mechanism: &str, says: String| {
        vec![
            Step::send("220 hello"),
            Step::expect("EHLO"),
            Step::send(&format!("250-mail.test\r\n250 AUTH {mechanism}")),
            Step::expect("AUTH"),
            Step::send(&says),
        ]
    };
    let pop = |says: String| {
        vec![
            Step::send("+OK hello"),
            Step::expect("CAPA"),
            Step::send("+OK\r\nUSER\r\n."),
            Step::expect("USER"),
            Step::send("+OK"),
            Step::expect("PASS"),
            Step::send(&says),
        ]
    };
    let mut scripts = Vec::new();
    for (name, protocol, auth, steps) in [
        ("imap-plain", "imap", &by_password, imap("AUTH=PLAIN", format!("{{tag}} NO you said {echo}"))),
        ("imap-login", "imap", &by_password, imap("", format!("{{tag}} NO you said {echo}"))),
        ("imap-bad", "imap", &by_password, imap("", format!("{{tag}} BAD {long}"))),
        ("imap-garbage", "imap", &by_password, imap("", echo.clone())),
        ("imap-long-garbage", "imap", &by_password, imap("", long.clone())),
        ("imap-cut", "imap", &by_password, imap("", format!("{long}\r\n{}", "y".repeat(100_000)))),
        ("imap-token", "imap", &by_token, imap("AUTH=XOAUTH2", format!("{{tag}} NO you said {echo}"))),
        (
            "smtp-plain",
            "smtp",
            &by_password,
            smtp("PLAIN", format!("535-5.7.8 you said\r\n535 5.7.8 {echo}")),
        ),
        ("smtp-long", "smtp", &by_password, smtp("PLAIN", format!("535 5.7.8 {long}"))),
        ("smtp-token", "smtp", &by_token, smtp("XOAUTH2", format!("535 5.7.8 {echo}"))),
        ("smtp-garbage", "smtp", &by_token, smtp("XOAUTH2", echo.clone())),
        ("pop-echo", "pop3", &by_password, pop(format!("-ERR [AUTH] {echo}"))),
        ("pop-garbage", "pop3", &by_password, pop(long.clone())),
    ] {
        let script = Script::start(steps);
        scene.mail_service(name, &format!("{protocol}: {{ address: \"{}\", tls: none }}", script.address()));
        scene.mailbox_by(name, name, "alice@sandbox.test", auth, "");
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {name}, protocols: [{protocol}], every: 1s, timeout: 1s }}"
        ));
        scripts.push((name, script));
    }
    // As much as there is to be said.
    scene.top("log: { level: debug }");
    let probe = scene.start();
    // Until those that are paused show the words of the refusal.
    probe.wait_until("all fail", secs(15), |metrics| {
        scripts
            .iter()
            .all(|(name, _)| metrics.sum("mailprobe_check_consecutive_failures", &[("check", name)]) > 1.0)
    });
    let mut said = vec![("the log".to_owned(), probe.log())];
    let mut paths = vec!["/metrics".to_owned(), "/".to_owned(), "/api/v1/checks".to_owned()];
    paths.extend(scripts.iter().map(|(name, _)| format!("/checks/{name}")));
    for path in paths {
        said.push((path.clone(), probe.get(&path).expect("an answer").body));
    }
    for (place, text) in said {
        for secret in &secrets {
            // As JSON and logfmt, and as HTML, write it.
            let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
            let html = secret.replace('"', "&quot;");
            for form in [secret, &json, &html] {
                assert!(!text.contains(form.as_str()), "{place} shows {form}");
                // A cut may leave no half of it either. In base64 the half with the secret is the second one.
                let (first, second) = form.split_at(form.len() / 2);
                let half = if [&plain, &bearer].contains(&secret) { second } else { first };
                assert!(!text.contains(half), "{place} shows {half} of {form}");
            }
        }
        if place == "the log" || place == "/api/v1/checks" {
            assert!(text.contains("<hidden>"), "{place}: {text}");
        }
    }
}

/// Strangers' mail is nobody's fault: the view goes on past it.
#[test]
fn a_stranger_s_message_stops_no_view() {
    let service = Service::start();
    let line = "z".repeat(200 << 10);
    let long_line = format!("Subject: a line\r\n\r\n{line}\r\n.\r\n..{line}\r\nend\r\n");
    let large = format!("Subject: large\r\n\r\n{}", format!("{}\r\n", "y".repeat(998)).repeat(20 << 10));
    let nul = b"Subject: \0\xff\xfe\r\nX-Mailprobe: \0\r\n\r\n\0\0\0\r\n".to_vec();
    for raw in [long_line.as_bytes(), large.as_bytes(), &nul, b"", b"\r\n", b"no line end"] {
        service.sandbox().deliver("bob", "INBOX", raw);
    }
    let mut scene = Scene::new();
    service.add_to(&mut scene, "hq");
    scene.check(
        "roundtrip: { name: trip, from: hq-alice, to: hq-bob, send: smtp, views: [imap, pop3], every: 5s, \
         timeout: 3s, late_after: 4s, lost_after: 20s }",
    );
    let probe = scene.start();
    let received = |metrics: &Metrics, protocol: &str| {
        metrics.sum("mailprobe_messages_received_total", &[("check", "trip"), ("protocol", protocol)])
    };
    probe.wait_until("three messages arrive in both views", secs(40), |metrics| {
        received(metrics, "imap") >= 3.0 && received(metrics, "pop3") >= 3.0
    });
    let metrics = probe.metrics();
    assert_eq!(metrics.sum("mailprobe_check_failures_total", &[]), 0.0, "{metrics:?}\n{}", probe.log());
    // What is not ours stays.
    assert!(service.sandbox().messages("bob", "INBOX").len() >= 6);
    assert_lives(&probe);
}

/// The sandbox's own nonsense, by each protocol, under TLS.
#[test]
fn nonsense_is_a_protocol_violation() {
    let mut scene = Scene::new();
    let mut services = Vec::new();
    let nonsense = [("garbage", Fault::Garbage), ("flood", Fault::Flood), ("bad-tag", Fault::BadTag)];
    for (name, fault) in &nonsense {
        let service = Service::start();
        for protocol in Protocol::ALL {
            service.fault(protocol, Some(fault.clone()));
        }
        service.add_to(&mut scene, name);
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {name}-alice, protocols: [smtp, imap, pop3], every: 24h, timeout: 10s }}"
        ));
        services.push(service);
    }
    let probe = scene.start();
    probe.wait_until("each is told for what it is", secs(30), |metrics| {
        nonsense.iter().all(|(name, _)| {
            let of = [("check", *name), ("reason", "protocol_violation")];
            metrics.sum("mailprobe_check_failing", &of) == 3.0
        })
    });
    assert_lives(&probe);
}

/// Finding: after an error reply a library says QUIT and waits for ever for the answer.
#[test]
fn a_server_that_does_not_let_go_holds_nobody() {
    let refusing =
        [cases::smtp_signed_in(), vec![Step::expect("MAIL"), Step::send("550 5.7.1 no"), Step::Stall]];
    let silent_quit = [cases::smtp_signed_in(), vec![Step::expect("QUIT"), Step::Stall]];
    let (refusing, silent) = (Script::start(refusing.concat()), Script::start(silent_quit.concat()));
    let service = Service::start();
    let mut scene = Scene::new();
    service.add_to(&mut scene, "well");
    for (name, script) in [("refusing", &refusing), ("silent", &silent)] {
        scene.mail_service(name, &format!("smtp: {{ address: \"{}\", tls: none }}", script.address()));
        scene.mailbox(name, name, "alice@sandbox.test");
    }
    scene.check(
        "roundtrip: { name: refusing, from: refusing, to: well-bob, send: smtp, views: [imap], every: 2s, timeout: 1s }",
    );
    scene.check("login: { name: silent, mailbox: silent, protocols: [smtp], every: 2s, timeout: 1s }");
    scene.check("endpoint: { name: endpoint, mail_service: silent, every: 2s, timeout: 1s }");
    let probe = scene.start();
    wait_until("each was asked thrice", secs(20), || {
        refusing.connections() >= 3 && silent.connections() >= 6
    });
    let metrics = probe.metrics();
    let of = [("check", "refusing"), ("reason", "sender_refused")];
    assert!(metrics.has("mailprobe_check_failing", &of), "{metrics:?}");
    for check in ["silent", "endpoint"] {
        assert_eq!(
            metrics.sum("mailprobe_check_failures_total", &[("check", check)]),
            0.0,
            "{}",
            probe.log()
        );
        assert_eq!(
            metrics.value("mailprobe_check_success", &[("check", check)]),
            Some(1.0),
            "{}",
            probe.log()
        );
    }
}
