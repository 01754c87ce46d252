//! FindItem (MS-OXWSSRCH, section 3.1.4.2) of what the mail about meetings left: invitations, answers and cancellations in the
//! inbox; and what answering threw away.

use super::get_item::Kind;
use super::{Ews, id_of, items};
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::Notice;
use crate::protocol::ews::soap;

/// The newest; the others come once these are deleted.
const MOST: usize = 500;
const FOLDERS: &str = "<t:DistinguishedFolderId Id=\"inbox\"/><t:DistinguishedFolderId Id=\"deleteditems\"/>";
const KINDS: &[&str] =
    &["MeetingRequest", "MeetingResponse", "MeetingCancellation", "MeetingMessage", "CalendarItem"];

impl Ews {
    pub(super) async fn meeting_messages(
        &mut self,
        marked: &str,
        rec: &Recorder,
    ) -> Result<Vec<Notice>, Fault> {
        let body = format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>\
             <t:FieldURI FieldURI=\"item:Subject\"/><t:FieldURI FieldURI=\"calendar:UID\"/></t:AdditionalProperties>\
             </m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"{MOST}\" Offset=\"0\" BasePoint=\"Beginning\"/>\
             <m:Restriction><t:Contains ContainmentMode=\"Substring\" ContainmentComparison=\"Exact\">\
             <t:FieldURI FieldURI=\"item:Subject\"/><t:Constant Value=\"{}\"/></t:Contains></m:Restriction>\
             <m:SortOrder><t:FieldOrder Order=\"Descending\"><t:FieldURI FieldURI=\"item:DateTimeReceived\"/>\
             </t:FieldOrder></m:SortOrder><m:ParentFolderIds>{FOLDERS}</m:ParentFolderIds></m:FindItem>",
            soap::escape(marked)
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let mut found = Vec::new();
        for message in soap::messages(&answer, &document, "FindItem")? {
            soap::judge(message)?;
            for item in items(message).filter(|item| KINDS.contains(&item.tag_name().name())) {
                let text = |name| soap::word(item, name).to_owned();
                let (subject, uid) = (text("Subject"), text("UID"));
                let Some(id) = id_of(item).filter(|_| subject.contains(marked)) else { continue };
                // Nobody is told that it is thrown away.
                let kind = Kind { series: false, meeting: false, organizer: false };
                self.calendar.kinds.insert(id.clone(), kind);
                found.push(Notice { id, uid, subject });
            }
        }
        Ok(found)
    }
}
