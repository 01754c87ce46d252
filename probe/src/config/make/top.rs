//! The top level: site, listeners, log, keys, times.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::plan::{self, FleetKeys, Http, Log, LogFormat, LogLevel, Plan, Reference, Shard};
use super::super::problem::KeyPath;
use super::super::raw;
use super::super::tree::Node;
use super::super::words::Span;
use super::{MailServices, Mailboxes, Make, wrong_name};
use crate::catalogue::metric;
use crate::secret::Secret;

const LISTEN: &str = "0.0.0.0:9725";
/// Shorter, and accounts with a usual lockout policy (30 minutes) get locked by a probe with an old password.
const AUTH_PAUSE: Duration = Duration::from_secs(35 * 60);
const SESSION_MAX_AGE: Duration = Duration::from_secs(30 * 60);
const DRAIN: Duration = Duration::from_secs(35);
/// A key that can be guessed lets anybody have messages deleted.
const SHORTEST_KEY: usize = 16;
/// Set by the Prometheus Operator on every target, or by us.
const TAKEN_LABELS: &[&str] =
    &["service", "endpoint", "namespace", "pod", "container", "job", "instance", "site"];

impl Make {
    pub(super) fn top(&mut self, root: &Node) -> raw::Config {
        let decoded = self.decode_some(root, &KeyPath::default());
        decoded.item.unwrap_or_default()
    }

