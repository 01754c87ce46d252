//! A file or folder per protocol: the wire and nothing else. A protocol knows no lane, no metric, no sink.

pub mod autodiscover;
pub mod caldav;
pub mod calendar;
pub mod ews;
pub mod health;
pub mod imap;
pub mod imip;
pub mod owa;
pub mod pop3;
pub mod smtp;
pub mod web;
mod xml;

use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::auth::sasl::Credential;
use crate::catalogue::Reason;
use crate::message::build::Outgoing;
use crate::outcome::{Fact, Fault, Fut, Recorder, Said};

/// A connection that can be signed in.
pub trait SignIn: Session {
    /// Whether the server asked for a sign-in at all: a success without proves no credential.
    fn was_asked(&self) -> bool {
        true
    }

    /// Signs in with the first allowed mechanism that is offered.
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()>;
}

/// A session of some protocol, owned by one task. After an error or a dropped future it is closed, never used again.
pub trait Session: Send + 'static {
    /// Shows that the session is good for something: lists the inbox, where the protocol has one.
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof>;

    fn submit(&mut self) -> Option<&mut dyn Submit> {
        None
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        None
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        None
    }

    fn free_busy(&mut self) -> Option<&mut dyn FreeBusy> {
        None
    }

    fn calendar(&mut self) -> Option<&mut dyn calendar::Calendar> {
        None
    }

    /// What Autodiscover told.
    fn settings(&self) -> Option<&autodiscover::Settings> {
        None
    }

    /// Whether a session that was kept is still good, as far as one can tell without asking.
    fn is_alive(&mut self) -> bool {
        true
    }

    /// The ordinary end.
    fn close<'a>(self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()>;
}

/// What listing the inbox told.
pub use crate::outcome::Holdings as Proof;

/// How a submission that was not refused ended.
#[derive(Debug)]
pub enum Submitted {
    /// When the server accepted, and what it calls the message.
    Accepted { at: Instant, server_id: Said },
    /// The line broke after the last byte: nobody knows.
    Unknown(Fault),
}

/// A session that can send.
pub trait Submit: Send {
    /// Hands one message over. `handed_over` is called once the last byte is written.
    fn submit<'a>(
        &'a mut self,
        mail: &'a Outgoing,
        handed_over: &'a (dyn Fn() + Send + Sync),
        rec: &'a Recorder,
    ) -> Fut<'a, Submitted>;
}

/// The folders that are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Folder {
    Inbox,
    Junk,
    Sent,
    Drafts,
    Trash,
}

/// What identifies an item in a mailbox as long as it exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId {
    pub folder: Folder,
    /// IMAP: UIDVALIDITY and UID. POP3: the unique-id.
    pub id: String,
}

/// An item that a look found.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    /// When its bytes came.
    pub at: Instant,
    /// Its head and as much of its body as was read.
    pub bytes: Bytes,
    /// Whether that is all of it.
    pub whole: bool,
}

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// Before the question was written: what is not shown now was not there then.
    pub began: Instant,
    pub found: Vec<Item>,
    /// Every item that is there, where the look tells; `None`: what was there before still is.
    pub present: Option<Vec<ItemId>>,
    /// Messages in the folder, all of them.
    pub total: Option<u64>,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The server told of something.
    Told,
    /// Our own side wants something.
    Nudged,
    /// The time is over.
    Limit,
}

/// What a view remembers of a folder between looks, and between sessions where the protocol keeps none.
#[derive(Debug, Default)]
pub struct Memory {
    /// POP3: what was already read.
    pub known: std::collections::HashSet<String>,
}

/// A session that can see and delete messages.
pub trait Inbox: Send {
    /// What is new since the last look of this session (the first: all).
    fn look<'a>(&'a mut self, folder: Folder, memory: &'a mut Memory, rec: &'a Recorder) -> Fut<'a, Looked>;

    /// Until the server tells, `nudge`, or `limit`. Its owner nudges it and never drops it.
    fn wait<'a>(&'a mut self, nudge: &'a Notify, limit: Duration) -> Fut<'a, Woken>;

    /// Whether the server tells of new mail by itself.
    fn is_told(&self) -> bool;

    /// The folders beside the inbox that exist.
    fn folders<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Vec<Folder>>;

    /// All of an item.
    fn fetch<'a>(&'a mut self, id: &'a ItemId, rec: &'a Recorder) -> Fut<'a, Bytes>;

    /// Deletes for good; what is gone already is no fault. How many were there. After `cleanup_failed` the session is
    /// good still, and the items are not gone.
    fn delete<'a>(&'a mut self, ids: &'a [ItemId], rec: &'a Recorder) -> Fut<'a, usize>;
}

/// Somebody whom the directory knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// Lower case.
    pub address: String,
}

/// A session that can look people up.
pub trait Directory: Send {
    /// Who is meant by a name or an address; nobody is no fault.
    fn resolve<'a>(&'a mut self, name: &'a str, rec: &'a Recorder) -> Fut<'a, Vec<Person>>;
}

/// How somebody's time is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Free,
    Tentative,
    Busy,
    Away,
    Elsewhere,
}

/// A time that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    pub span: Range<SystemTime>,
    pub status: Status,
}

/// A session that can tell when somebody is busy.
pub trait FreeBusy: Send {
    /// What the calendar of that address shows to others within the span.
    fn look_up<'a>(
        &'a mut self,
        of: &'a str,
        span: Range<SystemTime>,
        rec: &'a Recorder,
    ) -> Fut<'a, Vec<Busy>>;
}

/// The server's words hold one of these, in any case.
fn says(text: &str, any_of: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    any_of.iter().any(|words| text.contains(words))
}

/// A server that counts failures is about to lock the account, or has: that is a refusal, whatever its number says.
const TOO_MANY_FAILURES: &[&str] = &[
    "too many login",
    "too many failed",
    "too many authentication",
    "too many auth",
    "too many attempts",
    "too many invalid",
];

/// The server's words tell of too many sessions.
fn says_too_many_sessions(text: &str) -> bool {
    says(text, &["too many", "maximum number of", "connection limit", "concurrent"])
        && !says(text, TOO_MANY_FAILURES)
}

/// What words of a refused sign-in tell beyond "no"; the protocols' codes go before this.
fn refusal_by_words(text: &str, otherwise: Reason) -> Reason {
    const TABLE: &[(&[&str], Reason)] = &[
        (TOO_MANY_FAILURES, Reason::AccountLocked),
        (&["locked", "account is disabled", "account disabled", "user disabled"], Reason::AccountLocked),
        (&["password has expired", "password expired", "must change"], Reason::PasswordExpired),
        (&["token expired", "token has expired", "lifetime validation failed"], Reason::TokenExpired),
        (
            &[
                "basic authentication is disabled",
                "basic authentication is not supported",
                "blocked by policy",
                "protocol is disabled",
                "disabled for the tenant",
                "conditional access",
            ],
            Reason::BlockedByPolicy,
        ),
        (&["multi-factor", "second factor", "application-specific password"], Reason::MfaRequired),
        // Not "unavailable" alone: Postfix says "authentication failed: (reason unavailable)" of a wrong password.
        (
            &["temporar", "service unavailable", "server unavailable", "internal error", "try again later"],
            Reason::SignInUnavailable,
        ),
    ];
    TABLE.iter().find(|(words, _)| says(text, words)).map_or(otherwise, |(_, reason)| *reason)
}

/// Notes the server's first line, and what it calls itself.
fn note_greeting(rec: &Recorder, text: &str) {
    rec.note(Fact::Greeting(Said::new(text)));
}
