//! Whom the probe will contact: what a firewall or a network policy has to let through.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::plan::{Endpoint, MailService, Mailbox, Plan, Resolver, Scheme, What};
use crate::catalogue::Protocol;
use crate::net::proxied;

const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const DNS: u16 = 53;
const KDC: u16 = 88;
const TCP: &str = "tcp";
const UDP: &str = "udp";

/// One place that is contacted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Contact {
    /// A name or an address; none: told at run time, by resolv.conf, DNS, krb5.conf or a redirect. Its port is then the usual one.
    pub host: Option<String>,
    pub port: u16,
    /// `tcp` or `udp`.
    pub transport: &'static str,
    /// What is spoken there.
    pub protocol: &'static str,
    /// For whom: a mail service's name, or `reference`.
    pub of: String,
}

impl std::fmt::Display for Contact {
    /// Host, port, transport, protocol, for whom; `*`: a host that is told at run time.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, transport, protocol, of } = self;
        write!(f, "{} {port} {transport} {protocol} {of}", host.as_deref().unwrap_or("*"))
    }
}

/// All contacts of a plan's checks and reference targets, sorted. Endpoints that no check uses are not among them.
pub fn contacts(plan: &Plan) -> BTreeSet<Contact> {
    let mut found = Contacts::default();
    for check in &plan.checks {
        if let What::Endpoint { mail_service, protocols } = &check.what {
            found.resolver(mail_service);
            for protocol in protocols {
                found.configured(mail_service, *protocol);
            }
        }
        for (mailbox, protocols) in check.what.sessions() {
            found.resolver(&mailbox.mail_service);
            for protocol in protocols {
                found.session(mailbox, *protocol);
            }
        }
    }
    if let Some(server) = plan.reference.dns {
        found.put(Some(&server.ip().to_string()), server.port(), TCP, "dns", "reference");
    }
    if let Some(place) = plan.reference.web.as_deref().and_then(Endpoint::of_url) {
        found.put(Some(&place.host), place.port, TCP, "web", "reference");
        // Looked up as every other program does.
        if place.host.parse::<IpAddr>().is_err() {
            found.name_server(None, "reference");
        }
    }
    found.0
}

#[derive(Default)]
struct Contacts(BTreeSet<Contact>);

impl Contacts {
    fn put(
        &mut self,
        host: Option<&str>,
        port: u16,
        transport: &'static str,
        protocol: &'static str,
        of: &str,
    ) {
        let host = host.map(str::to_lowercase);
        self.0.insert(Contact { host, port, transport, protocol, of: of.to_owned() });
    }

    fn name_server(&mut self, host: Option<&str>, of: &str) {
        for transport in [UDP, TCP] {
            self.put(host, DNS, transport, "dns", of);
        }
    }

    fn resolver(&mut self, service: &Arc<MailService>) {
        match &service.resolver {
            Resolver::Own | Resolver::System => self.name_server(None, &service.name),
            Resolver::Servers(servers) => {
                servers.iter().for_each(|ip| self.name_server(Some(&ip.to_string()), &service.name));
            }
        }
    }

    fn session(&mut self, mailbox: &Mailbox, protocol: Protocol) {
        let service = &mailbox.mail_service;
        if mailbox.auth.scheme == Scheme::Negotiate {
            for transport in [UDP, TCP] {
                self.put(None, KDC, transport, "kerberos", &service.name);
            }
        }
        let is_found = service.discovered.contains(&protocol);
        let domain = mailbox.address.rsplit('@').next().unwrap_or_default();
        if protocol == Protocol::Caldav && is_found {
            self.https(service, domain, protocol);
            self.elsewhere(service, protocol);
        } else if is_found {
            self.elsewhere(service, protocol);
            self.autodiscover(service, domain);
        } else if protocol == Protocol::Autodiscover {
            self.autodiscover(service, domain);
        } else {
            self.configured(service, protocol);
        }
    }

    fn configured(&mut self, service: &Arc<MailService>, protocol: Protocol) {
        if let Some(endpoint) = service.endpoints.get(&protocol) {
            self.endpoint(service, &endpoint.host, endpoint.port, protocol);
        }
    }

    /// The candidates in the order in which Outlook looks, and where they lead.
    fn autodiscover(&mut self, service: &Arc<MailService>, domain: &str) {
        if service.endpoints.contains_key(&Protocol::Autodiscover) {
            return self.configured(service, Protocol::Autodiscover);
        }
        let host = format!("autodiscover.{domain}");
        self.https(service, domain, Protocol::Autodiscover);
        self.https(service, &host, Protocol::Autodiscover);
        self.endpoint(service, &host, HTTP, Protocol::Autodiscover);
        self.elsewhere(service, Protocol::Autodiscover);
    }

    fn https(&mut self, service: &Arc<MailService>, host: &str, protocol: Protocol) {
        self.endpoint(service, host, HTTPS, protocol);
    }

