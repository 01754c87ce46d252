//! A configuration in the making for scripted servers and the sandbox: mail services by their body, a check by its line.

use std::fmt::Write;
use std::path::Path;

use crate::probe::Probe;

/// The password of every mailbox that says nothing else.
pub const PASSWORD: &str = "pw-of-the-tests";

/// The key that every fleet of these tests signs with.
pub const FLEET_KEY: &str = "bWFpbHByb2JlLXRlc3RzLWZsZWV0LWtleS0wMTIzNDU";

/// A configuration in the making. Files that it names lie in a folder of its own.
pub struct Scene {
    folder: tempfile::TempDir,
    top: String,
    mail_services: String,
    mailboxes: String,
    checks: String,
    environment: Vec<(String, String)>,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    pub fn new() -> Self {
        Self::of_site("lisbon")
    }

    pub fn of_site(site: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut scene = Self {
            folder,
            top: format!("version: 1\nsite: {site}\nlisten: 127.0.0.1:0\n"),
            mail_services: "mail_services:\n".to_owned(),
            mailboxes: "mailboxes:\n".to_owned(),
            checks: "checks:\n".to_owned(),
            environment: Vec::new(),
        };
        let key = scene.file("fleet-key", &format!("{FLEET_KEY}\n"));
        scene.top(&format!("fleet_keys: {{ sign: \"{key}\" }}"));
        scene
    }

    /// Where its files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and answers its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("a file of the test's");
        path.display().to_string()
    }

    /// One more line at the top level.
    pub fn top(&mut self, line: &str) {
        writeln!(self.top, "{line}").expect("a String takes it");
    }

    /// `imap: { address: "127.0.0.1:993", tls: implicit }, tls: { … }`.
    pub fn mail_service(&mut self, name: &str, body: &str) {
        writeln!(self.mail_services, "  {name}: {{ {body} }}").expect("a String takes it");
    }

    /// With [`PASSWORD`].
    pub fn mailbox(&mut self, name: &str, mail_service: &str, address: &str) {
        let file = self.file("password", PASSWORD);
        let auth = format!("method: password, password_file: \"{file}\"");
        self.mailbox_by(name, mail_service, address, &auth, "");
    }

    /// With that `auth`, and more keys beside it (`max_sessions: 1`).
    pub fn mailbox_by(&mut self, name: &str, mail_service: &str, address: &str, auth: &str, more: &str) {
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        writeln!(
            self.mailboxes,
            "  {name}: {{ mail_service: {mail_service}, address: {address}, auth: {{ {auth} }}{more} }}"
        )
        .expect("a String takes it");
    }

    /// `login: { mailbox: alice, protocols: [imap], every: 1s }`.
    pub fn check(&mut self, check: &str) {
        writeln!(self.checks, "  - {check}").expect("a String takes it");
    }

    /// One more variable in the probe's environment.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The file's text.
    pub fn yaml(&self) -> String {
        [&*self.top, &self.mail_services, &self.mailboxes, &self.checks].concat()
    }

    /// Runs the probe on it.
    pub fn start(&self) -> Probe {
        let yaml = self.yaml();
        Probe::try_start_in(&yaml, &self.environment).unwrap_or_else(|refused| {
            panic!("the probe did not start: {}\n{}\n{yaml}", refused.status, refused.log)
        })
    }
}
