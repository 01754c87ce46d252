//! The one store that all protocols look at: users, folders and messages, in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    calendar::Calendar,
    fault::{PROTOCOLS, Protocol},
};

/// The largest message that is taken.
pub(crate) const MAX_MESSAGE: usize = 10 * 1024 * 1024;
/// The most messages a folder keeps; the oldest goes when one more comes.
const MAX_MESSAGES: usize = 5000;
/// The most bytes a folder keeps; the oldest messages go when more come.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// The most folders a user has.
const MAX_FOLDERS: usize = 200;

pub(crate) type Flags = BTreeSet<String>;

#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) uid: u32,
    /// Counts all messages ever stored, so that what came later can be hidden.
    pub(crate) serial: u64,
    pub(crate) flags: Flags,
    pub(crate) date: Timestamp,
    pub(crate) raw: Arc<[u8]>,
}

pub(crate) struct Folder {
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    /// Messages from this UID on were not seen by any session yet (\Recent).
    pub(crate) recent_from: u32,
    pub(crate) subscribed: bool,
    pub(crate) special: Option<&'static str>,
    pub(crate) messages: Vec<Message>,
}

pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) token: Option<String>,
    /// Its store does not answer.
    pub(crate) offline: bool,
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) calendar: Calendar,
}

pub(crate) struct State {
    users: BTreeMap<String, User>,
    domain: String,
    serial: u64,
    validity: u32,
    /// For each protocol the last message it shows, while it is stale.
    horizon: [u64; PROTOCOLS],
    /// For each protocol the calendars as it shows them, while it is stale.
    frozen: [Option<BTreeMap<String, Calendar>>; PROTOCOLS],
}

pub(crate) struct Store {
    state: Mutex<State>,
    bell: watch::Sender<u64>,
}

/// The spelling a folder is kept under: INBOX is the same in any case.
pub(crate) fn canonical(folder: &str) -> String {
    if folder.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { folder.to_owned() }
}

impl Store {
    pub(crate) fn new(domain: &str) -> Self {
        let validity = u32::try_from(Timestamp::now().as_second()).unwrap_or(1);
        let state = State {
            users: BTreeMap::new(),
            domain: domain.to_ascii_lowercase(),
            serial: 0,
            validity,
            horizon: [u64::MAX; PROTOCOLS],
            frozen: Protocol::ALL.map(|_| None),
        };
        Self { state: Mutex::new(state), bell: watch::Sender::new(0) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells waiting sessions to look again.
    pub(crate) fn ring(&self) {
        self.bell.send_modify(|n| *n = n.wrapping_add(1));
    }

    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Stores a message; nothing if there is no such user or folder. Returns UIDVALIDITY and UID.
    pub(crate) fn append(
        &self,
        user: &str,
        folder: &str,
        raw: Arc<[u8]>,
        flags: Flags,
        date: Option<Timestamp>,
    ) -> Option<(u32, u32)> {
        let stored = self.lock().append(user, folder, raw, flags, date);
        self.ring();
        stored
    }

    /// From now on, or never again, newer messages and changes of calendars are hidden from the protocol.
    pub(crate) fn freeze(&self, protocol: Protocol, frozen: bool) {
        let mut state = self.lock();
        let serial = state.serial;
        if !frozen {
            state.frozen[protocol.index()] = None;
        } else if state.frozen[protocol.index()].is_none() {
            let calendars = state.users.iter().map(|(key, user)| (key.clone(), user.calendar.clone()));
            state.frozen[protocol.index()] = Some(calendars.collect());
        }
        let horizon = &mut state.horizon[protocol.index()];
        *horizon = match (frozen, *horizon) {
            (true, u64::MAX) => serial,
            (true, old) => old,
            (false, _) => u64::MAX,
        };
    }
}

impl State {
    /// Adds a user with the usual folders, or gives an existing one that password.
    pub(crate) fn add_user(&mut self, name: &str, password: &str) -> String {
        let key = name.to_ascii_lowercase();
        let address = format!("{name}@{}", self.domain);
        if let Some(user) = self.users.get_mut(&key) {
            password.clone_into(&mut user.password);
            return address;
        }
        let user = User {
            name: name.to_owned(),
            password: password.to_owned(),
            token: None,
            offline: false,
            folders: BTreeMap::new(),
            calendar: Calendar::default(),
        };
        self.users.insert(key, user);
        for (folder, special) in [
            ("INBOX", None),
            ("Drafts", Some("\\Drafts")),
            ("Sent", Some("\\Sent")),
            ("Junk", Some("\\Junk")),
            ("Trash", Some("\\Trash")),
        ] {
            self.create(name, folder);
            if let Some(folder) = self.folder_mut(name, folder) {
                folder.special = special;
                folder.subscribed = true;
            }
        }
        address
    }

    /// The local name behind a sign-in name or an address: `name`, `name@domain`, `name+tag@domain`.
    fn key(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let local = match name.rsplit_once('@') {
            Some((local, domain)) if domain == self.domain => local,
            Some(_) => return None,
            None => &name,
        };
        if self.users.contains_key(local) {
            return Some(local.to_owned());
        }
        let (base, _) = local.split_once('+')?;
        Some(base.to_owned())
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(&self.key(name)?)
    }

    pub(crate) fn user_mut(&mut self, name: &str) -> Option<&mut User> {
        let key = self.key(name)?;
        self.users.get_mut(&key)
    }

    /// The local names of all users.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.users.values().map(|user| user.name.as_str())
    }

    /// The user who has that token.
    pub(crate) fn bearer(&self, token: &str) -> Option<&User> {
        self.users.values().find(|user| user.token.as_deref() == Some(token))
    }

    pub(crate) fn is_ours(&self, domain: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain)
    }

