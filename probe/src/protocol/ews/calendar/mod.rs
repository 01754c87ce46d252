//! A mailbox's calendar (MS-OXWSMTGS): a file per request or close family of them; this one is what they have in common.

mod answer;
mod create;
mod delete;
mod fields;
mod find_item;
mod get_item;
mod meeting_messages;
mod server_zones;
mod uid;
mod update;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use roxmltree::Node;
use tokio::time::Instant;

use super::create_item::{is_answer, is_doubtful};
use super::{Ews, get_item::is_gone, soap};
use crate::catalogue::Reason;
use crate::net::http;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::calendar::{Answer, Calendar, Draft, Entry, EntryId, Notice, Written};
use get_item::Kind;

/// Whole days begin earlier and end later, somewhere in the world.
const MARGIN: Duration = Duration::from_secs(26 * 60 * 60);

/// What a session remembers of its calendar.
#[derive(Default)]
pub(super) struct Memory {
    /// The zones that the server knows, by the names that it takes.
    zones: Option<Vec<(String, TimeZone)>>,
    /// What kind of entries the last look showed, each in the state that it was in.
    kinds: BTreeMap<EntryId, Kind>,
}

/// A change that was not refused: when, and what the entry is called then.
struct Done {
    at: Instant,
    id: Option<EntryId>,
}

/// As `Written`, with the id that the server gave.
enum Change {
    Done(Done),
    Unknown(Fault),
}

impl From<Change> for Written {
    fn from(change: Change) -> Self {
        match change {
            Change::Done(done) => Self::Accepted(done.at),
            Change::Unknown(fault) => Self::Unknown(fault),
        }
    }
}

fn utc(at: SystemTime) -> Result<String, Fault> {
    let at =
        Timestamp::try_from(at).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The entry that an element is about.
fn id_of(of: Node<'_, '_>) -> Option<EntryId> {
    let id = soap::below(of, "ItemId")?;
    let of = |name| id.attribute(name).unwrap_or_default().to_owned();
    Some(EntryId { id: of("Id"), mark: of("ChangeKey") }).filter(|id| !id.id.is_empty())
}

/// The items of a response message.
fn items<'a, 'd>(message: Node<'a, 'd>) -> impl Iterator<Item = Node<'a, 'd>> {
    let items = soap::below(message, "Items");
    items.into_iter().flat_map(|items| items.children()).filter(Node::is_element)
}

impl Ews {
    /// Asks for one change. What is said of it has to be about it.
    async fn change(&mut self, operation: &str, body: &str, rec: &Recorder) -> Result<Change, Fault> {
        let answer = match self.ask(body, rec).await {
            Ok(answer) => answer,
            Err(unanswered) if unanswered.unsent || is_answer(&unanswered.fault) => {
                return Err(unanswered.fault);
            }
            // Written, and the answer never came.
            Err(unanswered) => return Ok(Change::Unknown(unanswered.fault)),
        };
        let at = Instant::now();
        match judge(&answer, operation) {
            Ok(id) => Ok(Change::Done(Done { at, id })),
            Err(fault) if is_doubtful(&answer, &fault) => Ok(Change::Unknown(fault)),
            Err(fault) => Err(fault),
        }
    }
}

fn judge(answer: &http::Answer, operation: &str) -> Result<Option<EntryId>, Fault> {
    let document = soap::document(answer)?;
    let messages = soap::messages(answer, &document, operation)?;
    let [message] = messages.as_slice() else {
        let words = format!("one change, and {} answers", messages.len());
        return Err(Fault::new(Reason::ProtocolViolation, &words));
    };
    soap::judge(*message)?;
    Ok(items(*message).find_map(id_of))
}

/// An entry that is not there cannot be in the state that it was seen in.
fn gone(fault: Fault) -> Fault {
    if is_gone(&fault) { Fault { reason: Reason::CalendarConflict, ..fault } } else { fault }
}

impl Calendar for Ews {
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
        Box::pin(self.create_entry(draft, rec))
    }

    fn update<'a>(&'a mut self, id: &'a EntryId, draft: &'a Draft, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(self.update_entry(id, draft, rec))
    }

    fn delete<'a>(&'a mut self, id: &'a EntryId, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(self.delete_entry(id, rec))
    }

    fn answer<'a>(&'a mut self, id: &'a EntryId, answer: Answer, rec: &'a Recorder) -> Fut<'a, Written> {
        Box::pin(self.answer_invitation(id, answer, rec))
    }

    fn notices<'a>(&'a mut self, marked: &'a str, rec: &'a Recorder) -> Fut<'a, Vec<Notice>> {
        Box::pin(self.meeting_messages(marked, rec))
    }
}
