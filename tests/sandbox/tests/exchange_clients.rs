//! Clients that others wrote, against the sandbox's Exchange side.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mailprobe_sandbox::{ExtendedProtection, Listener, Scheme};
use support::{PASSWORD, World, program, run, succeed};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

#[tokio::test]
async fn exchangelib_does_all_it_can() {
    let world = World::start().await;
    assert_eq!(world.library("exchange.py", &[]).await, "ok\n");
    let counts = world.sandbox.counts();
    assert!(counts.ews.signed_in > 2 && counts.ews.refused == 2, "{counts:?}");
    let log = world.sandbox.log().join("\n");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn ntlm_is_bound_to_the_channel() {
    let world = World::start().await;
    // requests_ntlm binds to the certificate that it was shown; curl does not bind at all.
    for (protection, curl_gets) in [
        (ExtendedProtection::Off, "200"),
        (ExtendedProtection::Allow, "200"),
        (ExtendedProtection::Require, "401"),
    ] {
        world.sandbox.set_extended_protection(protection);
        assert_eq!(world.library("ntlm.py", &[]).await, "200 401\n", "{protection:?}");
        assert_eq!(curl(&world, "--ntlm", PASSWORD).await, curl_gets, "{protection:?}");
    }
    assert_eq!(curl(&world, "--basic", PASSWORD).await, "200", "Basic is bound to nothing");
    world.sandbox.set_extended_protection(ExtendedProtection::Off);
    assert_eq!(curl(&world, "--ntlm", "wrong").await, "401");
    world.sandbox.set_schemes(&[Scheme::Ntlm]);
    assert_eq!(curl(&world, "--basic", PASSWORD).await, "401", "it is not offered");
}

/// The status that curl gets for a page of EWS.
async fn curl(world: &World, scheme: &str, password: &str) -> String {
    let mut curl = program("curl", "curl");
    curl.args([
        "--silent",
        "--max-time",
        "30",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        scheme,
    ]);
    curl.args(["--user", &format!("alice:{password}"), "--cacert"]).arg(world.ca_file());
    curl.arg(format!("https://localhost:{}/EWS/Exchange.asmx", world.port(Listener::Https)));
    succeed(curl).await
}

/// DavMail, ended when dropped.
struct DavMail(Child);

impl Drop for DavMail {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A port that was free a moment ago: DavMail cannot be asked which one it took.
fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The fingerprint of the certificate that is shown at HTTPS.
async fn fingerprint(world: &World) -> String {
    let mut openssl = program("openssl", "openssl");
    let address = format!("localhost:{}", world.port(Listener::Https));
    openssl.args(["s_client", "-connect", &address]);
    let shown = world.dir.path().join("shown.pem");
    std::fs::write(&shown, run(openssl).await.stdout).unwrap();
    let mut openssl = program("openssl", "openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha1", "-in"]).arg(shown);
    succeed(openssl).await.trim().split_once('=').unwrap().1.to_owned()
}

fn start(world: &World, fingerprint: &str, imap: u16, smtp: u16) -> DavMail {
    let url = format!("https://localhost:{}/EWS/Exchange.asmx", world.port(Listener::Https));
    let log = world.dir.path().join("davmail.log");
    let settings = format!(
        "davmail.server=true\ndavmail.mode=EWS\ndavmail.url={url}\ndavmail.imapPort={imap}\ndavmail.smtpPort={smtp}\n\
         davmail.popPort=\ndavmail.caldavPort=\ndavmail.ldapPort=\ndavmail.bindAddress=127.0.0.1\n\
         davmail.allowRemote=false\ndavmail.disableUpdateCheck=true\ndavmail.logFilePath={log}\n\
         davmail.server.certificate.hash={fingerprint}\nlog4j.rootLogger=WARN\n",
        log = log.display()
    );
    let file = world.dir.path().join("davmail.properties");
    std::fs::write(&file, settings).unwrap();
    let jar = Path::new("/usr/share/davmail/davmail.jar");
    assert!(jar.is_file(), "there is no {}: install the Debian package `davmail-server`", jar.display());
    let java = program("java", "default-jre-headless");
    let mut command = Command::new(java.get_program());
    command.args(["-Xmx256m", "-jar"]).arg(jar).arg("-server").arg(file);
    DavMail(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[tokio::test]
async fn a_message_goes_round_through_davmail() {
    let world = World::start().await;
    let fingerprint = fingerprint(&world).await;
    let (imap, smtp) = (free(), free());
    let _davmail = start(&world, &fingerprint, imap, smtp);
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, imap)).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "DavMail does not listen");
        sleep(Duration::from_millis(100)).await;
    }
    let mut python = program("python3", "python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/davmail.py"));
    python.env("PASSWORD", PASSWORD);
    python.env("DAVMAIL_IMAP_PORT", imap.to_string()).env("DAVMAIL_SMTP_PORT", smtp.to_string());
    assert_eq!(succeed(python).await, "ok\n");
    let count = |user, folder| world.sandbox.messages(user, folder).len();
    assert_eq!(
        (count("alice", "Sent"), count("bob", "INBOX"), count("bob", "Trash"), count("bob", "Drafts")),
        (2, 1, 1, 1)
    );
}