    pub(crate) fn folder(&self, user: &str, folder: &str) -> Option<&Folder> {
        self.user(user)?.folders.get(&canonical(folder))
    }

    pub(crate) fn folder_mut(&mut self, user: &str, folder: &str) -> Option<&mut Folder> {
        self.user_mut(user)?.folders.get_mut(&canonical(folder))
    }

    /// A user's calendar as the protocol shows it; nothing for a user who came after it went stale.
    pub(crate) fn calendar(&self, protocol: Protocol, user: &str) -> Option<&Calendar> {
        match &self.frozen[protocol.index()] {
            Some(calendars) => calendars.get(&self.key(user)?),
            None => self.user(user).map(|user| &user.calendar),
        }
    }

    /// A user's calendar as it is.
    pub(crate) fn calendar_mut(&mut self, user: &str) -> Option<&mut Calendar> {
        self.user_mut(user).map(|user| &mut user.calendar)
    }

    /// Creates a folder; false if it is there already, or too many are.
    pub(crate) fn create(&mut self, user: &str, folder: &str) -> bool {
        self.validity = self.validity.wrapping_add(1);
        let uid_validity = self.validity;
        let Some(user) = self.user_mut(user) else { return false };
        let name = canonical(folder);
        if user.folders.contains_key(&name) || user.folders.len() >= MAX_FOLDERS {
            return false;
        }
        let folder = Folder {
            uid_validity,
            uid_next: 1,
            recent_from: 1,
            subscribed: false,
            special: None,
            messages: Vec::new(),
        };
        user.folders.insert(name, folder);
        true
    }

    pub(crate) fn append(
        &mut self,
        user: &str,
        folder: &str,
        raw: Arc<[u8]>,
        flags: Flags,
        date: Option<Timestamp>,
    ) -> Option<(u32, u32)> {
        let serial = self.serial + 1;
        let folder = self.folder_mut(user, folder)?;
        let mut bytes: usize = folder.messages.iter().map(|message| message.raw.len()).sum();
        while folder.messages.len() >= MAX_MESSAGES || bytes + raw.len() > MAX_BYTES {
            if folder.messages.is_empty() {
                break;
            }
            bytes -= folder.messages.remove(0).raw.len();
        }
        let uid = folder.uid_next;
        folder.uid_next += 1;
        let date = date.unwrap_or_else(Timestamp::now);
        folder.messages.push(Message { uid, serial, flags, date, raw });
        let validity = folder.uid_validity;
        self.serial = serial;
        Some((validity, uid))
    }

    /// Whether the protocol shows that message now.
    pub(crate) const fn shows(&self, protocol: Protocol, message: &Message) -> bool {
        message.serial <= self.horizon[protocol.index()]
    }

    /// The messages of a folder that the protocol shows.
    pub(crate) fn shown<'a>(
        &'a self,
        protocol: Protocol,
        user: &str,
        folder: &str,
    ) -> impl Iterator<Item = &'a Message> + use<'a> {
        let messages = self.folder(user, folder).map_or(&[][..], |folder| &folder.messages);
        messages.iter().filter(move |message| self.shows(protocol, message))
    }
}
