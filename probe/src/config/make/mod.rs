//! Raw → plan: what is written is checked against itself, the catalogue and the files that it names.

mod calendar;
mod check;
mod endpoint;
mod mail_service;
mod mailbox;
mod top;
mod warn;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::decode::{self, Found};
use super::plan::{self, Plan};
use super::problem::{Findings, KeyPath, Problem, Problems, nearest, one_of, shown};
use super::read::{Layers, Origin};
use super::tree::{Entry, Node, Value};
use super::{item_of, locate, secrets, shard};
use crate::auth::negotiate::{CLIENT_KEYTAB, TICKET_CACHE};
use crate::catalogue::{Capability, Family, Protocol};
use crate::secret::HIDDEN;

/// Longest name of a site, mail service, mailbox or check: they are label values, and part of file and host names.
const LONGEST_NAME: usize = 63;

/// Makes the plan of a tree whose references are expanded.
pub(super) fn plan(
    layers: Layers,
    findings: Findings,
    env: &BTreeMap<String, String>,
) -> Result<Plan, Problems> {
    let Layers { mut root, sources, files, .. } = layers;
    let sections = Sections {
        mail_services: root.take("mail_services"),
        mailboxes: root.take("mailboxes"),
        checks: root.take("checks"),
    };
    let whole = sections.whole(&root);
    let of = |name: &str| env.get(name).cloned();
    let (client_keytab, ticket_cache) = (of(CLIENT_KEYTAB), of(TICKET_CACHE));
    let mut make = Make { root: whole, sources, files, findings, client_keytab, ticket_cache };
    let top = make.top(&root);
    let mail_services = make.mail_services();
    let mailboxes = make.mailboxes(&mail_services, &top);
    let checks = make.checks(&top, &mail_services, &mailboxes);
    let plan = make.finish(&top, mail_services, mailboxes, checks);
    match plan {
        Some(mut plan) if make.findings.problems.is_empty() => {
            shard::divide(&mut plan, &mut make.findings.warnings);
            make.warn(&plan);
            plan.warnings = make.findings.warnings;
            make.files.sort();
            make.files.dedup();
            plan.files = make.files;
            Ok(plan)
        }
        _ => Err(make.findings.into_problems()),
    }
}

/// The three maps of items, each item of which is decoded on its own.
struct Sections {
    mail_services: Option<Entry>,
    mailboxes: Option<Entry>,
    checks: Option<Entry>,
}

impl Sections {
    /// The tree as it was, for places.
    fn whole(self, rest: &Node) -> Node {
        let mut whole = rest.clone();
        if let Value::Map(entries) = &mut whole.value {
            entries.extend([self.mail_services, self.mailboxes, self.checks].into_iter().flatten());
        }
        whole
    }
}

type MailServices = BTreeMap<Arc<str>, Arc<plan::MailService>>;
type Mailboxes = BTreeMap<Arc<str>, Arc<plan::Mailbox>>;

/// What the makers of all items share.
struct Make {
    root: Node,
    sources: Vec<Origin>,
    files: Vec<PathBuf>,
    findings: Findings,
    /// Kerberos' own variables of this process.
    client_keytab: Option<String>,
    ticket_cache: Option<String>,
}

/// A mailbox as far as it matters which protocols a check of it may name.
#[derive(Default)]
struct Side {
    mail_service: Option<Arc<plan::MailService>>,
    kerberos: bool,
}

impl Side {
    /// Kerberos goes over HTTP alone.
    fn signs_in(&self, protocol: Protocol) -> bool {
        !self.kerberos || protocol.family() != Family::Internet
    }
}

impl Make {
    fn refuse(&mut self, path: &KeyPath, found: String, expected: impl Into<String>) {
        self.refuse_near(path, found, expected, None);
    }

    fn refuse_near(
        &mut self,
        path: &KeyPath,
        found: String,
        expected: impl Into<String>,
        nearest: Option<String>,
    ) {
        let problem = Problem { found, expected: expected.into(), nearest, ..Problem::default() };
        let place = self.root.place_of(path);
        self.findings.problems.insert(locate(problem, path, place, &self.sources));
    }

    /// Refuses a value that is repeated in quotes.
    fn refuse_value(&mut self, path: &KeyPath, value: &str, expected: impl Into<String>) {
        self.refuse(path, shown(path, value), expected);
    }

    /// Something is not there; not said where it is the consequence of another refusal.
    fn missing(&mut self, path: &KeyPath, expected: impl Into<String>) {
        if !self.findings.broken.contains(&item_of(path)) {
            self.refuse(path, "nothing".to_owned(), expected);
        }
    }

