//! The tests' own tools, tried without the probe: the real servers and their faults, the scripted server, its certificates.

use std::process::Command;
use std::sync::Arc;

use mailprobe_tests::{Ca, Flaw, Port, Script, Step, Testbed, User, secs, wait_until};

/// curl's exit status. 67 is a refused sign-in, 7 no connection, 60 a certificate that it does not trust.
fn curl(ca: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl")
        .args(["-sS", "-m", "20", "--cacert"])
        .arg(ca)
        .args(arguments)
        .output()
        .expect("curl runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("an exit status"), said)
}

fn send(bed: &Testbed, from: &User, to: &User) -> (i32, String) {
    let mail = bed.folder().join("mail.eml");
    std::fs::write(
        &mail,
        format!("From: {}\r\nTo: {}\r\nSubject: a test\r\n\r\nhello\r\n", from.address, to.address),
    )
    .expect("the message is written");
    curl(
        &bed.ca_file(),
        &[
            "--url",
            &format!("smtps://localhost:{}", bed.port(Port::Submissions)),
            "-u",
            &format!("{}:{}", from.name, from.password),
            "--mail-from",
            &from.address,
            "--mail-rcpt",
            &to.address,
            "-T",
            mail.to_str().expect("a path of ASCII"),
        ],
    )
}

#[test]
fn every_port_and_mechanism_signs_in() {
    let bed = Testbed::shared();
    let user = bed.user();
    let password = format!("{}:{}", user.name, user.password);
    for (scheme, port) in [
        ("smtp", Port::Submission),
        ("smtps", Port::Submissions),
        ("imap", Port::Imap),
        ("imaps", Port::Imaps),
        ("pop3", Port::Pop3),
        ("pop3s", Port::Pop3s),
    ] {
        let url = format!("{scheme}://localhost:{}/", bed.port(port));
        // curl awaits a list where it is told another command in POP3.
        let command: &[&str] = if scheme.starts_with("pop3") { &[] } else { &["-X", "NOOP"] };
        let token = Testbed::token(&user, 600);
        let expired = Testbed::token(&user, -10);
        let by = |more: &[&str]| {
            curl(&bed.ca_file(), &[&["--ssl-reqd", "--login-options"], more, command, &[&url]].concat()).0
        };
        for mechanism in ["AUTH=PLAIN", "AUTH=LOGIN"] {
            assert_eq!(by(&[mechanism, "-u", &password]), 0, "{url} {mechanism}");
        }
        for mechanism in ["AUTH=XOAUTH2", "AUTH=OAUTHBEARER"] {
            let name = format!("{}:", user.name);
            assert_eq!(by(&[mechanism, "-u", &name, "--oauth2-bearer", &token]), 0, "{url} {mechanism}");
            let refused = by(&[mechanism, "-u", &name, "--oauth2-bearer", &expired]);
            assert_eq!(refused, 67, "{url} {mechanism} with an expired token");
        }
    }
    assert_eq!(bed.refusals(&user), 12);
    let wrong = format!("{}:wrong", user.name);
    let said =
        curl(&bed.ca_file(), &["-u", &wrong, &format!("imaps://localhost:{}/", bed.port(Port::Imaps))]);
    assert_eq!(said.0, 67, "{said:?}");
    assert_eq!(bed.refusals(&user), 13);
}

#[test]
fn faults_are_made_and_mended() {
    let bed = Testbed::own();
    let (alice, bob) = (bed.user(), bed.user());
    let imaps = format!("imaps://localhost:{}/", bed.port(Port::Imaps));
    let sign_in =
        |password: &str| curl(&bed.ca_file(), &["-u", &format!("{}:{password}", alice.name), &imaps]).0;

    assert_eq!(send(&bed, &alice, &bob).0, 0);
    wait_until("the message is in the mailbox", secs(10), || bed.messages(&bob) == 1);

    bed.hold();
    assert_eq!(send(&bed, &alice, &bob).0, 0);
    std::thread::sleep(secs(2));
    assert_eq!(bed.messages(&bob), 1, "held mail was delivered");
    bed.release();
    assert_eq!(bed.messages(&bob), 2);

    bed.command("bounce-on", &[&bob.name]);
    assert_eq!(send(&bed, &alice, &bob).0, 0);
    wait_until("the bounce is in the sender's mailbox", secs(10), || bed.messages(&alice) == 1);
    bed.command("bounce-off", &[&bob.name]);

    bed.command("refuse-user", &[&bob.name]);
    let (status, said) = send(&bed, &alice, &bob);
    assert!(status != 0 && said.contains("550"), "{status} {said}");
    bed.command("accept-user", &[&bob.name]);
    assert_eq!(send(&bed, &alice, &bob).0, 0);
    wait_until("mail is delivered again", secs(10), || bed.messages(&bob) == 3);

    bed.stop_dovecot();
    assert_eq!(sign_in(&alice.password), 7);
    bed.start_dovecot();
    assert_eq!(sign_in(&alice.password), 0);

    bed.command("password", &[&alice.name, "another"]);
    assert_eq!((sign_in(&alice.password), sign_in("another")), (67, 0));
    assert_eq!(bed.refusals(&alice), 1);

    bed.command("remove-one", &[&bob.name]);
    assert_eq!(bed.mailbox(&bob).first(), Some(&("INBOX".to_owned(), 2)));

    let books = bed.books_between(&alice, &bob);
    let outcomes: Vec<&str> = books.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["sent", "sent", "bounced", "sent"]);
    // The held one waited as long as it was held.
    let waited = |n: usize| books.get(n).map(|row| row.saved.unwrap() - row.accepted).unwrap();
    assert!(waited(0) < 1.5 && waited(1) > 2.0, "{} {}", waited(0), waited(1));
    let folder = bed.folder().to_owned();
    drop(bed);
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[test]
fn a_script_is_followed_word_for_word() {
    let ca = Ca::new("a CA of this test");
    let tls = ca.server(Flaw::None);
    let folder = tempfile::tempdir().unwrap();
    let script = Script::each(vec![
        vec![
            Step::send("220 hello"),
            Step::expect("EHLO"),
            Step::send("250-here"),
            Step::send("250 STARTTLS"),
            Step::expect("starttls"),
            Step::send("220 go"),
            Step::StartTls(Arc::clone(&tls)),
            Step::expect("EHLO"),
            Step::send("250 here"),
            Step::expect("MAIL FROM"),
            Step::send("250 ok"),
            Step::expect("RCPT TO"),
            Step::send("250 ok"),
            Step::expect("DATA"),
            Step::send("354 go"),
            Step::ExpectUntil(".".to_owned()),
            Step::send("250 taken"),
            Step::expect("QUIT"),
            Step::send("221 bye"),
            Step::Close,
        ],
        vec![Step::Reset],
        vec![Step::send("nonsense"), Step::Garbage(100_000), Step::Close],
    ]);
    let url = format!("smtp://localhost:{}", script.port());
    let mail = folder.path().join("mail.eml");
    std::fs::write(&mail, "Subject: x\r\n\r\nhello\r\n").unwrap();
    let more = [
        "--ssl-reqd",
        "--mail-from",
        "a@b.test",
        "--mail-rcpt",
        "c@b.test",
        "-T",
        mail.to_str().unwrap(),
        &url,
    ];
    let said = curl(&ca.write(folder.path()), &more);
    assert_eq!(said.0, 0, "{said:?} {:#?}", script.transcript());
    assert!(script.mismatches().is_empty(), "{:#?}", script.transcript());
    // The second and the third connection break, each in its own way; the last script serves all that follow.
    for connection in [2, 3, 4] {
        assert_ne!(curl(&ca.write(folder.path()), &more).0, 0);
        assert_eq!(script.connections(), connection);
    }
}

#[test]
fn an_imap_script_answers_with_the_client_s_tags() {
    let ca = Ca::new("a CA of this test");
    let script = Script::start(vec![
        Step::StartTls(ca.server(Flaw::None)),
        Step::send("* OK hello"),
        Step::Again(vec![Step::tagged(""), Step::send("{tag} OK done")]),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("imaps://localhost:{}/", script.port());
    let said = curl(&ca.write(folder.path()), &["-u", "a:b", "-X", "NOOP", &url]);
    assert_eq!(said.0, 0, "{said:?} {:#?}", script.transcript());
}

#[test]
fn flawed_certificates_are_refused_by_others_too() {
    let (ca, stranger) = (Ca::new("a CA of this test"), Ca::new("another CA"));
    let folder = tempfile::tempdir().unwrap();
    let trusted = ca.write(folder.path());
    for (issuer, flaw, status) in [
        (&ca, Flaw::None, 0),
        (&ca, Flaw::Expired, 60),
        (&ca, Flaw::NotYetValid, 60),
        (&ca, Flaw::WrongName, 60),
        (&stranger, Flaw::None, 60),
    ] {
        let script = Script::start(vec![
            Step::StartTls(issuer.server(flaw)),
            Step::send("* OK hello"),
            Step::Again(vec![Step::tagged(""), Step::send("{tag} OK done")]),
        ]);
        let url = format!("imaps://localhost:{}/", script.port());
        let said = curl(&trusted, &["-u", "a:b", "-X", "NOOP", &url]);
        assert_eq!(said.0, status, "{flaw:?}: {said:?} {:#?}", script.transcript());
    }
}