    /// The plan, if all its parts were made; refuses what is wrong at the top level.
    pub(super) fn finish(
        &mut self,
        top: &raw::Config,
        mail_services: MailServices,
        mailboxes: Mailboxes,
        mut checks: Vec<std::sync::Arc<plan::Check>>,
    ) -> Option<Plan> {
        let at = KeyPath::of(&["version"]);
        if top.version != 1 && !self.findings.broken.contains(&at) {
            self.refuse(&at, top.version.to_string(), "1");
        }
        let at = KeyPath::of(&["site"]);
        if !self.findings.broken.contains(&at)
            && let Some(wrong) = wrong_name(&top.site)
        {
            self.refuse_value(&at, &top.site, wrong);
        }
        self.site_labels(&top.site_labels);
        let listen = self.listen("listen", top.listen.as_deref().unwrap_or(LISTEN));
        let listen_page = top.listen_page.as_deref().map(|text| self.listen("listen_page", text));
        let fleet_keys = self.fleet_keys(top.fleet_keys.as_ref(), &checks);
        let reference = self.reference(&top.reference);
        checks.sort_by(|left, right| left.name.cmp(&right.name));
        Some(Plan {
            site: top.site.as_str().into(),
            site_labels: top.site_labels.clone(),
            shard: self.shard(top.shard),
            listen: listen?,
            listen_page: match listen_page {
                Some(address) => Some(address?),
                None => None,
            },
            web_config_file: top.web_config_file.as_deref().and_then(|path| self.web_config(path)),
            http: Http { reload: top.http.reload.unwrap_or(false), probe: top.http.probe.unwrap_or(false) },
            log: log(top.log),
            fleet_keys: fleet_keys?,
            reference,
            mail_services,
            mailboxes,
            checks,
            auth_pause: self.auth_pause(top.auth_pause),
            session_max_age: self.top_span("session_max_age", top.session_max_age, SESSION_MAX_AGE),
            drain: self.top_span("drain", top.drain, DRAIN),
            files: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn site_labels(&mut self, labels: &BTreeMap<String, String>) {
        for name in labels.keys() {
            let path = KeyPath::of(&["site_labels", name]);
            let well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && !name.starts_with("__")
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !well {
                self.refuse_value(
                    &path,
                    name,
                    "a label name: letters, digits and `_`, no digit and no `__` first",
                );
            } else if TAKEN_LABELS.contains(&name.as_str()) {
                self.refuse_value(&path, name, "a label that neither Prometheus nor mailprobe sets itself");
            }
        }
    }

    fn shard(&mut self, shard: Option<raw::Shard>) -> Option<Shard> {
        let raw::Shard { index, count } = shard?;
        if index >= count {
            let path = KeyPath::of(&["shard", "index"]);
            self.refuse(&path, index.to_string(), format!("less than the count, which is {count}"));
        }
        Some(Shard { index, count })
    }

    fn listen(&mut self, key: &str, text: &str) -> Option<SocketAddr> {
        // `:9725` as other exporters take it.
        let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
        let address = full.parse().ok();
        if address.is_none() {
            self.refuse_value(
                &KeyPath::of(&[key]),
                text,
                "an address and a port, such as 0.0.0.0:9725 or [::]:9725",
            );
        }
        address
    }

    fn web_config(&mut self, written: &str) -> Option<PathBuf> {
        let path = KeyPath::of(&["web_config_file"]);
        self.text_file(&path, written).map(|(path, _)| path)
    }

    fn fleet_keys(
        &mut self,
        keys: Option<&raw::FleetKeys>,
        checks: &[std::sync::Arc<plan::Check>],
    ) -> Option<FleetKeys> {
        let path = KeyPath::of(&["fleet_keys"]);
        let Some(keys) = keys else {
            if checks.iter().any(|check| metric::TIDY.contains(&check.what.kind())) {
                let what = "`{ sign: FILE }`: the key that signs messages and calendar entries";
                self.missing(&path, what);
            }
            // Nothing is signed: a key that nobody knows.
            let mut random = [0; 32];
            getrandom::fill(&mut random).ok()?;
            return Some(FleetKeys {
                sign: Secret::new(&data_encoding::HEXLOWER.encode(&random)),
                accept: Vec::new(),
            });
        };
        let sign = self.fleet_key(&path.key("sign"), &keys.sign);
        let mut accept = Vec::new();
        for (index, written) in keys.accept.0.iter().enumerate() {
            let at = self.item(&path.key("accept"), index);
            accept.extend(self.fleet_key(&at, written));
        }
        Some(FleetKeys { sign: sign?, accept })
    }

    fn fleet_key(&mut self, path: &KeyPath, written: &str) -> Option<Secret> {
        let (file, text) = self.text_file(path, written)?;
        if text.len() < SHORTEST_KEY {
            let found = format!("the file {} with a key of {} bytes", file.display(), text.len());
            self.refuse(path, found, format!("a key of {SHORTEST_KEY} bytes or more"));
            return None;
        }
        Some(Secret::new(&text))
    }

    fn reference(&mut self, reference: &raw::Reference) -> Reference {
        let path = KeyPath::of(&["reference"]);
        let dns = reference.dns.as_deref().and_then(|text| {
            let address = text.strip_prefix("tcp://").and_then(|rest| rest.parse().ok());
            if address.is_none() {
                self.refuse_value(&path.key("dns"), text, "tcp://ADDRESS:PORT, such as tcp://10.1.0.1:53");
            }
            address
        });
        let web = reference.web.clone();
        if let Some(text) = &web {
            self.check_url(&path.key("web"), text, &["http", "https"]);
        }
        Reference { dns, web }
    }

    fn auth_pause(&mut self, pause: Option<Span>) -> Duration {
        let pause = pause.map_or(AUTH_PAUSE, |span| span.0);
        if pause < AUTH_PAUSE {
            let expected = "35m or longer: a shorter pause lets accounts be locked";
            self.refuse(&KeyPath::of(&["auth_pause"]), Span(pause).to_string(), expected);
        }
        pause
    }

    fn top_span(&mut self, key: &str, written: Option<Span>, default: Duration) -> Duration {
        self.positive(&KeyPath::of(&[key]), written.map_or(default, |span| span.0))
    }
}

fn log(log: raw::Log) -> Log {
    Log {
        format: match log.format {
            None | Some(raw::LogFormat::Logfmt) => LogFormat::Logfmt,
            Some(raw::LogFormat::Json) => LogFormat::Json,
        },
        level: match log.level {
            Some(raw::LogLevel::Error) => LogLevel::Error,
            Some(raw::LogLevel::Warn) => LogLevel::Warn,
            None | Some(raw::LogLevel::Info) => LogLevel::Info,
            Some(raw::LogLevel::Debug) => LogLevel::Debug,
        },
    }
}
