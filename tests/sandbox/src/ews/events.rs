//! Subscriptions: what has happened in folders since it was last told.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Refusal, calendar,
    folders::{CALENDAR, Tree},
    ids,
    text::time,
};
use crate::{
    fault::Protocol,
    http::guid,
    store::{Flags, State},
    xml::Xml,
};

/// The most subscriptions a user has.
const MAX_SUBSCRIPTIONS: usize = 100;
/// The most events that wait for a client; the oldest goes when one more comes.
const MAX_EVENTS: usize = 10_000;
/// How long a subscription to a stream is kept while nobody listens.
const STREAM_KEPT: Duration = Duration::from_secs(30 * 60);

pub(super) const NOT_FOUND: Refusal =
    Refusal("ErrorSubscriptionNotFound", "The specified subscription was not found.");
const INVALID: Refusal = Refusal("ErrorInvalidSubscription", "The subscription is invalid.");
const DENIED: Refusal = Refusal("ErrorSubscriptionAccessDenied", "Access is denied to the subscription.");
pub(super) const TOO_MANY: Refusal =
    Refusal("ErrorExceededSubscriptionCount", "The account has exceeded its number of subscriptions.");

/// Something that happened to an item.
pub(super) struct Event {
    number: u64,
    kind: &'static str,
    time: Timestamp,
    folder: u32,
    uid: u32,
    flags: Flags,
}

/// What is told about which folders to whom.
pub(super) struct Subscription {
    user: String,
    /// Told by a stream, and not asked for.
    pub(super) streaming: bool,
    /// All folders, if none are named.
    folders: Option<BTreeSet<u32>>,
    kinds: BTreeSet<String>,
    known: BTreeMap<(u32, u32), Flags>,
    number: u64,
    waiting: VecDeque<Event>,
    kept: Duration,
    until: Instant,
}

/// All subscriptions, by their identifiers.
#[derive(Default)]
pub(crate) struct Subscriptions(BTreeMap<String, Subscription>);

/// What a client wants to be told.
pub(super) struct Wish {
    pub(super) folders: Option<BTreeSet<u32>>,
    pub(super) kinds: BTreeSet<String>,
    pub(super) streaming: bool,
    pub(super) kept: Option<Duration>,
}

impl Subscriptions {
    /// Adds a subscription and returns its identifier and its first watermark.
    pub(super) fn add(&mut self, state: &State, user: &str, wish: Wish) -> Result<(String, String), Refusal> {
        let now = Instant::now();
        self.0.retain(|_, subscription| subscription.until > now);
        if self.0.values().filter(|subscription| subscription.user == user).count() >= MAX_SUBSCRIPTIONS {
            return Err(TOO_MANY);
        }
        let kept = wish.kept.unwrap_or(STREAM_KEPT);
        let mut subscription = Subscription {
            user: user.to_owned(),
            streaming: wish.streaming,
            folders: wish.folders,
            kinds: wish.kinds,
            known: BTreeMap::new(),
            number: 0,
            waiting: VecDeque::new(),
            kept,
            until: now + kept,
        };
        subscription.known = subscription.now(state);
        let id = STANDARD.encode(guid());
        let watermark = watermark(0);
        self.0.insert(id.clone(), subscription);
        Ok((id, watermark))
    }

    pub(super) fn get(&mut self, id: &str, user: &str) -> Result<&mut Subscription, Refusal> {
        if STANDARD.decode(id).map_or(0, |bytes| bytes.len()) != 36 {
            return Err(INVALID);
        }
        let now = Instant::now();
        self.0.retain(|_, subscription| subscription.until > now);
        let subscription = self.0.get_mut(id).ok_or(NOT_FOUND)?;
        if subscription.user != user {
            return Err(DENIED);
        }
        subscription.until = now + subscription.kept;
        Ok(subscription)
    }

    pub(super) fn remove(&mut self, id: &str, user: &str) -> Result<(), Refusal> {
        self.get(id, user)?;
        self.0.remove(id);
        Ok(())
    }
}

pub(super) fn watermark(number: u64) -> String {
    STANDARD.encode([&[0; 12][..], &number.to_be_bytes()].concat())
}

fn number(watermark: &str) -> Option<u64> {
    let bytes = STANDARD.decode(watermark).ok()?;
    let number = bytes.strip_prefix(&[0; 12][..])?.try_into().ok()?;
    Some(u64::from_be_bytes(number))
}

impl Subscription {
    /// What lies in the folders now.
    fn now(&self, state: &State) -> BTreeMap<(u32, u32), Flags> {
        let mut now = BTreeMap::new();
        for folder in Tree::of(state, &self.user).all() {
            let wanted = self.folders.as_ref().is_none_or(|folders| folders.contains(&folder.id));
            if let (true, Some(path)) = (wanted, &folder.path) {
                for message in state.shown(Protocol::Ews, &self.user, path) {
                    now.insert((folder.id, message.uid), message.flags.clone());
                }
            }
            if wanted && folder.id == CALENDAR {
                let calendar = state.calendar(Protocol::Ews, &self.user);
                for entry in calendar.into_iter().flat_map(|calendar| calendar.entries()) {
                    now.insert((CALENDAR, entry.number), calendar::flags(entry.change));
                }
            }
        }
        now
    }