    /// Decodes one item, with every refusal of it; nothing where something that is needed is missing.
    fn decode<T: DeserializeOwned>(&mut self, node: &Node, path: &KeyPath) -> Option<T> {
        let decoded = self.decode_some(node, path);
        decoded.item.filter(|_| decoded.is_whole)
    }

    fn decode_some<T: DeserializeOwned>(&mut self, node: &Node, path: &KeyPath) -> decode::Decoded<T> {
        let decoded = decode::decode(node, path);
        for refusal in &decoded.refusals {
            let broken = self.findings.broken.contains(&item_of(&refusal.path));
            if refusal.found == Found::Nothing && broken {
                continue;
            }
            self.refuse_decoded(refusal);
        }
        for refusal in &decoded.refusals {
            self.findings.broken.insert(item_of(&refusal.path));
        }
        decoded
    }

    fn refuse_decoded(&mut self, refusal: &decode::Refusal) {
        let path = &refusal.path;
        let secret = path.is_secret();
        match &refusal.found {
            Found::Nothing => self.refuse(path, "nothing".to_owned(), &refusal.expected),
            Found::Sort(sort) => self.refuse(path, (*sort).to_owned(), &refusal.expected),
            // `auth: { password: a, b }` makes a key of half a password.
            Found::Key(_) if secret && refusal.nearest.is_none() => {
                let mut above = path.clone();
                above.0.pop();
                self.refuse(&above, "an unknown key (<hidden>)".to_owned(), &refusal.expected);
            }
            Found::Key(key) => {
                let found = format!("the unknown key \"{key}\"");
                self.refuse_near(path, found, &refusal.expected, refusal.nearest.clone());
            }
            Found::Text(text) => {
                self.refuse_near(path, shown(path, text), &refusal.expected, refusal.nearest.clone());
            }
            Found::Other(sort, written) => {
                let written = if secret { HIDDEN } else { written };
                self.refuse(path, format!("{sort} {written}"), &refusal.expected);
            }
        }
    }

    /// The items of a section: name, node.
    fn section(&mut self, section: &str) -> Vec<(Arc<str>, Node)> {
        let path = KeyPath::of(&[section]);
        let node = match self.root.get(section) {
            None => return Vec::new(),
            Some(node) if node.is_null() => return Vec::new(),
            Some(node) => node.clone(),
        };
        if !matches!(node.value, Value::Map(_)) {
            self.refuse(&path, "no map".to_owned(), "a map: a name for each");
        }
        let mut items = Vec::new();
        for entry in node.entries() {
            if let Some(wrong) = wrong_name(&entry.key) {
                let path = path.key(&entry.key);
                self.refuse_value(&path, &entry.key, wrong);
            }
            items.push((Arc::from(entry.key.as_str()), entry.node.clone()));
        }
        items
    }

    /// A reference to an item by its name: told when there is none. One that is there and was refused gives nothing.
    fn named<T>(
        &mut self,
        path: &KeyPath,
        section: &str,
        name: &str,
        made: &BTreeMap<Arc<str>, Arc<T>>,
    ) -> Option<Arc<T>> {
        if let Some(item) = made.get(name) {
            return Some(Arc::clone(item));
        }
        let known: Vec<String> = self
            .root
            .get(section)
            .map_or(&[][..], Node::entries)
            .iter()
            .map(|entry| entry.key.clone())
            .collect();
        if !known.iter().any(|key| key == name) {
            let words = || known.iter().map(String::as_str);
            let near = nearest(name, words());
            let expected = if known.is_empty() {
                format!("a name out of {section}, where none is")
            } else {
                format!("{} (of {section})", one_of(words()))
            };
            self.refuse_near(path, shown(path, name), expected, near);
        }
        None
    }

