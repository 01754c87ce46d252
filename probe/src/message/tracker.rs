//! One per round trip: which messages are awaited in which view, and what they come to. Pure: it is told the time.
//!
//! The books, per view and exactly: expected = received + lost + bounced + abandoned + in flight.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use tokio::time::Instant;

use super::token::{Id, Token};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Judged, Verdict, Why};
use crate::protocol::ItemId;

/// Which of the check's views, in the order of its configuration.
pub type ViewIndex = usize;

/// How long after `lost_after` a message is remembered, for doubles and what resurfaces.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// Copies of an ended message that are told apart.
const MOST_COPIES: usize = 16;

/// One message, seen in a view.
#[derive(Clone, Debug)]
pub struct Sighting {
    pub token: Token,
    pub id: ItemId,
    pub at: Instant,
    pub intact: bool,
    pub junk: bool,
}

/// What the tracker wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The books of a view move.
    Count(ViewIndex, Id, Judged),
    /// A view's lane of that slot is settled. `deliver`: from acceptance to sight.
    Settle { view: ViewIndex, id: Id, verdict: Verdict, deliver: Option<Duration> },
    /// Judged in every view: now, and not before, delete it. It was seen in these.
    Delete(Id, Vec<ViewIndex>),
}

/// The messages of one round trip.
pub struct Tracker {
    views: usize,
    late_after: Duration,
    lost_after: Duration,
    messages: HashMap<Id, Message>,
    /// Ended messages, for doubles and what resurfaces: until when, and in which views they were lost or received.
    ended: HashMap<Id, Ended>,
    /// In the order in which they are forgotten.
    forget: VecDeque<(Instant, Id)>,
}

struct Message {
    /// When the server accepted; until then when the sending began.
    at: Instant,
    accepted: bool,
    /// The server said so.
    sure: bool,
    views: Vec<Book>,
}

#[derive(Default)]
struct Book {
    settled: bool,
    late: bool,
    end: Option<End>,
    copies: HashSet<ItemId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Received,
    Lost,
    Other,
}

/// Small: at a hundred messages a second there are many of them.
struct Ended {
    views: Box<[End]>,
    /// The items that were seen, hashed, each with its view.
    seen: Vec<(u8, u64)>,
}

impl Tracker {
    pub fn new(views: usize, late_after: Duration, lost_after: Duration) -> Self {
        Self {
            views,
            late_after,
            lost_after,
            messages: HashMap::new(),
            ended: HashMap::new(),
            forget: VecDeque::new(),
        }
    }

    /// A message is about to be handed over: it may be seen before the server's answer is.
    pub fn sending(&mut self, id: Id, now: Instant) {
        let views = (0..self.views).map(|_| Book::default()).collect();
        self.messages.insert(id, Message { at: now, accepted: false, sure: false, views });
    }

    /// The server has accepted, or (not `sure`) the line broke after the last byte. What was seen before counts now.
    pub fn accepted(
        &mut self,
        id: Id,
        at: Instant,
        sure: bool,
        early: Vec<(ViewIndex, Sighting)>,
    ) -> Vec<Act> {
        let Some(message) = self.messages.get_mut(&id) else { return Vec::new() };
        (message.at, message.accepted, message.sure) = (at, true, sure);
        let mut acts: Vec<_> = (0..self.views).map(|view| Act::Count(view, id, Judged::Expected)).collect();
        for (view, sighting) in early {
            acts.extend(self.seen(view, &[sighting]));
        }
        acts
    }

    /// It was not taken: nothing is awaited.
    pub fn refused(&mut self, id: Id) {
        self.messages.remove(&id);
    }

    /// Whether this message is awaited or was, and is not known to be refused.
    pub fn knows(&self, id: Id) -> bool {
        self.messages.contains_key(&id) || self.ended.contains_key(&id)
    }

    /// Whether this message is being handed over: sightings are to be kept until it is accepted.
    pub fn is_sending(&self, id: Id) -> bool {
        self.messages.get(&id).is_some_and(|message| !message.accepted)
    }

    /// Whether this message was judged in every view.
    pub fn is_ended(&self, id: Id) -> bool {
        self.ended.contains_key(&id)
    }

