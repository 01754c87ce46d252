//! ROPs on messages (MS-OXCROPS 2.2.6, 2.2.7).
use crate::data::{FolderId, MessageId, PropertyTag, TypedString};
use crate::wire::{Bytes, Count, Has};

/// SaveChangesMessageRequest.save_flags (MS-OXCMSG 2.2.3.3.1): stays open for reading.
pub const KEEP_OPEN_READ_ONLY: u8 = 0x01;
/// SaveChangesMessageRequest.save_flags: stays open for writing.
pub const KEEP_OPEN_READ_WRITE: u8 = 0x02;
/// SaveChangesMessageRequest.save_flags: though another client has changed it.
pub const FORCE_SAVE: u8 = 0x04;

wire! {
    /// RopOpenMessage request (MS-OXCROPS 2.2.6.1.1).
    OpenMessageRequest {
        output_handle_index: u8,
        /// 0x0FFF is that of the logon.
        code_page_id: u16,
        folder_id: FolderId,
        /// 0 reads, 1 reads and writes, 3 as much as is allowed, 4 soft-deleted ones.
        open_mode_flags: u8,
        message_id: MessageId,
    }

    /// RopOpenMessage response (MS-OXCROPS 2.2.6.1.2).
    OpenMessageResponse {
        has_named_properties: bool,
        subject_prefix: TypedString,
        normalized_subject: TypedString,
        /// Of all; rows come of the first ones.
        recipient_count: u16,
        recipient_columns: Vec<PropertyTag> as Count<u16>,
        recipient_rows: Vec<OpenRecipientRow> as Count<u8>,
    }

    /// OpenRecipientRow (MS-OXCROPS 2.2.6.1.2.1).
    OpenRecipientRow {
        /// 1 To, 2 Cc, 3 Bcc.
        recipient_type: u8,
        code_page_id: u16,
        reserved: u16,
        /// A [`RecipientRow`](crate::data::RecipientRow) over the columns: apart, so that one that cannot be read hides no other.
        recipient_row: Vec<u8> as Bytes<u16>,
    }

    /// RopCreateMessage request (MS-OXCROPS 2.2.6.2.1).
    CreateMessageRequest {
        output_handle_index: u8,
        /// 0x0FFF is that of the logon.
        code_page_id: u16,
        folder_id: FolderId,
        associated_flag: bool,
    }

    /// RopCreateMessage response (MS-OXCROPS 2.2.6.2.2).
    CreateMessageResponse {
        message_id: Option<MessageId> as Has<1>,
    }

    /// RopSaveChangesMessage request (MS-OXCROPS 2.2.6.3.1). Its first index is ResponseHandleIndex.
    SaveChangesMessageRequest {
        input_handle_index: u8,
        save_flags: u8,
    }

    /// RopSaveChangesMessage response (MS-OXCROPS 2.2.6.3.2).
    SaveChangesMessageResponse {
        input_handle_index: u8,
        message_id: MessageId,
    }

    /// RopModifyRecipients request (MS-OXCROPS 2.2.6.5.1).
    ModifyRecipientsRequest {
        recipient_columns: Vec<PropertyTag> as Count<u16>,
        rows: Vec<ModifyRecipientRow> as Count<u16>,
    }

    /// ModifyRecipientRow (MS-OXCROPS 2.2.6.5.1.1).
    ModifyRecipientRow {
        row_id: u32,
        /// 1 To, 2 Cc, 3 Bcc; with 0x10 or 0x80 sent again.
        recipient_type: u8,
        /// A [`RecipientRow`](crate::data::RecipientRow) over the columns; empty takes the recipient away.
        recipient_row: Vec<u8> as Bytes<u16>,
    }

    /// RopSubmitMessage request (MS-OXCROPS 2.2.7.1.1).
    SubmitMessageRequest {
        /// 0; 1 preprocess, 2 needs a spooler.
        submit_flags: u8,
    }
}
