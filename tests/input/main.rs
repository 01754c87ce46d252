//! What people give to the probe: wrong files, changed files, wrong words on the command line.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use mailprobe_tests::{Metrics, PASSWORD, Probe, Scene, Service, mailprobe, request, secs, wait_until};

/// Exit status, and all that was said.
fn run(arguments: &[&str]) -> (i32, String) {
    let mut child = Command::new(mailprobe())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mailprobe starts");
    let mut ended = false;
    // One that is accepted would serve for ever.
    for _ in 0..200 {
        ended = child.try_wait().expect("its state").is_some();
        if ended {
            break;
        }
        std::thread::sleep(secs(10) / 200);
    }
    if !ended {
        child.kill().ok();
    }
    let output = child.wait_with_output().expect("its output");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

const HEAD: &str = "version: 1\nsite: lisbon\nlisten: 127.0.0.1:0\nfleet_keys: { sign: KEY }\n";
const SERVICE: &str = "mail_services:\n  hq: { host: mail.example.test }\n";
const MAILBOX: &str = "mailboxes:\n  alice: { mail_service: hq, address: a@b.test, auth: { method: password, password: secret-word } }\n";
const CHECK: &str = "checks:\n  - login: { mailbox: alice, protocols: [imap] }\n";

/// A file's text, and what is said of it: line and words.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("an unknown key", "chekcs: []\n", &[":11: chekcs: found the unknown key", "did you mean checks?"]),
    ("a missing secret file", "MAILBOX:password_file: nowhere", &[":8: mailboxes.alice.auth.password_file: found the file", "which is not there"]),
    ("a folder in its place", "MAILBOX:password_file: .", &[":8: mailboxes.alice.auth.password_file: found the file", "which cannot be read"]),
    ("a number for a text", "MAILBOX:password: 0012345", &[":8: mailboxes.alice.auth.password:", "in quotes"]),
    ("two checks of one name", "  - login: { mailbox: alice, protocols: [pop3] }\n", &[":11: checks", "login-alice"]),
    ("every shorter than timeout", "  - login: { name: x, mailbox: alice, protocols: [imap], every: 5s, timeout: 10s }\n", &[":11: checks.x.every: found every 5s and timeout 10s"]),
    ("every of nothing", "  - login: { name: x, mailbox: alice, protocols: [imap], every: 1ms, timeout: 1ms }\n", &[":11: checks.x.every:", "1s or longer"]),
    ("no mailbox of that name", "  - login: { name: x, mailbox: alcie, protocols: [imap] }\n", &[":11: checks.x.mailbox: found \"alcie\"", "did you mean alice?"]),
    ("a protocol of a later release", "  - login: { name: x, mailbox: alice, protocols: [mapi] }\n", &[":11: checks.x.protocols[0]: found \"mapi\", which is not yet built"]),
];

fn refused(name: &str, file: &Path, parts: &[&str]) {
    let path = file.display().to_string();
    for arguments in [&["config", "check", "--config", &path][..], &["run", "--config", &path]] {
        let (status, said) = run(arguments);
        assert_eq!(status, 2, "{name}: {arguments:?}\n{said}");
        for part in parts {
            assert!(said.contains(part), "{name}: no {part:?} in\n{said}");
        }
        assert!(!said.contains("secret-word") && !said.contains("12345"), "{name} shows a secret:\n{said}");
        assert!(!said.contains("panicked"), "{name}: {said}");
    }
}

