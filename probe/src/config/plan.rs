//! The configuration as it is run: checked, complete, ready to use. Made by the other half of this room, read by all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::http::uri::PathAndQuery;

use crate::catalogue::{Kind, Protocol};
use crate::secret::Secret;

/// All that a process runs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub site: Arc<str>,
    pub site_labels: BTreeMap<String, String>,
    /// Which part of the site's checks this process runs; none: all.
    pub shard: Option<Shard>,
    /// Where /metrics, the API and (without `listen_page`) the page are served.
    pub listen: SocketAddr,
    pub listen_page: Option<SocketAddr>,
    /// TLS and basic auth in the format of the Prometheus exporters.
    pub web_config_file: Option<PathBuf>,
    pub http: Http,
    pub log: Log,
    pub fleet_keys: FleetKeys,
    pub reference: Reference,
    pub mail_services: BTreeMap<Arc<str>, Arc<MailService>>,
    pub mailboxes: BTreeMap<Arc<str>, Arc<Mailbox>>,
    /// Sorted by name.
    pub checks: Vec<Arc<Check>>,
    /// How long a refused credential is left alone; never shorter than 35 minutes.
    pub auth_pause: Duration,
    /// A kept session is renewed at this age, jittered.
    pub session_max_age: Duration,
    /// How long a stopping process awaits what is in flight.
    pub drain: Duration,
    /// Every file that was read, secrets and certificates included: a change of one of them reloads.
    pub files: Vec<PathBuf>,
    /// What `config check` says and the start logs: accepted, and worth a second look.
    pub warnings: Vec<String>,
}

/// One of several processes that share a site's mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    pub count: u32,
}

/// What is served beside the page and the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// `POST /-/reload`.
    pub reload: bool,
    /// `/probe?check=NAME`.
    pub probe: bool,
}

/// How the log is written, to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Logfmt,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// The keys that sign the fleet's messages.
#[derive(Clone, Debug)]
pub struct FleetKeys {
    pub sign: Secret,
    /// Accepted beside `sign`, so that keys can be changed.
    pub accept: Vec<Secret>,
}

/// Targets that are not mail: is it us or them?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// A DNS server, asked over TCP.
    pub dns: Option<SocketAddr>,
    /// An http or https URL; any answer counts as up.
    pub web: Option<String>,
}

/// One mail system as its clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailService {
    pub name: Arc<str>,
    pub endpoints: BTreeMap<Protocol, Endpoint>,
    /// Which Exchange it is, as far as the configuration tells.
    pub exchange: Option<Exchange>,
    /// Protocols whose URL is left out: found for each mailbox, by Autodiscover; CalDAV by the domain of its address.
    pub discovered: BTreeSet<Protocol>,
    pub tls: Tls,
    pub proxy: Option<Proxy>,
    pub ip_family: IpFamily,
    pub resolver: Resolver,
    /// Changes when anything above does, the content of `ca_file` and the proxy's password included.
    pub fingerprint: u64,
}

/// A sort of Exchange, whose administrators have a shell of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    Server,
    Online,
}

/// Where one protocol of a mail service is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address literal, without brackets.
    pub host: Arc<str>,
    pub port: u16,
    pub tls: TlsMode,
    /// Over HTTP: the path of its URL, with its query. Empty for the other protocols.
    pub path: Arc<str>,
}

impl Endpoint {
    /// An http or https URL as an endpoint.
    pub fn of_url(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (tls, usual) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (TlsMode::Implicit, 443),
            "http" => (TlsMode::None, 80),
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tail = tail.split('#').next().unwrap_or_default();
        let path = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        let well = !host.is_empty()
            && !host.contains(['@', ' '])
            && path.is_ascii()
            && path.parse::<PathAndQuery>().is_ok();
        well.then(|| Self { host: host.into(), port, tls, path: path.into() })
    }

    /// Host and, where it is not the usual one, port (RFC 9110, section 7.2).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        let usual = if self.tls == TlsMode::None { 80 } else { 443 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// As an http or https URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls == TlsMode::None { "http" } else { "https" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Starttls,
    Implicit,
    None,
}

