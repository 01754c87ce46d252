//! Clients that others wrote, against a healthy sandbox.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use mailprobe_sandbox::Listener;
use support::{PASSWORD, World, program, succeed};

fn text(raw: &[u8]) -> String {
    String::from_utf8(raw.to_vec()).unwrap()
}

#[tokio::test]
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
    assert_eq!(
        (counts.accepted, counts.delivered, counts.smtp.refused),
        (5, 5, 3),
        "smtplib tries two mechanisms"
    );
    let log = world.sandbox.log().join("\n");
    assert!(log.contains("C: AUTH PLAIN <hidden>") && !log.contains("dXNlcj1"), "{log}");
}

#[tokio::test]
async fn python_reads_by_imaplib() {
    let world = World::start().await;
    assert_eq!(world.python("imap.py", &[]).await, "ok\n");
    assert_eq!(world.sandbox.messages("alice", "INBOX").len(), 1);
    assert_eq!(world.sandbox.messages("alice", "Trash").len(), 1);
    let log = world.sandbox.log().join("\n");
    assert!(!log.contains(PASSWORD) && !log.contains("t0ken"), "{log}");
}

#[tokio::test]
async fn python_reads_by_poplib() {
    let world = World::start().await;
    world.sandbox.deliver("bob", "INBOX", b"Subject: one\r\n\r\nx\r\n.dot\r\nend\r\n");
    world.sandbox.deliver("bob", "INBOX", b"Subject: two\r\n\r\na\r\nb\r\n");
    assert_eq!(world.python("pop3.py", &[]).await, "ok\n");
    let left = world.sandbox.messages("bob", "INBOX");
    assert_eq!(left.len(), 1);
    assert!(text(&left[0]).starts_with("Subject: two"));
}

#[tokio::test]
async fn swaks_sends() {
    let world = World::start().await;
    let cases =
        [(Listener::Submission, "--tls", "PLAIN"), (Listener::Submissions, "--tls-on-connect", "LOGIN")];
    for (listener, tls, mechanism) in cases {
        let mut swaks = program("swaks", "swaks");
        swaks.args(["--server", "localhost", "--port", &world.port(listener).to_string(), tls]);
        swaks.args(["--tls-verify", "--tls-ca-path"]).arg(world.ca_file());
        swaks.args(["--auth", mechanism, "--auth-user", "alice", "--auth-password", PASSWORD, "--pipeline"]);
        swaks.args(["--from", "alice@sandbox.test", "--to", "bob@sandbox.test"]);
        swaks.args(["--header", "Subject: by swaks", "--body", "one\n.two\n"]);
        let said = succeed(swaks).await;
        assert!(said.contains("250 2.0.0 Ok: queued as "), "{said}");
    }
    let stored = world.sandbox.messages("bob", "INBOX");
    assert_eq!(stored.len(), 2);
    let first = text(&stored[0]);
    assert!(first.contains("\r\nSubject: by swaks\r\n") && first.contains("\r\n.two\r\n"), "{first}");
}

#[tokio::test]
async fn mbsync_pulls_a_mailbox_and_pushes_what_changed() {
    let world = World::start().await;
    for number in 1..=3 {
        let raw = format!("Subject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\nBody {number}\r\n");
        world.sandbox.deliver("alice", "INBOX", raw.as_bytes());
    }
    let maildir = world.dir.path().join("mail");
    std::fs::create_dir(&maildir).unwrap();
    for (listener, tls) in [(Listener::Imaps, "IMAPS"), (Listener::Imap, "STARTTLS")] {
        let config = format!(
            "IMAPAccount sandbox\nHost localhost\nPort {port}\nUser alice\nPass \"{PASSWORD}\"\n\
             SSLType {tls}\nCertificateFile {ca}\nAuthMechs *\n\n\
             IMAPStore far\nAccount sandbox\n\n\
             MaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nExpunge Both\nSync All\nSyncState *\n",
            port = world.port(listener),
            ca = world.ca_file().display(),
            mail = maildir.display(),
        );
        let file = world.dir.path().join("mbsyncrc");
        std::fs::write(&file, config).unwrap();
        let mut mbsync = program("mbsync", "isync");
        mbsync.arg("-c").arg(&file).arg("-a");
        succeed(mbsync).await;
        if tls == "IMAPS" {
            let new: Vec<_> =
                std::fs::read_dir(maildir.join("INBOX/new")).unwrap().map(|f| f.unwrap().path()).collect();
            assert_eq!(new.len(), 3, "{new:?}");
            assert!(maildir.join("Junk").is_dir(), "the other folders are there too");
            // Deleted here and written there, as a mail reader would.
            let first =
                new.iter().find(|path| std::fs::read_to_string(path).unwrap().contains("Body 1")).unwrap();
            std::fs::remove_file(first).unwrap();
            std::fs::write(maildir.join("Drafts/new/1.1.x"), "Subject: written here\n\nText\n").unwrap();
        }
    }
    assert_eq!(world.sandbox.messages("alice", "INBOX").len(), 2);
    let drafts = world.sandbox.messages("alice", "Drafts");
    assert!(text(&drafts[0]).contains("Subject: written here\r\n"), "mbsync appended it");
}

#[tokio::test]
async fn curl_sends_and_reads() {
    let world = World::start().await;
    let file = world.dir.path().join("mail.txt");
    std::fs::write(&file, "Subject: by curl\r\n\r\nBody\r\n").unwrap();
    let curl = |listener: Listener, scheme: &str, path: &str| {
        let mut curl = program("curl", "curl");
        curl.args(["--silent", "--show-error", "--max-time", "30", "--cacert"]).arg(world.ca_file());
        curl.args(["--user", &format!("alice:{PASSWORD}"), "--ssl-reqd"]);
        curl.arg(format!("{scheme}://localhost:{}/{path}", world.port(listener)));
        curl
    };
    for (listener, scheme) in [(Listener::Submissions, "smtps"), (Listener::Submission, "smtp")] {
        let mut send = curl(listener, scheme, "");
        send.args([
            "--mail-from",
            "alice@sandbox.test",
            "--mail-rcpt",
            "alice@sandbox.test",
            "--upload-file",
        ]);
        send.arg(&file);
        succeed(send).await;
    }
    for (listener, scheme) in [(Listener::Imaps, "imaps"), (Listener::Imap, "imap")] {
        let read = succeed(curl(listener, scheme, "INBOX;MAILINDEX=1")).await;
        assert!(read.ends_with("Subject: by curl\r\n\r\nBody\r\n"), "{read}");
        let mut search = curl(listener, scheme, "INBOX");
        search.args(["--request", "SEARCH SUBJECT curl"]);
        assert_eq!(succeed(search).await, "* SEARCH 1 2\r\n");
    }
    for (listener, scheme) in [(Listener::Pop3s, "pop3s"), (Listener::Pop3, "pop3")] {
        let read = succeed(curl(listener, scheme, "2")).await;
        assert!(read.ends_with("Subject: by curl\r\n\r\nBody\r\n"), "{read}");
        let listed = succeed(curl(listener, scheme, "")).await;
        assert_eq!(listed.lines().count(), 2, "{listed}");
    }
    let mut token = curl(Listener::Imaps, "imaps", "INBOX;UID=1");
    token.args(["--oauth2-bearer", "t0ken", "--user", "alice:"]);
    assert!(succeed(token).await.contains("by curl"));
}