    fn note(&mut self, kind: &'static str, (folder, uid): (u32, u32), flags: &Flags) {
        if self.kinds.contains(kind) {
            self.number += 1;
            if self.waiting.len() >= MAX_EVENTS {
                self.waiting.pop_front();
            }
            let number = self.number;
            self.waiting.push_back(Event {
                number,
                kind,
                time: Timestamp::now(),
                folder,
                uid,
                flags: flags.clone(),
            });
        }
    }

    /// Looks at the folders and notes what has changed.
    pub(super) fn look(&mut self, state: &State) {
        let inbox = state.folder(&self.user, "INBOX").map(|folder| folder.uid_validity);
        let now = self.now(state);
        let before = std::mem::replace(&mut self.known, now.clone());
        for (at, flags) in &now {
            match before.get(at) {
                None => {
                    self.note("CreatedEvent", *at, flags);
                    if Some(at.0) == inbox {
                        self.note("NewMailEvent", *at, flags);
                    }
                }
                Some(old) if old != flags => self.note("ModifiedEvent", *at, flags),
                Some(_) => {}
            }
        }
        for (at, flags) in before.iter().filter(|(at, _)| !now.contains_key(at)) {
            self.note("DeletedEvent", *at, flags);
        }
    }

    /// All events that wait; they are told once.
    pub(super) fn take(&mut self) -> Vec<Event> {
        self.waiting.drain(..).collect()
    }

    /// The events after a watermark, so many at most; those before it are forgotten. Nothing if it is none
    /// of this subscription's.
    pub(super) fn after(&mut self, watermark: &str, most: usize) -> Option<(&[Event], bool)> {
        let number = number(watermark).filter(|number| *number <= self.number)?;
        self.waiting.retain(|event| event.number > number);
        let waiting = self.waiting.make_contiguous();
        let more = waiting.len() > most;
        Some((waiting.get(..most).unwrap_or(waiting), more))
    }
}

impl Event {
    pub(super) fn write(&self, xml: &mut Xml, user: &str, marked: bool) {
        xml.within(&format!("t:{}", self.kind), |xml| {
            if marked {
                xml.leaf("t:Watermark", &watermark(self.number));
            }
            xml.leaf("t:TimeStamp", &time(self.time));
            ids::write_item(xml, "t:ItemId", user, self.folder, self.uid, &self.flags);
            ids::write_folder(xml, "t:ParentFolderId", user, self.folder);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn wish(kinds: &[&str]) -> Wish {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Wish { folders: None, kinds, streaming: false, kept: None }
    }

    fn kinds(events: &[Event]) -> Vec<&'static str> {
        events.iter().map(|event| event.kind).collect()
    }

    #[tokio::test]
    async fn what_happens_is_told_until_it_is_acknowledged() {
        let store = Store::new("sandbox.test");
        store.lock().add_user("alice", "p");
        let mut all = Subscriptions::default();
        let wish = wish(&["NewMailEvent", "CreatedEvent", "ModifiedEvent", "DeletedEvent"]);
        let (id, first) = all.add(&store.lock(), "alice", wish).unwrap();
        store.append("alice", "INBOX", b"\r\n"[..].into(), Flags::new(), None).unwrap();
        store.append("alice", "Sent", b"\r\n"[..].into(), Flags::new(), None).unwrap();
        let subscription = all.get(&id, "alice").unwrap();
        subscription.look(&store.lock());
        let (events, more) = subscription.after(&first, 2).unwrap();
        assert_eq!((kinds(events), more), (vec!["CreatedEvent", "NewMailEvent"], true));
        let mark = watermark(events[1].number);
        let (events, more) = subscription.after(&mark, 2).unwrap();
        assert_eq!((kinds(events), more), (vec!["CreatedEvent"], false));
        let folder = store.lock().folder_mut("alice", "INBOX").map(|folder| {
            folder.messages[0].flags.insert("\\Seen".to_owned());
        });
        assert!(folder.is_some());
        subscription.look(&store.lock());
        store.lock().folder_mut("alice", "INBOX").unwrap().messages.clear();
        subscription.look(&store.lock());
        assert_eq!(kinds(&subscription.take()), ["CreatedEvent", "ModifiedEvent", "DeletedEvent"]);
        assert!(subscription.after("nonsense", 1).is_none());
        assert!(subscription.after(&watermark(99), 1).is_none());
    }

    #[tokio::test]
    async fn subscriptions_are_their_owners() {
        let store = Store::new("sandbox.test");
        store.lock().add_user("alice", "p");
        let mut all = Subscriptions::default();
        let (id, _) = all.add(&store.lock(), "alice", wish(&[])).unwrap();
        assert_eq!(all.get(&id, "bob").err(), Some(DENIED));
        assert_eq!(all.get("nonsense", "alice").err(), Some(INVALID));
        assert_eq!(all.remove(&id, "alice"), Ok(()));
        assert_eq!(all.remove(&id, "alice"), Err(NOT_FOUND));
        for _ in 0..MAX_SUBSCRIPTIONS {
            all.add(&store.lock(), "alice", wish(&[])).unwrap();
        }
        assert_eq!(all.add(&store.lock(), "alice", wish(&[])).err(), Some(TOO_MANY));
    }
}