/// How TLS is spoken with a mail service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificates beside the system's roots: the content of `ca_file`.
    pub ca: Option<Arc<[u8]>>,
    /// Instead of the endpoint's host.
    pub server_name: Option<Arc<str>>,
    /// Refuse TLS 1.2.
    pub min_tls13: bool,
    /// The issuers (organisation or common name, as in the certificate) that are expected; empty: never `tls_intercepted`.
    pub expected_issuers: Vec<String>,
}

/// An HTTP proxy that is asked to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub host: Arc<str>,
    pub port: u16,
    pub username: Option<Arc<str>>,
    pub password: Option<Secret>,
    /// Hosts, domains (`.example.com`) and addresses that are reached without it.
    pub no_proxy: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    Any,
    V4,
    V6,
}

/// Who looks names up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// Ask the name servers of resolv.conf ourselves, each lookup fresh.
    Own,
    /// Ask these name servers.
    Servers(Vec<IpAddr>),
    /// As every other program of this host does (getaddrinfo).
    System,
}

/// A test account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Arc<str>,
    pub mail_service: Arc<MailService>,
    /// Lower case.
    pub address: Arc<str>,
    pub auth: Auth,
    pub limits: Limits,
    /// Sessions of one protocol at once.
    pub max_sessions: usize,
    /// Changes when anything above does, except a secret file's content: that is read at each sign-in.
    pub fingerprint: u64,
}

/// How a mailbox signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    pub username: Arc<str>,
    pub method: Method,
    /// Allowed mechanisms, best first; the first that the server offers is used.
    pub mechanisms: Vec<Mechanism>,
    /// How requests over HTTP are signed in.
    pub scheme: Scheme,
}

impl Auth {
    /// `method` and `flow` as the configuration writes them; no flow: empty.
    pub fn words(&self) -> (&'static str, &'static str) {
        match self.scheme {
            Scheme::Basic => ("password", ""),
            Scheme::Ntlm => ("ntlm", ""),
            Scheme::Negotiate => ("kerberos", ""),
            Scheme::Bearer => ("oauth2", "token_file"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Password(SecretSource),
    /// Kerberos with a key of this file, which is the client keytab that the process was started with.
    Keytab(PathBuf),
    /// `oauth2` with `flow: token_file`: somebody else renews the token.
    TokenFile(SecretSource),
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Read at each sign-in; one trailing newline is cut.
    File(PathBuf),
    /// Written in the configuration; accepted with a warning.
    Inline(Secret),
}

/// A SASL mechanism, or the protocol's own sign-in with user name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    Plain,
    Login,
    ScramSha256,
    Xoauth2,
    Oauthbearer,
}

impl Mechanism {
    pub const ALL: &'static [Self] =
        &[Self::Plain, Self::Login, Self::ScramSha256, Self::Xoauth2, Self::Oauthbearer];

    /// As the protocols write it; the configuration takes it in any case.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
        }
    }
}

/// A sign-in of HTTP (RFC 9110, section 11). One is configured; nothing weaker is tried when it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    Basic,
    Bearer,
    /// MS-NTHT: a connection is signed in, not a request.
    Ntlm,
    /// RFC 4559, with Kerberos and nothing else.
    Negotiate,
}

impl Scheme {
    /// As servers write it; compared in any case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Bearer => "Bearer",
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }
}

/// What a mailbox may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub messages_per_day: Option<u32>,
    /// To another mail service.
    pub external_per_day: u32,
}

/// One thing watched on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: Arc<str>,
    pub every: Duration,
    pub timeout: Duration,
    pub what: What,
    /// Changes when anything above does, the mailboxes and mail services that it names included.
    pub fingerprint: u64,
}

/// A check's kind with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Roundtrip(Roundtrip),
    Login { mailbox: Arc<Mailbox>, protocols: Vec<Protocol> },
    Endpoint { mail_service: Arc<MailService>, protocols: Vec<Protocol> },
    Directory { mailbox: Arc<Mailbox>, of: Arc<Mailbox>, protocols: Vec<Protocol> },
    Calendar(Calendar),
    Meeting(Meeting),
    FreeBusy(FreeBusy),
    Autodiscover { mailbox: Arc<Mailbox> },
}

