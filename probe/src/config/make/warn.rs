//! What is accepted, and worth a second look.

use std::collections::BTreeMap;

use super::super::plan::Plan;
use super::super::problem::KeyPath;
use super::super::tree::Node;
use super::Make;
use crate::auth::negotiate::{self, TICKET_CACHE};

/// Protocols of classic Outlook.
const CLASSIC: &[&str] = &["ews", "mapi"];
/// Protocols that tell, when classic ones fail, whether the mailbox itself is well.
const CONTROL: &[&str] = &["imap", "owa", "graph"];
const DAY: f64 = 86_400.0;

impl Make {
    pub(super) fn warn(&mut self, plan: &Plan) {
        for name in plan.mail_services.keys() {
            let path = KeyPath::of(&["mail_services", name]);
            let has = |key: &str| {
                self.root.at(&path.key(key).0).is_some_and(|node: &Node| !node.is_null())
                    || plan.mail_services[name].endpoints.keys().any(|protocol| protocol.name() == key)
            };
            if CLASSIC.iter().any(|key| has(key)) && !CONTROL.iter().any(|key| has(key)) {
                let what = "classic protocols without a control protocol (imap, owa) beside them: when they fail, nothing \
                            tells whether the mailbox itself is well";
                self.warn_at(&path, what);
            }
        }
        let by_key: Vec<_> =
            plan.mailboxes.values().filter(|mailbox| mailbox.auth.method.keytab().is_some()).collect();
        if let [first, rest @ ..] = &by_key[..]
            && rest.iter().any(|other| other.auth.username != first.auth.username)
            && !negotiate::holds_several(self.ticket_cache.as_deref())
        {
            let what = format!(
                "several accounts sign in by their keys, and {TICKET_CACHE} names no place for tickets of more than one: \
                 DIR:/a/folder is one"
            );
            self.warn_at(&KeyPath::of(&["mailboxes", &first.name, "auth", "keytab_file"]), &what);
        }
        for (mailbox, wanted) in external_a_day(plan) {
            let allowed = plan.mailboxes[mailbox].limits.external_per_day;
            if wanted > f64::from(allowed) {
                let what = format!(
                    "its round trips and meetings with another mail service want {wanted:.0} messages a day, external_per_day allows \
                     {allowed}: slots beyond it are skipped"
                );
                self.warn_at(&KeyPath::of(&["mailboxes", mailbox]), &what);
            }
        }
    }
}

fn external_a_day(plan: &Plan) -> BTreeMap<&str, f64> {
    let mut wanted = BTreeMap::new();
    for check in &plan.checks {
        for (from, to, count) in check.what.messages() {
            if from.mail_service.name != to.mail_service.name {
                let a_day = DAY / check.every.as_secs_f64() * f64::from(count);
                *wanted.entry(&*from.name).or_insert(0.0) += a_day;
            }
        }
    }
    wanted
}