#[test]
fn wrong_files_are_refused_with_line_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
    let head = HEAD.replace("KEY", &key.display().to_string());
    let file = folder.path().join("mailprobe.yaml");
    for (name, text, parts) in REFUSED {
        let (mailbox, more) = match text.strip_prefix("MAILBOX:") {
            Some(auth) => (MAILBOX.replace("password: secret-word", auth), ""),
            None => (MAILBOX.to_owned(), *text),
        };
        std::fs::write(&file, [&head, SERVICE, &mailbox, CHECK, more].concat()).unwrap();
        refused(name, &file, parts);
    }
    let whole = |mailbox: &str| [&head, SERVICE, mailbox, CHECK].concat();
    std::fs::write(&file, whole(&MAILBOX.replace("mail_service: hq", "mail_service: qh"))).unwrap();
    refused("no such mail service", &file, &[":8: mailboxes.alice.mail_service: found \"qh\"", "hq"]);
    for (name, bytes, part) in [
        ("an empty file", &b""[..], "found an empty file"),
        ("a comment", b"# nothing\n", "found"),
        ("a binary file", b"\x7fELF\x00\xff\xfe\x01", "found"),
        ("half a map", b"mail_services: { hq: {", "found"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        refused(name, &file, &["mailprobe.yaml", part]);
    }
    refused(
        "a missing file",
        &folder.path().join("nowhere.yaml"),
        &["nowhere.yaml: found a file that cannot be read"],
    );
    std::fs::write(&file, whole(MAILBOX)).unwrap();
    let (status, said) = run(&["config", "check", "--config", &file.display().to_string()]);
    assert_eq!(status, 0, "the same without the mistakes: {said}");
}

#[test]
fn all_errors_of_a_file_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mailprobe.yaml");
    let text = "version: 2\nsite: \"lisbon office\"\nlisten: here\nmail_services:\n  hq: { host: mail.example.test, presett: generic }\n\
                mailboxes:\n  alice: { mail_service: hq, address: nobody, auth: { method: password, password_file: nowhere } }\n\
                checks:\n  - login: { mailbox: alice, protocols: [imapp] }\n";
    std::fs::write(&file, text).unwrap();
    let places = [
        ":1: version:",
        ":2: site:",
        ":3: listen:",
        ":5: mail_services.hq.presett:",
        ":7: mailboxes.alice.address:",
        ":7: mailboxes.alice.auth.password_file:",
        ":9: checks.login-alice.protocols[0]:",
    ];
    refused("seven errors", &file, &places);
}

#[test]
fn a_port_in_use_is_told_with_its_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
    let head = HEAD.replace("KEY", &key.display().to_string()).replace("127.0.0.1:0", &address);
    let file = folder.path().join("mailprobe.yaml");
    std::fs::write(&file, [&head, SERVICE, MAILBOX, CHECK].concat()).unwrap();
    let (status, said) = run(&["run", "--config", &file.display().to_string()]);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains(&format!("listen: {address} cannot be used")), "{said}");
}

#[test]
fn words_and_exit_codes() {
    for (arguments, status, part) in [
        (&["explain", "0xDEADBEEF"][..], 1, "does not know \"0xDEADBEEF\""),
        (&["explain", "800ccc0e"], 0, "cannot connect"),
        (&["explain", "0x800CCC0E"], 0, "cannot connect"),
        (&["explain", "-2146644978"], 2, ""),
        (&["explain", "tls_failed"], 0, "tls_failed (cause: network)"),
        (&["explain", "tls_faild"], 1, "did you mean tls_failed?"),
        (&["explain", ""], 1, "does not know"),
        (&["explain"], 2, "WORD"),
        (&["frobnicate"], 2, "frobnicate"),
        (&[], 2, "Usage"),
        (&["run"], 2, "--config"),
        (&["check", "--direct"], 2, "--config"),
        (&["check", "--address", "http://127.0.0.1:1"], 2, "cannot be asked"),
        (&["config", "check"], 2, "--config"),
        (&["--version"], 0, "mailprobe "),
        (&["config", "schema"], 0, "\"$schema\""),
    ] {
        let (really, said) = run(arguments);
        assert!(
            really == status && said.contains(part),
            "{arguments:?}: {really}, expected {status} and {part:?}\n{said}"
        );
    }
}

