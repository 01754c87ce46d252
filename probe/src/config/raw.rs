//! The configuration as it is written. The JSON Schema and docs/configuration.md come from these structs and comments.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::words::{Span, Words};

mod check;

pub use check::*;

/// The configuration of one probe.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// The place where this probe runs; the label `site` of every metric.
    pub site: String,
    /// Labels of the site, for fleet-wide rules; `page: "true"` lets alerts about this site page somebody.
    #[serde(default)]
    pub site_labels: BTreeMap<String, String>,
    /// Where several processes share the mailboxes of a site: which of them this is.
    pub shard: Option<Shard>,
    /// Where metrics, status page and API are served. Default: 0.0.0.0:9725.
    pub listen: Option<String>,
    /// A listener of its own for the status page.
    pub listen_page: Option<String>,
    /// TLS and basic auth of the listeners, in the format of the Prometheus exporters.
    pub web_config_file: Option<String>,
    /// What is served beside the page and the metrics.
    #[serde(default)]
    pub http: Http,
    /// How the log is written.
    #[serde(default)]
    pub log: Log,
    /// The keys that sign the fleet's messages; needed by round trips and calendars.
    pub fleet_keys: Option<FleetKeys>,
    /// Targets that are not mail: they tell a broken mail service from a site that is cut off.
    #[serde(default)]
    pub reference: Reference,
    /// What checks of a kind take when they do not say it themselves.
    #[serde(default)]
    pub defaults: Defaults,
    /// What every mailbox may send, unless it says otherwise.
    #[serde(default)]
    pub limits: Limits,
    /// Sessions of one mailbox and protocol at once. Default: 3.
    pub max_sessions: Option<u32>,
    /// How long a refused credential is left alone; 35m or longer. Default: 35m.
    pub auth_pause: Option<Span>,
    /// A kept session is renewed at this age. Default: 30m.
    pub session_max_age: Option<Span>,
    /// How long a stopping probe awaits what is in flight. Default: 35s.
    pub drain: Option<Span>,
    /// The mail systems, by name. A name is a role, the same at all sites.
    #[serde(default)]
    pub mail_services: BTreeMap<String, MailService>,
    /// The test accounts, by name. A name is a role, the same at all sites.
    #[serde(default)]
    pub mailboxes: BTreeMap<String, Mailbox>,
    /// What is watched: a list of checks, or a map of them by name.
    #[serde(default)]
    #[schemars(with = "Checks")]
    pub checks: Option<serde::de::IgnoredAny>,
}

/// One of several processes that share a site. Mailboxes are divided among them; checks that have a mailbox in common stay together.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

/// What is served beside the page and the metrics.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `POST /-/reload` reads the configuration again.
    pub reload: Option<bool>,
    /// `/probe?check=NAME` runs a check.
    pub probe: Option<bool>,
}

/// How the log is written, to standard error.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Default: logfmt.
    pub format: Option<LogFormat>,
    /// Default: info.
    pub level: Option<LogLevel>,
}

/// A format of the log.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Logfmt,
    Json,
}

/// The least level that is logged.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// The keys that sign the fleet's messages, each in a file, 16 bytes or more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetKeys {
    /// The file with the key that signs.
    pub sign: String,
    /// Files with keys that are accepted beside it, so that keys can be changed.
    #[serde(default)]
    pub accept: Words,
}

/// Targets that are not mail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// A name server, asked over TCP: `tcp://10.1.0.1:53`.
    pub dns: Option<String>,
    /// An http or https URL; any answer counts as up.
    pub web: Option<String>,
}

/// What checks take when they do not say it themselves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// For all kinds.
    pub every: Option<Span>,
    /// For all kinds.
    pub timeout: Option<Span>,
    /// For round trips.
    #[serde(default)]
    pub roundtrip: RoundtripDefaults,
    /// For logins.
    #[serde(default)]
    pub login: Times,
    /// For endpoint checks.
    #[serde(default)]
    pub endpoint: Times,
}

/// Defaults of round trips.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundtripDefaults {
    /// Default: 60s.
    pub every: Option<Span>,
    /// Of the submission. Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
    /// Default: 30s.
    pub late_after: Option<Span>,
    /// Default: 15m.
    pub lost_after: Option<Span>,
    /// Default: 64.
    pub max_in_flight: Option<u32>,
    /// Default: false.
    pub keep_sender: Option<bool>,
}

/// When a check runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// From one run to the next. Default: 60s.
    pub every: Option<Span>,
    /// Of a run; not longer than `every`. Default: the smaller of `every` and 30s.
    pub timeout: Option<Span>,
}

/// What a mailbox may send.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages a day. Default: no limit.
    pub messages_per_day: Option<u32>,
    /// Messages a day to another mail service. Default: 300.
    pub external_per_day: Option<u32>,
}

