//! What the protocols say where clients seldom go: limits, wrong orders, broken lines, the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use mailprobe_sandbox::Listener;
use support::{
    PASSWORD, World,
    talk::{Talk, sign_in_smtp},
};

#[tokio::test]
async fn nothing_may_follow_starttls_before_tls() {
    let world = World::start().await;
    let cases = [
        (Listener::Submission, "STARTTLS\r\nEHLO injected\r\n", "503"),
        (Listener::Imap, "a STARTTLS\r\nb NOOP\r\n", "a BAD"),
        (Listener::Pop3, "STLS\r\nCAPA\r\n", "-ERR"),
    ];
    for (listener, sent, refusal) in cases {
        let mut talk = Talk::connect(&world, listener).await.unwrap();
        talk.line().await.unwrap();
        talk.send(sent).await.unwrap();
        let answer = talk.line().await.unwrap();
        assert!(answer.starts_with(refusal), "{listener:?}: {answer}");
        assert_eq!(talk.line().await, Err("closed".to_owned()), "{listener:?}");
    }
}

#[tokio::test]
async fn lines_without_end_are_not_read_for_ever() {
    let world = World::start().await;
    for (listener, refusal) in
        [(Listener::Submission, "500"), (Listener::Imap, "* BYE"), (Listener::Pop3, "-ERR")]
    {
        let mut talk = Talk::connect(&world, listener).await.unwrap();
        talk.line().await.unwrap();
        talk.send(&"x".repeat(66_000)).await.unwrap();
        let answer = talk.line().await.unwrap();
        assert!(answer.starts_with(refusal), "{listener:?}: {answer}");
    }
}

#[tokio::test]
async fn smtp_minds_the_order_and_the_line_ends() {
    let world = World::start().await;
    let mut talk = Talk::connect(&world, Listener::Submission).await.unwrap();
    sign_in_smtp(&mut talk).await.unwrap();
    for (command, code) in [
        ("AUTH PLAIN =", "503 5.5.1"),
        ("STARTTLS", "503 5.5.1"),
        ("RCPT TO:<bob@sandbox.test>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:alice@sandbox.test", "501 5.5.4"),
        ("MAIL FROM:<alice@sandbox.test> SIZE=99999999", "552 5.3.4"),
        ("MAIL FROM:<alice@sandbox.test> BODY=8BITMIME SIZE=1000", "250 2.1.0"),
        ("MAIL FROM:<alice@sandbox.test>", "503 5.5.1"),
        ("DATA", "554 5.5.1"),
        ("RCPT TO:<>", "501 5.5.4"),
        ("RCPT TO:<someone@elsewhere.test>", "550 5.7.1"),
        ("RCPT TO:<bob@sandbox.test> NOTIFY=FAILURE ORCPT=rfc822;bob@sandbox.test", "250 2.1.5"),
        ("DATA", "354"),
        ("bare\nline feed\r\n.\n\r\n.", "550 5.6.11"),
        ("RSET", "250 2.0.0"),
    ] {
        let reply = talk.smtp(command).await.unwrap();
        assert!(reply[0].starts_with(code), "{command}: {reply:?}");
    }
    let pipelined = "MAIL FROM:<>\r\nRCPT TO:<bob@sandbox.test>\r\nDATA\r\n";
    talk.send(pipelined).await.unwrap();
    for code in ["250", "250", "354"] {
        assert!(talk.reply().await.unwrap()[0].starts_with(code));
    }
    let big = "x".repeat(998) + "\r\n";
    talk.send(&big.repeat(10_600)).await.unwrap();
    assert!(talk.smtp(".").await.unwrap()[0].starts_with("552 5.3.4"));
    assert!(world.sandbox.messages("bob", "INBOX").is_empty());
}

#[tokio::test]
async fn imap_takes_literals_and_pipelined_commands() {
    let world = World::start().await;
    let mut talk = Talk::connect(&world, Listener::Imaps).await.unwrap();
    talk.line().await.unwrap();
    talk.send("a1 LOGIN {5}\r\n").await.unwrap();
    assert!(talk.line().await.unwrap().starts_with("+ "));
    talk.send(&format!("alice {{{}+}}\r\n{PASSWORD}\r\n", PASSWORD.len())).await.unwrap();
    assert!(talk.line().await.unwrap().starts_with("a1 OK [CAPABILITY "));
    talk.send(
        "a2 APPEND INBOX (\\Seen) {16+}\r\nSubject: s\r\n\r\nb\n\r\na3 SELECT INBOX\r\n\
         a4 FETCH 1 (FLAGS BODY[])\r\na5 STORE 1 +FLAGS (\\Deleted)\r\na6 EXPUNGE\r\na7 BOGUS\r\na8 FETCH x FLAGS\r\n",
    )
    .await
    .unwrap();
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.starts_with("a8")) {
        lines.push(talk.line().await.unwrap());
    }
    let tagged: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with('a'))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(tagged, ["a2 OK", "a3 OK", "a4 OK", "a5 OK", "a6 OK", "a7 BAD", "a8 BAD"], "{lines:#?}");
    assert!(lines.contains(&"* 1 EXPUNGE".to_owned()), "{lines:#?}");
    talk.send("a9 APPEND INBOX {10485761}\r\n").await.unwrap();
    assert!(talk.line().await.unwrap().starts_with("a9 NO [TOOBIG]"));
    talk.send("b1 APPEND INBOX {10485761+}\r\n").await.unwrap();
    assert!(talk.line().await.unwrap().starts_with("* BYE"));
    let log = world.sandbox.log();
    assert!(!log.join("\n").contains(PASSWORD));
    assert!(log.iter().all(|line| !line.contains('\n')), "{log:#?}");
}

#[tokio::test]
async fn two_imap_sessions_hear_of_each_other() {
    let world = World::start().await;
    world.sandbox.deliver("alice", "INBOX", b"Subject: one\r\n\r\n");
    world.sandbox.deliver("alice", "INBOX", b"Subject: two\r\n\r\n");
    let mut talks = Vec::new();
    for _ in 0..2 {
        let mut talk = Talk::connect(&world, Listener::Imaps).await.unwrap();
        talk.line().await.unwrap();
        talk.imap(&format!("LOGIN alice \"{PASSWORD}\"")).await.unwrap();
        talk.imap("SELECT INBOX").await.unwrap();
        talks.push(talk);
    }
    let (mut one, mut two) = (talks.remove(0), talks.remove(0));
    two.imap("STORE 1 +FLAGS.SILENT (\\Deleted)").await.unwrap();
    assert_eq!(one.imap("NOOP").await.unwrap(), ["* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))"]);
    two.imap("EXPUNGE").await.unwrap();
    let fetched = one.imap("FETCH 1:2 UID").await.unwrap();
    assert_eq!(fetched, ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)"], "no EXPUNGE while numbers are in use");
    assert_eq!(one.imap("NOOP").await.unwrap(), ["* 1 EXPUNGE"]);
}

#[tokio::test]
async fn it_ends_when_told_and_when_dropped() {
    for told in [true, false] {
        let world = World::start().await;
        let address = world.sandbox.address(Listener::Imap);
        let mut talk = Talk::connect(&world, Listener::Imap).await.unwrap();
        talk.line().await.unwrap();
        let clone = world.sandbox.clone();
        if told {
            clone.shutdown().await;
        } else {
            drop(world);
            assert!(tokio::net::TcpStream::connect(address).await.is_ok(), "a clone keeps it up");
            drop(clone);
        }
        assert_eq!(talk.line().await, Err("closed".to_owned()));
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