#[test]
fn check_tells_by_its_exit_code() {
    let service = Service::start();
    let mut scene = Scene::new();
    service.add_to(&mut scene, "hq");
    scene.mail_service("down", "imap: { address: \"127.0.0.1:1\", tls: none }");
    scene.mailbox("down", "down", "alice@sandbox.test");
    scene.check("roundtrip: { name: trip, from: hq-alice, to: hq-bob, send: smtp, views: [imap, pop3] }");
    scene.check("login: { name: refused, mailbox: down, protocols: [imap] }");
    let file = scene.file("mailprobe.yaml", &scene.yaml());
    for (names, status, parts) in [
        (&["trip"][..], 0, &["trip"][..]),
        (&["refused"], 1, &["refused", "connect_refused"]),
        (&["refused", "trip"], 1, &["trip", "connect_refused"]),
        (&["nobody"], 2, &["no check is called nobody"]),
    ] {
        for format in [&[][..], &["--json"]] {
            let arguments = [&["check", "--direct", "--config", &file], format, names].concat();
            let (really, said) = run(&arguments);
            assert_eq!(really, status, "{arguments:?}\n{said}");
            assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}\n{said}");
        }
    }
    assert!(service.sandbox().messages("bob", "INBOX").is_empty(), "what was sent is deleted");
}

/// Two versions of a configuration: `gone` is in the first one only, `new` in the second only.
fn versions(service: &Service, scene: &mut Scene) -> (String, String) {
    service.add_to(scene, "hq");
    scene.top("http: { reload: true }");
    scene.check("roundtrip: { name: trip, from: hq-alice, to: hq-bob, send: smtp, views: [imap], every: 1s, timeout: 1s }");
    let endpoint =
        |name: &str| format!("  - endpoint: {{ name: {name}, mail_service: hq, every: 1s, timeout: 1s }}\n");
    (scene.yaml() + &endpoint("gone"), scene.yaml() + &endpoint("new"))
}

fn runs(metrics: &Metrics, check: &str) -> f64 {
    metrics.sum("mailprobe_check_runs_total", &[("check", check)])
}

fn reloaded(metrics: &Metrics) -> bool {
    metrics.value("mailprobe_config_last_reload_successful", &[]) == Some(1.0)
        && !metrics.text().contains("check=\"gone\"")
        && runs(metrics, "new") > 0.0
}

/// What did not change goes on: its counters, and its sessions.
fn assert_kept(before: &Metrics, probe: &Probe, service: &Service, sign_ins: u64) {
    let after = probe.wait_until("the round trip goes on", secs(15), |metrics| {
        runs(metrics, "trip") > runs(before, "trip") + 2.0
    });
    let of = [("check", "trip")];
    for counter in ["mailprobe_messages_received_total", "mailprobe_messages_sent_total"] {
        assert!(after.sum(counter, &of) > before.sum(counter, &of), "{counter}\n{after:?}");
    }
    for never in ["lost", "abandoned", "duplicated", "late"] {
        assert_eq!(after.sum(&format!("mailprobe_messages_{never}_total"), &of), 0.0, "{never}\n{after:?}");
    }
    assert_eq!(service.sandbox().counts().imap.signed_in, sign_ins, "the views stay open\n{}", probe.log());
}

fn settled(probe: &Probe, check: &str) -> Metrics {
    probe.wait_until("both checks run", secs(15), |metrics| {
        runs(metrics, check) > 1.0
            && metrics.sum("mailprobe_messages_received_total", &[("check", "trip")]) > 1.0
    })
}

#[test]
fn a_changed_file_is_read_and_what_is_equal_goes_on() {
    let service = Service::start();
    let mut scene = Scene::new();
    let (first, second) = versions(&service, &mut scene);
    let probe = Probe::try_start(&first).expect("it starts");
    let before = settled(&probe, "gone");
    let sign_ins = service.sandbox().counts().imap.signed_in;
    let file = probe.folder().join("mailprobe.yaml");
    std::fs::write(&file, &second).unwrap();
    let after = probe.wait_until("the second version runs", secs(15), reloaded);
    assert_kept(&after, &probe, &service, sign_ins);
    assert!(runs(&after, "trip") >= runs(&before, "trip"), "counters do not begin anew");

    // A broken one is refused with its place; the old one stays in force.
    std::fs::write(&file, second.replace("site: lisbon", "sight: lisbon")).unwrap();
    let refused = probe.wait_until("the third version is refused", secs(15), |metrics| {
        metrics.value("mailprobe_config_last_reload_successful", &[]) == Some(0.0)
    });
    assert!(probe.log().contains("mailprobe.yaml:2: sight: found the unknown key"), "{}", probe.log());
    assert_kept(&refused, &probe, &service, sign_ins);
    assert!(reloaded_but_for_the_gauge(&probe.metrics()));
    std::fs::write(&file, &second).unwrap();
    probe.wait_until("mended", secs(15), reloaded);
    assert_eq!(service.sandbox().counts().imap.signed_in, sign_ins);
}

