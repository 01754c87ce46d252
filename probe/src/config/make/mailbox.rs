//! A mailbox: its address, its sign-in, its limits. No refusal here repeats a value below `auth`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::plan::{Auth, Limits, Mailbox, Mechanism, Method, Scheme, SecretSource};
use super::super::problem::{KeyPath, nearest, one_of};
use super::super::raw;
use super::super::tree::Node;
use super::{MailServices, Mailboxes, Make, fingerprint};
use crate::secret::{HIDDEN, Secret};

const MAX_SESSIONS: u32 = 3;
const EXTERNAL_PER_DAY: u32 = 300;
const BUILT_METHODS: &str = "what this release has: password, ntlm, or oauth2 with `flow: token_file`";
const LATER_METHODS: &[&str] = &["kerberos"];
const LATER_FLOWS: &[&str] =
    &["client_credentials", "refresh_token", "device_code", "password", "certificate", "managed_identity"];

impl Make {
    pub(super) fn mailboxes(&mut self, mail_services: &MailServices, top: &raw::Config) -> Mailboxes {
        let mut made = BTreeMap::new();
        for (name, node) in self.section("mailboxes") {
            if node.is_null() {
                continue;
            }
            let path = KeyPath::of(&["mailboxes", &name]);
            let node = self.without_later_auth(&path, node);
            let Some(raw) = self.decode::<raw::Mailbox>(&node, &path) else { continue };
            if let Some(mailbox) = self.mailbox(&path, &name, &raw, mail_services, top) {
                made.insert(name, Arc::new(mailbox));
            }
        }
        made
    }

    /// Sign-ins that are designed and not built are refused as such, once, and not key by key.
    fn without_later_auth(&mut self, path: &KeyPath, mut node: Node) -> Node {
        let path = path.key("auth");
        let Some(auth) = node.get("auth") else { return node };
        let word = |key: &str| auth.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let (method, flow) = (word("method"), word("flow"));
        let later = if LATER_METHODS.contains(&method.as_str()) {
            Some((path.key("method"), method))
        } else if method == "oauth2" && LATER_FLOWS.contains(&flow.as_str()) {
            Some((path.key("flow"), flow))
        } else {
            None
        };
        if let Some((at, word)) = later {
            self.refuse(&at, format!("{word}, which is not yet built"), BUILT_METHODS);
            self.findings.broken.insert(super::item_of(&at));
            node.take("auth");
        }
        node
    }

    fn mailbox(
        &mut self,
        path: &KeyPath,
        name: &Arc<str>,
        raw: &raw::Mailbox,
        mail_services: &MailServices,
        top: &raw::Config,
    ) -> Option<Mailbox> {
        let mail_service =
            self.named(&path.key("mail_service"), "mail_services", &raw.mail_service, mail_services);
        let address = self.address(&path.key("address"), &raw.address);
        let auth =
            self.auth(&path.key("auth"), &raw.auth, &raw.address, self.is_microsoft365(&raw.mail_service));
        if name.to_lowercase().starts_with("healthmailbox")
            || raw.address.to_lowercase().starts_with("healthmailbox")
        {
            let what =
                "Exchange makes, renames and deletes HealthMailboxes as it likes: use a mailbox of your own";
            self.warn_at(&path.key("address"), what);
        }
        let (at, written) = match raw.max_sessions {
            Some(written) => (path.key("max_sessions"), written),
            None => (KeyPath::of(&["max_sessions"]), top.max_sessions.unwrap_or(MAX_SESSIONS)),
        };
        if written == 0 {
            self.refuse(&at, "0".to_owned(), "1 or more");
        }
        let mut mailbox = Mailbox {
            name: Arc::clone(name),
            mail_service: mail_service?,
            address: address?,
            auth: auth?,
            limits: Limits {
                messages_per_day: raw.limits.messages_per_day.or(top.limits.messages_per_day),
                external_per_day: raw
                    .limits
                    .external_per_day
                    .or(top.limits.external_per_day)
                    .unwrap_or(EXTERNAL_PER_DAY),
            },
            max_sessions: written as usize,
            fingerprint: 0,
        };
        let secret = match &mailbox.auth.method {
            Method::Password(SecretSource::Inline(secret)) => secret.fingerprint(),
            _ => 0,
        };
        mailbox.fingerprint = fingerprint(&mailbox, &[secret]);
        Some(mailbox)
    }

    fn is_microsoft365(&self, mail_service: &str) -> bool {
        let path = KeyPath::of(&["mail_services", mail_service, "preset"]);
        self.root.at(&path.0).and_then(Node::text) == Some("microsoft365")
    }

    fn address(&mut self, path: &KeyPath, text: &str) -> Option<Arc<str>> {
        let well = text.is_ascii() && text.parse::<lettre::Address>().is_ok();
        if !well {
            self.refuse_value(path, text, "a mail address, such as probe@example.com");
        }
        well.then(|| text.to_lowercase().into())
    }

