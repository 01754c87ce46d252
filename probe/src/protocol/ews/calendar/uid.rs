//! Whether an entry of a UID is there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Ews, items};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::ews::soap;

/// What every such identifier begins with, and what one goes on with that carries a stranger's UID (MS-OXOCAL, section
/// 2.2.1.27).
const CLASS: [u8; 16] = *b"\x04\0\0\0\x82\0\xe0\0\x74\xc5\xb7\x10\x1a\x82\xe0\x08";
const CARRIES_UID: &[u8] = b"vCal-Uid\x01\0\0\0";

/// PidLidCleanGlobalObjectId of an entry with that UID.
fn global_object_id(uid: &str) -> Vec<u8> {
    let data = [CARRIES_UID, uid.as_bytes(), b"\0"].concat();
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    // No day, no time of creation, nothing reserved.
    [&CLASS[..], &[0; 20], &length, &data].concat()
}

impl Ews {
    /// A server takes a second entry of the same UID without a word, and searches by no UID but by what it makes of it: so one
    /// looks before. Whoever writes the same UID in the same moment is not seen; a list shows both then.
    pub(super) async fn refuse_known(&mut self, uid: &str, rec: &Recorder) -> Result<(), Fault> {
        let body = format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>\
             <m:IndexedPageItemView MaxEntriesReturned=\"1\" Offset=\"0\" BasePoint=\"Beginning\"/>\
             <m:Restriction><t:IsEqualTo><t:ExtendedFieldURI DistinguishedPropertySetId=\"Meeting\" PropertyId=\"35\" \
             PropertyType=\"Binary\"/><t:FieldURIOrConstant><t:Constant Value=\"{}\"/></t:FieldURIOrConstant></t:IsEqualTo>\
             </m:Restriction><m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds>\
             </m:FindItem>",
            STANDARD.encode(global_object_id(uid))
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "FindItem")?[0];
        soap::judge(message)?;
        if items(message).next().is_none() {
            return Ok(());
        }
        let words = format!("an entry of the UID {uid} is there already");
        Err(Fault::new(Reason::CalendarConflict, &words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_carried_as_exchange_does_it() {
        let id: String = global_object_id("a@b").iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(
            id,
            "040000008200E00074C5B7101A82E00800000000000000000000000000000000000000001000000076\
             43616C2D55696401000000614062\
             00"
        );
    }
}
