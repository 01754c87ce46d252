//! ROPs on a logon (MS-OXCROPS 2.2.3).
use crate::data::{ErrorCode, FolderId, GlobalCounter, Guid, LongTermId, String8};
use crate::wire::{Bytes, Codec, Reader, Result, Wire, Writer};

/// LogonRequest.logon_flags (MS-OXCSTOR 2.2.1.1.1): a private mailbox.
pub const LOGON_PRIVATE: u8 = 0x01;
/// LogonRequest.open_flags: the ids of replicas are the mailbox's own; servers since 2013 demand it.
pub const USE_PER_MDB_REPLID_MAPPING: u32 = 0x0100_0000;
/// PrivateLogon.response_flags: the user owns the mailbox.
pub const OWNER_RIGHT: u8 = 0x02;
/// PrivateLogon.response_flags: the user may send as the mailbox.
pub const SEND_AS_RIGHT: u8 = 0x04;
/// PrivateLogon.response_flags: the owner is out of office.
pub const OOF: u8 = 0x10;

/// Places in PrivateLogon.folder_ids.
pub mod folder_index {
    /// The root of the mailbox.
    pub const ROOT: usize = 0;
    /// Deferred actions.
    pub const DEFERRED_ACTION: usize = 1;
    /// The spooler's queue.
    pub const SPOOLER_QUEUE: usize = 2;
    /// Top of Information Store.
    pub const IPM_SUBTREE: usize = 3;
    /// Inbox.
    pub const INBOX: usize = 4;
    /// Outbox.
    pub const OUTBOX: usize = 5;
    /// Sent Items.
    pub const SENT_ITEMS: usize = 6;
    /// Deleted Items.
    pub const DELETED_ITEMS: usize = 7;
    /// Views of all.
    pub const COMMON_VIEWS: usize = 8;
    /// Schedule.
    pub const SCHEDULE: usize = 9;
    /// Searches.
    pub const SEARCH: usize = 10;
    /// Views.
    pub const VIEWS: usize = 11;
    /// Shortcuts.
    pub const SHORTCUTS: usize = 12;
}

wire! {
    /// RopLogon request (MS-OXCROPS 2.2.3.1.1). Its index is OutputHandleIndex.
    LogonRequest {
        logon_flags: u8,
        open_flags: u32,
        /// 0.
        store_state: u32,
        /// The DN of the mailbox; its size counts the terminator.
        essdn: String8 as Sized8,
    }

    /// RopLogon response for a private mailbox (MS-OXCROPS 2.2.3.1.2), after LogonFlags.
    PrivateLogon {
        /// See [`folder_index`].
        folder_ids: [FolderId; 13] as Thirteen,
        response_flags: u8,
        mailbox_guid: Guid,
        repl_id: u16,
        repl_guid: Guid,
        logon_time: LogonTime,
        /// When the mailbox was last changed elsewhere, as a FILETIME.
        gwart_time: u64,
        store_state: u32,
    }

    /// LogonTime (MS-OXCSTOR 2.2.1.1.3): the server's clock, in UTC.
    LogonTime {
        seconds: u8,
        minutes: u8,
        hour: u8,
        /// 0 is Sunday.
        day_of_week: u8,
        day: u8,
        month: u8,
        year: u16,
    }

    /// RopGetReceiveFolder request (MS-OXCROPS 2.2.3.2.1).
    GetReceiveFolderRequest {
        message_class: String8,
    }

    /// RopGetReceiveFolder response (MS-OXCROPS 2.2.3.2.2).
    GetReceiveFolderResponse {
        folder_id: FolderId,
        explicit_message_class: String8,
    }

    /// RopLongTermIdFromId request (MS-OXCROPS 2.2.3.8.1).
    LongTermIdFromIdRequest {
        /// That of a folder, or of a message.
        object_id: [u8; 8],
    }

    /// RopLongTermIdFromId response (MS-OXCROPS 2.2.3.8.2).
    LongTermIdFromIdResponse {
        long_term_id: LongTermId,
    }

    /// RopIdFromLongTermId request (MS-OXCROPS 2.2.3.9.1).
    IdFromLongTermIdRequest {
        long_term_id: LongTermId,
    }

    /// RopIdFromLongTermId response (MS-OXCROPS 2.2.3.9.2).
    IdFromLongTermIdResponse {
        object_id: [u8; 8],
    }

    /// RopGetLocalReplicaIds request (MS-OXCROPS 2.2.13.13.1).
    GetLocalReplicaIdsRequest {
        id_count: u32,
    }

    /// RopGetLocalReplicaIds response (MS-OXCROPS 2.2.13.13.2).
    GetLocalReplicaIdsResponse {
        repl_guid: Guid,
        /// The first of them.
        global_count: GlobalCounter,
    }
}

/// A string of 8 bits with a terminator, in a size that may be 0.
pub enum Sized8 {}
impl Codec<String8> for Sized8 {
    fn read(r: &mut Reader<'_>) -> Result<String8> {
        let error = r.invalid("Essdn");
        let mut bytes = Bytes::<u16>::read(r)?;
        match bytes.pop() {
            None => Ok(String8::default()),
            Some(0) if !bytes.contains(&0) => Ok(String8(bytes)),
            Some(_) => Err(error),
        }
    }
    fn write(value: &String8, w: &mut Writer) -> Result<()> {
        Bytes::<u16>::write(&value.encode()?, w)
    }
}

/// The folder ids of a logon.
pub enum Thirteen {}
impl Codec<[FolderId; 13]> for Thirteen {
    fn read(r: &mut Reader<'_>) -> Result<[FolderId; 13]> {
        let mut ids = [FolderId([0; 8]); 13];
        for id in &mut ids {
            *id = r.get()?;
        }
        Ok(ids)
    }
    fn write(value: &[FolderId; 13], w: &mut Writer) -> Result<()> {
        value.iter().try_for_each(|id| id.write(w))
    }
}

/// RopLogon response (MS-OXCROPS 2.2.3.1.2 to 2.2.3.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogonResponse {
    /// To a private mailbox.
    Private { logon_flags: u8, logon: PrivateLogon },
    /// ReturnValue is WrongServer: it lies on another one.
    Redirect { logon_flags: u8, server_name: String8 },
}

impl LogonResponse {
    pub(super) fn read_answer(return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<Self>> {
        let error = r.invalid("LogonFlags of a logon to a private mailbox");
        if return_value == ErrorCode::WRONG_SERVER && r.left() > 0 {
            let logon_flags = r.get()?;
            let bytes = Bytes::<u8>::read(r)?;
            let server_name = String8(bytes.strip_suffix(&[0]).unwrap_or(&bytes).to_vec());
            return Ok(Some(Self::Redirect { logon_flags, server_name }));
        }
        if !return_value.is_success() {
            return Ok(None);
        }
        let logon_flags = r.get()?;
        if logon_flags & LOGON_PRIVATE == 0 {
            return Err(error);
        }
        Ok(Some(Self::Private { logon_flags, logon: r.get()? }))
    }

    pub(super) fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::Private { logon_flags, logon } => {
                logon_flags.write(w)?;
                logon.write(w)
            }
            Self::Redirect { logon_flags, server_name } => {
                logon_flags.write(w)?;
                Bytes::<u8>::write(&server_name.encode()?, w)
            }
        }
    }
}
