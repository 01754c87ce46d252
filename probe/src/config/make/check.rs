//! A check: its kind, its arguments, its times.

use std::sync::Arc;
use std::time::Duration;

use super::super::plan::{Check, Mailbox, Roundtrip, What};
use super::super::problem::{KeyPath, nearest, one_of, shown};
use super::super::raw;
use super::super::tree::Node;
use super::super::words::Span;
use super::{MailServices, Mailboxes, Make, Side, fingerprint};
use crate::catalogue::{Capability, Kind};

const EVERY: Duration = Duration::from_secs(60);
pub(super) const RARELY: Duration = Duration::from_secs(15 * 60);
/// Of a run that says nothing else, where `every` leaves so much.
const TIMEOUT: Duration = Duration::from_secs(30);
const LATE_AFTER: Duration = Duration::from_secs(30);
const LOST_AFTER: Duration = Duration::from_secs(15 * 60);
const MAX_IN_FLIGHT: u32 = 64;

/// What checks refer to.
pub(super) struct Known<'a> {
    pub(super) top: &'a raw::Config,
    mail_services: &'a MailServices,
    mailboxes: &'a Mailboxes,
}

impl Make {
    pub(super) fn checks(
        &mut self,
        top: &raw::Config,
        mail_services: &MailServices,
        mailboxes: &Mailboxes,
    ) -> Vec<Arc<Check>> {
        let known = Known { top, mail_services, mailboxes };
        let mut made = Vec::new();
        let items = self.section("checks");
        if items.is_empty() && self.findings.problems.is_empty() {
            self.missing(&KeyPath::of(&["checks"]), "at least one check");
        }
        for (name, node) in items {
            if !node.is_null() {
                made.extend(self.check(&name, &node, &known).map(Arc::new));
            }
        }
        made
    }

    fn check(&mut self, name: &Arc<str>, node: &Node, known: &Known<'_>) -> Option<Check> {
        let path = KeyPath::of(&["checks", name]);
        let built = || Kind::rows().iter().filter(|row| row.built).map(|row| row.name);
        // Another layer may have set the kind of this one to null.
        let entries: Vec<_> = node.entries().iter().filter(|entry| !entry.node.is_null()).collect();
        let [entry] = entries.as_slice() else {
            let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
            let found =
                if keys.is_empty() { "nothing".to_owned() } else { format!("the keys {}", keys.join(", ")) };
            self.refuse(&path, found, format!("one kind of check: {}", one_of(built())));
            return None;
        };
        let Some(row) = Kind::rows().iter().find(|row| row.name == entry.key) else {
            let near = nearest(&entry.key, built());
            self.refuse_near(
                &path,
                shown(&path, &entry.key),
                format!("a kind of check: {}", one_of(built())),
                near,
            );
            return None;
        };
        if !row.built {
            let found = format!("a check of the kind {}, which is not yet built", row.name);
            let has: Vec<_> = built().collect();
            self.refuse(&path, found, format!("what this release has: {}", has.join(", ")));
            return None;
        }
        let path = path.key(row.name);
        let parts = match row.id {
            Kind::Roundtrip => self.roundtrip(&path, &entry.node, known),
            Kind::Login => self.login(&path, &entry.node, known),
            Kind::Calendar => self.calendar(&path, &entry.node, known),
            Kind::Meeting => self.meeting(&path, &entry.node, known),
            Kind::Directory => self.directory(&path, &entry.node, known),
            Kind::FreeBusy => self.free_busy(&path, &entry.node, known),
            Kind::Autodiscover => self.autodiscover(&path, &entry.node, known),
            _ => self.endpoint_check(&path, &entry.node, known),
        };
        self.same_name(&path, name, entry.node.get("name"));
        let (what, every, timeout) = parts?;
        let mut check = Check { name: Arc::clone(name), every, timeout, what, fingerprint: 0 };
        check.fingerprint = fingerprint(&check, &[]);
        Some(check)
    }

