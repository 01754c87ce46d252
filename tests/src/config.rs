//! The probe's configuration for a test. Where the keys below `auth` and below a mail service are named, they are named here only.

use std::fmt::Write;
use std::path::Path;

use crate::testbed::{Port, Testbed, User};

/// How a mailbox signs in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// The mailbox's own password, by the mechanism that the probe chooses.
    Password,
    /// Its password by that mechanism: `plain`, `login`, `scram-sha-256`.
    Mechanism(&'static str),
    /// Another password.
    Wrong(String),
    /// A token that Dovecot accepts for an hour, from a file, by `xoauth2` or `oauthbearer`.
    Token(&'static str),
}

/// A configuration in the making.
#[derive(Clone)]
pub struct Config {
    head: String,
    mail_service: String,
    mailboxes: String,
    checks: String,
    /// Passwords and tokens: files beside the configuration, each with its text.
    secrets: Vec<(String, String)>,
}

impl Config {
    pub(crate) fn new(site: &str, bed: &Testbed) -> Self {
        let at = |port| bed.port(port);
        let service = |smtp: Port, imap: Port, pop3: Port, tls: &str| {
            format!(
                "    preset: generic\n    host: 127.0.0.1\n    \
                 smtp: {{ address: \"127.0.0.1:{}\", tls: {tls} }}\n    \
                 imap: {{ address: \"127.0.0.1:{}\", tls: {tls} }}\n    \
                 pop3: {{ address: \"127.0.0.1:{}\", tls: {tls} }}\n    \
                 tls: {{ ca_file: \"{}\" }}\n",
                at(smtp),
                at(imap),
                at(pop3),
                bed.ca_file().display(),
            )
        };
        let implicit = service(Port::Submissions, Port::Imaps, Port::Pop3s, "implicit");
        let starttls = service(Port::Submission, Port::Imap, Port::Pop3, "starttls");
        Self {
            head: format!("version: 1\nsite: {site}\n"),
            mail_service: format!("mail_services:\n  real:\n{implicit}  real-starttls:\n{starttls}"),
            mailboxes: "mailboxes:\n".to_owned(),
            checks: "checks:\n".to_owned(),
            secrets: Vec::new(),
        }
    }

    /// One more line at the top level: `defaults: { … }`.
    pub fn line(mut self, line: &str) -> Self {
        writeln!(self.head, "{line}").expect("a String takes it");
        self
    }

    /// A mailbox over implicit TLS.
    pub fn mailbox(self, name: &str, user: &User, auth: &Auth) -> Self {
        self.mailbox_of("real", name, user, auth)
    }

    /// A mailbox of that mail service: `real` or `real-starttls`.
    pub fn mailbox_of(mut self, mail_service: &str, name: &str, user: &User, auth: &Auth) -> Self {
        let User { name: username, address, password } = user;
        let (method, kind, secret, mechanism) = match auth {
            Auth::Password => ("password", "password", password.clone(), None),
            Auth::Mechanism(mechanism) => ("password", "password", password.clone(), Some(mechanism)),
            Auth::Wrong(other) => ("password", "password", other.clone(), None),
            Auth::Token(mechanism) => {
                ("oauth2, flow: token_file", "token", Testbed::token(user, 3600), Some(mechanism))
            }
        };
        let mechanisms = mechanism.map(|it| format!(", mechanisms: [{it}]")).unwrap_or_default();
        let auth =
            format!("{{ method: {method}, username: {username}, {kind}_file: secret-{name}{mechanisms} }}");
        self.secrets.push((format!("secret-{name}"), secret));
        write!(
            self.mailboxes,
            "  {name}:\n    mail_service: {mail_service}\n    address: {address}\n    auth: {auth}\n"
        )
        .expect("a String takes it");
        self
    }

    /// A check: `roundtrip: { … }`.
    pub fn check(mut self, check: &str) -> Self {
        writeln!(self.checks, "  - {check}").expect("a String takes it");
        self
    }

    /// The file's text. The secrets and the fleet's key, which is the same in all tests, are written into `folder`.
    pub(crate) fn yaml(&self, folder: &Path) -> String {
        let key = folder.join("fleet-key");
        std::fs::write(&key, "bWFpbHByb2JlLXRlc3RzLWZsZWV0LWtleS0wMTIzNDU\n")
            .expect("the fleet's key is written");
        for (name, secret) in &self.secrets {
            std::fs::write(folder.join(name), format!("{secret}\n")).expect("a secret is written");
        }
        format!(
            "{}listen: 127.0.0.1:0\nfleet_keys: {{ sign: \"{}\" }}\n{}{}{}",
            self.head,
            key.display(),
            self.mail_service,
            self.mailboxes,
            self.checks
        )
    }
}