    /// A protocol by its name, able to do what is needed, with an endpoint in the mail service.
    fn protocol(
        &mut self,
        path: &KeyPath,
        word: &str,
        need: Option<Capability>,
        side: &Side,
    ) -> Option<Protocol> {
        let able = |protocol: Protocol| need.is_none_or(|need| protocol.can(need));
        let mail_service = side.mail_service.as_ref();
        // Who needs no sign-in has no mailbox to look for.
        let found = |protocol| mail_service.is_some_and(|service| service.discovered.contains(&protocol));
        let there = |protocol| {
            mail_service.is_none_or(|service| service.endpoints.contains_key(&protocol))
                || (need.is_some() && found(protocol))
        };
        let mut right: Vec<&str> = Protocol::rows()
            .iter()
            .filter(|row| row.built && able(row.id) && there(row.id) && side.signs_in(row.id))
            .map(|row| row.name)
            .collect();
        right.sort_unstable();
        let expected = one_of(right.iter().copied());
        let Some(protocol) = Protocol::by_name(word) else {
            let near = nearest(word, right.iter().copied());
            self.refuse_near(path, shown(path, word), expected, near);
            return None;
        };
        if !protocol.row().built {
            let found = format!("{}, which is not yet built", shown(path, word));
            self.refuse(path, found, format!("what this release has: {}", right.join(", ")));
            return None;
        }
        if !able(protocol) {
            let cannot = match need {
                Some(Capability::Submit) => "cannot submit messages",
                Some(Capability::Inbox) => "shows no inbox",
                Some(Capability::Calendar) => "has no calendar",
                _ => "cannot do this",
            };
            self.refuse(path, format!("{}, which {cannot}", shown(path, word)), expected);
            return None;
        }
        if let Some(mail_service) = mail_service.filter(|_| !there(protocol)) {
            let why =
                if found(protocol) { "looks the address up for each mailbox" } else { "has no address" };
            let found = format!("{}, for which mail service {} {why}", shown(path, word), mail_service.name);
            self.refuse(path, found, expected);
            return None;
        }
        if !side.signs_in(protocol) {
            let found = format!("{}, where the mailbox's `method: kerberos` is not built", shown(path, word));
            self.refuse(path, found, format!("{expected}, or another method"));
            return None;
        }
        Some(protocol)
    }

    /// A list of protocols, none twice, at least one.
    fn protocols(
        &mut self,
        path: &KeyPath,
        words: &[String],
        need: Option<Capability>,
        side: &Side,
    ) -> Vec<Protocol> {
        if words.is_empty() {
            self.missing(path, "at least one protocol");
        }
        let mut protocols = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let path = self.item(path, index);
            match self.protocol(&path, word, need, side) {
                Some(protocol) if protocols.contains(&protocol) => {
                    self.refuse(&path, format!("{} a second time", shown(&path, word)), "each protocol once");
                }
                Some(protocol) => protocols.push(protocol),
                None => {}
            }
        }
        protocols
    }

    /// The place of a word out of several, which may have been written as one without a list.
    fn item(&self, path: &KeyPath, index: usize) -> KeyPath {
        match self.root.at(&path.0).map(|node| &node.value) {
            Some(Value::List(_)) => path.index(index),
            _ => path.clone(),
        }
    }

    /// A path, relative to the file that it stands in.
    fn file(&mut self, at: &KeyPath, written: &str) -> PathBuf {
        let source = self.root.at(&at.0).map_or(0, |node| node.place.source);
        let dir = self.sources.get(source).map_or_else(|| Path::new(""), |origin| origin.dir.as_path());
        let path = dir.join(written);
        self.files.push(path.clone());
        path
    }

    /// A text in a file that must be there; told by the file's name.
    fn text_file(&mut self, at: &KeyPath, written: &str) -> Option<(PathBuf, String)> {
        let path = self.file(at, written);
        match secrets::read_text(&path) {
            Ok(text) => Some((path, text)),
            Err(wrong) => {
                self.refuse(at, wrong, "a readable file with a text");
                None
            }
        }
    }

    /// A span that is not zero.
    fn positive(&mut self, path: &KeyPath, span: Duration) -> Duration {
        if span.is_zero() {
            self.refuse(path, "0s".to_owned(), "a time span longer than nothing");
        }
        span
    }

    fn warn_at(&mut self, path: &KeyPath, what: &str) {
        let place = self.root.place_of(path);
        let (_, problem) = locate(Problem::default(), path, place, &self.sources);
        let line = problem.line.map_or(String::new(), |line| format!(":{line}"));
        self.findings.warnings.push(format!("{}{line}: {}: {what}", problem.file, problem.path));
    }
}

/// What is wrong with a name that becomes a label value.
fn wrong_name(name: &str) -> Option<&'static str> {
    let well = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (!well).then_some("a name of letters, digits, `-`, `_` and `.`, at most 63, a letter or digit first")
}

/// A number that changes when what is printed of the thing does.
fn fingerprint(thing: &impl std::fmt::Debug, more: &[u64]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    format!("{thing:?}").hash(&mut hasher);
    more.hash(&mut hasher);
    hasher.finish()
}
