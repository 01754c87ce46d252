//! The bodies of the mailbox endpoint (MS-OXCMAPIHTTP 2.2.4), without the meta-tags of responses.
mod code;
mod meta;
#[cfg(test)]
mod tests;

pub use code::ResponseCode;
pub use meta::{MetaReader, MetaResponse, MetaTag, html_reason};

use crate::data::{ErrorCode, Guid, String8};
use crate::wire::{Bytes, Codec, Reader, Result, Wire, Writer};

/// ExecuteRequest.flags (MS-OXCMAPIHTTP 2.2.4.2.1): the server is not to compress.
pub const NO_COMPRESSION: u32 = 1;
/// ExecuteRequest.flags: the server is not to obfuscate.
pub const NO_XOR_MAGIC: u32 = 2;
/// ExecuteRequest.flags: the server may answer with several payloads.
pub const CHAIN: u32 = 4;

/// A response body (MS-OXCMAPIHTTP 2.2.2.2): a StatusCode, and only when it is 0 what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response<T> {
    /// StatusCode is 0.
    Success { body: T, auxiliary: Vec<u8> },
    /// StatusCode is not 0: the request was not carried out.
    Failure { status_code: ErrorCode, auxiliary: Vec<u8> },
}

impl<T> Response<T> {
    /// What was asked for, or the StatusCode.
    pub fn into_body(self) -> std::result::Result<T, ErrorCode> {
        match self {
            Self::Success { body, .. } => Ok(body),
            Self::Failure { status_code, .. } => Err(status_code),
        }
    }
}

impl<T: Wire> Wire for Response<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let status_code: ErrorCode = r.get()?;
        if status_code.is_success() {
            return Ok(Self::Success { body: r.get()?, auxiliary: Bytes::<u32>::read(r)? });
        }
        // A server that fails may leave the rest out.
        let auxiliary = if r.left() == 0 { Vec::new() } else { Bytes::<u32>::read(r)? };
        Ok(Self::Failure { status_code, auxiliary })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::Success { body, auxiliary } => {
                ErrorCode::SUCCESS.write(w)?;
                body.write(w)?;
                Bytes::<u32>::write(auxiliary, w)
            }
            Self::Failure { status_code, auxiliary } => {
                if status_code.is_success() {
                    return Err(w.unfit("a failure with StatusCode 0"));
                }
                status_code.write(w)?;
                Bytes::<u32>::write(auxiliary, w)
            }
        }
    }
}

wire! {
    /// Connect request (MS-OXCMAPIHTTP 2.2.4.1.1).
    ConnectRequest {
        /// The DN of the user, compared without regard to case.
        user_dn: String8,
        /// 0; 1 asks for the rights of an administrator.
        flags: u32,
        default_code_page: u32,
        lcid_sort: u32,
        lcid_string: u32,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// Connect response (MS-OXCMAPIHTTP 2.2.4.1.2).
    ConnectResponse {
        error_code: ErrorCode,
        /// In milliseconds.
        polls_max: u32,
        retry_count: u32,
        /// In milliseconds.
        retry_delay: u32,
        dn_prefix: String8,
        display_name: String,
    }

    /// Execute request (MS-OXCMAPIHTTP 2.2.4.2.1).
    ExecuteRequest {
        flags: u32,
        /// An extended buffer.
        rop_buffer: Vec<u8> as Bytes<u32>,
        max_rop_out: u32,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// Execute response (MS-OXCMAPIHTTP 2.2.4.2.2).
    ExecuteResponse {
        error_code: ErrorCode,
        /// 0.
        flags: u32,
        /// An extended buffer; empty where the ROPs could not be read.
        rop_buffer: Vec<u8> as Bytes<u32>,
    }

    /// Disconnect request (MS-OXCMAPIHTTP 2.2.4.3.1).
    DisconnectRequest {
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// Disconnect response (MS-OXCMAPIHTTP 2.2.4.3.2).
    DisconnectResponse {
        error_code: ErrorCode,
    }

    /// NotificationWait request (MS-OXCMAPIHTTP 2.2.4.4.1).
    NotificationWaitRequest {
        /// 0.
        flags: u32,
        auxiliary: Vec<u8> as Bytes<u32>,
    }

    /// NotificationWait response (MS-OXCMAPIHTTP 2.2.4.4.2).
    NotificationWaitResponse {
        error_code: ErrorCode,
        /// Bit 1: something waits to be fetched by an Execute.
        event_pending: u32,
    }
}

/// A GUID and a counter, as X-RequestId and X-ClientInfo have them (MS-OXCMAPIHTTP 2.2.3.3.1, 2.2.3.3.2).
pub fn counted_guid(guid: Guid, n: u64) -> String {
    format!("{{{guid}}}:{n}")
}
