//! GetFolder (MS-OXWSFOLD, section 3.1.4.6): whether folders are there, and how much is in them.

use super::{Ews, distinguished, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::Folder;

impl Ews {
    /// Those of the folders that exist, each with its number of items where the server tells.
    pub(super) async fn get_folders(
        &mut self,
        folders: &[Folder],
        rec: &Recorder,
    ) -> Result<Vec<(Folder, Option<u64>)>, Fault> {
        let ids: String = folders
            .iter()
            .map(|folder| format!("<t:DistinguishedFolderId Id=\"{}\"/>", distinguished(*folder)))
            .collect();
        let body = format!(
            "<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>\
             <m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let messages = soap::messages(&answer, &document, "GetFolder")?;
        if messages.len() != folders.len() {
            let words = format!("asked for {} folders, the answer has {}", folders.len(), messages.len());
            return Err(Fault::new(Reason::ProtocolViolation, &words));
        }
        let mut found = Vec::new();
        for (folder, message) in folders.iter().zip(messages) {
            match soap::judge(message) {
                Ok(()) => found.push((*folder, soap::word(message, "TotalCount").parse().ok())),
                Err(fault) if fault.reason == Reason::FolderMissing && *folder != Folder::Inbox => {}
                // A folder beside the inbox that a server does not have by this name.
                Err(fault)
                    if fault.server_code.as_str() == "ErrorItemNotFound" && *folder != Folder::Inbox => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }
}
