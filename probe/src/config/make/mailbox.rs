//! A mailbox: its address, its sign-in, its limits. No refusal here repeats a value below `auth`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::plan::{Auth, Limits, Mailbox, Mechanism, Method, Scheme, SecretSource};
use super::super::problem::{KeyPath, nearest, one_of};
use super::super::raw;
use super::super::tree::Node;
use super::{MailServices, Mailboxes, Make, fingerprint};
use crate::auth::negotiate;
use crate::secret::{HIDDEN, Secret};

const MAX_SESSIONS: u32 = 3;
const EXTERNAL_PER_DAY: u32 = 300;
const BUILT_METHODS: &str =
    "what this release has: password, ntlm, kerberos, or oauth2 with `flow: token_file`";
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

    /// Sign-ins that are not built are refused as such, once, and not key by key.
    fn without_later_auth(&mut self, path: &KeyPath, mut node: Node) -> Node {
        let path = path.key("auth");
        let Some(auth) = node.get("auth") else { return node };
        let word = |key: &str| auth.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let (method, flow) = (word("method"), word("flow"));
        let later = if method == "kerberos" && !negotiate::IS_BUILT {
            let found = "kerberos, which this build is without";
            Some(("method", found.to_owned(), "a build with the cargo feature `kerberos`, or another method"))
        } else if method == "oauth2" && LATER_FLOWS.contains(&flow.as_str()) {
            Some(("flow", format!("{flow}, which is not yet built"), BUILT_METHODS))
        } else {
            None
        };
        if let Some((key, found, expected)) = later {
            let at = path.key(key);
            self.refuse(&at, found, expected);
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
            raw::AuthMethod::Kerberos => &[],
        };
        self.other_methods_keys(path, raw);
        let mechanisms = match &raw.mechanisms {
            Some(words) if !usual.is_empty() => {
                self.mechanisms(&path.key("mechanisms"), &words.0, usual, raw.method)
            }
            _ => usual.to_vec(),
        };
        if microsoft365 && raw.method != raw::AuthMethod::Oauth2 {
            let what = if raw.method == raw::AuthMethod::Kerberos { "kerberos" } else { "a password" };
            let found = format!("{what}, which Microsoft 365 does not take");
            self.refuse(&path.key("method"), found, "oauth2");
        }
        let method = match raw.method {
            raw::AuthMethod::Password | raw::AuthMethod::Ntlm => {
                self.password(path, raw, "a file with the password").map(Method::Password)
            }
            raw::AuthMethod::Kerberos => self.kerberos(path, raw),
            raw::AuthMethod::Oauth2 => self.token_file(path, raw).map(Method::TokenFile),
        };
        Some(Auth {
            username: raw.username.as_deref().unwrap_or(address).into(),
            method: method?,
            mechanisms,
            scheme: match raw.method {
                raw::AuthMethod::Password => Scheme::Basic,
                raw::AuthMethod::Ntlm => Scheme::Ntlm,
                raw::AuthMethod::Kerberos => Scheme::Negotiate,
                raw::AuthMethod::Oauth2 => Scheme::Bearer,
            },
        })
    }

    /// Keys that go with another method.
    fn other_methods_keys(&mut self, path: &KeyPath, raw: &raw::Auth) {
        use raw::AuthMethod::{Kerberos, Ntlm, Oauth2, Password};
        let table: [(&str, bool, &[raw::AuthMethod], &str); 6] = [
            (
                "password",
                raw.password.is_some(),
                &[Password, Ntlm, Kerberos],
                "`password`, `ntlm` or `kerberos`",
            ),
            (
                "password_file",
                raw.password_file.is_some(),
                &[Password, Ntlm, Kerberos],
                "`password`, `ntlm` or `kerberos`",
            ),
            ("keytab_file", raw.keytab_file.is_some(), &[Kerberos], "`kerberos`"),
            ("flow", raw.flow.is_some(), &[Oauth2], "`oauth2`"),
            ("token_file", raw.token_file.is_some(), &[Oauth2], "`oauth2`"),
            // Over HTTP there are none, and Kerberos goes over nothing else.
            (
                "mechanisms",
                raw.mechanisms.is_some(),
                &[Password, Ntlm, Oauth2],
                "`password`, `ntlm` or `oauth2`",
            ),
        ];
        for (key, given, with, names) in table {
            if given && !with.contains(&raw.method) {
                self.refuse(
                    &path.key(key),
                    format!("the key {key}"),
                    format!("it with the method {names} only"),
                );
            }
        }
    }

    /// `or`: what is asked for where there is none.
    fn password(&mut self, path: &KeyPath, raw: &raw::Auth, or: &str) -> Option<SecretSource> {
        match (&raw.password_file, &raw.password) {
            (Some(_), Some(_)) => {
                self.refuse(&path.key("password"), HIDDEN.to_owned(), "password_file or password, not both");
                None
            }
            (Some(file), None) => self.secret_file(&path.key("password_file"), file),
            (None, Some(password)) if !password.is_empty() => {
                self.warn_at(
                    &path.key("password"),
                    "a password in the configuration: `password_file` keeps it out",
                );
                Some(SecretSource::Inline(Secret::new(password)))
            }
            _ => {
                self.missing(&path.key("password_file"), or);
                None
            }
        }
    }

    /// The principal is `username`.
    fn kerberos(&mut self, path: &KeyPath, raw: &raw::Auth) -> Option<Method> {
        let principal = raw.username.as_deref().unwrap_or_default();
        let named = matches!(principal.rsplit_once('@'), Some((user, realm)) if !user.is_empty() && !realm.is_empty());
        if !named {
            let found = if raw.username.is_none() { "nothing" } else { "a name without a realm" };
            let expected = "the principal, with its realm as the KDC writes it: alice@CONTOSO.EXAMPLE";
            self.refuse(&path.key("username"), found.to_owned(), expected);
        }
        let Some(written) = &raw.keytab_file else {
            let or = "a file with the password, or keytab_file";
            return self.password(path, raw, or).map(Method::Password).filter(|_| named);
        };
        let at = path.key("keytab_file");
        if raw.password.is_some() || raw.password_file.is_some() {
            self.refuse(&at, "the key keytab_file".to_owned(), "keytab_file or a password, not both");
        }
        let method = Method::Keytab(self.file(&at, written));
        let wrong = match method.read() {
            Err(unread) => Some((unread.words, "a keytab".to_owned())),
            Ok(_) => None,
        };
        let its_own = self.client_keytab.clone();
        let foreign =
            method.keytab().and_then(|path| negotiate::of_this_process(path, its_own.as_deref()).err());
        let foreign = foreign.map(|foreign| (foreign.found, foreign.expected));
        if let Some((found, expected)) = wrong.or(foreign) {
            self.refuse(&at, found, expected);
            return None;
        }
        Some(method).filter(|_| named)
    }

    fn token_file(&mut self, path: &KeyPath, raw: &raw::Auth) -> Option<SecretSource> {
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