/// One mail system as its clients see it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailService {
    /// What is filled in. Default: generic.
    pub preset: Option<Preset>,
    /// Fills in smtp (port 587, starttls), imap (993) and pop3 (995) where they are left out.
    pub host: Option<String>,
    /// Submission; null: there is none.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Endpoint>")]
    pub smtp: Part<Endpoint>,
    /// Null: there is none.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Endpoint>")]
    pub imap: Part<Endpoint>,
    /// Null: there is none.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Endpoint>")]
    pub pop3: Part<Endpoint>,
    /// Exchange Web Services; null: there is none. `{}` where nothing fills it in: found by Autodiscover.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Web>")]
    pub ews: Part<Web>,
    /// MAPI over HTTP: accepted, not used yet.
    pub mapi: Option<Web>,
    /// CalDAV: the URL of the server, of a user or of one calendar; a host alone is asked where its calendars are. `{}`: found by
    /// the domain of a mailbox's address (RFC 6764).
    pub caldav: Option<Web>,
    /// Autodiscover at this URL; left out: found in the order in which Outlook looks.
    pub autodiscover: Option<Web>,
    /// Outlook on the web; null: there is none. `{}` where nothing fills it in: found by Autodiscover.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Web>")]
    pub owa: Part<Web>,
    /// How TLS is spoken with it.
    #[serde(default)]
    pub tls: Tls,
    /// An HTTP proxy that is asked to CONNECT: `http://[user@]host:port`, or a map with its credentials.
    pub proxy: Option<Proxy>,
    /// Default: any.
    pub ip_family: Option<IpFamily>,
    /// Who looks names up. Default: own.
    pub resolver: Option<Resolver>,
}

/// Not said (`None`), said to be none (`Some(None)`), or given.
pub type Part<T> = Option<Option<T>>;

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Part<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What a mail service fills in.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// smtp, imap and pop3 at `host`.
    Generic,
    /// An Exchange Server: the same, and ews and owa at their usual paths.
    Exchange,
    /// Microsoft 365: its public imap and smtp; sign-in by OAuth only.
    Microsoft365,
}

/// Where a protocol is spoken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `host:port`; an IPv6 address in brackets.
    pub address: Option<String>,
    /// Default: as usual at the port (587 143 110 25 starttls, 993 995 465 implicit).
    pub tls: Option<TlsMode>,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    Starttls,
    Implicit,
    /// Credentials cross the network in clear: only for tests.
    None,
}

/// Where a web protocol is spoken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// An https URL.
    pub url: Option<String>,
}

/// How TLS is spoken with a mail service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM certificates that are trusted beside the system's.
    pub ca_file: Option<String>,
    /// The name that certificates are compared with, instead of the endpoint's host.
    pub server_name: Option<String>,
    /// Default: "1.2".
    pub min_version: Option<TlsVersion>,
    /// Issuers (organisation or common name) that are expected; another one is reported as `tls_intercepted`.
    #[serde(default)]
    pub expected_issuers: Words,
}

/// The oldest TLS that is accepted.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
pub enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}

/// An HTTP proxy.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum Proxy {
    Url(String),
    Full(FullProxy),
}

/// An HTTP proxy with its credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullProxy {
    /// `http://host:port`.
    pub url: String,
    /// Needed where there is a password.
    pub username: Option<String>,
    /// The file with the password; read when the configuration is.
    pub password_file: Option<String>,
    /// Hosts, domains (`.example.com`) and addresses that are reached without it.
    #[serde(default)]
    pub no_proxy: Words,
}

/// Which addresses are used.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    Any,
    V4,
    V6,
}

/// Who looks names up: `own`, `system`, or name servers.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Resolver {
    /// The probe asks the name servers of resolv.conf, afresh each time.
    Own,
    /// As every other program of this host does.
    System,
    /// The probe asks these addresses.
    #[schemars(untagged)]
    Servers(Servers),
}

/// Name servers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Servers {
    /// Their addresses.
    pub servers: Words,
}

/// A test account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// The name of the mail service that it is in.
    pub mail_service: String,
    /// Its mail address.
    pub address: String,
    /// How it signs in.
    pub auth: Auth,
    /// What it may send. Default: the top level's.
    #[serde(default)]
    pub limits: Limits,
    /// Sessions of one protocol at once. Default: the top level's.
    pub max_sessions: Option<u32>,
}

/// How a mailbox signs in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// With a password (over HTTP: Basic), with a password by NTLM over HTTP, by Kerberos over HTTP, or with a token.
    pub method: AuthMethod,
    /// Default: the mailbox's address. With `method: kerberos`: the principal, such as alice@CONTOSO.EXAMPLE, which has no default.
    pub username: Option<String>,
    /// The file with the password, read at each sign-in.
    pub password_file: Option<String>,
    /// The password itself: accepted with a warning.
    pub password: Option<String>,
    /// With `method: kerberos`, in a password's stead: the keytab with the account's key; the process must be started with KRB5_CLIENT_KTNAME set to it.
    pub keytab_file: Option<String>,
    /// With `method: oauth2`: where the token comes from.
    pub flow: Option<Flow>,
    /// With `flow: token_file`: the file with the access token, read at each sign-in. Somebody else renews it.
    pub token_file: Option<String>,
    /// Allowed mechanisms, best first. Default: [plain, login, scram-sha-256] for passwords, [oauthbearer, xoauth2] for tokens.
    pub mechanisms: Option<Words>,
}

/// What an account signs in with.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    Password,
    /// A password, over HTTP by NTLM.
    Ntlm,
    /// A password or a keytab, over HTTP alone; only in a build with the cargo feature `kerberos`.
    Kerberos,
    Oauth2,
}

/// Where a token comes from.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    TokenFile,
}