    /// In a map of checks the key is the name.
    fn same_name(&mut self, path: &KeyPath, name: &str, written: Option<&Node>) {
        if let Some(written) = written.and_then(Node::text).filter(|written| *written != name) {
            self.refuse_value(&path.key("name"), written, format!("{name}, as its key says"));
        }
    }

    fn login(
        &mut self,
        path: &KeyPath,
        node: &Node,
        known: &Known<'_>,
    ) -> Option<(What, Duration, Duration)> {
        let raw: raw::Login = self.decode(node, path)?;
        let times = Times { every: raw.every, timeout: raw.timeout }.or(&known.top.defaults.login);
        let (every, timeout) = self.times(path, &times, known.top);
        let mailbox = self.mailbox_of(path, "mailbox", &raw.mailbox, known);
        let side = self.side_of(&raw.mailbox, known);
        let need = Some(Capability::SignIn);
        let protocols = self.protocols(&path.key("protocols"), &raw.protocols.0, need, &side);
        Some((What::Login { mailbox: mailbox?, protocols }, every, timeout))
    }

    fn directory(
        &mut self,
        path: &KeyPath,
        node: &Node,
        known: &Known<'_>,
    ) -> Option<(What, Duration, Duration)> {
        let raw: raw::Directory = self.decode(node, path)?;
        let (every, timeout) = self.rare(path, raw.every, raw.timeout, known);
        let mailbox = self.mailbox_of(path, "mailbox", &raw.mailbox, known);
        let of = self.mailbox_of(path, "of", &raw.of, known);
        let side = self.side_of(&raw.mailbox, known);
        let need = Some(Capability::Directory);
        let protocols = self.protocols(&path.key("protocols"), &raw.protocols.0, need, &side);
        Some((What::Directory { mailbox: mailbox?, of: of?, protocols }, every, timeout))
    }

    fn autodiscover(
        &mut self,
        path: &KeyPath,
        node: &Node,
        known: &Known<'_>,
    ) -> Option<(What, Duration, Duration)> {
        let raw: raw::Autodiscover = self.decode(node, path)?;
        let (every, timeout) = self.rare(path, raw.every, raw.timeout, known);
        let mailbox = self.mailbox_of(path, "mailbox", &raw.mailbox, known)?;
        Some((What::Autodiscover { mailbox }, every, timeout))
    }

    /// What changes seldom is looked at less often.
    fn rare(
        &mut self,
        path: &KeyPath,
        every: Option<Span>,
        timeout: Option<Span>,
        known: &Known<'_>,
    ) -> (Duration, Duration) {
        let every = every.or(known.top.defaults.every).or(Some(Span(RARELY)));
        self.times(path, &Times { every, timeout }, known.top)
    }

    fn endpoint_check(
        &mut self,
        path: &KeyPath,
        node: &Node,
        known: &Known<'_>,
    ) -> Option<(What, Duration, Duration)> {
        let raw: raw::EndpointCheck = self.decode(node, path)?;
        let times = Times { every: raw.every, timeout: raw.timeout }.or(&known.top.defaults.endpoint);
        let (every, timeout) = self.times(path, &times, known.top);
        let at = path.key("mail_service");
        let service = self.named(&at, "mail_services", &raw.mail_service, known.mail_services);
        let side = Side { mail_service: service.clone(), kerberos: false };
        let protocols = match &raw.protocols {
            Some(words) => self.protocols(&path.key("protocols"), &words.0, None, &side),
            None => service.iter().flat_map(|service| service.endpoints.keys().copied()).collect(),
        };
        if let Some(service) =
            service.as_ref().filter(|of| of.endpoints.is_empty() && raw.protocols.is_none())
        {
            let found =
                format!("mail service {}, which looks each address up for each mailbox", service.name);
            self.refuse(&at, found, "a mail service with an address to connect to");
        }
        Some((What::Endpoint { mail_service: service?, protocols }, every, timeout))
    }

