//! ROPs on streams (MS-OXCROPS 2.2.9).
use crate::data::PropertyTag;
use crate::wire::{Bytes, Reader, Result, Wire, Writer};

/// ByteCount or BufferSize: the size is in the field that follows.
pub(crate) const SIZE_FOLLOWS: u16 = 0xBABE;

wire! {
    /// RopOpenStream request (MS-OXCROPS 2.2.9.1.1).
    OpenStreamRequest {
        output_handle_index: u8,
        tag: PropertyTag,
        /// 0 reads, 1 reads and writes, 2 makes it anew.
        open_mode_flags: u8,
    }

    /// RopOpenStream response (MS-OXCROPS 2.2.9.1.2).
    OpenStreamResponse {
        stream_size: u32,
    }

    /// RopReadStream response (MS-OXCROPS 2.2.9.2.2).
    ReadStreamResponse {
        /// None at the end.
        data: Vec<u8> as Bytes<u16>,
    }

    /// RopWriteStream request (MS-OXCROPS 2.2.9.3.1).
    WriteStreamRequest {
        data: Vec<u8> as Bytes<u16>,
    }

    /// RopWriteStream response (MS-OXCROPS 2.2.9.3.2).
    WriteStreamResponse {
        written_size: u16,
    }

    /// RopSetStreamSize request (MS-OXCROPS 2.2.9.7.1).
    SetStreamSizeRequest {
        stream_size: u64,
    }
}

/// RopReadStream request (MS-OXCROPS 2.2.9.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadStreamRequest {
    /// ByteCount: any but 0xBABE.
    ByteCount(u16),
    /// MaximumByteCount.
    MaximumByteCount(u32),
}

impl Wire for ReadStreamRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.get()? {
            SIZE_FOLLOWS => Self::MaximumByteCount(r.get()?),
            n => Self::ByteCount(n),
        })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::ByteCount(SIZE_FOLLOWS) => Err(w.unfit("the ByteCount that stands for another field")),
            Self::ByteCount(n) => n.write(w),
            Self::MaximumByteCount(n) => {
                SIZE_FOLLOWS.write(w)?;
                n.write(w)
            }
        }
    }
}
