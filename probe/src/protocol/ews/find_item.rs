//! FindItem (MS-OXWSSRCH, section 3.1.4.2): what is in a folder, the newest first. For servers that know no SyncFolderItems.

use super::sync_folder_items::Listed;
use super::{Ews, distinguished, soap};
use crate::outcome::{Fault, Recorder};
use crate::protocol::Folder;

/// Of a larger folder only the newest are looked at.
const MOST: usize = 1000;

/// One look.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) items: Vec<Listed>,
    /// Whether that is all of the folder.
    pub(super) whole: bool,
    /// Items in the folder, all of them.
    pub(super) total: Option<u64>,
}

impl Ews {
    pub(super) async fn find_items(&mut self, folder: Folder, rec: &Recorder) -> Result<Listing, Fault> {
        let body = format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>\
             <t:FieldURI FieldURI=\"item:Size\"/><t:FieldURI FieldURI=\"item:DateTimeReceived\"/></t:AdditionalProperties>\
             </m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"{MOST}\" Offset=\"0\" BasePoint=\"Beginning\"/>\
             <m:SortOrder><t:FieldOrder Order=\"Descending\"><t:FieldURI FieldURI=\"item:DateTimeReceived\"/></t:FieldOrder>\
             </m:SortOrder><m:ParentFolderIds><t:DistinguishedFolderId Id=\"{}\"/></m:ParentFolderIds></m:FindItem>",
            distinguished(folder)
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "FindItem")?[0];
        soap::judge(message)?;
        let root = soap::below(message, "RootFolder");
        let of_root = |name| root.and_then(|root| root.attribute(name));
        let mut listing = Listing {
            whole: of_root("IncludesLastItemInRange") != Some("false"),
            total: of_root("TotalItemsInView").and_then(|count| count.parse().ok()),
            ..Listing::default()
        };
        let items = root.and_then(|root| soap::below(root, "Items"));
        for item in items.into_iter().flat_map(|items| items.children()).filter(roxmltree::Node::is_element) {
            let Some(id) = soap::below(item, "ItemId").and_then(|id| id.attribute("Id")) else { continue };
            listing.items.push(Listed::of(id, item));
        }
        Ok(listing)
    }
}
