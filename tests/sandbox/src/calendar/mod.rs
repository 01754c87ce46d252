//! Calendars: one for each user, in which iCalendar objects lie.
//!
//! EWS and CalDAV both read and write these objects, so that each sees what the other wrote.

pub(crate) mod event;
pub(crate) mod free_busy;
pub(crate) mod ical;
pub(crate) mod mail;
pub(crate) mod recur;
pub(crate) mod schedule;
mod snapshot;
pub(crate) mod when;
pub(crate) mod zone;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use ical::Component;
pub use snapshot::Entry;
pub(crate) use snapshot::plain;

use crate::fault::Fault;

/// The most entries a calendar takes.
const MAX_ENTRIES: usize = 5000;
/// The most scheduling messages that are kept; the oldest goes when one more comes.
const MAX_MESSAGES: usize = 500;
/// How many deletions are remembered for those who sync.
const MAX_GONE: usize = 5000;
/// The largest object that is taken.
pub(crate) const MAX_OBJECT: usize = 1024 * 1024;

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Counts all entries of the calendar.
    pub(crate) number: u32,
    /// What CalDAV calls it.
    pub(crate) name: String,
    pub(crate) object: Component,
    /// The calendar's counter when it was last changed.
    pub(crate) change: u64,
    /// The same, answers of those who take part left out (RFC 6638, Schedule-Tag).
    pub(crate) schedule: u64,
    pub(crate) changed: Timestamp,
}

impl Stored {
    pub(crate) fn uid(&self) -> &str {
        event::uid(&self.object).unwrap_or_default()
    }

    /// The object as a protocol with that fault shows it.
    pub(crate) fn shown(&self, fault: Option<&Fault>) -> Component {
        if fault == Some(&Fault::ShiftHour) { event::shifted(&self.object) } else { self.object.clone() }
    }
}

/// How much a change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Something of the entry itself.
    Entry,
    /// No more than the answer of one who takes part.
    Answer,
}

/// A user's calendar, and the scheduling messages that came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calendar {
    /// Counts changes.
    pub(crate) counter: u64,
    next: u32,
    entries: BTreeMap<u32, Arc<Stored>>,
    gone: VecDeque<(u64, String)>,
    /// Changes up to this one are no longer told one by one.
    forgotten: u64,
    messages: VecDeque<Arc<Message>>,
}

/// A scheduling message (RFC 5546) as CalDAV shows it in the inbox.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) change: u64,
    pub(crate) object: Component,
}

impl Calendar {
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.entries.values()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<Stored>> {
        self.entries.get(&number)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Stored>> {
        self.entries.values().find(|entry| entry.name == name)
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<&Arc<Stored>> {
        self.entries.values().find(|entry| entry.uid() == uid)
    }

    /// Adds an entry, under that name; nothing if the calendar is full.
    pub(crate) fn add(&mut self, name: &str, object: Component) -> Option<Arc<Stored>> {
        if self.entries.len() >= MAX_ENTRIES {
            return None;
        }
        self.counter += 1;
        self.next += 1;
        let entry = Arc::new(Stored {
            number: self.next,
            name: name.to_owned(),
            object,
            change: self.counter,
            schedule: self.counter,
            changed: Timestamp::now(),
        });
        self.gone.retain(|(_, gone)| gone != name);
        self.entries.insert(self.next, Arc::clone(&entry));
        Some(entry)
    }

    /// Puts another object in an entry's place.
    pub(crate) fn replace(
        &mut self,
        number: u32,
        object: Component,
        meaning: Meaning,
    ) -> Option<Arc<Stored>> {
        let entry = self.entries.get_mut(&number)?;
        self.counter += 1;
        let mut changed = (**entry).clone();
        changed.object = object;
        changed.change = self.counter;
        changed.changed = Timestamp::now();
        if meaning == Meaning::Entry {
            changed.schedule = self.counter;
        }
        *entry = Arc::new(changed);
        Some(Arc::clone(entry))
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Arc<Stored>> {
        let entry = self.entries.remove(&number)?;
        self.counter += 1;
        self.gone.push_back((self.counter, entry.name.clone()));
        if self.gone.len() > MAX_GONE
            && let Some((change, _)) = self.gone.pop_front()
        {
            self.forgotten = change;
        }
        Some(entry)
    }

    /// What has changed and what is gone since the counter stood there; nothing if that is too long ago.
    pub(crate) fn since(&self, counter: u64) -> Option<(Vec<&Arc<Stored>>, Vec<&str>)> {
        if counter > self.counter || counter < self.forgotten {
            return None;
        }
        let changed = self.entries.values().filter(|entry| entry.change > counter).collect();
        let gone = self.gone.iter().filter(|(change, _)| *change > counter);
        Some((changed, gone.map(|(_, name)| name.as_str()).collect()))
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.messages.iter()
    }

    pub(crate) fn receive(&mut self, object: Component) {
        self.counter += 1;
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.pop_front();
        }
        let message = Message { name: format!("{}.ics", crate::http::guid()), change: self.counter, object };
        self.messages.push_back(Arc::new(message));
    }

    /// Removes a scheduling message; whether it was there.
    pub(crate) fn discard(&mut self, name: &str) -> bool {
        let before = self.messages.len();
        self.messages.retain(|message| message.name != name);
        self.messages.len() < before
    }
}

/// The name under which CalDAV finds an entry that came another way.
pub(crate) fn file_name(uid: &str) -> String {
    let plain: String = uid
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '-' })
        .take(200)
        .collect();
    format!("{plain}.ics")
}
