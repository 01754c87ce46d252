//! ROPs of synchronisation (MS-OXCROPS 2.2.12, 2.2.13; MS-OXCFXICS 2.2.3).
use super::stream::SIZE_FOLLOWS;
use crate::data::{ErrorCode, PropertyTag, Restriction};
use crate::wire::{Bytes, Codec, Count, Perhaps, Reader, Result, Wire, Writer};

/// SynchronizationConfigureRequest.synchronization_type (MS-OXCFXICS 2.2.3.2.1.1): what lies in the folder.
pub const CONTENTS: u8 = 1;
/// SynchronizationConfigureRequest.synchronization_type: the folders within it.
pub const HIERARCHY: u8 = 2;

wire! {
    /// RopSynchronizationConfigure request (MS-OXCROPS 2.2.13.1.1).
    SynchronizationConfigureRequest {
        output_handle_index: u8,
        synchronization_type: u8,
        /// MS-OXCFXICS 2.2.3.1.1.1.2: 1 Unicode, 2 UseCpid, 4 RecoverMode, 8 ForceUnicode, 16 PartialItem.
        send_options: u8,
        /// MS-OXCFXICS 2.2.3.2.1.1.1.
        synchronization_flags: u16,
        restriction: Option<Restriction> as Perhaps<u16>,
        /// MS-OXCFXICS 2.2.3.2.1.1.1: 1 Eid, 2 MessageSize, 4 CN, 8 OrderByDeliveryTime.
        synchronization_extra_flags: u32,
        columns: Vec<PropertyTag> as Count<u16>,
    }

    /// RopSynchronizationUploadStateStreamBegin request (MS-OXCROPS 2.2.13.9.1).
    UploadStateStreamBeginRequest {
        state_property: PropertyTag,
        /// Of all that follows for it.
        transfer_buffer_size: u32,
    }

    /// RopSynchronizationUploadStateStreamContinue request (MS-OXCROPS 2.2.13.10.1).
    UploadStateStreamContinueRequest {
        stream_data: Vec<u8> as Bytes<u32>,
    }

    /// RopSynchronizationGetTransferState request (MS-OXCROPS 2.2.13.8.1).
    GetTransferStateRequest {
        output_handle_index: u8,
    }
}

/// RopFastTransferSourceGetBuffer request (MS-OXCROPS 2.2.12.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetBufferRequest {
    /// BufferSize: any but 0xBABE.
    BufferSize(u16),
    /// MaximumBufferSize.
    MaximumBufferSize(u16),
}

impl Wire for GetBufferRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.get()? {
            SIZE_FOLLOWS => Self::MaximumBufferSize(r.get()?),
            n => Self::BufferSize(n),
        })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::BufferSize(SIZE_FOLLOWS) => Err(w.unfit("the BufferSize that stands for another field")),
            Self::BufferSize(n) => n.write(w),
            Self::MaximumBufferSize(n) => {
                SIZE_FOLLOWS.write(w)?;
                n.write(w)
            }
        }
    }
}

/// GetBufferResponse.transfer_status (MS-OXCFXICS 2.2.3.1.1.5.2): more is to be fetched.
pub const TRANSFER_PARTIAL: u16 = 1;
/// GetBufferResponse.transfer_status: more is to be fetched, there was no room.
pub const TRANSFER_NO_ROOM: u16 = 2;
/// GetBufferResponse.transfer_status: that was all.
pub const TRANSFER_DONE: u16 = 3;

/// RopFastTransferSourceGetBuffer response (MS-OXCROPS 2.2.12.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetBufferResponse {
    /// 0 failed, else see the constants.
    pub transfer_status: u16,
    /// Of total_step_count.
    pub in_progress_count: u16,
    /// 0 when it is not known.
    pub total_step_count: u16,
    /// 0.
    pub reserved: u8,
    /// A piece of the stream.
    pub transfer_buffer: Vec<u8>,
    /// With ServerBusy: when to ask again, in milliseconds.
    pub backoff_time: Option<u32>,
}

impl GetBufferResponse {
    /// All fields are there on failure too, TransferStatus then 0, though servers leave them out: no answer begins with 0.
    pub(super) fn read_answer(return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<Self>> {
        if !return_value.is_success() && !matches!(r.rest(), [0, 0, ..]) {
            return Ok(None);
        }
        Ok(Some(Self {
            transfer_status: r.get()?,
            in_progress_count: r.get()?,
            total_step_count: r.get()?,
            reserved: r.get()?,
            transfer_buffer: Bytes::<u16>::read(r)?,
            backoff_time: (return_value == ErrorCode::SERVER_BUSY).then(|| r.get()).transpose()?,
        }))
    }

    pub(super) fn write(&self, w: &mut Writer) -> Result<()> {
        self.transfer_status.write(w)?;
        self.in_progress_count.write(w)?;
        self.total_step_count.write(w)?;
        self.reserved.write(w)?;
        Bytes::<u16>::write(&self.transfer_buffer, w)?;
        self.backoff_time.map_or(Ok(()), |time| time.write(w))
    }
}
