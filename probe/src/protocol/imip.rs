//! A calendar made of mails (iMIP, RFC 6047): invitations come into an inbox, answers go by SMTP, and the other way round.
//! So do people's mail programs where no server does it for them, and so it goes between mail services.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::tz::TimeZone;

use super::calendar::{Answer, Calendar, Draft, Entry, EntryId, Written};
use super::{Folder, Inbox, Item, Memory, Proof, Session, Submitted};
use crate::catalogue::Reason;
use crate::clock;
use crate::message::build::SUBJECT;
use crate::message::ical::{self, Method, Object};
use crate::message::invitation;
use crate::message::recognise::of_subject;
use crate::outcome::{Fault, Fut, Recorder};

/// A session.
pub struct Imip {
    /// The mailbox's.
    address: Arc<str>,
    inbox: Box<dyn Session>,
    sender: Box<dyn Session>,
    memory: Memory,
    /// The newest invitation or cancellation of each entry that somebody else invites to, by UID.
    invited: BTreeMap<String, Invitation>,
    /// Entries of one's own, by UID.
    own: BTreeMap<String, Own>,
}

struct Invitation {
    text: String,
    /// The token of its entry.
    mark: String,
    organizer: Option<Arc<str>>,
    /// How often it came.
    copies: usize,
    sequence: u32,
    cancelled: bool,
}

struct Own {
    draft: Draft,
    sequence: u32,
    answers: BTreeMap<String, Answer>,
}

impl Imip {
    /// Of two sessions that are signed in.
    pub fn new(address: &Arc<str>, inbox: Box<dyn Session>, sender: Box<dyn Session>) -> Self {
        Self {
            address: Arc::clone(address),
            inbox,
            sender,
            memory: Memory::default(),
            invited: BTreeMap::new(),
            own: BTreeMap::new(),
        }
    }

    /// Takes in what came about the entry with that mark: our own mail alone is read.
    async fn take_in(&mut self, mark: &str, rec: &Recorder) -> Result<(), Fault> {
        let none = || Fault::new(Reason::InternalError, "this protocol has no inbox");
        let inbox = self.inbox.inbox().ok_or_else(none)?;
        let looked = inbox.look(Folder::Inbox, &mut self.memory, rec).await?;
        for item in looked.found {
            if !of_subject(&item.bytes).iter().any(|token| token.text() == mark) {
                continue;
            }
            let bytes = whole(&item, inbox, rec).await?;
            let Some(text) = invitation::read(&bytes) else { continue };
            let nothing = SystemTime::UNIX_EPOCH..SystemTime::UNIX_EPOCH;
            let wrong = |error: String| {
                Fault::new(Reason::ProtocolViolation, &format!("a mail about the meeting: {error}"))
            };
            let object = ical::read(&text, &nothing, &TimeZone::UTC).map_err(wrong)?;
            match object.method {
                Some(Method::Reply) => answer_came(&mut self.own, &object),
                Some(Method::Request | Method::Cancel) => {
                    invitation_came(&mut self.invited, object, text, mark);
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn entries(
        &mut self,
        span: Range<SystemTime>,
        zone: &str,
        mark: &str,
        rec: &Recorder,
    ) -> Result<Vec<Entry>, Fault> {
        let zone =
            TimeZone::get(zone).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
        self.take_in(mark, rec).await?;
        let mut entries = Vec::new();
        for (uid, own) in self.own.iter().filter(|(_, own)| own.draft.mark() == mark) {
            entries.push(Entry {
                id: id_of(uid, own.sequence),
                uid: uid.clone(),
                subject: own.draft.subject.to_string(),
                place: own.draft.place.to_string(),
                spans: own.draft.spans()?,
                status: own.draft.status,
                answers: own.answers.clone(),
                cancelled: false,
            });
        }
        for (uid, of) in &self.invited {
            let read = ical::read(&of.text, &span, &zone);
            let object = read.map_err(|error| Fault::new(Reason::ProtocolViolation, &error))?;
            if !object.subject.contains(mark) {
                continue;
            }
            let entry = Entry {
                id: id_of(uid, of.sequence),
                uid: uid.clone(),
                subject: object.subject,
                place: object.place,
                spans: object.spans,
                status: object.status,
                answers: object.answers,
                cancelled: of.cancelled,
            };
            entries.extend(std::iter::repeat_n(entry, of.copies));
        }
        Ok(entries)
    }

    async fn send(
        &mut self,
        object: &str,
        subject: &str,
        mark: (&str, &str),
        to: &Arc<str>,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let mail = invitation::write(object, subject, mark, &self.address, to)
            .map_err(|error| Fault::new(Reason::InternalError, &error))?;
        let none = || Fault::new(Reason::InternalError, "this protocol cannot send");
        let submit = self.sender.submit().ok_or_else(none)?;
        Ok(match submit.submit(&mail, &|| (), rec).await? {
            Submitted::Accepted { at, .. } => Written::Accepted(at),
            Submitted::Unknown(fault) => Written::Unknown(fault),
        })
    }

    /// Tells whoever is invited how the entry is by now.
    async fn tell(
        &mut self,
        draft: &Draft,
        sequence: u32,
        cancel: bool,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let none = || Fault::new(Reason::InternalError, "an entry that nobody is invited to is no mail");
        let to = draft.invited.as_ref().ok_or_else(none)?;
        let object = ical::invitation(draft, &self.address, sequence, cancel, clock::wall())?;
        let subject = if cancel { format!("Canceled: {}", draft.subject) } else { draft.subject.to_string() };
        let turn = format!("{}{sequence}", if cancel { "cancel" } else { "request" });
        self.send(&object, &subject, (draft.mark(), &turn), to, rec).await
    }

    fn find(&self, id: &EntryId) -> Result<&Own, Fault> {
        let own = self.own.get(&id.id).filter(|own| own.sequence.to_string() == id.mark);
        own.ok_or_else(|| Fault::new(Reason::CalendarConflict, "it is not in that state any more"))
    }
}

async fn whole(item: &Item, inbox: &mut dyn Inbox, rec: &Recorder) -> Result<bytes::Bytes, Fault> {
    if item.whole { Ok(item.bytes.clone()) } else { inbox.fetch(&item.id, rec).await }
}

fn id_of(uid: &str, sequence: u32) -> EntryId {
    EntryId { id: uid.to_owned(), mark: sequence.to_string() }
}

/// Mails may overtake each other: the newest holds, and of two that are alike the cancellation.
fn invitation_came(invited: &mut BTreeMap<String, Invitation>, object: Object, text: String, mark: &str) {
    let new = Invitation {
        text,
        mark: mark.to_owned(),
        organizer: object.organizer.map(Into::into),
        copies: 1,
        sequence: object.sequence,
        cancelled: object.cancelled,
    };
    let age = |of: &Invitation| (of.sequence, of.cancelled);
    match invited.get_mut(&object.uid) {
        Some(known) if age(known) > age(&new) => {}
        Some(known) if age(known) == age(&new) => known.copies += 1,
        _ => {
            invited.insert(object.uid, new);
        }
    }
}

/// What was said of an earlier time is said no more.
fn answer_came(own: &mut BTreeMap<String, Own>, object: &Object) {
    if let Some(of) = own.get_mut(&object.uid).filter(|of| object.sequence >= of.sequence) {
        of.answers.extend(object.answers.clone());
    }
}

impl Session for Imip {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        self.inbox.prove(rec)
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        self.inbox.inbox()
    }

    fn calendar(&mut self) -> Option<&mut dyn Calendar> {
        Some(self)
    }

    fn close<'a>(self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            self.sender.close(rec).await?;
            self.inbox.close(rec).await
        })
    }
}

