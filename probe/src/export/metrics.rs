//! The metrics: plain numbers per lane, seat and mailbox, made into families only while they are scraped.
//!
//! Names, labels and the rules of existence are the catalogue's. A scrape holds one lane's numbers at a time, so that
//! it never keeps the checks waiting; it makes its text piece by piece, so that a thousand mailboxes do not cost memory.

mod families;
mod numbers;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus::process_collector::ProcessCollector;
use tokio::time::Instant;

use crate::clock;
use crate::config::plan::Plan;
use crate::outcome::{Event, Fact, Lane, Report, Seat, Sink};

pub use families::Encoding;
use numbers::{Backend, BoxNumbers, Certificate, LaneNumbers, Own, SeatNumbers, Told};
use shape::Shape;

/// The type of what [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The sink behind `/metrics`.
pub struct Metrics {
    shape: ArcSwap<Shape>,
    own: Mutex<Own>,
    process: ProcessCollector,
    version: Box<str>,
    revision: Box<str>,
}

impl Metrics {
    /// All series that the plan makes exist from here on.
    pub fn new(plan: &Plan, version: &str, revision: &str) -> Arc<Self> {
        Arc::new(Self {
            shape: ArcSwap::from_pointee(Shape::new(plan, None)),
            own: Mutex::new(Own::new(clock::unix())),
            process: ProcessCollector::for_self(),
            version: version.into(),
            revision: revision.into(),
        })
    }

    /// Another plan: what is equal in both keeps its numbers, the rest goes.
    pub fn apply(&self, plan: &Plan) {
        let old = self.shape.load_full();
        let new = Shape::new(plan, Some(&old));
        let services: BTreeSet<_> = plan.mail_services.keys().cloned().collect();
        let mut own = lock(&self.own);
        own.certificates.retain(|(service, ..), _| services.contains(service));
        own.addresses.retain(|(service, _), _| services.contains(service));
        drop(own);
        self.shape.store(Arc::new(new));
    }

    /// Everything, in the text format.
    pub fn encode(self: &Arc<Self>, out: &mut Vec<u8>) {
        for piece in self.encoding() {
            out.extend_from_slice(&piece);
        }
    }

    /// Everything, in the text format, piece by piece.
    pub fn encoding(self: &Arc<Self>) -> Encoding {
        Encoding::new(self.clone(), self.shape.load_full())
    }

    fn lane(&self, lane: &Lane, change: impl FnOnce(&mut LaneNumbers)) {
        let shape = self.shape.load();
        // A lane of a plan that is no more: its check drains, its series are gone.
        if let Some(numbers) = shape.lane(lane) {
            change(&mut lock(numbers));
        }
    }

    /// A seat that no lane sits on, such as the sender's inbox, is added when it is first heard of.
    fn seat(&self, seat: &Seat, change: impl FnOnce(&mut SeatNumbers)) {
        if self.shape.load().seat(seat).is_none() {
            self.shape.rcu(|shape| Shape::with_seat(shape, seat));
        }
        let shape = self.shape.load();
        if let Some(numbers) = shape.seat(seat) {
            change(&mut lock(numbers));
        }
    }

    fn mailbox(&self, mailbox: &str, change: impl FnOnce(&mut BoxNumbers)) {
        if let Some(numbers) = self.shape.load().mailbox(mailbox) {
            change(&mut lock(numbers));
        }
    }

    fn tell_of_lanes(&self, event: &Event, now: Instant) -> bool {
        match event {
            Event::Began { lane, .. } => self.lane(lane, |numbers| numbers.standing.began(now)),
            Event::Ran(report) => {
                self.lane(&report.lane, |numbers| numbers.ran(report, now));
                self.skew(report, now);
            }
            Event::Skipped { lane, slot, why } => {
                self.lane(lane, |numbers| numbers.skipped(lane, *slot, *why, now));
            }
            Event::Sent { lane, unknown } => self.lane(lane, |numbers| numbers.sent(*unknown)),
            Event::Message { lane, judged } => self.lane(lane, |numbers| numbers.message(*judged)),
            Event::Visible { lane, action, after } => {
                self.lane(lane, |numbers| numbers.visible(*action, *after));
            }
            Event::InFlight { lane, count, oldest } => {
                self.lane(lane, |numbers| numbers.in_flight(*count, *oldest));
            }
            _ => return false,
        }
        true
    }

