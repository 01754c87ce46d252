//! The lanes of a check: all that it is judged in, known before it ever runs.

use std::sync::Arc;

use super::plan::{Check, Roundtrip, What};
use crate::catalogue::{Protocol, Role};
use crate::outcome::Lane;

/// All lanes of a check, each once.
pub fn lanes(check: &Check) -> Vec<Arc<Lane>> {
    match &check.what {
        What::Roundtrip(trip) => roundtrip(check, trip),
        What::Login { mailbox, protocols } => protocols
            .iter()
            .map(|protocol| Arc::new(single(check, &mailbox.mail_service.name, &mailbox.name, *protocol)))
            .collect(),
        What::Endpoint { mail_service, protocols } => protocols
            .iter()
            .map(|protocol| Arc::new(single(check, &mail_service.name, &Arc::from(""), *protocol)))
            .collect(),
    }
}

/// The sending protocols take turns, so each of their lanes has a slot only every n-th time.
fn roundtrip(check: &Check, trip: &Roundtrip) -> Vec<Arc<Lane>> {
    let turns = u32::try_from(trip.send.len().max(1)).unwrap_or(1);
    let interval = check.every.saturating_mul(turns);
    let mut lanes = Vec::new();
    for send in &trip.send {
        lanes.push(Arc::new(Lane {
            role: Role::Send,
            send: Some(*send),
            peer_mail_service: trip.to.mail_service.name.clone(),
            interval,
            ..single(check, &trip.from.mail_service.name, &trip.from.name, *send)
        }));
        for view in &trip.views {
            lanes.push(Arc::new(Lane {
                role: Role::View,
                send: Some(*send),
                peer_mail_service: trip.from.mail_service.name.clone(),
                interval,
                judged_within: trip.late_after,
                ..single(check, &trip.to.mail_service.name, &trip.to.name, *view)
            }));
        }
    }
    lanes
}

fn single(check: &Check, mail_service: &Arc<str>, mailbox: &Arc<str>, protocol: Protocol) -> Lane {
    Lane {
        check: check.name.clone(),
        kind: check.what.kind(),
        mail_service: mail_service.clone(),
        mailbox: mailbox.clone(),
        protocol,
        role: Role::Check,
        send: None,
        peer_mail_service: Arc::from(""),
        interval: check.every,
        timeout: check.timeout,
        judged_within: check.timeout,
    }
}
