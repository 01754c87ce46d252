//! What is accepted, and worth a second look.

use std::collections::BTreeMap;

use super::super::plan::{Plan, What};
use super::super::problem::KeyPath;
use super::super::tree::Node;
use super::Make;
use crate::auth::negotiate::{self, TICKET_CACHE};
use crate::catalogue::Protocol;

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
        for (mailbox, protocol, needed) in sessions_at_a_time(plan) {
            let allowed = plan.mailboxes[mailbox].max_sessions;
            if needed > allowed {
                let what = format!(
                    "kept sessions and one run of a calendar check need {needed} sessions over {protocol} at a time, \
                     max_sessions allows {allowed}: what waits for one is `overrun`"
                );
                self.warn_at(&KeyPath::of(&["mailboxes", mailbox]), &what);
            }
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

/// By mailbox and protocol: what is kept, and what a run of a check of calendars holds beside that.
fn sessions_at_a_time(plan: &Plan) -> Vec<(&str, &'static str, usize)> {
    let mut kept: BTreeMap<(&str, Protocol), usize> = BTreeMap::new();
    let mut held: BTreeMap<(&str, Protocol), usize> = BTreeMap::new();
    for check in &plan.checks {
        let of_check = |mailbox: &str, protocol: Protocol| {
            let sessions = check.what.sessions();
            let mine = sessions.iter().filter(|(of, _)| &*of.name == mailbox).flat_map(|(_, all)| *all);
            mine.filter(|of| **of == protocol).count()
        };
        for (mailbox, protocols) in check.what.sessions() {
            for protocol in protocols {
                let at = (&*mailbox.name, *protocol);
                match &check.what {
                    What::Roundtrip(trip) => {
                        let sends = trip.keep_sender && trip.from.name == mailbox.name;
                        let views = trip.to.name == mailbox.name && trip.views.contains(protocol);
                        let so_far = kept.entry(at).or_default();
                        *so_far = (*so_far).max(usize::from(views)) + usize::from(sends);
                    }
                    What::Calendar(_) | What::Meeting(_) | What::FreeBusy(_) => {
                        let so_far = held.entry(at).or_default();
                        *so_far = (*so_far).max(of_check(&mailbox.name, *protocol));
                    }
                    _ => {}
                }
            }
        }
    }
    held.into_iter()
        .map(|(at, needed)| (at.0, at.1.name(), needed + kept.get(&at).copied().unwrap_or_default()))
        .collect()
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