    /// What the newest answers told of the clock, until the next run should have told again.
    fn skew(&self, report: &Report, now: Instant) {
        let ahead = report.facts.iter().rev().find_map(|fact| match fact {
            Fact::Skew(ahead) => Some(*ahead),
            _ => None,
        });
        if let Some(ahead) = ahead {
            let until = now + report.lane.interval * 2 + report.lane.timeout;
            lock(&self.own).skew.insert(Arc::clone(&report.lane.mail_service), (ahead, until));
        }
    }

    fn tell_of_seats(&self, event: &Event) -> bool {
        match event {
            Event::Swept { seat, why } => self.seat(seat, |numbers| numbers.swept[*why as usize] += 1),
            Event::CleanupFailed { seat, role, .. } => {
                self.seat(seat, |numbers| *numbers.cleanup_failures.entry(*role).or_default() += 1);
            }
            Event::View { seat, state } => self.seat(seat, |numbers| numbers.state(state)),
            Event::SessionEnded { seat, cause, planned } => {
                self.seat(seat, |numbers| *numbers.ends.entry((*planned, *cause)).or_default() += 1);
            }
            Event::NotificationMissed { seat } => {
                self.seat(seat, |numbers| numbers.notifications_missed += 1);
            }
            Event::Backend { seat, frontend, backend, version } => {
                let [frontend, backend, version] =
                    [frontend, backend, version].map(|said| numbers::info(said.as_str()));
                self.seat(seat, |numbers| numbers.backend = Some(Backend { frontend, backend, version }));
            }
            _ => return false,
        }
        true
    }

    fn tell_of_mailboxes(&self, event: &Event) -> bool {
        match event {
            Event::Mailbox { seat, role, holdings, until } => self.mailbox(&seat.mailbox, |numbers| {
                let told = Told { holdings: *holdings, at: Instant::now(), until: *until };
                numbers.told.insert((seat.protocol, *role), told);
            }),
            Event::Paused { mailbox, until } => {
                self.mailbox(mailbox, |numbers| numbers.paused_until = *until);
            }
            Event::Resting { mailbox, until } => {
                let until = clock::since_epoch(*until).as_secs_f64();
                self.mailbox(mailbox, |numbers| numbers.resting_until = Some(until));
            }
            Event::Rival { mailbox, seen } => self.mailbox(mailbox, |numbers| numbers.rival = Some(*seen)),
            _ => return false,
        }
        true
    }

    fn tell_of_the_rest(&self, event: &Event) {
        let mut own = lock(&self.own);
        match event {
            Event::Certificate { mail_service, protocol, server, not_after, issuer } => {
                let key = (mail_service.clone(), *protocol, server.clone());
                let issuer = numbers::info(issuer.as_str());
                own.certificates.insert(key, Certificate { not_after: *not_after, issuer });
            }
            Event::Addresses { mail_service, protocol, found, failing } => {
                own.addresses.insert((mail_service.clone(), *protocol), (*found, *failing));
            }
            Event::Reference { target, up } => {
                own.reference.insert(target, *up);
            }
            Event::Delay(late) => own.delay.observe(late.as_secs_f64()),
            Event::InternalError => own.internal_errors += 1,
            Event::Reloaded { well } => own.reloaded(*well, clock::unix()),
            _ => {}
        }
    }
}

impl Sink for Metrics {
    fn tell(&self, event: &Event) {
        let now = Instant::now();
        if !(self.tell_of_lanes(event, now) || self.tell_of_seats(event) || self.tell_of_mailboxes(event)) {
            self.tell_of_the_rest(event);
        }
    }
}

/// Numbers stay true enough after a panic: nothing in here is left half done that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Counts<K> = BTreeMap<K, u64>;