    /// A look of that view found these.
    pub fn seen(&mut self, view: ViewIndex, sightings: &[Sighting]) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut ids: Vec<_> = sightings.iter().map(|sighting| sighting.token.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let of: Vec<_> = sightings.iter().filter(|sighting| sighting.token.id() == id).collect();
            if let Some(message) = self.messages.get_mut(&id) {
                if message.accepted {
                    message.see(view, id, &of, &mut acts);
                }
            } else if let Some(ended) = self.ended.get_mut(&id) {
                ended.see(view, id, &of, &mut acts);
            }
            self.close(id, &mut acts);
        }
        acts
    }

    /// A look of that view ended that had begun at `began`, and did not show what is still awaited.
    pub fn looked(&mut self, view: ViewIndex, began: Instant) -> Vec<Act> {
        let mut acts = Vec::new();
        let ids: Vec<_> = self.messages.keys().copied().collect();
        for id in ids {
            let Some(message) = self.messages.get_mut(&id) else { continue };
            message.missed(view, id, began, self.late_after, self.lost_after, &mut acts);
            self.close(id, &mut acts);
        }
        self.forget_before(began);
        acts
    }

    /// That view is down: what is due now fails with the session's own reason. It is neither late nor lost.
    pub fn down(&mut self, view: ViewIndex, now: Instant, fault: &Fault) -> Vec<Act> {
        let mut acts = Vec::new();
        for (id, message) in &mut self.messages {
            let due = message.accepted && now >= message.at + self.late_after;
            let book = &mut message.views[view];
            if due && !book.settled {
                book.settled = true;
                let verdict = Verdict::Failed(fault.clone());
                acts.push(Act::Settle { view, id: *id, verdict, deliver: None });
            }
        }
        acts
    }

    /// It came back: nobody awaits it any more where it was not received.
    pub fn bounced(&mut self, id: Id, status: &str, words: &str) -> Vec<Act> {
        let mut acts = Vec::new();
        let Some(message) = self.messages.get_mut(&id).filter(|message| message.accepted) else {
            return acts;
        };
        for (view, book) in message.views.iter_mut().enumerate().filter(|(_, book)| book.end.is_none()) {
            book.end = Some(End::Other);
            acts.push(Act::Count(view, id, Judged::Bounced));
            if !std::mem::replace(&mut book.settled, true) {
                let fault = Fault::new(Reason::MessageBounced, &format!("{status} {words}")).coded(status);
                acts.push(Act::Settle { view, id, verdict: Verdict::Failed(fault), deliver: None });
            }
        }
        self.close(id, &mut acts);
        acts
    }

    /// The process or the check ends: what is still awaited is abandoned.
    pub fn abandon(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        for (id, message) in self.messages.drain().filter(|(_, message)| message.accepted) {
            for (view, book) in message.views.iter().enumerate().filter(|(_, book)| book.end.is_none()) {
                acts.push(Act::Count(view, id, Judged::Abandoned));
                if !book.settled {
                    let verdict = Verdict::NotJudged(Why::Stopping);
                    acts.push(Act::Settle { view, id, verdict, deliver: None });
                }
            }
        }
        acts
    }

    /// When a look of that view is next needed: the earliest moment at which something becomes late or lost.
    pub fn deadline(&self, view: ViewIndex) -> Option<Instant> {
        self.messages
            .values()
            .filter_map(|message| message.deadline(view, self.late_after, self.lost_after))
            .min()
    }

    /// How many messages that view awaits, and since when the oldest.
    pub fn in_flight(&self, view: ViewIndex) -> (usize, Option<Instant>) {
        let open = || {
            self.messages
                .values()
                .filter(move |message| message.accepted && message.views[view].end.is_none())
        };
        (open().count(), open().map(|message| message.at).min())
    }

    /// Messages awaited in any view, or being sent.
    pub fn open(&self) -> usize {
        self.messages.len()
    }

    fn close(&mut self, id: Id, acts: &mut Vec<Act>) {
        let done =
            |message: &Message| message.accepted && message.views.iter().all(|book| book.end.is_some());
        if !self.messages.get(&id).is_some_and(done) {
            return;
        }
        let Some(message) = self.messages.remove(&id) else { return };
        self.forget.push_back((message.at + self.lost_after + REMEMBERED, id));
        let copies = message.views.iter().enumerate();
        let seen_in =
            copies.clone().filter(|(_, book)| !book.copies.is_empty()).map(|(view, _)| view).collect();
        let mut seen: Vec<_> =
            copies.flat_map(|(view, book)| book.copies.iter().map(move |id| seen_as(view, id))).collect();
        seen.shrink_to_fit();
        let views = message.views.iter().map(|book| book.end.unwrap_or(End::Other)).collect();
        self.ended.insert(id, Ended { views, seen });
        acts.push(Act::Delete(id, seen_in));
    }

    fn forget_before(&mut self, now: Instant) {
        while let Some((until, id)) = self.forget.front().copied() {
            if until > now {
                break;
            }
            self.forget.pop_front();
            self.ended.remove(&id);
        }
    }
}

