//! What a session knows of the mailbox it has selected, and how it learns of changes.

use std::sync::Arc;

use jiff::Timestamp;

use super::parse::Set;
use crate::{
    fault::Protocol,
    listener::Conn,
    store::{Flags, Message, State},
};

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) uid: u32,
    pub(super) flags: Flags,
    pub(super) recent: bool,
    pub(super) date: Timestamp,
    pub(super) raw: Arc<[u8]>,
}

impl Entry {
    pub(super) fn flag_list(&self) -> String {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        if self.recent {
            flags.push("\\Recent");
        }
        format!("({})", flags.join(" "))
    }
}

pub(super) struct View {
    pub(super) user: String,
    pub(super) folder: String,
    pub(super) read_only: bool,
    pub(super) validity: u32,
    /// Messages from this UID on are not known yet.
    next: u32,
    pub(super) entries: Vec<Entry>,
}

/// The UID that the next message to be shown will have at least.
pub(super) fn uid_next(state: &State, user: &str, folder: &str) -> u32 {
    let Some(folder) = state.folder(user, folder) else { return 1 };
    let hidden = folder.messages.iter().find(|message| !state.shows(Protocol::Imap, message));
    hidden.map_or(folder.uid_next, |message| message.uid)
}

impl View {
    /// Opens a folder; nothing if there is none of that name.
    pub(super) fn open(conn: &Conn, user: &str, folder: &str, read_only: bool) -> Option<Self> {
        let validity = conn.shared.store.lock().folder(user, folder)?.uid_validity;
        let mut view = Self {
            user: user.to_owned(),
            folder: crate::store::canonical(folder),
            read_only,
            validity,
            next: 1,
            entries: Vec::new(),
        };
        view.take_new(&mut conn.shared.store.lock());
        Some(view)
    }

    fn take_new(&mut self, state: &mut State) -> bool {
        let fresh: Vec<Message> = state
            .shown(Protocol::Imap, &self.user, &self.folder)
            .filter(|message| message.uid >= self.next)
            .cloned()
            .collect();
        let Some(last) = fresh.last().map(|message| message.uid) else { return false };
        self.next = last + 1;
        let mut recent_from = u32::MAX;
        if let Some(folder) = state.folder_mut(&self.user, &self.folder) {
            recent_from = folder.recent_from;
            if !self.read_only {
                folder.recent_from = recent_from.max(last + 1);
            }
        }
        self.entries.extend(fresh.into_iter().map(|message| Entry {
            uid: message.uid,
            flags: message.flags,
            recent: message.uid >= recent_from,
            date: message.date,
            raw: message.raw,
        }));
        true
    }

    pub(super) fn recent(&self) -> usize {
        self.entries.iter().filter(|entry| entry.recent).count()
    }

    /// Tells the client of what has changed; of expunged messages only where that is allowed.
    pub(super) fn sync(&mut self, conn: &mut Conn, expunge: bool) {
        let mut lines = Vec::new();
        {
            let mut state = conn.shared.store.lock();
            let same =
                state.folder(&self.user, &self.folder).is_some_and(|f| f.uid_validity == self.validity);
            let now: std::collections::BTreeMap<u32, Flags> = state
                .shown(Protocol::Imap, &self.user, &self.folder)
                .filter(|_| same)
                .map(|message| (message.uid, message.flags.clone()))
                .collect();
            if expunge {
                let mut index = 0;
                while let Some(entry) = self.entries.get(index) {
                    if now.contains_key(&entry.uid) {
                        index += 1;
                    } else {
                        self.entries.remove(index);
                        lines.push(format!("* {} EXPUNGE", index + 1));
                    }
                }
            }
            if same && self.take_new(&mut state) {
                lines.push(format!("* {} EXISTS", self.entries.len()));
                lines.push(format!("* {} RECENT", self.recent()));
            }
            for (number, entry) in (1..).zip(&mut self.entries) {
                if let Some(flags) = now.get(&entry.uid).filter(|flags| **flags != entry.flags) {
                    entry.flags.clone_from(flags);
                    lines.push(format!("* {number} FETCH (UID {} FLAGS {})", entry.uid, entry.flag_list()));
                }
            }
        }
        for line in lines {
            conn.say(&line);
        }
    }

    /// The indexes of the messages in a set of numbers or of UIDs; nothing if a number is none's.
    pub(super) fn indexes(&self, set: &Set, by_uid: bool) -> Vec<usize> {
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let last = if by_uid { self.entries.last().map_or(0, |entry| entry.uid) } else { count };
        (1..)
            .zip(&self.entries)
            .filter(|(number, entry)| set.contains(if by_uid { entry.uid } else { *number }, last))
            .map(|(number, _): (u32, _)| number as usize - 1)
            .collect()
    }

    /// Changes the flags of a message, here and in the store.
    pub(super) fn change(&mut self, state: &mut State, index: usize, change: impl Fn(&mut Flags)) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        let messages = state.folder_mut(&self.user, &self.folder).map(|folder| &mut folder.messages);
        if let Some(message) = messages.and_then(|all| all.iter_mut().find(|m| m.uid == entry.uid)) {
            change(&mut message.flags);
            entry.flags.clone_from(&message.flags);
        }
    }

    /// Removes messages that are marked as deleted, of these UIDs only if some are given.
    pub(super) fn expunge(&self, state: &mut State, only: Option<&Set>) {
        let last = self.entries.last().map_or(0, |entry| entry.uid);
        let known = |uid| self.entries.iter().any(|entry| entry.uid == uid);
        if let Some(folder) = state.folder_mut(&self.user, &self.folder) {
            folder.messages.retain(|message| {
                let asked = only.is_none_or(|set| set.contains(message.uid, last));
                !(asked && known(message.uid) && message.flags.contains("\\Deleted"))
            });
        }
    }
}
