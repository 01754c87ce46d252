//! The fleet's messages that lie in a mailbox, as one view knows them, and what is to become of them.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Context, Identity};
use crate::message::recognise::{About, Payload, Seen, payload, recognise};
use crate::message::token::{Id, Token};
use crate::message::tracker::Sighting;
use crate::outcome::Swept;
use crate::protocol::{Folder, Item, ItemId};

/// A leftover is swept this long after its own sender has given it up.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// Clocks of two hosts may differ by so much before a message of the past looks like one of a rival.
const SKEW: Duration = Duration::from_secs(2);
/// An order to delete holds for so long also while nothing is there: a session may have broken before it was carried
/// out, or a server shows the message once more under another name (seen with Dovecot, whose maildir had moved).
const ORDERED: Duration = Duration::from_secs(60);

/// What lies in the mailbox and is the fleet's.
#[derive(Default)]
pub(super) struct Items {
    known: HashMap<ItemId, Lying>,
    /// A panic while reading one: it is left alone for this session.
    quarantined: HashSet<ItemId>,
    deletes: HashMap<Id, Instant>,
    unwanted: HashSet<ItemId>,
}

struct Lying {
    token: Token,
    /// Ours to await: of this process, and for this mailbox.
    own: bool,
    sighting: Option<Sighting>,
}

/// What became of one item that a look found.
pub(super) enum Found {
    Nothing,
    Own(Sighting),
    /// The payload's end was not among what was read.
    Cut,
    Report(Token, About),
    /// Another process of this site's is at work on this mailbox.
    Rival,
}

impl Items {
    /// Reads an item. A panic in the reading quarantines the item.
    pub(super) fn read(&mut self, item: &Item, context: &Context, address: &str) -> Found {
        if self.quarantined.contains(&item.id) {
            return Found::Nothing;
        }
        let addresses = context.addresses.load();
        let read = || recognise(&item.bytes, address, addresses.iter().map(|a| &**a), &context.identity.keys);
        let Ok(seen) = catch_unwind(AssertUnwindSafe(read)) else { return self.quarantine(item) };
        match seen {
            Seen::Stranger => Found::Nothing,
            Seen::Ours(token) => self.ours(item, token, &context.identity),
            Seen::Copy(token) => {
                self.lies(item, token, false, None);
                if matches!(item.id.folder, Folder::Sent | Folder::Drafts | Folder::Trash)
                    && context.identity.is_mine(&token)
                {
                    self.unwanted.insert(item.id.clone());
                }
                Found::Nothing
            }
            Seen::Report { token, what } => {
                self.lies(item, token, false, None);
                if !context.identity.is_mine(&token) {
                    return Found::Nothing;
                }
                self.unwanted.insert(item.id.clone());
                Found::Report(token, what)
            }
        }
    }

    fn ours(&mut self, item: &Item, token: Token, identity: &Identity) -> Found {
        let own = identity.is_mine(&token);
        if !own {
            self.lies(item, token, false, None);
            return if identity.is_rival(&token) { Found::Rival } else { Found::Nothing };
        }
        if item.id.folder == Folder::Trash {
            // Where deleting means moving.
            self.lies(item, token, false, None);
            self.unwanted.insert(item.id.clone());
            return Found::Nothing;
        }
        let read = || payload(&item.bytes, item.whole, &token);
        let Ok(payload) = catch_unwind(AssertUnwindSafe(read)) else { return self.quarantine(item) };
        if payload == Payload::Incomplete {
            return Found::Cut;
        }
        let junk = item.id.folder == Folder::Junk;
        let sighting =
            Sighting { token, id: item.id.clone(), at: item.at, intact: payload == Payload::Intact, junk };
        self.lies(item, token, true, Some(sighting.clone()));
        Found::Own(sighting)
    }

    fn lies(&mut self, item: &Item, token: Token, own: bool, sighting: Option<Sighting>) {
        self.known.insert(item.id.clone(), Lying { token, own, sighting });
    }

    fn quarantine(&mut self, item: &Item) -> Found {
        tracing::error!(item = %item.id.id, "a panic while reading an item; it is left alone");
        self.quarantined.insert(item.id.clone());
        Found::Nothing
    }

    /// What a look found lying in a folder is all that lies there.
    pub(super) fn present(&mut self, folder: Folder, ids: &[ItemId]) {
        self.known.retain(|id, _| id.folder != folder || ids.contains(id));
        self.quarantined.retain(|id| id.folder != folder || ids.contains(id));
    }

    /// Own messages that lie here, for a check that comes later.
    pub(super) fn own(&self) -> impl Iterator<Item = &Sighting> {
        self.known.values().filter(|lying| lying.own).filter_map(|lying| lying.sighting.as_ref())
    }

    /// Every copy that is there, or comes soon.
    pub(super) fn delete(&mut self, id: Id) {
        self.deletes.insert(id, Instant::now());
    }

    /// What is to be deleted now because a check has judged it, or because it was unwanted from the start.
    pub(super) fn to_delete(&self) -> Vec<ItemId> {
        let judged = self.known.iter().filter(|(_, lying)| self.deletes.contains_key(&lying.token.id()));
        let mut out: Vec<_> = judged.map(|(id, _)| id).chain(&self.unwanted).cloned().collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// What nobody awaits and is old enough, with why; the rest's earliest time. `awaited`: by a check of this process.
    pub(super) fn to_sweep(
        &self,
        identity: &Identity,
        now: SystemTime,
        awaited: impl Fn(&Token) -> bool,
    ) -> (Vec<(ItemId, Swept)>, Option<Duration>) {
        let mut ready = Vec::new();
        let mut next: Option<Duration> = None;
        for (id, lying) in self.known.iter().filter(|(_, lying)| lying.token.site == identity.site) {
            if lying.own && awaited(&lying.token) {
                continue;
            }
            match over_at(&lying.token).duration_since(now) {
                Ok(wait) if !wait.is_zero() => next = Some(next.map_or(wait, |next| next.min(wait))),
                _ => ready.push((id.clone(), identity.why_swept(&lying.token))),
            }
        }
        (ready, next)
    }

    /// These are gone.
    pub(super) fn gone(&mut self, ids: &[ItemId]) {
        for id in ids {
            self.known.remove(id);
            self.unwanted.remove(id);
        }
        // An old order for what is not here any more is done.
        let known: HashSet<_> = self.known.values().map(|lying| lying.token.id()).collect();
        self.deletes.retain(|id, at| at.elapsed() < ORDERED || known.contains(id));
    }

    /// The session ended: what lies there is asked anew, what was ordered stays ordered.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.quarantined.clear();
        self.unwanted.clear();
    }
}

/// When a leftover may be swept.
fn over_at(token: &Token) -> SystemTime {
    token.sent() + token.lost_after() + GRACE
}

impl Identity {
    /// Whether its sender has given it up long ago.
    pub fn is_over(&self, token: &Token, now: SystemTime) -> bool {
        over_at(token) <= now
    }

    /// Sent by this very process.
    pub fn is_mine(&self, token: &Token) -> bool {
        token.site == self.site && token.instance == self.instance
    }

    /// Sent by another process of this site's, after this one began.
    fn is_rival(&self, token: &Token) -> bool {
        token.site == self.site && token.instance != self.instance && token.sent() > self.start + SKEW
    }

    pub fn why_swept(&self, token: &Token) -> Swept {
        if self.is_mine(token) {
            Swept::Expired
        } else if self.is_rival(token) {
            Swept::Rival
        } else {
            Swept::Predecessor
        }
    }
}
