//! The task that owns a view's session: it is nudged, never dropped in the middle of a command.

mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::items::Items;
use super::pace::{Manner, Pace};
use super::{Context, Hears, Order, Part, Shared, Told, Views};
use crate::account::Account;
use crate::catalogue::{Protocol, Reason, Step};
use crate::message::token::Id;
use crate::message::tracker::ViewIndex;
use crate::outcome::{Event, Fact, Fault, Recorder, Said, Seat, Sink as _, ViewState};
use crate::protocol::{Folder, Inbox, Memory, Session, Woken};

/// For opening a session, and for each conversation in it.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// The folders beside the inbox are looked through so often.
const FIRST_SWEEP: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(5 * 60);
/// A wait of this length in which the server did not tell what was there.
const MISSED_AFTER: Duration = Duration::from_millis(1500);
/// Leaving after a visit may take so long.
const PARTING: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a view through this protocol keeps its session.
pub(super) fn keeps(protocol: Protocol) -> bool {
    protocol != Protocol::Pop3
}

struct Lease {
    hears: Hears,
    to: mpsc::UnboundedSender<(ViewIndex, Told)>,
}

struct Task {
    context: Arc<Context>,
    account: Arc<Account>,
    seat: Seat,
    views: Views,
    orders: mpsc::UnboundedReceiver<Order>,
    nudge: Arc<Notify>,
    state: watch::Sender<ViewState>,
    leases: HashMap<u64, Lease>,
    /// There was a lease: without one the task ends.
    began: bool,
    awaited: HashMap<Id, Option<Instant>>,
    pace: Pace,
    items: Items,
    memory: Memory,
    folders: Vec<Folder>,
    sweep_at: Instant,
    /// Nothing is deleted before: the server refused it.
    delete_from: Instant,
    rival_until: Option<Instant>,
    total: Option<u64>,
    turn: u32,
}

/// How a session ended.
enum End {
    /// Nobody holds a lease any more.
    Done,
    /// A renewal, or an end that servers make in the ordinary way.
    Planned,
    Failed(Fault),
}

pub(super) fn spawn(
    context: Arc<Context>,
    account: Arc<Account>,
    protocol: Protocol,
    views: Views,
) -> Arc<Shared> {
    let (orders, ordered) = mpsc::unbounded_channel();
    let (state, states) = watch::channel(ViewState::Opening);
    let nudge = Arc::new(Notify::new());
    let seat = account.seat(protocol);
    let shared = Shared {
        seat: seat.clone(),
        account: Arc::clone(&account),
        orders,
        nudge: Arc::clone(&nudge),
        state: states,
        next_lease: AtomicU64::new(0),
    };
    let tasks = context.tasks.clone();
    let task = Task {
        context,
        account,
        seat,
        views,
        orders: ordered,
        nudge,
        state,
        leases: HashMap::new(),
        began: false,
        awaited: HashMap::new(),
        pace: Pace::default(),
        items: Items::default(),
        memory: Memory::default(),
        folders: Vec::new(),
        sweep_at: Instant::now(),
        delete_from: Instant::now(),
        rival_until: None,
        total: None,
        turn: 0,
    };
    tasks.spawn(task.serve());
    Arc::new(shared)
}

impl Task {
    async fn serve(mut self) {
        let mut backoff = Duration::from_secs(1);
        loop {
            self.take_orders();
            if self.is_done() && self.items.to_delete().is_empty() {
                return;
            }
            let opened = Instant::now();
            let end = if keeps(self.seat.protocol) { self.keep().await } else { self.visit().await };
            match end {
                End::Done => return,
                End::Planned => {
                    backoff = Duration::from_secs(1);
                    self.ended(None);
                }
                // What the server refused to delete is a matter of its own: the session is opened anew, and judged by nobody.
                End::Failed(fault) if fault.step == Some(Step::Cleanup) && is_refused(&fault) => {
                    self.ended(None);
                }
                End::Failed(fault) => {
                    let was_up = matches!(&*self.state.borrow(), ViewState::Up { .. });
                    if was_up {
                        self.ended(Some(&fault));
                    }
                    if opened.elapsed() > LONGEST_BACKOFF {
                        backoff = Duration::from_secs(1);
                    }
                    // What was read and what was marked is asked anew.
                    self.items.forget();
                    self.memory = Memory::default();
                    self.account.heed(&fault);
                    let again = Instant::now() + backoff.max(fault.rest.unwrap_or_default());
                    let fault = Arc::new(if was_up { self.lost(fault) } else { fault });
                    self.set_state(ViewState::Down { fault, again });
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    if !self.rest_until(again).await {
                        return;
                    }
                }
            }
        }
    }

