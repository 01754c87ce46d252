//! A mail service: what its preset and host fill in, and what is written.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::super::plan::{Endpoint, Exchange, IpFamily, MailService, Resolver, Tls, TlsMode};
use super::super::problem::KeyPath;
use super::super::raw;
use super::{MailServices, Make, fingerprint};
use crate::catalogue::Protocol;
use crate::secret::Secret;

impl Make {
    pub(super) fn mail_services(&mut self) -> MailServices {
        let mut made = BTreeMap::new();
        for (name, node) in self.section("mail_services") {
            let path = KeyPath::of(&["mail_services", &name]);
            if node.is_null() {
                continue;
            }
            let Some(raw) = self.decode::<raw::MailService>(&node, &path) else { continue };
            if let Some(service) = self.mail_service(&path, &name, &raw) {
                made.insert(name, Arc::new(service));
            }
        }
        made
    }

    fn mail_service(
        &mut self,
        path: &KeyPath,
        name: &Arc<str>,
        raw: &raw::MailService,
    ) -> Option<MailService> {
        let told = self.findings.problems.len();
        if let Some(host) = &raw.host {
            let at = path.key("host");
            if raw.preset == Some(raw::Preset::Microsoft365) {
                self.refuse_value(&at, host, "no host: the preset microsoft365 knows its own");
            } else if !self.check_host(&at, host) {
                return None;
            }
        }
        let (mut endpoints, mut discovered) = (BTreeMap::new(), BTreeSet::new());
        let parts = [(Protocol::Smtp, &raw.smtp), (Protocol::Imap, &raw.imap), (Protocol::Pop3, &raw.pop3)];
        for (protocol, part) in parts {
            let filled = filled_in(protocol, raw);
            let endpoint = match part {
                Some(None) => None,
                None => filled,
                Some(Some(part)) => self.endpoint(&path.key(protocol.name()), part, filled),
            };
            endpoints.extend(endpoint.map(|endpoint| (protocol, endpoint)));
        }
        for (protocol, part) in [(Protocol::Ews, &raw.ews), (Protocol::Owa, &raw.owa)] {
            let filled = filled_in(protocol, raw);
            let endpoint = match part {
                Some(None) => None,
                None => filled,
                Some(Some(part)) if part.url.is_none() && filled.is_none() => {
                    discovered.insert(protocol);
                    None
                }
                Some(Some(part)) => self.web(&path.key(protocol.name()), part, filled),
            };
            endpoints.extend(endpoint.map(|endpoint| (protocol, endpoint)));
        }
        for (protocol, part) in [(Protocol::Autodiscover, &raw.autodiscover), (Protocol::Caldav, &raw.caldav)]
        {
            let Some(part) = part else { continue };
            if protocol == Protocol::Caldav && part.url.is_none() {
                discovered.insert(protocol);
                continue;
            }
            let endpoint = self.web(&path.key(protocol.name()), part, None);
            endpoints.extend(endpoint.map(|endpoint| (protocol, endpoint)));
        }
        self.later_parts(path, raw);
        if endpoints.is_empty() && discovered.is_empty() && self.findings.problems.len() == told {
            self.missing(path, "`host:`, or an address for at least one of smtp, imap, pop3");
        }
        let mut service = MailService {
            name: Arc::clone(name),
            exchange: exchange(raw, endpoints.keys().chain(&discovered).copied()),
            endpoints,
            discovered,
            tls: self.tls(&path.key("tls"), &raw.tls),
            proxy: raw.proxy.as_ref().and_then(|proxy| self.proxy(&path.key("proxy"), proxy)),
            ip_family: match raw.ip_family {
                None | Some(raw::IpFamily::Any) => IpFamily::Any,
                Some(raw::IpFamily::V4) => IpFamily::V4,
                Some(raw::IpFamily::V6) => IpFamily::V6,
            },
            resolver: self.resolver(&path.key("resolver"), raw.resolver.as_ref()),
            fingerprint: 0,
        };
        let password = service.proxy.as_ref().and_then(|proxy| proxy.password.as_ref());
        // What a refused mail service would have had, nobody knows: its checks are not held against it.
        if self.findings.problems.len() > told || self.findings.broken.contains(path) {
            return None;
        }
        // A secret prints as nothing.
        service.fingerprint = fingerprint(&service, &[password.map_or(0, Secret::fingerprint)]);
        Some(service)
    }

    fn endpoint(
        &mut self,
        path: &KeyPath,
        part: &raw::Endpoint,
        filled: Option<Endpoint>,
    ) -> Option<Endpoint> {
        let (host, port) = match (&part.address, &filled) {
            (Some(address), _) => self.host_port(&path.key("address"), address)?,
            (None, Some(filled)) => (Arc::clone(&filled.host), filled.port),
            (None, None) => {
                self.missing(&path.key("address"), "host:port (or `host:` in the mail service)");
                return None;
            }
        };
        let tls = match part.tls {
            Some(raw::TlsMode::Starttls) => TlsMode::Starttls,
            Some(raw::TlsMode::Implicit) => TlsMode::Implicit,
            Some(raw::TlsMode::None) => {
                self.warn_at(&path.key("tls"), "without TLS credentials cross the network in clear");
                TlsMode::None
            }
            None => match port {
                25 | 110 | 143 | 587 => TlsMode::Starttls,
                465 | 993 | 995 => TlsMode::Implicit,
                _ => {
                    let expected = format!("one of implicit, none, starttls: the port {port} does not tell");
                    self.missing(&path.key("tls"), expected);
                    return None;
                }
            },
        };
        Some(Endpoint { host, port, tls, path: "".into() })
    }

