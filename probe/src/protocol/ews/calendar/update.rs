//! UpdateItem (MS-OXWSCORE, section 3.1.4.9): an entry, and one occurrence of it; only in the state that it was seen in.

use super::create::telling;
use super::fields::{Field, fields, times};
use super::get_item::Kind;
use super::{Change, Ews, gone, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{Draft, EntryId, Time, Written};

impl Ews {
    pub(super) async fn update_entry(
        &mut self,
        id: &EntryId,
        draft: &Draft,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let zone = self.server_zone(draft, rec).await?;
        let is_gone = || Fault::new(Reason::CalendarConflict, "the entry is gone");
        let kind = self.kind(id, rec).await?.ok_or_else(is_gone)?;
        let mut updates: String = fields(draft, &zone)?.iter().map(set).collect();
        updates.extend(taken(kind, draft).map(delete));
        let which =
            format!("<t:ItemId Id=\"{}\" ChangeKey=\"{}\"/>", soap::escape(&id.id), soap::escape(&id.mark));
        let tell = kind.organizer || draft.invited.is_some();
        let done = match self.update_item(&which, &updates, tell, rec).await? {
            Change::Done(done) => done,
            unknown => return Ok(unknown.into()),
        };
        let id = done.id.filter(|now| now.id == id.id);
        let Some(id) = id else {
            let words = "the server has updated something, and does not say what";
            return Ok(Written::Unknown(Fault::new(Reason::ProtocolViolation, words)));
        };
        match self.move_occurrence(&id, draft, rec).await? {
            Some(moved) => Ok(moved),
            None => Ok(Written::Accepted(done.at)),
        }
    }

    /// The occurrence that begins at another time, where there is one.
    pub(super) async fn move_occurrence(
        &mut self,
        id: &EntryId,
        draft: &Draft,
        rec: &Recorder,
    ) -> Result<Option<Written>, Fault> {
        let Some((moved, to)) = draft.repeat.as_ref().and_then(|repeat| repeat.moved) else {
            return Ok(None);
        };
        let span = Time { start: to, ..draft.time.clone() }.span()?;
        let updates: String = times(&span)?.iter().map(set).collect();
        // Counted from one. The series and its occurrences have one ChangeKey.
        let which = format!(
            "<t:OccurrenceItemId RecurringMasterId=\"{}\" ChangeKey=\"{}\" InstanceIndex=\"{}\"/>",
            soap::escape(&id.id),
            soap::escape(&id.mark),
            moved + 1
        );
        let change = self.update_item(&which, &updates, draft.invited.is_some(), rec).await?;
        Ok(Some(change.into()))
    }

    async fn update_item(
        &mut self,
        which: &str,
        updates: &str,
        tell: bool,
        rec: &Recorder,
    ) -> Result<Change, Fault> {
        let body = format!(
            "<m:UpdateItem ConflictResolution=\"NeverOverwrite\" MessageDisposition=\"SaveOnly\" \
             SendMeetingInvitationsOrCancellations=\"{}\"><m:ItemChanges><t:ItemChange>{which}<t:Updates>{updates}\
             </t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
            telling(tell)
        );
        self.change("UpdateItem", &body, rec).await.map_err(gone)
    }
}

fn set(field: &Field) -> String {
    format!(
        "<t:SetItemField>{}<t:CalendarItem>{}</t:CalendarItem></t:SetItemField>",
        field.path, field.element
    )
}

fn delete(path: &str) -> String {
    format!("<t:DeleteItemField><t:FieldURI FieldURI=\"{path}\"/></t:DeleteItemField>")
}

/// What the entry has and the draft has not.
fn taken(kind: Kind, draft: &Draft) -> impl Iterator<Item = &'static str> {
    let all = [
        ("calendar:RequiredAttendees", kind.organizer && draft.invited.is_none()),
        ("calendar:Recurrence", kind.series && draft.repeat.is_none()),
    ];
    all.into_iter().filter(|(_, is_taken)| *is_taken).map(|(path, _)| path)
}
