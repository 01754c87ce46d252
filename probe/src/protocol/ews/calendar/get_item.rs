//! GetItem (MS-OXWSCORE, section 3.1.4.4) of entries: what a view does not tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use roxmltree::Node;

use super::find_item::span_of;
use super::{Ews, id_of, is_gone, items};
use crate::catalogue::Reason;
use crate::message::ical;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{Answer, Entry, EntryId};
use crate::protocol::ews::{get_user_availability, soap};

/// So many in one request.
const BATCH: usize = 100;
const SHAPE: &[&str] = &[
    "item:Subject",
    "calendar:UID",
    "calendar:Start",
    "calendar:End",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:IsMeeting",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:StartTimeZone",
];

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    Itself(&'a str),
    /// The series that an occurrence is of.
    MasterOf(&'a str),
}

/// What a change of an entry has to know of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) series: bool,
    pub(super) meeting: bool,
    /// A meeting of one's own.
    pub(super) organizer: bool,
}

/// An entry as it lies there; its `spans` are still to be filled.
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) kind: Kind,
    /// Of a series, the first.
    pub(super) span: Range<SystemTime>,
    pub(super) all_day: bool,
    /// The one that it was written in.
    pub(super) zone: Option<TimeZone>,
}

/// ResponseTypeType.
fn answer(word: &str) -> Answer {
    match word {
        "Tentative" => Answer::Tentative,
        "Accept" => Answer::Accepted,
        "Decline" => Answer::Declined,
        _ => Answer::Nothing,
    }
}

fn is_true(item: Node<'_, '_>, name: &str) -> bool {
    matches!(soap::word(item, name), "true" | "1")
}

impl Ews {
    /// Each of them, in that order; `None` for one that is gone.
    pub(super) async fn get_entries(
        &mut self,
        which: &[Which<'_>],
        rec: &Recorder,
    ) -> Result<Vec<Option<Held>>, Fault> {
        let mut found = Vec::new();
        for batch in which.chunks(BATCH) {
            found.extend(self.get_batch(batch, rec).await?);
        }
        Ok(found)
    }

    async fn get_batch(&mut self, which: &[Which<'_>], rec: &Recorder) -> Result<Vec<Option<Held>>, Fault> {
        let ids = which.iter().fold(String::new(), |mut ids, which| {
            let (name, attribute, id) = match which {
                Which::Itself(id) => ("ItemId", "Id", id),
                Which::MasterOf(id) => ("RecurringMasterItemId", "OccurrenceId", id),
            };
            write!(ids, "<t:{name} {attribute}=\"{}\"/>", soap::escape(id)).ok();
            ids
        });
        let shape: String = SHAPE.iter().map(|uri| format!("<t:FieldURI FieldURI=\"{uri}\"/>")).collect();
        let body = format!(
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{shape}\
             </t:AdditionalProperties></m:ItemShape><m:ItemIds>{ids}</m:ItemIds></m:GetItem>"
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let messages = soap::messages(&answer, &document, "GetItem")?;
        if messages.len() != which.len() {
            let words = format!("asked for {} entries, the answer has {}", which.len(), messages.len());
            return Err(Fault::new(Reason::ProtocolViolation, &words));
        }
        let one = |(message, which)| match soap::judge(message) {
            Ok(()) => self.held(message, which).map(Some),
            Err(fault) if is_gone(&fault) => Ok(None),
            Err(fault) => Err(fault),
        };
        messages.into_iter().zip(which.iter().copied()).map(one).collect()
    }

    /// What kind of entry that is; `None` where it is gone.
    pub(super) async fn kind(&mut self, id: &EntryId, rec: &Recorder) -> Result<Option<Kind>, Fault> {
        if let Some(kind) = self.calendar.kinds.get(id) {
            return Ok(Some(*kind));
        }
        let body = format!(
            "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>\
             <t:FieldURI FieldURI=\"calendar:IsMeeting\"/><t:FieldURI FieldURI=\"calendar:CalendarItemType\"/>\
             <t:FieldURI FieldURI=\"calendar:MyResponseType\"/></t:AdditionalProperties></m:ItemShape>\
             <m:ItemIds><t:ItemId Id=\"{}\"/></m:ItemIds></m:GetItem>",
            soap::escape(&id.id)
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "GetItem")?[0];
        match soap::judge(message) {
            Ok(()) => Ok(Some(kind(itself(message, Which::Itself(&id.id))?.0))),
            Err(fault) if is_gone(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn held(&self, message: Node<'_, '_>, which: Which<'_>) -> Result<Held, Fault> {
        let (item, id) = itself(message, which)?;
        let kind = kind(item);
        let zone = soap::below(item, "StartTimeZone").and_then(|zone| zone.attribute("Id"));
        let text = |name| soap::word(item, name).to_owned();
        let mut answers = BTreeMap::new();
        for attendee in item.descendants().filter(|at| at.tag_name().name() == "Attendee") {
            let address = soap::word(attendee, "EmailAddress").to_lowercase();
            let said = soap::word(attendee, "ResponseType");
            if !address.is_empty() && said != "Organizer" {
                answers.insert(address, answer(said));
            }
        }
        // Of all who are invited, one's own calendar knows oneself alone.
        if kind.meeting && !kind.organizer {
            answers.insert(self.anchor.to_lowercase(), answer(soap::word(item, "MyResponseType")));
        }
        Ok(Held {
            entry: Entry {
                id,
                uid: text("UID"),
                subject: text("Subject"),
                place: text("Location"),
                spans: Vec::new(),
                status: get_user_availability::status(soap::word(item, "LegacyFreeBusyStatus")),
                answers,
                cancelled: is_true(item, "IsCancelled"),
            },
            kind,
            span: span_of(item)?,
            all_day: is_true(item, "IsAllDayEvent"),
            zone: zone.and_then(ical::zone),
        })
    }
}

/// The item of an answer, which has to be the one that was asked for.
fn itself<'a, 'd>(message: Node<'a, 'd>, which: Which<'_>) -> Result<(Node<'a, 'd>, EntryId), Fault> {
    let found = items(message).next().and_then(|item| Some((item, id_of(item)?)));
    let is_it = |(item, id): &(Node<'_, '_>, EntryId)| match which {
        Which::Itself(asked) => id.id == asked,
        Which::MasterOf(_) => matches!(soap::word(*item, "CalendarItemType"), "" | "RecurringMaster"),
    };
    found
        .filter(is_it)
        .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "the answer is for another entry"))
}

fn kind(item: Node<'_, '_>) -> Kind {
    let meeting = item.tag_name().name() == "CalendarItem" && is_true(item, "IsMeeting");
    Kind {
        series: soap::word(item, "CalendarItemType") == "RecurringMaster",
        meeting,
        organizer: meeting && soap::word(item, "MyResponseType") == "Organizer",
    }
}
