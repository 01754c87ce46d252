//! The probe's configuration for a test. Where the keys below `auth` and below a mail service are named, they are named here only.

use std::fmt::Write;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
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
    /// A token of that endpoint, by `xoauth2` or `oauthbearer`.
    Token { endpoint: SocketAddr, mechanism: &'static str },
}

/// A configuration in the making.
#[derive(Clone)]
pub struct Config {
    head: String,
    mail_service: String,
    mailboxes: String,
    checks: String,
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
        let by_password = |password: &str, more: &str| {
            format!("{{ method: password, username: {username}, password: \"{password}\"{more} }}")
        };
        let auth = match auth {
            Auth::Password => by_password(password, ""),
            Auth::Mechanism(mechanism) => by_password(password, &format!(", mechanism: {mechanism}")),
            Auth::Wrong(other) => by_password(other, ""),
            Auth::Token { endpoint, mechanism } => format!(
                "{{ method: oauth2, flow: client_credentials, username: {username}, mechanism: {mechanism}, \
                 token_url: \"http://{endpoint}/{username}\", client_id: probe, client_secret: for-tests }}"
            ),
        };
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

    /// The file's text. The fleet's key lies in `folder`; it is the same in all tests.
    pub(crate) fn yaml(&self, folder: &Path) -> String {
        let key = folder.join("fleet-key");
        std::fs::write(&key, "bWFpbHByb2JlLXRlc3RzLWZsZWV0LWtleS0wMTIzNDU\n")
            .expect("the fleet's key is written");
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

/// A token endpoint of OAuth 2 that gives everybody what they ask for: the last part of the path is the user.
pub struct TokenEndpoint {
    address: SocketAddr,
}

impl TokenEndpoint {
    /// Serves until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(&stream));
            }
        });
        Self { address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn answer(stream: &std::net::TcpStream) -> Option<()> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let user = line.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    from.take(length).read_to_end(&mut Vec::new()).ok()?;
    let user = User { name: user, address: String::new(), password: String::new() };
    let token = Testbed::token(&user, 3600);
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}");
    let mut to = stream;
    write!(
        to,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()
}