/// One sender, one receiver, any number of views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roundtrip {
    pub from: Arc<Mailbox>,
    pub to: Arc<Mailbox>,
    /// Used in turn, slot by slot.
    pub send: Vec<Protocol>,
    pub views: Vec<Protocol>,
    pub late_after: Duration,
    pub lost_after: Duration,
    /// Messages awaited at once; above it the slot is skipped.
    pub max_in_flight: usize,
    /// Keep the sending session from one message to the next.
    pub keep_sender: bool,
}

/// One mailbox, whose entries are changed through one protocol and awaited in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub mailbox: Arc<Mailbox>,
    pub write: Protocol,
    pub views: Vec<Protocol>,
    /// The entry is a series with one moved occurrence.
    pub recurring: bool,
    pub pace: Pace,
}

/// Organizer and attendee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    pub organizer: Part,
    pub attendee: Part,
    pub pace: Pace,
}

/// Who takes part in a meeting, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub mailbox: Arc<Mailbox>,
    /// The protocol of a calendar; or IMAP: invitations and answers are mails, sent by SMTP (RFC 6047).
    pub by: Protocol,
}

/// Somebody's free/busy times, and how they are made busy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeBusy {
    pub mailbox: Arc<Mailbox>,
    pub protocol: Protocol,
    pub of: Arc<Mailbox>,
    /// The protocol that the entry is written by.
    pub write: Protocol,
    pub pace: Pace,
}

/// When an entry is, and how long its changes are awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The IANA name of the zone that entries are written in.
    pub zone: Arc<str>,
    /// From then on a change that does not show is a failure.
    pub late_after: Duration,
}

impl Part {
    /// The protocols that it signs in by.
    pub fn protocols(&self) -> &[Protocol] {
        match &self.by {
            Protocol::Imap => &[Protocol::Imap, Protocol::Smtp],
            by => std::slice::from_ref(by),
        }
    }
}

impl What {
    /// Every mailbox that is signed in to, by which protocols.
    pub fn sessions(&self) -> Vec<(&Arc<Mailbox>, &[Protocol])> {
        let one = std::slice::from_ref;
        match self {
            Self::Roundtrip(trip) => vec![(&trip.from, &trip.send), (&trip.to, &trip.views)],
            Self::Login { mailbox, protocols } | Self::Directory { mailbox, protocols, .. } => {
                vec![(mailbox, protocols)]
            }
            Self::Calendar(of) => vec![(&of.mailbox, one(&of.write)), (&of.mailbox, &of.views)],
            Self::Meeting(of) => {
                [&of.organizer, &of.attendee].map(|part| (&part.mailbox, part.protocols())).into()
            }
            Self::FreeBusy(of) => vec![(&of.mailbox, one(&of.protocol)), (&of.of, one(&of.write))],
            Self::Autodiscover { mailbox } => vec![(mailbox, &[Protocol::Autodiscover])],
            Self::Endpoint { .. } => Vec::new(),
        }
    }

    /// Messages that a run sends: whose, to which mail service, how many.
    pub fn messages(&self) -> Vec<(&Arc<Mailbox>, &Arc<Mailbox>, u32)> {
        match self {
            Self::Roundtrip(trip) => vec![(&trip.from, &trip.to, 1)],
            // Invitation, change, cancellation; the answer.
            Self::Meeting(Meeting { organizer, attendee, .. }) => {
                vec![(&organizer.mailbox, &attendee.mailbox, 3), (&attendee.mailbox, &organizer.mailbox, 1)]
            }
            _ => Vec::new(),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Roundtrip(_) => Kind::Roundtrip,
            Self::Calendar(_) => Kind::Calendar,
            Self::Meeting(_) => Kind::Meeting,
            Self::Login { .. } => Kind::Login,
            Self::Endpoint { .. } => Kind::Endpoint,
            Self::Directory { .. } => Kind::Directory,
            Self::FreeBusy(_) => Kind::FreeBusy,
            Self::Autodiscover { .. } => Kind::Autodiscover,
        }
    }
}
