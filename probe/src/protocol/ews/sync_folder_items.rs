//! SyncFolderItems (MS-OXWSSYNC, section 3.1.4.2): what changed in a folder since a state that the server gave.

use super::{Ews, distinguished, soap};
use crate::catalogue::Reason;
use crate::outcome::{Fault, Recorder};
use crate::protocol::Folder;

const MOST_CHANGES: u32 = 512;
/// A state is opaque, and no larger than this.
const LARGEST_STATE: usize = 64 << 10;

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) state: String,
    pub(super) created: Vec<Listed>,
    pub(super) deleted: Vec<String>,
    pub(super) last: bool,
}

/// An item that is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) id: String,
    /// In bytes.
    pub(super) size: u64,
    /// As the server writes it (`2026-11-22T08:00:00Z`); to sort by, and for nothing else.
    pub(super) received: String,
}

impl Listed {
    pub(super) fn of(id: &str, item: roxmltree::Node<'_, '_>) -> Self {
        Self {
            id: id.to_owned(),
            size: soap::word(item, "Size").parse().unwrap_or(0),
            received: soap::word(item, "DateTimeReceived").to_owned(),
        }
    }
}

impl Ews {
    pub(super) async fn sync_folder_items(
        &mut self,
        folder: Folder,
        state: &str,
        rec: &Recorder,
    ) -> Result<Changes, Fault> {
        let since = if state.is_empty() {
            String::new()
        } else {
            format!("<m:SyncState>{}</m:SyncState>", soap::escape(state))
        };
        let body = format!(
            "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>\
             <t:FieldURI FieldURI=\"item:Size\"/><t:FieldURI FieldURI=\"item:DateTimeReceived\"/>\
             </t:AdditionalProperties></m:ItemShape>\
             <m:SyncFolderId><t:DistinguishedFolderId Id=\"{}\"/></m:SyncFolderId>{since}\
             <m:MaxChangesReturned>{MOST_CHANGES}</m:MaxChangesReturned></m:SyncFolderItems>",
            distinguished(folder)
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let messages = soap::messages(&answer, &document, "SyncFolderItems")?;
        let message = messages[0];
        soap::judge(message)?;
        let mut changes = Changes {
            state: soap::word(message, "SyncState").to_owned(),
            last: soap::word(message, "IncludesLastItemInRange") != "false",
            ..Changes::default()
        };
        if changes.state.is_empty() || changes.state.len() > LARGEST_STATE {
            return Err(Fault::new(
                Reason::ProtocolViolation,
                "an answer without a SyncState that can be kept",
            ));
        }
        let list = soap::below(message, "Changes");
        for change in list.into_iter().flat_map(|list| list.children()).filter(roxmltree::Node::is_element) {
            let Some(id) = soap::below(change, "ItemId").and_then(|id| id.attribute("Id")) else { continue };
            match change.tag_name().name() {
                "Create" => changes.created.push(Listed::of(id, change)),
                "Delete" => changes.deleted.push(id.to_owned()),
                _ => {}
            }
        }
        Ok(changes)
    }
}
