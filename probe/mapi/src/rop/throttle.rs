//! Responses that are to no ROP: why one was not done (MS-OXCROPS 2.2.14.3, 2.2.15).
use crate::wire::{Bytes, Count, Rest};

wire! {
    /// RopPending (MS-OXCROPS 2.2.14.3): something waits in another session of the context.
    Pending {
        session_index: u16,
    }

    /// RopBackoff (MS-OXCROPS 2.2.15.2): to be asked again later.
    Backoff {
        logon_id: u8,
        /// Of the logon, in milliseconds.
        duration: u32,
        rops: Vec<BackoffRop> as Count<u8>,
        additional_data: Vec<u8> as Bytes<u16>,
    }

    /// BackoffRop (MS-OXCROPS 2.2.15.2.1.1).
    BackoffRop {
        rop_id: u8,
        /// In milliseconds.
        duration: u32,
    }

    /// RopBufferTooSmall (MS-OXCROPS 2.2.15.1): to be asked again with a larger MaxRopOut.
    BufferTooSmall {
        size_needed: u16,
        /// The requests that were not carried out.
        request_buffers: Vec<u8> as Rest,
    }
}

impl Pending {
    pub(super) const ROP_ID: u8 = 0x6E;
}
impl Backoff {
    pub(super) const ROP_ID: u8 = 0xF9;
}
impl BufferTooSmall {
    pub(super) const ROP_ID: u8 = 0xFF;
}
