//! Which series there are: made with the plan, replaced as a whole, read without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::numbers::{Bounds, BoxNumbers, LaneNumbers, SeatNumbers};
use crate::catalogue::Role;
use crate::config::lanes::lanes;
use crate::config::plan::Plan;
use crate::outcome::{Lane, Seat};

/// The lanes, seats and mailboxes of a plan with their numbers, each sorted.
pub(super) struct Shape {
    pub site: Arc<str>,
    pub site_labels: Vec<(String, String)>,
    pub lanes: Vec<(Arc<Lane>, Arc<Mutex<LaneNumbers>>)>,
    pub seats: Vec<(Seat, Arc<Mutex<SeatNumbers>>)>,
    pub boxes: Vec<MailboxRow>,
}

/// A mailbox of the plan.
#[derive(Clone)]
pub(super) struct MailboxRow {
    pub name: Arc<str>,
    pub mail_service: Arc<str>,
    pub method: &'static str,
    pub flow: &'static str,
    /// Round trips arrive here.
    pub view: bool,
    pub numbers: Arc<Mutex<BoxNumbers>>,
}

impl Shape {
    pub(super) fn new(plan: &Plan, old: Option<&Self>) -> Self {
        let now = Instant::now();
        let mut bounds = Bounds::new();
        let all: BTreeSet<Arc<Lane>> = plan.checks.iter().flat_map(|check| lanes(check)).collect();
        let seats = seats(&all);
        let boxes = boxes(plan, &all, old);
        let lanes = all
            .into_iter()
            .map(|lane| {
                let kept = old.and_then(|old| old.lane(&lane)).cloned();
                let new = || Arc::new(Mutex::new(LaneNumbers::new(&lane, &mut bounds, now)));
                let numbers = kept.unwrap_or_else(new);
                (lane, numbers)
            })
            .collect();
        let seats = seats
            .into_iter()
            .map(|(seat, (view, tidy))| {
                let is_same = |kept: &SeatNumbers| kept.view == view && kept.tidy != tidy.is_empty();
                let kept = old.and_then(|old| old.seat(&seat)).filter(|kept| is_same(&super::lock(kept)));
                let new = || Arc::new(Mutex::new(SeatNumbers::new(view, &tidy)));
                let numbers = kept.cloned().unwrap_or_else(new);
                (seat, numbers)
            })
            .collect();
        let site_labels =
            plan.site_labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { site: plan.site.clone(), site_labels, lanes, seats, boxes }
    }

    /// The same with one seat more, if its mailbox is known.
    pub(super) fn with_seat(shape: &Arc<Self>, seat: &Seat) -> Arc<Self> {
        let Err(at) = shape.seats.binary_search_by(|(of, _)| of.cmp(seat)) else { return shape.clone() };
        if shape.mailbox(&seat.mailbox).is_none() {
            return shape.clone();
        }
        let mut seats = shape.seats.clone();
        seats.insert(at, (seat.clone(), Arc::new(Mutex::new(SeatNumbers::new(false, &BTreeSet::new())))));
        Arc::new(Self {
            site: shape.site.clone(),
            site_labels: shape.site_labels.clone(),
            lanes: shape.lanes.clone(),
            seats,
            boxes: shape.boxes.clone(),
        })
    }

    pub(super) fn lane(&self, lane: &Lane) -> Option<&Arc<Mutex<LaneNumbers>>> {
        let at = self.lanes.binary_search_by(|(of, _)| (**of).cmp(lane)).ok()?;
        self.lanes.get(at).map(|(_, numbers)| numbers)
    }

    pub(super) fn seat(&self, seat: &Seat) -> Option<&Arc<Mutex<SeatNumbers>>> {
        let at = self.seats.binary_search_by(|(of, _)| of.cmp(seat)).ok()?;
        self.seats.get(at).map(|(_, numbers)| numbers)
    }

    pub(super) fn mailbox(&self, name: &str) -> Option<&Arc<Mutex<BoxNumbers>>> {
        let at = self.boxes.binary_search_by(|row| (*row.name).cmp(name)).ok()?;
        self.boxes.get(at).map(|row| &row.numbers)
    }
}

/// Where the lanes sit: whether a round trip is awaited there, and the roles that take something away again.
fn seats(lanes: &BTreeSet<Arc<Lane>>) -> BTreeMap<Seat, (bool, BTreeSet<Role>)> {
    let mut seats: BTreeMap<_, (bool, BTreeSet<Role>)> = BTreeMap::new();
    for lane in lanes.iter().filter(|lane| !lane.mailbox.is_empty()) {
        let seat = Seat {
            mail_service: lane.mail_service.clone(),
            mailbox: lane.mailbox.clone(),
            protocol: lane.protocol,
        };
        let (view, tidy) = seats.entry(seat).or_default();
        *view |= lane.has_books();
        tidy.extend(lane.is_tidy().then_some(lane.role));
    }
    seats
}

fn boxes(plan: &Plan, lanes: &BTreeSet<Arc<Lane>>, old: Option<&Shape>) -> Vec<MailboxRow> {
    let views: BTreeSet<&str> =
        lanes.iter().filter(|lane| lane.has_books()).map(|lane| &*lane.mailbox).collect();
    plan.mailboxes
        .iter()
        .map(|(name, mailbox)| {
            let (method, flow) = mailbox.auth.words();
            MailboxRow {
                name: name.clone(),
                mail_service: mailbox.mail_service.name.clone(),
                method,
                flow,
                view: views.contains(&**name),
                numbers: old.and_then(|old| old.mailbox(name)).cloned().unwrap_or_default(),
            }
        })
        .collect()
}