    fn roundtrip(
        &mut self,
        path: &KeyPath,
        node: &Node,
        known: &Known<'_>,
    ) -> Option<(What, Duration, Duration)> {
        let raw: raw::Roundtrip = self.decode(node, path)?;
        let defaults = &known.top.defaults.roundtrip;
        let times = Times { every: raw.every, timeout: raw.timeout }
            .or(&raw::Times { every: defaults.every, timeout: defaults.timeout });
        let (every, timeout) = self.times(path, &times, known.top);
        let from = self.mailbox_of(path, "from", &raw.from, known);
        let to = self.mailbox_of(path, "to", &raw.to, known);
        let (sender, receiver) = (self.side_of(&raw.from, known), self.side_of(&raw.to, known));
        let send = self.protocols(&path.key("send"), &raw.send.0, Some(Capability::Submit), &sender);
        let views = self.protocols(&path.key("views"), &raw.views.0, Some(Capability::Inbox), &receiver);
        let late_after = raw.late_after.or(defaults.late_after).map_or(LATE_AFTER, |span| span.0);
        let lost_after = raw.lost_after.or(defaults.lost_after).map_or(LOST_AFTER, |span| span.0);
        self.positive(&path.key("late_after"), late_after);
        if late_after >= lost_after {
            let at = if raw.late_after.is_some() { path.key("late_after") } else { path.key("lost_after") };
            let found = format!("late_after {} and lost_after {}", Span(late_after), Span(lost_after));
            self.refuse(&at, found, "late_after shorter than lost_after");
        }
        let max_in_flight = raw.max_in_flight.or(defaults.max_in_flight).unwrap_or(MAX_IN_FLIGHT);
        if max_in_flight == 0 {
            self.refuse(&path.key("max_in_flight"), "0".to_owned(), "1 or more");
        }
        let trip = Roundtrip {
            from: from?,
            to: to?,
            send,
            views,
            late_after,
            lost_after,
            max_in_flight: max_in_flight as usize,
            keep_sender: raw.keep_sender.or(defaults.keep_sender).unwrap_or(false),
        };
        Some((What::Roundtrip(trip), every, timeout))
    }

    pub(super) fn mailbox_of(
        &mut self,
        path: &KeyPath,
        key: &str,
        name: &str,
        known: &Known<'_>,
    ) -> Option<Arc<Mailbox>> {
        self.named(&path.key(key), "mailboxes", name, known.mailboxes)
    }

    /// What is known of a mailbox, also of one that was refused for something else.
    pub(super) fn side_of(&self, mailbox: &str, known: &Known<'_>) -> Side {
        let path = KeyPath::of(&["mailboxes", mailbox]);
        let text = |path: &KeyPath| self.root.at(&path.0).and_then(Node::text);
        let service = text(&path.key("mail_service")).and_then(|name| known.mail_services.get(name));
        let kerberos = text(&path.key("auth").key("method")) == Some("kerberos");
        Side { mail_service: service.map(Arc::clone), kerberos }
    }

    fn times(&mut self, path: &KeyPath, times: &Times, top: &raw::Config) -> (Duration, Duration) {
        let every = times.every.or(top.defaults.every).map_or(EVERY, |span| span.0);
        let timeout =
            times.timeout.or(top.defaults.timeout).map_or_else(|| every.min(TIMEOUT), |span| span.0);
        self.fitting(path, times, every, timeout);
        (every, timeout)
    }

    /// Refuses times that do not go together.
    pub(super) fn fitting(&mut self, path: &KeyPath, times: &Times, every: Duration, timeout: Duration) {
        self.positive(&path.key("timeout"), timeout);
        if every < timeout {
            let at = if times.every.is_some() { path.key("every") } else { path.key("timeout") };
            let found = format!("every {} and timeout {}", Span(every), Span(timeout));
            self.refuse(&at, found, "every not shorter than timeout");
        } else if every < Duration::from_secs(1) {
            self.refuse(&path.key("every"), Span(every).to_string(), "1s or longer");
        }
    }
}

/// What is said about times, before the defaults of all kinds.
pub(super) struct Times {
    pub(super) every: Option<Span>,
    pub(super) timeout: Option<Span>,
}

impl Times {
    fn or(self, defaults: &raw::Times) -> Self {
        Self { every: self.every.or(defaults.every), timeout: self.timeout.or(defaults.timeout) }
    }
}
