//! Kept inboxes: one task owns a session; checks hold leases; the last lease dropped closes it.

mod items;
mod pace;
mod task;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::account::Account;
use crate::catalogue::Protocol;
use crate::message::recognise::About;
use crate::message::token::{Id, Keys, Token};
use crate::message::tracker::{Sighting, ViewIndex};
use crate::outcome::{Fault, Seat, Sinks, ViewState};

/// Who this process is, to its own messages.
pub struct Identity {
    pub site: u32,
    /// Random per process.
    pub instance: u32,
    pub start: SystemTime,
    pub keys: Keys,
}

/// What all views share. Made anew by a reload; kept views keep theirs.
pub struct Context {
    pub identity: Arc<Identity>,
    pub sinks: Sinks,
    /// Every address that the fleet's messages of this site may have been sent to, for reports about them.
    pub addresses: Arc<ArcSwap<Vec<Arc<str>>>>,
    pub session_max_age: Duration,
    pub tasks: TaskTracker,
}

/// What a view tells a check.
#[derive(Debug)]
pub enum Told {
    /// What a look found. `began`: when a look at the inbox began that has ended; only that lets a message be called
    /// late or lost.
    Looked { began: Option<Instant>, sightings: Vec<Sighting> },
    /// A report about one of the check's messages came into the sender's mailbox.
    Report { token: Token, about: About },
}

/// What the holder of a lease hears of.
#[derive(Clone, Copy, Debug)]
pub struct Hears {
    /// Messages of this check, hashed.
    pub check: u32,
    pub part: Part,
    pub index: ViewIndex,
}

/// What a check awaits in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Receiver,
    Sender,
}

enum Order {
    Lease { id: u64, hears: Hears, to: mpsc::UnboundedSender<(ViewIndex, Told)> },
    Release(u64),
    Expect(Id),
    Accepted(Id, Instant),
    Forget(Id),
    Due(Instant, Option<Id>),
    Delete(Id),
}

struct Shared {
    seat: Seat,
    account: Arc<Account>,
    orders: mpsc::UnboundedSender<Order>,
    nudge: Arc<Notify>,
    state: watch::Receiver<ViewState>,
    next_lease: AtomicU64,
}

impl Shared {
    fn order(&self, order: Order) {
        // A view whose task has ended has no leases, and nobody to hear of it.
        self.orders.send(order).ok();
        self.nudge.notify_one();
    }
}

type Key = (Arc<str>, Protocol);

/// All kept views of a process.
#[derive(Clone, Default)]
pub struct Views(Arc<Mutex<HashMap<Key, Weak<Shared>>>>);

impl Views {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Weak<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease on the view of that mailbox through that protocol; opened when it is the first. A reload that makes the
    /// account anew makes the view anew. What is told goes to `to`, with the index that the check gives it.
    pub fn lease(
        &self,
        context: &Arc<Context>,
        account: &Arc<Account>,
        protocol: Protocol,
        hears: Hears,
        to: mpsc::UnboundedSender<(ViewIndex, Told)>,
    ) -> View {
        let key = (Arc::clone(&account.mailbox.name), protocol);
        let mut all = self.all();
        let kept =
            all.get(&key).and_then(Weak::upgrade).filter(|shared| Arc::ptr_eq(&shared.account, account));
        let shared = kept.unwrap_or_else(|| {
            let shared = task::spawn(Arc::clone(context), Arc::clone(account), protocol, self.clone());
            all.insert(key, Arc::downgrade(&shared));
            shared
        });
        let id = shared.next_lease.fetch_add(1, Ordering::Relaxed);
        shared.order(Order::Lease { id, hears, to });
        View { shared, id }
    }

    /// Whether another view of that mailbox sweeps: one is enough, and a kept session does it for less.
    fn sweeps_elsewhere(&self, seat: &Seat) -> bool {
        let key = (Arc::clone(&seat.mailbox), Protocol::Imap);
        seat.protocol != Protocol::Imap
            && self.all().get(&key).is_some_and(|shared| shared.strong_count() > 0)
    }
}

/// A check's lease on a view; dropped, it is given back.
pub struct View {
    shared: Arc<Shared>,
    id: u64,
}

impl View {
    pub fn seat(&self) -> &Seat {
        &self.shared.seat
    }

    /// Why the session is down, while it is.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        match &*self.shared.state.borrow() {
            ViewState::Down { fault, .. } => Some(Arc::clone(fault)),
            _ => None,
        }
    }

    pub fn is_up(&self) -> bool {
        matches!(&*self.shared.state.borrow(), ViewState::Up { .. })
    }

    /// Whether the view keeps its session.
    pub fn is_kept(&self) -> bool {
        task::keeps(self.shared.seat.protocol)
    }

    /// A message is about to be handed over.
    pub fn expect(&self, id: Id) {
        self.shared.order(Order::Expect(id));
    }

    /// It was accepted: from now on the view looks by itself.
    pub fn accepted(&self, id: Id, at: Instant) {
        self.shared.order(Order::Accepted(id, at));
    }

    /// It is not awaited any more.
    pub fn forget(&self, id: Id) {
        self.shared.order(Order::Forget(id));
    }

    /// A thorough look, junk included, is needed that begins at that time or soon after; for a message as long as it
    /// is awaited, or (`None`) in any case.
    pub fn due(&self, at: Instant, id: Option<Id>) {
        self.shared.order(Order::Due(at, id));
    }

    /// Delete this message, every copy that this view has seen.
    pub fn delete(&self, id: Id) {
        self.shared.order(Order::Delete(id));
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.shared.order(Order::Release(self.id));
    }
}