    /// A host that is told at run time; a proxy knows it better.
    fn elsewhere(&mut self, service: &Arc<MailService>, protocol: Protocol) {
        let is_always_proxied = service.proxy.as_ref().is_some_and(|proxy| proxy.no_proxy.is_empty());
        if !is_always_proxied {
            self.put(None, HTTPS, TCP, protocol.name(), &service.name);
        }
    }

    fn endpoint(&mut self, service: &Arc<MailService>, host: &str, port: u16, protocol: Protocol) {
        match service.proxy.as_ref().filter(|_| proxied(service, host)) {
            Some(proxy) => self.put(Some(&proxy.host), proxy.port, TCP, "proxy", &service.name),
            None => self.put(Some(host), port, TCP, protocol.name(), &service.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_str;

    /// What stands beside `host`, of the mail service; checks; the contacts, without the name servers of resolv.conf.
    const CASES: &[(&str, &str, &[&str])] = &[
        ("", "login: { mailbox: a, protocols: imap }", &["mail.example.com 993 tcp imap hq"]),
        (
            "",
            "endpoint: { mail_service: hq }",
            &[
                "mail.example.com 587 tcp smtp hq",
                "mail.example.com 993 tcp imap hq",
                "mail.example.com 995 tcp pop3 hq",
            ],
        ),
        (
            "imap: { address: \"[2001:db8::1]:1993\", tls: implicit }",
            "roundtrip: { from: a, to: b, send: smtp, views: imap }",
            &["2001:db8::1 1993 tcp imap hq", "mail.example.com 587 tcp smtp hq"],
        ),
        (
            "preset: exchange, autodiscover: { url: \"https://find.example.com:8443/\" }",
            "autodiscover: { mailbox: a }",
            &["find.example.com 8443 tcp autodiscover hq"],
        ),
        (
            "ews: {}",
            "login: { mailbox: a, protocols: ews }",
            &[
                "* 443 tcp autodiscover hq",
                "* 443 tcp ews hq",
                "autodiscover.example.org 80 tcp autodiscover hq",
                "autodiscover.example.org 443 tcp autodiscover hq",
                "example.org 443 tcp autodiscover hq",
            ],
        ),
        (
            "caldav: {}",
            "calendar: { mailbox: a, write: caldav, views: caldav }",
            &["* 443 tcp caldav hq", "example.org 443 tcp caldav hq"],
        ),
        (
            "preset: exchange",
            "meeting: { organizer: a, protocol: imap, attendee: b, attendee_protocol: ews }",
            &[
                "mail.example.com 443 tcp ews hq",
                "mail.example.com 587 tcp smtp hq",
                "mail.example.com 993 tcp imap hq",
            ],
        ),
        (
            "preset: exchange",
            "free_busy: { mailbox: a, of: b, protocol: ews }",
            &["mail.example.com 443 tcp ews hq"],
        ),
        (
            "proxy: \"http://proxy.example.com:3128\", ews: {}",
            "login: { mailbox: a, protocols: [imap, ews] }",
            &["proxy.example.com 3128 tcp proxy hq"],
        ),
        (
            "proxy: { url: \"http://proxy.example.com:3128\", no_proxy: mail.example.com }",
            "endpoint: { mail_service: hq, protocols: smtp }",
            &["mail.example.com 587 tcp smtp hq"],
        ),
        (
            "resolver: { servers: 192.0.2.53 }",
            "endpoint: { mail_service: hq, protocols: smtp }",
            &["192.0.2.53 53 tcp dns hq", "192.0.2.53 53 udp dns hq", "mail.example.com 587 tcp smtp hq"],
        ),
    ];

    fn of(service: &str, rest: &str) -> Vec<String> {
        let mut text = format!(
            "version: 1\nsite: lisbon\nmail_services: {{ hq: {{ host: mail.example.com, {service} }} }}\nmailboxes:\n"
        );
        for name in ["a", "b"] {
            text += &format!(
                "  {name}: {{ mail_service: hq, address: {name}@example.org, auth: {{ method: password, password: p }} }}\n"
            );
        }
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), "0123456789abcdef").unwrap();
        text += &format!("fleet_keys: {{ sign: \"{}\" }}\n{rest}\n", key.path().display());
        let plan = load_str("test.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        contacts(&plan).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_contact_is_listed_and_no_other() {
        for (service, check, expected) in CASES {
            let mut found = of(service, &format!("checks: [{{ {check} }}]"));
            found.retain(|contact| !contact.starts_with("* 53 "));
            assert_eq!(found, *expected, "{service} {check}");
        }
    }

    #[test]
    fn name_servers_and_reference_targets_are_contacts() {
        let checks = "checks: [{ endpoint: { mail_service: hq, protocols: smtp } }]";
        let reference = "reference: { dns: \"tcp://192.0.2.1:5353\", web: \"http://www.example.com/\" }";
        let expected = [
            "* 53 tcp dns hq",
            "* 53 tcp dns reference",
            "* 53 udp dns hq",
            "* 53 udp dns reference",
            "192.0.2.1 5353 tcp dns reference",
            "mail.example.com 587 tcp smtp hq",
            "www.example.com 80 tcp web reference",
        ];
        assert_eq!(of("", &format!("{reference}\n{checks}")), expected);
    }
}
