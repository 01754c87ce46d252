//! CreateItem of an answer (MS-OXWSMTGS, section 3.1.4.2.3): AcceptItem and its kind, which is sent to the organizer.

use super::{Ews, gone, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{Answer, EntryId, Written};

impl Ews {
    pub(super) async fn answer_invitation(
        &mut self,
        id: &EntryId,
        answer: Answer,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let name = match answer {
            Answer::Tentative => "TentativelyAcceptItem",
            Answer::Accepted => "AcceptItem",
            Answer::Declined => "DeclineItem",
            Answer::Nothing => {
                return Err(Fault::new(Reason::InternalError, "an answer that says nothing cannot be sent"));
            }
        };
        let body = format!(
            "<m:CreateItem MessageDisposition=\"SendOnly\"><m:Items><t:{name}><t:ReferenceItemId Id=\"{}\" \
             ChangeKey=\"{}\"/></t:{name}></m:Items></m:CreateItem>",
            soap::escape(&id.id),
            soap::escape(&id.mark)
        );
        self.change("CreateItem", &body, rec).await.map(Written::from).map_err(gone)
    }
}