fn reloaded_but_for_the_gauge(metrics: &Metrics) -> bool {
    !metrics.text().contains("check=\"gone\"") && runs(metrics, "new") > 0.0
}

#[test]
fn a_signal_and_a_request_reload_too() {
    let service = Service::start();
    let mut scene = Scene::new();
    let (first, _) = versions(&service, &mut scene);
    let probe = Probe::try_start(&first).expect("it starts");
    settled(&probe, "gone");
    let sign_ins = service.sandbox().counts().imap.signed_in;
    let read = |because: &str| probe.log().matches(&format!("because={because}")).count();
    probe.hup();
    wait_until("SIGHUP is heard", secs(10), || read("SIGHUP") == 1);
    let answer = request(probe.address(), "POST", "/-/reload", None, secs(10)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("the request is logged", secs(10), || read("\"POST /-/reload\"") == 1);
    assert_kept(&probe.metrics(), &probe, &service, sign_ins);

    // A request is told what is wrong.
    std::fs::write(probe.folder().join("mailprobe.yaml"), "site: lisbon\nversion: 7\n").unwrap();
    let answer = request(probe.address(), "POST", "/-/reload", None, secs(10)).unwrap();
    assert!(answer.status >= 400 && answer.body.contains("mailprobe.yaml:2: version: found 7"), "{answer:?}");
    assert_eq!(probe.metrics().value("mailprobe_config_last_reload_successful", &[]), Some(0.0));
}

/// Kubernetes mounts a volume as links through `..data`, and swaps that one link.
#[test]
fn a_swapped_link_is_read_as_a_changed_file() {
    let service = Service::start();
    let mut scene = Scene::new();
    let (first, second) = versions(&service, &mut scene);
    let mount = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(mount.path().join(name)).unwrap();
        std::fs::write(mount.path().join(name).join("mailprobe.yaml"), text).unwrap();
        symlink(name, mount.path().join("..data_tmp")).unwrap();
        std::fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    };
    version("..2026_11_22_01", &first);
    let file = mount.path().join("mailprobe.yaml");
    symlink("..data/mailprobe.yaml", &file).unwrap();
    let probe = Probe::run_file(tempfile::tempdir().unwrap(), &file).expect("it starts");
    settled(&probe, "gone");
    let sign_ins = service.sandbox().counts().imap.signed_in;
    version("..2026_11_22_02", &second);
    std::fs::remove_dir_all(mount.path().join("..2026_11_22_01")).unwrap();
    let after = probe.wait_until("the second version runs", secs(15), reloaded);
    assert_kept(&after, &probe, &service, sign_ins);
}

#[test]
fn a_changed_secret_file_ends_the_pause() {
    let service = Service::start();
    let mut scene = Scene::new();
    let body = service.body(&scene);
    scene.mail_service("hq", &body);
    let file = scene.file("secret", "not the password\n");
    scene.mailbox_by(
        "alice",
        "hq",
        "alice@sandbox.test",
        &format!("method: password, password_file: \"{file}\""),
        "",
    );
    scene.check("login: { name: in, mailbox: alice, protocols: [smtp, imap, pop3], every: 1s, timeout: 1s }");
    let probe = scene.start();
    let of = [("check", "in"), ("reason", "credential_paused")];
    probe.wait_until("paused over all protocols", secs(15), |metrics| {
        metrics.sum("mailprobe_check_failing", &of) == 3.0
    });
    let counts = service.sandbox().counts();
    assert_eq!(counts.smtp.refused + counts.imap.refused + counts.pop3.refused, 1, "one attempt");
    std::fs::write(&file, PASSWORD).unwrap();
    probe.wait_until("signed in", secs(15), |metrics| {
        metrics.sum("mailprobe_check_success", &[("check", "in")]) == 3.0
            && metrics.sum("mailprobe_credential_paused", &[("mailbox", "alice")]) == 0.0
    });
}
