//! GetFolder (MS-OXWSFOLD, section 3.1.4.6): whether folders are there, and how much is in them.

use super::{Ews, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};

impl Ews {
    /// Those of the folders (DistinguishedFolderIdNameType) that exist, each with its number of items where the server tells.
    pub(super) async fn get_folders(
        &mut self,
        folders: &[&'static str],
        rec: &Recorder,
    ) -> Result<Vec<(&'static str, Option<u64>)>, Fault> {
        let ids: String =
            folders.iter().map(|name| format!("<t:DistinguishedFolderId Id=\"{name}\"/>")).collect();
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
            let not_there = |fault: &Fault| {
                let code = fault.server_code.as_str();
                fault.reason == Reason::FolderMissing
                    || fault.reason == Reason::AccessDenied
                    || code == "ErrorItemNotFound"
            };
            match soap::judge(message) {
                Ok(()) => found.push((*folder, soap::word(message, "TotalCount").parse().ok())),
                // A folder beside the inbox that a server does not have by this name, or does not show.
                Err(fault) if *folder != "inbox" && not_there(&fault) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }
}