impl Calendar for Imip {
    fn list<'a>(
        &'a mut self,
        span: Range<SystemTime>,
        zone: &'a str,
        marked: &'a str,
        rec: &'a Recorder,
    ) -> Fut<'a, Vec<Entry>> {
        Box::pin(self.entries(span, zone, marked, rec))
    }

    fn create<'a>(&'a mut self, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            let own = Own { draft: draft.clone(), sequence: 0, answers: BTreeMap::new() };
            self.own.insert(draft.uid.to_string(), own);
            self.tell(draft, 0, false, rec).await
        })
    }

    fn update<'a>(&'a mut self, id: &'a EntryId, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            let sequence = self.find(id)?.sequence.saturating_add(1);
            let own = Own { draft: draft.clone(), sequence, answers: BTreeMap::new() };
            self.own.insert(id.id.clone(), own);
            self.tell(draft, sequence, false, rec).await
        })
    }

    fn delete<'a>(&'a mut self, id: &'a EntryId, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            let own = self.find(id)?;
            let (draft, sequence) = (own.draft.clone(), own.sequence.saturating_add(1));
            self.own.remove(&id.id);
            self.tell(&draft, sequence, true, rec).await
        })
    }

    fn answer<'a>(&'a mut self, id: &'a EntryId, answer: Answer, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            let invited = self.invited.get(&id.id);
            let invited = invited
                .ok_or_else(|| Fault::new(Reason::CalendarLost, "there is no invitation to answer"))?;
            let own = BTreeSet::from([self.address.to_lowercase()]);
            let reply = ical::reply(&invited.text, &own, answer, clock::wall())?;
            let reply = reply.ok_or_else(|| {
                Fault::new(Reason::ProtocolViolation, "the invitation invites somebody else")
            })?;
            let nobody = || Fault::new(Reason::ProtocolViolation, "an invitation without an organizer");
            let to = Arc::clone(invited.organizer.as_ref().ok_or_else(nobody)?);
            let (mark, turn) = (invited.mark.clone(), format!("reply{}", invited.sequence));
            let said = match answer {
                Answer::Accepted => "Accepted",
                Answer::Declined => "Declined",
                Answer::Tentative | Answer::Nothing => "Tentative",
            };
            self.send(&reply, &format!("{said}: {SUBJECT} {mark}"), (&mark, &turn), &to, rec).await
        })
    }
}
