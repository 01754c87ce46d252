//! A check's lanes: what its verdicts are about. The checks, the metrics and `config show` all take them from here.

use std::sync::Arc;

use super::plan::{Check, MailService, Mailbox, Roundtrip, What};
use crate::catalogue::{Protocol, Role};
use crate::outcome::Lane;

/// The lanes of a check. A round trip: for each submitting protocol its own lane and one for each view; else one for
/// each protocol. A calendar, a meeting: who writes, and each that sees it.
pub fn lanes(check: &Check) -> Vec<Arc<Lane>> {
    match &check.what {
        What::Roundtrip(trip) => roundtrip(check, trip),
        What::Login { mailbox, protocols } | What::Directory { mailbox, protocols, .. } => {
            each(check, &mailbox.mail_service, &mailbox.name, protocols)
        }
        What::Calendar(of) => {
            let views =
                of.views.iter().map(|view| Side { role: Role::View, mailbox: &of.mailbox, by: *view });
            let write = Side { role: Role::Write, mailbox: &of.mailbox, by: of.write };
            sides(check, of.write, &[[write].into(), views.collect::<Vec<_>>()].concat())
        }
        What::Meeting(of) => {
            let [write, view] = [(Role::Write, &of.organizer), (Role::View, &of.attendee)]
                .map(|(role, part)| Side { role, mailbox: &part.mailbox, by: part.by });
            sides(check, of.organizer.by, &[write, view])
        }
        What::FreeBusy(of) => {
            let write = Side { role: Role::Write, mailbox: &of.of, by: of.write };
            sides(
                check,
                of.write,
                &[write, Side { role: Role::Check, mailbox: &of.mailbox, by: of.protocol }],
            )
        }
        What::Autodiscover { mailbox } => {
            each(check, &mailbox.mail_service, &mailbox.name, &[Protocol::Autodiscover])
        }
        What::Endpoint { mail_service, protocols } => each(check, mail_service, &"".into(), protocols),
    }
}

/// One of those who take part in a calendar check.
#[derive(Clone, Copy)]
struct Side<'a> {
    role: Role,
    mailbox: &'a Mailbox,
    by: Protocol,
}

/// The lanes of sides, the first of which writes.
fn sides(check: &Check, write: Protocol, sides: &[Side<'_>]) -> Vec<Arc<Lane>> {
    let peer = |of: &Side<'_>| {
        let other = if of.role == Role::Write { sides.last() } else { sides.first() };
        other.map_or_else(|| "".into(), |other| Arc::clone(&other.mailbox.mail_service.name))
    };
    let lane = |of: &Side<'_>| Lane {
        check: Arc::clone(&check.name),
        kind: check.what.kind(),
        mail_service: Arc::clone(&of.mailbox.mail_service.name),
        mailbox: Arc::clone(&of.mailbox.name),
        protocol: of.by,
        role: of.role,
        send: Some(write),
        peer_mail_service: peer(of),
        interval: check.every,
        timeout: check.timeout,
        judged_within: check.timeout,
    };
    sides.iter().map(|of| Arc::new(lane(of))).collect()
}

fn each(
    check: &Check,
    mail_service: &MailService,
    mailbox: &Arc<str>,
    protocols: &[Protocol],
) -> Vec<Arc<Lane>> {
    let lane = |protocol| Lane {
        check: Arc::clone(&check.name),
        kind: check.what.kind(),
        mail_service: Arc::clone(&mail_service.name),
        mailbox: Arc::clone(mailbox),
        protocol,
        role: Role::Check,
        send: None,
        peer_mail_service: "".into(),
        interval: check.every,
        timeout: check.timeout,
        judged_within: check.timeout,
    };
    protocols.iter().map(|protocol| Arc::new(lane(*protocol))).collect()
}

fn roundtrip(check: &Check, trip: &Roundtrip) -> Vec<Arc<Lane>> {
    // Submitting protocols take turns: each is used every n-th slot.
    let turns = u32::try_from(trip.send.len()).unwrap_or(u32::MAX).max(1);
    let mut lanes = Vec::new();
    for send in &trip.send {
        let sender = Lane {
            check: Arc::clone(&check.name),
            kind: check.what.kind(),
            mail_service: Arc::clone(&trip.from.mail_service.name),
            mailbox: Arc::clone(&trip.from.name),
            protocol: *send,
            role: Role::Send,
            send: Some(*send),
            peer_mail_service: Arc::clone(&trip.to.mail_service.name),
            interval: check.every.saturating_mul(turns),
            timeout: check.timeout,
            judged_within: check.timeout,
        };
        for view in &trip.views {
            lanes.push(Arc::new(Lane {
                mail_service: Arc::clone(&trip.to.mail_service.name),
                mailbox: Arc::clone(&trip.to.name),
                protocol: *view,
                role: Role::View,
                peer_mail_service: Arc::clone(&trip.from.mail_service.name),
                judged_within: trip.late_after,
                ..sender.clone()
            }));
        }
        lanes.push(Arc::new(sender));
    }
    lanes.sort_by_key(|lane| (lane.send, lane.role));
    lanes
}
