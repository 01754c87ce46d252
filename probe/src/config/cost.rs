//! What a configuration costs a mail service: messages, sessions; and Prometheus: series.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lanes::lanes;
use super::plan::{Check, Plan, What};
use super::series;
use crate::catalogue::Protocol;

const HOUR: f64 = 3600.0;

/// What a check, or a whole plan, costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub messages_per_hour: f64,
    /// Opened and closed again, at the least: a message that is late is looked for more often by a view without a
    /// kept session.
    pub sessions_per_hour: f64,
    /// Open all the time.
    pub kept_sessions: usize,
    pub series: usize,
}

impl Cost {
    pub fn messages_per_day(&self) -> f64 {
        self.messages_per_hour * 24.0
    }
}

/// What one check costs by itself.
pub fn of_check(check: &Check, session_max_age: Duration) -> Cost {
    let per_hour = HOUR / check.every.as_secs_f64();
    let kept = kept(check).len();
    let mut cost = Cost {
        kept_sessions: kept,
        sessions_per_hour: renewals(kept, session_max_age),
        series: series::of_lanes(&lanes(check)),
        ..Cost::default()
    };
    cost.sessions_per_hour += per_hour * opened(check) as f64;
    cost.messages_per_hour = per_hour * messages(check);
    cost
}

/// What all checks cost together: views of one mailbox share their session, and lanes share some series.
pub fn of_plan(plan: &Plan) -> Cost {
    let kept: BTreeSet<_> = plan.checks.iter().flat_map(|check| kept(check)).collect();
    let each = |check: &Check| HOUR / check.every.as_secs_f64() * opened(check) as f64;
    Cost {
        messages_per_hour: plan
            .checks
            .iter()
            .fold(0.0, |sum, check| sum + HOUR / check.every.as_secs_f64() * messages(check)),
        sessions_per_hour: plan.checks.iter().map(|check| each(check)).sum::<f64>()
            + renewals(kept.len(), plan.session_max_age),
        kept_sessions: kept.len(),
        series: series::of_plan(plan),
    }
}

fn renewals(kept: usize, session_max_age: Duration) -> f64 {
    kept as f64 * HOUR / session_max_age.as_secs_f64()
}

/// Messages that a slot sends.
fn messages(check: &Check) -> f64 {
    f64::from(check.what.messages().iter().map(|(_, _, count)| count).sum::<u32>())
}

/// Sessions that a slot opens.
fn opened(check: &Check) -> usize {
    match &check.what {
        What::Roundtrip(trip) => {
            let looks = trip.views.iter().filter(|view| !keeps_session(**view)).count();
            usize::from(!trip.keep_sender) + looks
        }
        What::Endpoint { protocols, .. } => protocols.len(),
        of => of.sessions().iter().map(|(_, protocols)| protocols.len()).sum(),
    }
}

/// Mailbox and protocol of each session that is kept.
fn kept(check: &Check) -> BTreeSet<(&str, &str, Protocol)> {
    let What::Roundtrip(trip) = &check.what else { return BTreeSet::new() };
    let views =
        trip.views.iter().filter(|view| keeps_session(**view)).map(|view| ("", &*trip.to.name, *view));
    let senders = trip.send.iter().filter(|_| trip.keep_sender);
    views.chain(senders.map(|send| (&*check.name, &*trip.from.name, *send))).collect()
}

/// POP3 shows a mailbox as it was at the sign-in: each look is a session.
fn keeps_session(view: Protocol) -> bool {
    view != Protocol::Pop3
}
