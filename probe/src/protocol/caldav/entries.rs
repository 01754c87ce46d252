//! Entries: what is read of objects, and what becomes of drafts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::SystemTime;

use jiff::tz::TimeZone;

use super::Caldav;
use super::report::Resource;
use super::write::If;
use crate::catalogue::Reason;
use crate::clock;
use crate::message::build::SUBJECT;
use crate::message::ical::{self, Object};
use crate::message::recognise::tokens;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::calendar::{Answer, Calendar, Draft, Entry, EntryId, Notice, Written};

/// How often an entry was changed, by its path, as of its ETag.
pub(super) type Seen = BTreeMap<String, (String, u32)>;

/// An object that may be meant; a stranger's is not even read, whatever it is.
fn marked(
    of: &Resource,
    marked: &str,
    within: &Range<SystemTime>,
    zone: &TimeZone,
) -> Result<Option<Object>, Fault> {
    if !ical::mentions(&of.text, marked) {
        return Ok(None);
    }
    let object = match ical::read(&of.text, within, zone) {
        Ok(object) => object,
        // Words that anybody may write, and no token of ours: a stranger's.
        Err(_) if marked == SUBJECT && tokens(ical::unfold(&of.text).as_bytes()).next().is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(Fault::new(Reason::ProtocolViolation, &format!("{}: {error}", of.path))),
    };
    Ok(Some(object).filter(|object| object.subject.contains(marked)))
}

fn id_of(of: &Resource) -> EntryId {
    EntryId { id: of.path.clone(), mark: of.etag.clone() }
}

impl Caldav {
    async fn entries(
        &mut self,
        span: Range<SystemTime>,
        zone: &str,
        mark: &str,
        rec: &Recorder,
    ) -> Result<Vec<Entry>, Fault> {
        let zone =
            TimeZone::get(zone).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
        let calendar = self.find(rec).await?.calendar;
        let all = self.look(&calendar, &span, mark, rec).await?;
        let (mut found, mut seen) = (Vec::new(), Seen::new());
        for of in &all {
            let Some(object) = marked(of, mark, &span, &zone)? else { continue };
            seen.insert(of.path.clone(), (of.etag.clone(), object.sequence));
            if object.spans.is_empty() {
                continue;
            }
            found.push(Entry {
                id: id_of(of),
                uid: object.uid,
                subject: object.subject,
                place: object.place,
                spans: object.spans,
                status: object.status,
                answers: object.answers,
                cancelled: object.cancelled,
            });
        }
        self.seen = seen;
        Ok(found)
    }

    /// How often the entry was changed so far, in the state that it was seen in.
    async fn sequence(&mut self, id: &EntryId, rec: &Recorder) -> Result<u32, Fault> {
        if let Some((_, sequence)) = self.seen.get(&id.id).filter(|(etag, _)| *etag == id.mark) {
            return Ok(*sequence);
        }
        let of = self.get(id, rec).await?;
        let object = ical::read(&of.text, &(SystemTime::UNIX_EPOCH..SystemTime::UNIX_EPOCH), &TimeZone::UTC);
        let object =
            object.map_err(|error| Fault::new(Reason::ProtocolViolation, &format!("{}: {error}", id.id)))?;
        Ok(object.sequence)
    }

    /// The address that one invites and answers as.
    pub(super) fn own_address(&self) -> String {
        let told = self.found.as_ref().map(|found| &found.addresses);
        match told.filter(|told| !told.contains(&*self.address)).and_then(|told| told.first()) {
            Some(other) => other.clone(),
            None => self.address.to_string(),
        }
    }
}

/// As a segment of a path.
fn segment(uid: &str) -> String {
    let mut out = String::new();
    for byte in uid.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Calendar for Caldav {
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
            let calendar = self.find(rec).await?.calendar;
            let text = ical::build(draft, &self.own_address(), 0, clock::wall())?;
            let path = format!("{}/{}.ics", calendar.trim_end_matches('/'), segment(&draft.uid));
            self.put(&path, If::New, text, rec).await
        })
    }

    fn update<'a>(&'a mut self, id: &'a EntryId, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            self.find(rec).await?;
            let sequence = self.sequence(id, rec).await?.saturating_add(1);
            let text = ical::build(draft, &self.own_address(), sequence, clock::wall())?;
            self.put(&id.id, If::As(&id.mark), text, rec).await
        })
    }

    fn delete<'a>(&'a mut self, id: &'a EntryId, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(self.remove(id, rec))
    }

    fn answer<'a>(&'a mut self, id: &'a EntryId, answer: Answer, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(async move {
            let mut found = self.find(rec).await?;
            if !found.schedules {
                let words =
                    "this server sends no answers (no calendar-auto-schedule): they have to go by mail";
                return Err(Fault::new(Reason::InternalError, words));
            }
            let of = self.get(id, rec).await?;
            found.addresses.insert(self.address.to_string());
            let text = ical::answered(&of.text, &found.addresses, answer, clock::wall())?;
            let text = text.ok_or_else(|| {
                Fault::new(Reason::ProtocolViolation, &format!("{} invites somebody else", id.id))
            })?;
            self.put(&id.id, If::As(&id.mark), text, rec).await
        })
    }

    fn notices<'a>(&'a mut self, mark: &'a str, rec: &'a Recorder) -> Fut<'a, Vec<Notice>> {
        Box::pin(async move {
            let Some(inbox) = self.find(rec).await?.inbox else { return Ok(Vec::new()) };
            let nothing = SystemTime::UNIX_EPOCH..SystemTime::UNIX_EPOCH;
            let mut found = Vec::new();
            for of in self.query(&inbox, None, rec).await? {
                let Some(object) = marked(&of, mark, &nothing, &TimeZone::UTC)? else { continue };
                found.push(Notice { id: id_of(&of), uid: object.uid, subject: object.subject });
            }
            Ok(found)
        })
    }
}
