//! DeleteItem (MS-OXWSCORE, section 3.1.4.3) of an entry, for good; of a series, all of it.

use tokio::time::Instant;

use super::create::telling;
use super::{Ews, is_gone, soap};
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{EntryId, Written};

impl Ews {
    pub(super) async fn delete_entry(&mut self, id: &EntryId, rec: &Recorder) -> Result<Written, Fault> {
        let Some(kind) = self.kind(id, rec).await? else { return Ok(Written::Accepted(Instant::now())) };
        let body = format!(
            "<m:DeleteItem DeleteType=\"HardDelete\" SendMeetingCancellations=\"{}\"><m:ItemIds><t:ItemId Id=\"{}\" \
             ChangeKey=\"{}\"/></m:ItemIds></m:DeleteItem>",
            telling(kind.organizer),
            soap::escape(&id.id),
            soap::escape(&id.mark),
        );
        match self.change("DeleteItem", &body, rec).await {
            Err(fault) if is_gone(&fault) => Ok(Written::Accepted(Instant::now())),
            change => change.map(Written::from),
        }
    }
}
