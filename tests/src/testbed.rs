//! The real servers: Postfix and Dovecot by `tests/servers/mail.sh`, up when asked for and down when dropped.
//!
//! `mail.sh attend` ends with its standard input, so the servers go down after a panic and after `kill -9` of the test too.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::config::Config;
use crate::ports::free_port_base;
use crate::wait::{repository, secs, wait_until};

const USERS: usize = 64;

/// What the servers listen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// 587, STARTTLS.
    Submission,
    /// 465, implicit TLS.
    Submissions,
    Imap,
    Imaps,
    Pop3,
    Pop3s,
}

impl Port {
    const fn offset(self) -> u16 {
        match self {
            Self::Submission => 587,
            Self::Submissions => 465,
            Self::Imap => 143,
            Self::Imaps => 993,
            Self::Pop3 => 110,
            Self::Pop3s => 995,
        }
    }
}

/// A mailbox of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As it signs in: `u0000`.
    pub name: String,
    pub address: String,
    pub password: String,
}

impl User {
    /// The n-th of the servers.
    pub fn numbered(n: usize) -> Self {
        let name = format!("u{n:04}");
        Self { address: format!("{name}@probe.test"), password: format!("pw-{name}"), name }
    }
}

/// What became of a message, by the servers' logs.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub message_id: String,
    pub sender: String,
    pub recipient: String,
    /// queued, sent, deferred, bounced, expired.
    pub outcome: String,
    /// Unix times: the first RCPT TO, and `saved mail`.
    pub accepted: f64,
    pub saved: Option<f64>,
}

/// Running servers.
pub struct Testbed {
    folder: PathBuf,
    base: u16,
    attendant: Child,
    given: AtomicUsize,
}

impl Testbed {
    /// The servers that the tests of one process share: up at first use. Not for tests that make faults.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Testbed> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// Servers of one's own.
    pub fn own() -> Self {
        let mut said = String::new();
        // Another process may have taken a port between the look and the start.
        for _ in 0..3 {
            match Self::start() {
                Ok(bed) => return bed,
                Err(why) => said = why,
            }
            if !said.contains("is in use") {
                break;
            }
        }
        panic!("the mail servers did not come up:\n{said}");
    }

    fn start() -> Result<Self, String> {
        let ports = [Port::Submission, Port::Submissions, Port::Imap, Port::Imaps, Port::Pop3, Port::Pop3s];
        let base = free_port_base(&ports.map(Port::offset));
        // A short path: the names of Unix sockets are limited.
        let folder = tempfile::Builder::new()
            .prefix("mailprobe-")
            .tempdir_in("/tmp")
            .expect("a folder below /tmp")
            .keep();
        let log = std::fs::File::create(folder.join("attend.log")).expect("a log file");
        let mut attendant = Command::new(mail_sh())
            .arg("attend")
            .arg(&folder)
            .env("PORT_BASE", base.to_string())
            .env("USERS", USERS.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // What ends the test, ^C or a runner's time limit, must not end the attendant before it has cleared up.
            .process_group(0)
            .spawn()
            .expect("tests/servers/mail.sh runs");
        let mut said = String::new();
        let mut from = BufReader::new(attendant.stdout.take().expect("its standard output"));
        from.read_line(&mut said).expect("its first line");
        if said.starts_with("up: ") {
            return Ok(Self { folder, base, attendant, given: AtomicUsize::new(0) });
        }
        attendant.wait().ok();
        let log = std::fs::read_to_string(folder.join("attend.log")).unwrap_or_default();
        std::fs::remove_dir_all(&folder).ok();
        Err(said + &log)
    }

    /// A port on 127.0.0.1 (and by name: `localhost`; the certificate is for both).
    pub fn port(&self, port: Port) -> u16 {
        self.base + port.offset()
    }

    /// The certificate of the CA that signed the servers' certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("tls/ca.pem")
    }