    fn web(&mut self, path: &KeyPath, part: &raw::Web, filled: Option<Endpoint>) -> Option<Endpoint> {
        let at = path.key("url");
        match &part.url {
            Some(url) => {
                let endpoint = self.url(&at, url)?;
                if endpoint.tls == TlsMode::None {
                    self.warn_at(&at, "without TLS credentials cross the network in clear");
                }
                Some(endpoint)
            }
            None if filled.is_some() => filled,
            None => {
                self.missing(&at, "an https URL (or `host:` with `preset: exchange`)");
                None
            }
        }
    }

    /// Accepted and checked for shape; used once their protocols are built.
    fn later_parts(&mut self, path: &KeyPath, raw: &raw::MailService) {
        // Autodiscover can find it.
        if let Some(url) = raw.mapi.as_ref().and_then(|part| part.url.as_ref()) {
            self.check_url(&path.key("mapi").key("url"), url, &["https", "http"]);
        }
    }

    fn tls(&mut self, path: &KeyPath, raw: &raw::Tls) -> Tls {
        let ca = raw.ca_file.as_deref().and_then(|written| {
            let at = path.key("ca_file");
            let (file, text) = self.text_file(&at, written)?;
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
            if certificates.is_ok_and(|certificates| !certificates.is_empty()) {
                Some(Arc::from(text.into_bytes()))
            } else {
                let found = format!("the file {}, which holds no PEM certificate", file.display());
                self.refuse(&at, found, "PEM certificates (-----BEGIN CERTIFICATE-----)");
                None
            }
        });
        if let Some(name) = raw.server_name.as_deref().filter(|name| ServerName::try_from(*name).is_err()) {
            self.refuse_value(&path.key("server_name"), name, "a host name");
        }
        Tls {
            ca,
            server_name: raw.server_name.as_deref().map(Arc::from),
            min_tls13: raw.min_version == Some(raw::TlsVersion::V13),
            expected_issuers: raw.expected_issuers.0.clone(),
        }
    }

    fn resolver(&mut self, path: &KeyPath, raw: Option<&raw::Resolver>) -> Resolver {
        let servers = match raw {
            None | Some(raw::Resolver::Own) => return Resolver::Own,
            Some(raw::Resolver::System) => return Resolver::System,
            Some(raw::Resolver::Servers(servers)) => &servers.servers.0,
        };
        let path = path.key("servers");
        if servers.is_empty() {
            self.missing(&path, "the address of at least one name server");
        }
        let mut addresses = Vec::new();
        for (index, text) in servers.iter().enumerate() {
            match text.parse::<IpAddr>() {
                Ok(address) => addresses.push(address),
                Err(_) => {
                    let at = self.item(&path, index);
                    self.refuse_value(&at, text, "an address, such as 10.1.0.1");
                }
            }
        }
        Resolver::Servers(addresses)
    }
}

/// As the preset says; without one, by the protocols that only Exchange speaks.
fn exchange(raw: &raw::MailService, of: impl IntoIterator<Item = Protocol>) -> Option<Exchange> {
    let is_spoken = |protocol| matches!(protocol, Protocol::Ews | Protocol::Owa | Protocol::Autodiscover);
    match raw.preset {
        Some(raw::Preset::Microsoft365) => Some(Exchange::Online),
        Some(raw::Preset::Exchange) => Some(Exchange::Server),
        _ => (raw.mapi.is_some() || of.into_iter().any(is_spoken)).then_some(Exchange::Server),
    }
}

/// What preset and host make of a protocol that is left out.
fn filled_in(protocol: Protocol, raw: &raw::MailService) -> Option<Endpoint> {
    let host = match (raw.preset.unwrap_or(raw::Preset::Generic), protocol) {
        (raw::Preset::Microsoft365, Protocol::Smtp) => "smtp.office365.com",
        (raw::Preset::Microsoft365, Protocol::Imap) => "outlook.office365.com",
        (raw::Preset::Microsoft365, _) => return None,
        (raw::Preset::Generic | raw::Preset::Exchange, _) => raw.host.as_deref()?,
    };
    let exchange = raw.preset == Some(raw::Preset::Exchange);
    let (port, tls, path) = match protocol {
        Protocol::Smtp => (587, TlsMode::Starttls, ""),
        Protocol::Imap => (993, TlsMode::Implicit, ""),
        Protocol::Pop3 => (995, TlsMode::Implicit, ""),
        Protocol::Ews if exchange => (443, TlsMode::Implicit, "/EWS/Exchange.asmx"),
        Protocol::Owa if exchange => (443, TlsMode::Implicit, "/owa/"),
        _ => return None,
    };
    Some(Endpoint { host: host.into(), port, tls, path: path.into() })
}
