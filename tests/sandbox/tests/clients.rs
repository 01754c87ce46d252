//! Clients that others wrote, against a healthy sandbox.

mod support;

use mailprobe_sandbox::Listener;
use support::{PASSWORD, World, program, succeed};

fn text(raw: &[u8]) -> String {
    String::from_utf8(raw.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn python_sends_by_smtplib() {
    let world = World::start().await;
    assert_eq!(world.python("smtp.py", &[]).await, "ok\n");
    let stored = world.sandbox.messages("bob", "INBOX");
    let subjects: Vec<_> = stored
        .iter()
        .map(|raw| text(raw).lines().find(|line| line.starts_with("Subject: ")).unwrap().to_owned())
        .collect();
    assert_eq!(
        subjects,
        [
            "Subject: over STARTTLS",
            "Subject: partly",
            "Subject: over TLS by plain",
            "Subject: over TLS by login",
            "Subject: in chunks"
        ]
    );
    let first = text(&stored[0]);
    assert!(first.starts_with("Return-Path: <alice@sandbox.test>\r\nReceived: from "), "{first}");
    assert!(first.contains("\r\n\tfor <bob@sandbox.test>; "), "{first}");
    assert!(
        first.ends_with("first line\r\n.a line that begins with a dot\r\n..two dots\r\n.\r\nlast line\r\n")
    );
    assert!(text(&stored[4]).ends_with("Subject: in chunks\r\n\r\none\r\ntwo\r\n"));
    let counts = world.sandbox.counts();
    assert_eq!((counts.accepted, counts.delivered, counts.smtp.refused), (5, 5, 2));
    let log = world.sandbox.log().join("\n");
    assert!(log.contains("C: AUTH PLAIN <hidden>") && !log.contains("dXNlcj1"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_by_imaplib() {
    let world = World::start().await;
    assert_eq!(world.python("imap.py", &[]).await, "ok\n");
    assert_eq!(world.sandbox.messages("alice", "INBOX").len(), 1);
    assert_eq!(world.sandbox.messages("alice", "Trash").len(), 1);
    let log = world.sandbox.log().join("\n");
    assert!(!log.contains(PASSWORD) && !log.contains("t0ken"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_by_poplib() {
    let world = World::start().await;
    world.sandbox.deliver("bob", "INBOX", b"Subject: one\r\n\r\nx\r\n.dot\r\nend\r\n");
    world.sandbox.deliver("bob", "INBOX", b"Subject: two\r\n\r\na\r\nb\r\n");
    assert_eq!(world.python("pop3.py", &[]).await, "ok\n");
    let left = world.sandbox.messages("bob", "INBOX");
    assert_eq!(left.len(), 1);
    assert!(text(&left[0]).starts_with("Subject: two"));
}