    fn auth(&mut self, path: &KeyPath, raw: &raw::Auth, address: &str, microsoft365: bool) -> Option<Auth> {
        let usual: &[Mechanism] = match raw.method {
            raw::AuthMethod::Password | raw::AuthMethod::Ntlm => {
                &[Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256]
            }
            raw::AuthMethod::Oauth2 => &[Mechanism::Oauthbearer, Mechanism::Xoauth2],
        };
        let mechanisms = match &raw.mechanisms {
            Some(words) => self.mechanisms(&path.key("mechanisms"), &words.0, usual, raw.method),
            None => usual.to_vec(),
        };
        let method = match raw.method {
            raw::AuthMethod::Password | raw::AuthMethod::Ntlm => {
                if microsoft365 {
                    let found = "a password, which Microsoft 365 does not take".to_owned();
                    self.refuse(&path.key("method"), found, "oauth2");
                }
                self.password(path, raw).map(Method::Password)
            }
            raw::AuthMethod::Oauth2 => self.token_file(path, raw).map(Method::TokenFile),
        };
        Some(Auth {
            username: raw.username.as_deref().unwrap_or(address).into(),
            method: method?,
            mechanisms,
            scheme: match raw.method {
                raw::AuthMethod::Password => Scheme::Basic,
                raw::AuthMethod::Ntlm => Scheme::Ntlm,
                raw::AuthMethod::Oauth2 => Scheme::Bearer,
            },
        })
    }

    fn password(&mut self, path: &KeyPath, raw: &raw::Auth) -> Option<SecretSource> {
        for (key, given) in [("flow", raw.flow.is_some()), ("token_file", raw.token_file.is_some())] {
            if given {
                self.refuse(&path.key(key), format!("the key {key}"), "it with `method: oauth2` only");
            }
        }
        match (&raw.password_file, &raw.password) {
            (Some(_), Some(_)) => {
                self.refuse(&path.key("password"), HIDDEN.to_owned(), "password_file or password, not both");
                None
            }
            (Some(file), None) => self.secret_file(&path.key("password_file"), file),
            (None, Some(password)) if password.is_empty() => {
                self.missing(&path.key("password_file"), "a file with the password");
                None
            }
            (None, Some(password)) => {
                self.warn_at(
                    &path.key("password"),
                    "a password in the configuration: `password_file` keeps it out",
                );
                Some(SecretSource::Inline(Secret::new(password)))
            }
            (None, None) => {
                self.missing(&path.key("password_file"), "a file with the password");
                None
            }
        }
    }

    fn token_file(&mut self, path: &KeyPath, raw: &raw::Auth) -> Option<SecretSource> {
        for (key, given) in
            [("password", raw.password.is_some()), ("password_file", raw.password_file.is_some())]
        {
            if given {
                self.refuse(
                    &path.key(key),
                    format!("the key {key}"),
                    "it with `method: password` or `ntlm` only",
                );
            }
        }
        if raw.flow.is_none() {
            self.missing(&path.key("flow"), "token_file");
        }
        match &raw.token_file {
            Some(file) => self.secret_file(&path.key("token_file"), file),
            None => {
                self.missing(&path.key("token_file"), "a file with the access token");
                None
            }
        }
    }

    /// The file must be there now; it is read again at each sign-in.
    fn secret_file(&mut self, path: &KeyPath, written: &str) -> Option<SecretSource> {
        let (file, text): (PathBuf, String) = self.text_file(path, written)?;
        Secret::new(&text);
        Some(SecretSource::File(file))
    }

    fn mechanisms(
        &mut self,
        path: &KeyPath,
        words: &[String],
        usual: &[Mechanism],
        method: raw::AuthMethod,
    ) -> Vec<Mechanism> {
        if words.is_empty() {
            self.missing(path, "at least one mechanism");
        }
        let names: Vec<String> = usual.iter().map(|mechanism| mechanism.name().to_lowercase()).collect();
        let right = || names.iter().map(String::as_str);
        let mut mechanisms = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let at = self.item(path, index);
            let known = Mechanism::ALL.iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(word));
            match known {
                Some(mechanism) if usual.contains(mechanism) => mechanisms.push(*mechanism),
                Some(mechanism) => {
                    let with = if method == raw::AuthMethod::Oauth2 { "a token" } else { "a password" };
                    let found =
                        format!("{}, which does not work with {with}", mechanism.name().to_lowercase());
                    self.refuse(&at, found, one_of(right()));
                }
                None => {
                    // Hidden like all below `auth`; a near spelling tells enough.
                    let near = nearest(word, right());
                    self.refuse_near(&at, format!("an unknown mechanism ({HIDDEN})"), one_of(right()), near);
                }
            }
        }
        mechanisms
    }
}