    /// The servers' folder: `log/`, `mail/`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A mailbox that no other caller has been given.
    pub fn user(&self) -> User {
        let n = self.given.fetch_add(1, Ordering::Relaxed);
        assert!(n < USERS, "more than {USERS} mailboxes asked for");
        User::numbered(n)
    }

    /// A configuration whose mail service `real` is these servers.
    pub fn config(&self, site: &str) -> Config {
        Config::new(site, self)
    }

    /// A command of mail.sh on these servers; panics when it fails.
    pub fn command(&self, verb: &str, arguments: &[&str]) -> String {
        let output = Command::new(mail_sh())
            .arg(verb)
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("tests/servers/mail.sh runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mail.sh {verb} {arguments:?}: {}\n{said}{error}", output.status);
        said
    }

    pub fn stop_dovecot(&self) {
        self.command("stop-dovecot", &[]);
    }

    pub fn start_dovecot(&self) {
        self.command("start-dovecot", &[]);
    }

    /// From now on Postfix accepts mail and keeps it.
    pub fn hold(&self) {
        self.command("hold", &[]);
    }

    /// Delivers what was held.
    pub fn release(&self) {
        self.command("release", &[]);
    }

    /// How many sign-ins of that user were refused, over all protocols.
    pub fn refusals(&self, user: &User) -> usize {
        self.command("refusals", &[&user.name]).trim().parse().expect("a number")
    }

    /// Messages in each folder, INBOX first.
    pub fn mailbox(&self, user: &User) -> Vec<(String, usize)> {
        let said = self.command("mailbox", &[&user.name]);
        let row = |line: &str| {
            line.split_once('\t').map(|(name, count)| (name.to_owned(), count.parse().expect("a count")))
        };
        said.lines().filter_map(row).collect()
    }

    /// Messages in all folders.
    pub fn messages(&self, user: &User) -> usize {
        self.mailbox(user).iter().map(|(_, count)| count).sum()
    }

    /// Waits until all folders of these are empty.
    pub fn wait_until_empty(&self, users: &[&User]) {
        for user in users {
            let mut found = Vec::new();
            let deadline = tokio::time::Instant::now() + secs(15);
            while self.messages(user) > 0 {
                found = self.mailbox(user);
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "the mailbox of {} is not empty: {found:?}",
                    user.name
                );
                std::thread::sleep(secs(1) / 5);
            }
            drop(found);
        }
    }

    /// What became of every message, by the logs.
    pub fn books(&self) -> Vec<Delivery> {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let row = |line: &str| {
            let value: Value = serde_json::from_str(line).expect("a JSON line of books.py");
            Delivery {
                message_id: text(&value, "message_id"),
                sender: text(&value, "sender"),
                recipient: text(&value, "recipient"),
                outcome: text(&value, "outcome"),
                accepted: value["accepted"].as_f64().unwrap_or_default(),
                saved: value["saved"].as_f64(),
            }
        };
        self.command("books", &[]).lines().map(row).collect()
    }

    /// The messages from one to the other, by the logs.
    pub fn books_between(&self, from: &User, to: &User) -> Vec<Delivery> {
        let mut rows = self.books();
        rows.retain(|row| {
            row.sender == from.address && (row.recipient == to.address || row.recipient.is_empty())
        });
        rows
    }

    /// A token that Dovecot accepts for that user so long; a negative number: it ran out that long ago.
    pub fn token(user: &User, seconds: i64) -> String {
        let script = repository().join("tests/servers/token.py");
        let output =
            Command::new(script).arg(&user.name).arg(seconds.to_string()).output().expect("token.py runs");
        assert!(output.status.success(), "token.py: {output:?}");
        String::from_utf8(output.stdout).expect("a token").trim().to_owned()
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        drop(self.attendant.stdin.take());
        if std::thread::panicking() {
            self.attendant.wait().ok();
            return;
        }
        let mut ended = false;
        wait_until("the mail servers go down", secs(30), || {
            ended = !matches!(self.attendant.try_wait(), Ok(None));
            ended
        });
    }
}

fn mail_sh() -> PathBuf {
    repository().join("tests/servers/mail.sh")
}
