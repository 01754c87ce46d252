//! DeleteItem (MS-OXWSCORE, section 3.1.4.3), for good.

use super::{Ews, get_item, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};

impl Ews {
    /// How many were there.
    pub(super) async fn delete_items(&mut self, ids: &[&str], rec: &Recorder) -> Result<usize, Fault> {
        let ids_of: String =
            ids.iter().map(|id| format!("<t:ItemId Id=\"{}\"/>", soap::escape(id))).collect();
        let body = format!(
            "<m:DeleteItem DeleteType=\"HardDelete\" SendMeetingCancellations=\"SendToNone\" \
             AffectedTaskOccurrences=\"AllOccurrences\"><m:ItemIds>{ids_of}</m:ItemIds></m:DeleteItem>"
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let mut gone = 0;
        for message in soap::messages(&answer, &document, "DeleteItem")? {
            match soap::judge(message) {
                Ok(()) => gone += 1,
                Err(fault) if get_item::is_gone(&fault) => {}
                Err(fault) if fault.reason == Reason::Throttled => return Err(fault),
                Err(fault) => return Err(Fault { reason: Reason::CleanupFailed, ..fault }),
            }
        }
        Ok(gone)
    }
}