impl Message {
    fn see(&mut self, view: ViewIndex, id: Id, sightings: &[&Sighting], acts: &mut Vec<Act>) {
        let book = &mut self.views[view];
        let had = book.copies.len();
        book.copies.extend(sightings.iter().map(|sighting| sighting.id.clone()));
        if book.copies.len() == had || book.end.is_some_and(|end| end == End::Other) {
            return;
        }
        let doubled = had <= 1 && book.copies.len() > 1;
        if book.end.is_none() {
            let first = sightings.iter().min_by_key(|sighting| sighting.at);
            let Some(first) = first else { return };
            let took = first.at.saturating_duration_since(self.at);
            let intact = sightings.iter().any(|sighting| sighting.intact);
            let junk = sightings.iter().all(|sighting| sighting.junk);
            book.end = Some(End::Received);
            acts.push(Act::Count(view, id, Judged::Received(took)));
            acts.extend((!intact).then_some(Act::Count(view, id, Judged::Corrupted)));
            acts.extend(junk.then_some(Act::Count(view, id, Judged::Junked)));
            if !std::mem::replace(&mut book.settled, true) {
                let reason = match (intact, junk, doubled) {
                    (false, ..) => Some((Reason::MessageCorrupted, "the payload is not what was sent")),
                    (_, true, _) => Some((Reason::MessageJunked, "it lies in the junk folder")),
                    (.., true) => Some((Reason::MessageDuplicated, "it is there more than once")),
                    _ => None,
                };
                let verdict = reason
                    .map_or(Verdict::Good, |(reason, words)| Verdict::Failed(Fault::new(reason, words)));
                acts.push(Act::Settle { view, id, verdict, deliver: Some(took) });
            }
        }
        acts.extend(doubled.then_some(Act::Count(view, id, Judged::Duplicated)));
    }

    fn missed(
        &mut self,
        view: ViewIndex,
        id: Id,
        began: Instant,
        late_after: Duration,
        lost_after: Duration,
        acts: &mut Vec<Act>,
    ) {
        let book = &mut self.views[view];
        if !self.accepted || book.end.is_some() || began < self.at + late_after {
            return;
        }
        if !std::mem::replace(&mut book.late, true) && self.sure {
            acts.push(Act::Count(view, id, Judged::Late));
        }
        if !std::mem::replace(&mut book.settled, true) {
            let verdict = if self.sure {
                let words = format!("accepted, and not there after {} s", late_after.as_secs_f64());
                Verdict::Failed(Fault::new(Reason::MessageLate, &words))
            } else {
                Verdict::NotJudged(Why::Unjudged)
            };
            acts.push(Act::Settle { view, id, verdict, deliver: None });
        }
        if began >= self.at + lost_after {
            // Whether it was ever accepted is not known: its absence is no loss.
            let (end, judged) =
                if self.sure { (End::Lost, Judged::Lost) } else { (End::Other, Judged::Abandoned) };
            book.end = Some(end);
            acts.push(Act::Count(view, id, judged));
        }
    }

    fn deadline(&self, view: ViewIndex, late_after: Duration, lost_after: Duration) -> Option<Instant> {
        let book = &self.views[view];
        if !self.accepted || book.end.is_some() {
            return None;
        }
        Some(self.at + if book.late || (book.settled && !self.sure) { lost_after } else { late_after })
    }
}

impl Ended {
    fn see(&mut self, view: ViewIndex, id: Id, sightings: &[&Sighting], acts: &mut Vec<Act>) {
        for sighting in sightings {
            let seen = seen_as(view, &sighting.id);
            if self.seen.contains(&seen) || self.seen.len() >= MOST_COPIES {
                continue;
            }
            self.seen.push(seen);
            let copies = self.seen.iter().filter(|(of, _)| *of == seen.0).count();
            let judged = match (self.views[view], copies) {
                (End::Lost, 1) => Some(Judged::Resurfaced),
                (End::Received, 2) => Some(Judged::Duplicated),
                _ => None,
            };
            acts.extend(judged.map(|judged| Act::Count(view, id, judged)));
        }
        // Whether new or seen before: it is still there, and nobody awaits it.
        acts.push(Act::Delete(id, vec![view]));
    }
}

fn seen_as(view: ViewIndex, id: &ItemId) -> (u8, u64) {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    (u8::try_from(view).unwrap_or(u8::MAX), hasher.hash_one(id))
}

#[cfg(test)]
mod tests;
