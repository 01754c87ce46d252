//! ROPs on folders (MS-OXCROPS 2.2.4).
use crate::data::{FolderId, MessageId, String8};
use crate::wire::{Count, Has, Reader, Result, Wire, Writer};

/// GetTableRequest.table_flags (MS-OXCFOLD 2.2.1.13.1).
pub mod table_flags {
    /// In a contents table: items that are associated.
    pub const ASSOCIATED: u8 = 0x02;
    /// In a hierarchy table: folders in folders too.
    pub const DEPTH: u8 = 0x04;
    /// An answer before the table is made.
    pub const DEFERRED_ERRORS: u8 = 0x08;
    /// No RopNotify of the table's changes.
    pub const NO_NOTIFICATIONS: u8 = 0x10;
    /// What was deleted softly.
    pub const SOFT_DELETES: u8 = 0x20;
    /// Strings in UTF-16.
    pub const USE_UNICODE: u8 = 0x40;
    /// No RopNotify of what the client itself changes.
    pub const SUPPRESS_NOTIFICATIONS: u8 = 0x80;
}

wire! {
    /// RopOpenFolder request (MS-OXCROPS 2.2.4.1.1).
    OpenFolderRequest {
        output_handle_index: u8,
        folder_id: FolderId,
        /// 4: soft-deleted ones too.
        open_mode_flags: u8,
    }

    /// RopOpenFolder response (MS-OXCROPS 2.2.4.1.2).
    OpenFolderResponse {
        has_rules: bool,
        /// IsGhosted: where its replicas are, for a public folder.
        ghosted: Option<GhostedServers> as Has<1>,
    }

    /// RopGetHierarchyTable (MS-OXCROPS 2.2.4.13.1) and RopGetContentsTable (2.2.4.14.1) request.
    GetTableRequest {
        output_handle_index: u8,
        /// See [`table_flags`].
        table_flags: u8,
    }

    /// RopGetHierarchyTable and RopGetContentsTable response (MS-OXCROPS 2.2.4.13.2, 2.2.4.14.2).
    GetTableResponse {
        row_count: u32,
    }

    /// RopDeleteMessages (MS-OXCROPS 2.2.4.11.1) and RopHardDeleteMessages (2.2.4.12.1) request.
    DeleteMessagesRequest {
        want_asynchronous: bool,
        notify_non_read: bool,
        message_ids: Vec<MessageId> as Count<u16>,
    }

    /// RopHardDeleteMessagesAndSubfolders request (MS-OXCROPS 2.2.4.10.1).
    EmptyFolderRequest {
        want_asynchronous: bool,
        want_delete_associated: bool,
    }

    /// What deleting is answered with (MS-OXCROPS 2.2.4.10.2, 2.2.4.11.2, 2.2.4.12.2).
    PartialCompletionResponse {
        /// Not all of it was done.
        partial_completion: bool,
    }
}

/// Where the replicas of a public folder are (MS-OXCROPS 2.2.4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GhostedServers {
    /// How many of the first ones are as good as each other.
    pub cheap_server_count: u16,
    /// Their names.
    pub servers: Vec<String8>,
}

impl Wire for GhostedServers {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let n = r.get::<u16>()?;
        Ok(Self { cheap_server_count: r.get()?, servers: r.many(usize::from(n), String8::read)? })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        u16::try_from(self.servers.len()).map_err(|_| w.unfit("too many servers"))?.write(w)?;
        self.cheap_server_count.write(w)?;
        self.servers.iter().try_for_each(|server| server.write(w))
    }
}
