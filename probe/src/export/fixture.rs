//! A plan without files, for tests and for `examples/`: both read this file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mailprobe::catalogue::Protocol;
use mailprobe::config::plan::{
    Auth, Check, Endpoint, FleetKeys, Http, IpFamily, Limits, Log, LogFormat, LogLevel, MailService, Mailbox,
    Method, Plan, Reference, Resolver, Roundtrip, Scheme, SecretSource, Tls, TlsMode, What,
};
use mailprobe::secret::Secret;

pub const SECOND: Duration = Duration::from_secs(1);

/// A site `lisbon` with the mail service `hq`, the mailboxes `alice` and `bob`, and these checks.
pub fn plan(checks: Vec<Check>) -> Plan {
    Plan {
        site: Arc::from("lisbon"),
        site_labels: BTreeMap::from([("region".to_owned(), "emea".to_owned())]),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        shard: None,
        listen_page: None,
        web_config_file: None,
        http: Http::default(),
        log: Log { format: LogFormat::Logfmt, level: LogLevel::Info },
        fleet_keys: FleetKeys { sign: Secret::new("fleet-key-of-the-tests"), accept: Vec::new() },
        reference: Reference::default(),
        mail_services: BTreeMap::from([(Arc::from("hq"), mail_service("hq"))]),
        mailboxes: ["alice", "bob"].into_iter().map(|name| (Arc::from(name), mailbox(name))).collect(),
        checks: checks.into_iter().map(Arc::new).collect(),
        auth_pause: 2100 * SECOND,
        session_max_age: 1800 * SECOND,
        drain: 35 * SECOND,
        files: Vec::new(),
        warnings: Vec::new(),
    }
}

/// From alice to bob, every 60 s, 30 s until late.
pub fn roundtrip(name: &str, send: &[Protocol], views: &[Protocol]) -> Check {
    roundtrip_of(name, &mailbox("alice"), &mailbox("bob"), send, views)
}

pub fn roundtrip_of(
    name: &str,
    from: &Arc<Mailbox>,
    to: &Arc<Mailbox>,
    send: &[Protocol],
    views: &[Protocol],
) -> Check {
    check(
        name,
        What::Roundtrip(Roundtrip {
            from: from.clone(),
            to: to.clone(),
            send: send.to_vec(),
            views: views.to_vec(),
            late_after: 30 * SECOND,
            lost_after: 900 * SECOND,
            max_in_flight: 64,
            keep_sender: false,
        }),
    )
}

pub fn login(name: &str, mailbox_name: &str, protocols: &[Protocol]) -> Check {
    check(name, What::Login { mailbox: mailbox(mailbox_name), protocols: protocols.to_vec() })
}

pub fn endpoint(name: &str, protocols: &[Protocol]) -> Check {
    check(name, What::Endpoint { mail_service: mail_service("hq"), protocols: protocols.to_vec() })
}

fn check(name: &str, what: What) -> Check {
    Check { name: Arc::from(name), every: 60 * SECOND, timeout: 30 * SECOND, what, fingerprint: 1 }
}

pub fn mailbox(name: &str) -> Arc<Mailbox> {
    Arc::new(Mailbox {
        name: Arc::from(name),
        mail_service: mail_service("hq"),
        address: Arc::from(format!("{name}@contoso.example")),
        auth: Auth {
            username: Arc::from(name),
            method: Method::Password(SecretSource::Inline(Secret::new("a-password-of-the-tests"))),
            mechanisms: Vec::new(),
            scheme: Scheme::Basic,
        },
        limits: Limits { messages_per_day: None, external_per_day: 300 },
        max_sessions: 3,
        fingerprint: 1,
    })
}

fn mail_service(name: &str) -> Arc<MailService> {
    let endpoint = |port| Endpoint {
        host: Arc::from("mail.contoso.example"),
        port,
        tls: TlsMode::Implicit,
        path: "".into(),
    };
    Arc::new(MailService {
        name: Arc::from(name),
        exchange: None,
        endpoints: [(Protocol::Smtp, 465), (Protocol::Imap, 993), (Protocol::Pop3, 995)]
            .into_iter()
            .map(|(protocol, port)| (protocol, endpoint(port)))
            .collect(),
        discovered: BTreeSet::new(),
        tls: Tls::default(),
        proxy: None,
        ip_family: IpFamily::Any,
        resolver: Resolver::System,
        fingerprint: 1,
    })
}
