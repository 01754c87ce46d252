//! CreateItem (MS-OXWSCORE, section 3.1.4.2) of an entry.

use super::fields::fields;
use super::{Change, Ews};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{Draft, Written};

/// Who is told of an entry or a change; of what is sent no copy is kept.
pub(super) fn telling(tell: bool) -> &'static str {
    if tell { "SendOnlyToAll" } else { "SendToNone" }
}

impl Ews {
    pub(super) async fn create_entry(&mut self, draft: &Draft, rec: &Recorder) -> Result<Written, Fault> {
        let zone = self.server_zone(draft, rec).await?;
        self.refuse_known(&draft.uid, rec).await?;
        let mut elements: Vec<_> = fields(draft, &zone)?.into_iter().map(|field| field.element).collect();
        // The schema has it before all else that is a calendar's.
        let at = elements.iter().position(|element| element.starts_with("<t:Start>")).unwrap_or_default();
        elements.insert(at, format!("<t:UID>{}</t:UID>", super::soap::escape(&draft.uid)));
        let body = format!(
            "<m:CreateItem SendMeetingInvitations=\"{}\"><m:Items><t:CalendarItem>{}</t:CalendarItem></m:Items>\
             </m:CreateItem>",
            telling(draft.invited.is_some()),
            elements.concat()
        );
        let done = match self.change("CreateItem", &body, rec).await? {
            Change::Done(done) => done,
            unknown => return Ok(unknown.into()),
        };
        let Some(id) = done.id else {
            let words = "the server has created something, and does not say what";
            return Ok(Written::Unknown(Fault::new(Reason::ProtocolViolation, words)));
        };
        match self.move_occurrence(&id, draft, rec).await? {
            Some(moved) => Ok(moved),
            None => Ok(Written::Accepted(done.at)),
        }
    }
}