    /// Opens a session and keeps it until something ends it.
    async fn keep(&mut self) -> End {
        let rec = Recorder::default();
        self.turn = self.turn.wrapping_add(1);
        if !matches!(&*self.state.borrow(), ViewState::Down { .. }) {
            self.set_state(ViewState::Opening);
        }
        self.items.forget();
        self.folders.clear();
        let mut session =
            match rec.within(PATIENCE, self.account.open(self.seat.protocol, self.turn, &rec)).await {
                Ok(session) => session,
                Err(fault) => return End::Failed(fault),
            };
        if let Some(inbox) = session.inbox() {
            // The other folders can wait until people's mail is not waited for.
            self.sweep_at = Instant::now() + FIRST_SWEEP;
            match self.look(inbox, Folder::Inbox, &rec, false).await {
                Ok(()) => self.up(&rec),
                Err(fault) => return End::Failed(fault),
            }
        }
        let end = match session.inbox() {
            Some(inbox) => self.work(inbox).await,
            None => End::Failed(Fault::new(Reason::InternalError, "this protocol has no inbox")),
        };
        if !matches!(end, End::Failed(_)) {
            close(session).await;
        }
        end
    }

    async fn work(&mut self, inbox: &mut dyn Inbox) -> End {
        let opened = Instant::now();
        let aged_at = opened + jittered(self.context.session_max_age);
        let mut told = false;
        let mut waited = Duration::ZERO;
        let mut was_told = false;
        loop {
            // A server may learn to tell, and forget it, within a session.
            let manner = if inbox.is_told() { Manner::Told } else { Manner::Untold };
            self.take_orders_at(manner);
            let rec = Recorder::default();
            let result = async {
                self.tidy(inbox, &rec).await?;
                if self.is_done() {
                    return Ok(Some(End::Done));
                }
                let now = Instant::now();
                // Not in the middle of a wait, if that can be helped.
                let renew_at = aged_at
                    + if self.awaited.is_empty() { Duration::ZERO } else { self.context.session_max_age };
                if now >= renew_at {
                    return Ok(Some(End::Planned));
                }
                let next = self.pace.next(now, &self.awaited);
                if told || next.is_some_and(|next| next <= now) {
                    let unsaid = !told && waited >= MISSED_AFTER && was_told;
                    (told, waited) = (false, Duration::ZERO);
                    self.look_around(inbox, &rec, unsaid).await?;
                    // Who was told may order a deletion: better before the wait begins than by breaking it off.
                    tokio::task::yield_now().await;
                    return Ok(None);
                }
                let until = [next, Some(renew_at), Some(self.sweep_at)].into_iter().flatten().min();
                let limit = until.map_or(LONGEST_WAIT, |until| until.saturating_duration_since(now));
                // The IDLE itself may be refused or go unanswered: more than its own limit is a fault.
                let woken = rec.within(limit + PATIENCE, inbox.wait(&self.nudge, limit)).await?;
                (waited, was_told) = (now.elapsed(), manner == Manner::Told);
                told = woken == Woken::Told;
                Ok(None)
            };
            match result.await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(fault) if is_ordinary(&fault, opened) => return End::Planned,
                Err(fault) => return End::Failed(fault),
            }
        }
    }

    /// A view without a kept session: it signs in when something is due, once for all messages.
    async fn visit(&mut self) -> End {
        loop {
            self.take_orders_at(Manner::Visiting);
            let now = Instant::now();
            let deletes = now >= self.delete_from && !self.items.to_delete().is_empty();
            if self.is_done() && !deletes {
                return End::Done;
            }
            let next = self.pace.next(now, &self.awaited);
            let is_first = !matches!(&*self.state.borrow(), ViewState::Up { .. });
            let sweeps = now >= self.sweep_at && !self.views.sweeps_elsewhere(&self.seat);
            if is_first || deletes || sweeps || next.is_some_and(|next| next <= now) {
                let rec = Recorder::default();
                self.turn = self.turn.wrapping_add(1);
                if let Err(fault) = rec.within(PATIENCE, self.call(&rec)).await {
                    return End::Failed(fault);
                }
                if is_first {
                    self.up(&rec);
                }
                continue;
            }
            let sweep_at = (!self.views.sweeps_elsewhere(&self.seat)).then_some(self.sweep_at);
            match next.into_iter().chain(sweep_at).min() {
                Some(until) => tokio::select! {
                    () = self.nudge.notified() => {}
                    () = tokio::time::sleep_until(until) => {}
                },
                None => self.nudge.notified().await,
            }
        }
    }

    /// One visit: sign in, look, delete, leave.
    async fn call(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let mut session = self.account.open(self.seat.protocol, self.turn, rec).await?;
        if let Some(inbox) = session.inbox() {
            self.pace.begin(Instant::now());
            self.look(inbox, Folder::Inbox, rec, false).await?;
            self.sweep_at = Instant::now() + SWEEP_EVERY;
            self.tidy(inbox, rec).await?;
        }
        // What was seen is told: how the visit ends is no part of it, but for the deletions that stand or fall with it.
        if let Err(fault) = rec.within(PARTING, session.close(rec)).await
            && fault.step == Some(Step::Cleanup)
        {
            self.not_deleted(&fault);
            self.memory = Memory::default();
        }
        Ok(())
    }

    /// A kept session that was up and ended without a word. Until it is back, that is what its lanes are told.
    fn lost(&self, fault: Fault) -> Fault {
        let is_lost = keeps(self.seat.protocol) && fault.reason == Reason::ConnectionDropped;
        if is_lost { Fault { reason: Reason::SessionLost, ..fault } } else { fault }
    }

    fn is_done(&self) -> bool {
        self.began && self.leases.is_empty()
    }

    fn manner(&self) -> Manner {
        if keeps(self.seat.protocol) { Manner::Told } else { Manner::Visiting }
    }

    fn take_orders(&mut self) {
        self.take_orders_at(self.manner());
    }

    fn take_orders_at(&mut self, manner: Manner) {
        while let Ok(order) = self.orders.try_recv() {
            self.take(order, manner);
        }
    }

    fn take(&mut self, order: Order, manner: Manner) {
        match order {
            Order::Lease { id, hears, to } => {
                self.began = true;
                let sightings: Vec<_> =
                    self.items.own().filter(|s| s.token.check == hears.check).cloned().collect();
                if hears.part == Part::Receiver && !sightings.is_empty() {
                    to.send((hears.index, Told::Looked { began: None, sightings })).ok();
                }
                self.leases.insert(id, Lease { hears, to });
            }
            Order::Release(id) => drop(self.leases.remove(&id)),
            Order::Expect(id) => drop(self.awaited.insert(id, None)),
            Order::Accepted(id, at) => {
                // Seen before the acceptance was heard: it is not awaited any more.
                if let Some(awaited) = self.awaited.get_mut(&id) {
                    *awaited = Some(at);
                    self.pace.accepted(at, manner);
                }
            }
            Order::Forget(id) => drop(self.awaited.remove(&id)),
            Order::Due(at, id) => self.pace.due(at, id),
            Order::Delete(id) => {
                self.awaited.remove(&id);
                self.items.delete(id);
            }
        }
    }

    /// Waits while the session is down; false when nobody wants it any more.
    async fn rest_until(&mut self, again: Instant) -> bool {
        loop {
            self.take_orders();
            if self.is_done() {
                return false;
            }
            tokio::select! {
                () = tokio::time::sleep_until(again) => return true,
                () = self.nudge.notified() => {}
            }
        }
    }

    fn up(&mut self, rec: &Recorder) {
        let (_, facts) = rec.take();
        for fact in facts {
            if let Fact::Greeting(greeting) = fact {
                self.tell(&Event::Backend {
                    seat: self.seat.clone(),
                    frontend: greeting,
                    backend: Said::default(),
                    version: Said::default(),
                });
            }
        }
        self.set_state(ViewState::Up { since: Instant::now() });
    }

    fn ended(&self, fault: Option<&Fault>) {
        let cause = fault.map(Fault::cause);
        self.tell(&Event::SessionEnded { seat: self.seat.clone(), cause, planned: fault.is_none() });
    }

    fn set_state(&mut self, state: ViewState) {
        if matches!(state, ViewState::Down { .. }) && self.total.take().is_some() {
            self.tell_total();
        }
        self.tell(&Event::View { seat: self.seat.clone(), state: state.clone() });
        self.state.send_replace(state);
    }

    fn tell(&self, event: &Event) {
        self.context.sinks.tell(event);
    }
}

async fn close(session: Box<dyn Session>) {
    let rec = Recorder::default();
    rec.within(Duration::from_secs(5), session.close(&rec)).await.ok();
}

/// The server answered, and the answer was no.
fn is_refused(fault: &Fault) -> bool {
    fault.reason == Reason::CleanupFailed
        || ["NO", "BAD", "-ERR"].iter().any(|word| fault.server_code.as_str().starts_with(word))
}

/// Servers end old sessions, and those of a shutdown in an orderly way, by BYE.
fn is_ordinary(fault: &Fault, opened: Instant) -> bool {
    fault.server_code.as_str() == "BYE" && opened.elapsed() >= Duration::from_secs(60)
}

/// Less by up to a tenth, so that a fleet's sessions do not end together.
fn jittered(age: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    age.mul_f64(1.0 - 0.1 * f64::from(random) / f64::from(u32::MAX))
}
