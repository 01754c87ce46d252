//! Remote operations (MS-OXCROPS): the ROP buffer, the table of ROPs, requests and responses.
mod buffer;
mod context;
mod folder;
mod logon;
mod message;
mod notify;
mod object;
mod stream;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod throttle;

pub use buffer::{NO_HANDLE, RopBuffer};
pub use context::Context;
pub use folder::*;
pub use logon::*;
pub use message::*;
pub use notify::*;
pub use object::*;
pub use stream::*;
pub use sync::*;
pub use table::*;
pub use throttle::*;

use crate::data::ErrorCode;
use crate::wire::{Reader, Result, Wire, Writer};

wire! {
    /// A request or response with no fields of its own.
    Nothing {}
}

/// A ROP that is asked for (MS-OXCROPS 2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RopRequest {
    /// 0 with one logon.
    pub logon_id: u8,
    /// The first index into the handle table: InputHandleIndex; OutputHandleIndex of a logon; ResponseHandleIndex of a save.
    pub handle_index: u8,
    /// Which ROP, and its fields.
    pub rop: Rop,
}

/// What comes back (MS-OXCROPS 2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RopResponse {
    /// To a request.
    Answer(Answer),
    /// RopNotify: of itself, after the answers.
    Notify(Notify),
    /// RopPending: of itself.
    Pending(Pending),
    /// RopBackoff: this and what came after it was not done.
    Backoff(Backoff),
    /// RopBufferTooSmall: what was not done, to be asked for again.
    BufferTooSmall(BufferTooSmall),
    /// A ROP that is not known: nothing after it can be told apart.
    Unknown { rop_id: u8, rest: Vec<u8> },
}

/// An answer to one ROP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// RopId.
    pub rop_id: u8,
    /// The index that the answer names: that of the object that was opened, or worked on.
    pub handle_index: u8,
    /// ReturnValue.
    pub return_value: ErrorCode,
    /// Nothing where it failed, but for the few ROPs that have fields then too.
    pub body: Option<Body>,
}

macro_rules! rops {
    ($($(#[$meta:meta])* $name:ident = $id:literal : $request:ty => $response:ty, $read:path;)+) => {
        /// The fields of a request, by ROP.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Rop {
            $($(#[$meta])* $name($request),)+
            /// A ROP that is not known: nothing after it can be told apart.
            Unknown { rop_id: u8, rest: Vec<u8> },
        }

        /// The fields of an answer, by ROP.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$meta])* $name($response),)+
        }

        impl Rop {
            /// RopId.
            pub fn rop_id(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $id,)+
                    Self::Unknown { rop_id, .. } => *rop_id,
                }
            }

            fn read(rop_id: u8, r: &mut Reader<'_>) -> Result<Self> {
                Ok(match rop_id {
                    $($id => Self::$name(r.get()?),)+
                    _ => Self::Unknown { rop_id, rest: r.take_rest().to_vec() },
                })
            }

            fn write(&self, w: &mut Writer) -> Result<()> {
                match self {
                    $(Self::$name(fields) => fields.write(w),)+
                    Self::Unknown { rest, .. } => {
                        w.put(rest);
                        Ok(())
                    }
                }
            }
        }

        impl Body {
            /// RopId.
            pub fn rop_id(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $id,)+
                }
            }

            /// The fields of an answer; the outer none is for a ROP that is not known.
            fn read(rop_id: u8, return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<Option<Self>>> {
                Ok(Some(match rop_id {
                    $($id => $read(return_value, r)?.map(Self::$name),)+
                    _ => return Ok(None),
                }))
            }

            fn write(&self, w: &mut Writer) -> Result<()> {
                match self {
                    $(Self::$name(fields) => fields.write(w),)+
                }
            }
        }

        /// The name of a ROP.
        pub fn rop_name(rop_id: u8) -> Option<&'static str> {
            match rop_id {
                $($id => Some(concat!("Rop", stringify!($name))),)+
                0x2A => Some("RopNotify"),
                0x6E => Some("RopPending"),
                0xF9 => Some("RopBackoff"),
                0xFF => Some("RopBufferTooSmall"),
                _ => None,
            }
        }

        #[cfg(test)]
        pub(crate) fn any_body() -> proptest::strategy::BoxedStrategy<Body> {
            use proptest::strategy::{Strategy as _, Union};
            use crate::proptests::Sample;
            Union::new([$(<$response as Sample>::sample().prop_map(Body::$name).boxed(),)+]).boxed()
        }

        #[cfg(test)]
        pub(crate) fn any_rop() -> proptest::strategy::BoxedStrategy<Rop> {
            use proptest::strategy::{Strategy as _, Union};
            use crate::proptests::Sample;
            Union::new([$(<$request as Sample>::sample().prop_map(Rop::$name).boxed(),)+]).boxed()
        }
    };
}

rops! {
    /// MS-OXCROPS 2.2.15.3; it is not answered.
    Release = 0x01: Nothing => Nothing, on_success;
    /// MS-OXCROPS 2.2.4.1
    OpenFolder = 0x02: OpenFolderRequest => OpenFolderResponse, on_success;
    /// MS-OXCROPS 2.2.6.1
    OpenMessage = 0x03: OpenMessageRequest => OpenMessageResponse, on_success;
    /// MS-OXCROPS 2.2.4.13
    GetHierarchyTable = 0x04: GetTableRequest => GetTableResponse, on_success;
    /// MS-OXCROPS 2.2.4.14
    GetContentsTable = 0x05: GetTableRequest => GetTableResponse, on_success;
    /// MS-OXCROPS 2.2.6.2
    CreateMessage = 0x06: CreateMessageRequest => CreateMessageResponse, on_success;
    /// MS-OXCROPS 2.2.8.3
    GetPropertiesSpecific = 0x07: GetPropertiesSpecificRequest => GetPropertiesSpecificResponse, on_success;
    /// MS-OXCROPS 2.2.8.4
    GetPropertiesAll = 0x08: GetPropertiesAllRequest => GetPropertiesAllResponse, on_success;
    /// MS-OXCROPS 2.2.8.6
    SetProperties = 0x0A: SetPropertiesRequest => SetPropertiesResponse, on_success;
    /// MS-OXCROPS 2.2.6.3
    SaveChangesMessage = 0x0C: SaveChangesMessageRequest => SaveChangesMessageResponse, on_success;
    /// MS-OXCROPS 2.2.6.5
    ModifyRecipients = 0x0E: ModifyRecipientsRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.5.1
    SetColumns = 0x12: SetColumnsRequest => TableStatusResponse, on_success;
    /// MS-OXCROPS 2.2.5.2
    SortTable = 0x13: SortTableRequest => TableStatusResponse, on_success;
    /// MS-OXCROPS 2.2.5.3
    Restrict = 0x14: RestrictRequest => TableStatusResponse, on_success;
    /// MS-OXCROPS 2.2.5.4
    QueryRows = 0x15: QueryRowsRequest => QueryRowsResponse, on_success;
    /// MS-OXCROPS 2.2.5.7
    QueryPosition = 0x17: Nothing => QueryPositionResponse, on_success;
    /// MS-OXCROPS 2.2.4.11
    DeleteMessages = 0x1E: DeleteMessagesRequest => PartialCompletionResponse, with_partial_completion;
    /// MS-OXCROPS 2.2.3.2
    GetReceiveFolder = 0x27: GetReceiveFolderRequest => GetReceiveFolderResponse, on_success;
    /// MS-OXCROPS 2.2.14.1
    RegisterNotification = 0x29: RegisterNotificationRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.9.1
    OpenStream = 0x2B: OpenStreamRequest => OpenStreamResponse, on_success;
    /// MS-OXCROPS 2.2.9.2
    ReadStream = 0x2C: ReadStreamRequest => ReadStreamResponse, with_size;
    /// MS-OXCROPS 2.2.9.3
    WriteStream = 0x2D: WriteStreamRequest => WriteStreamResponse, with_size;
    /// MS-OXCROPS 2.2.9.7
    SetStreamSize = 0x2F: SetStreamSizeRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.7.1
    SubmitMessage = 0x32: SubmitMessageRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.3.8
    LongTermIdFromId = 0x43: LongTermIdFromIdRequest => LongTermIdFromIdResponse, on_success;
    /// MS-OXCROPS 2.2.3.9
    IdFromLongTermId = 0x44: IdFromLongTermIdRequest => IdFromLongTermIdResponse, on_success;
    /// MS-OXCROPS 2.2.12.3
    FastTransferSourceGetBuffer = 0x4E: GetBufferRequest => GetBufferResponse, GetBufferResponse::read_answer;
    /// MS-OXCROPS 2.2.5.13
    FindRow = 0x4F: FindRowRequest => FindRowResponse, on_success;
    /// MS-OXCROPS 2.2.8.2
    GetNamesFromPropertyIds = 0x55: GetNamesFromPropertyIdsRequest => GetNamesFromPropertyIdsResponse, on_success;
    /// MS-OXCROPS 2.2.8.1
    GetPropertyIdsFromNames = 0x56: GetPropertyIdsFromNamesRequest => GetPropertyIdsFromNamesResponse, on_success;
    /// MS-OXCROPS 2.2.9.4
    CommitStream = 0x5D: Nothing => Nothing, on_success;
    /// MS-OXCROPS 2.2.13.1
    SynchronizationConfigure = 0x70: SynchronizationConfigureRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.13.9
    SynchronizationUploadStateStreamBegin = 0x75: UploadStateStreamBeginRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.13.10
    SynchronizationUploadStateStreamContinue = 0x76: UploadStateStreamContinueRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.13.11
    SynchronizationUploadStateStreamEnd = 0x77: Nothing => Nothing, on_success;
    /// MS-OXCROPS 2.2.13.13
    GetLocalReplicaIds = 0x7F: GetLocalReplicaIdsRequest => GetLocalReplicaIdsResponse, on_success;
    /// MS-OXCROPS 2.2.13.8
    SynchronizationGetTransferState = 0x82: GetTransferStateRequest => Nothing, on_success;
    /// MS-OXCROPS 2.2.4.12
    HardDeleteMessages = 0x91: DeleteMessagesRequest => PartialCompletionResponse, with_partial_completion;
    /// MS-OXCROPS 2.2.4.10
    HardDeleteMessagesAndSubfolders = 0x92: EmptyFolderRequest => PartialCompletionResponse, with_partial_completion;
    /// MS-OXCROPS 2.2.3.1
    Logon = 0xFE: LogonRequest => LogonResponse, LogonResponse::read_answer;
}

/// The fields are there when it was done, and after a warning unless nothing is left.
fn on_success<T: Wire>(return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<T>> {
    if return_value.is_warning() && r.left() == 0 {
        return Ok(r.get().ok());
    }
    (return_value.is_success() || return_value.is_warning()).then(|| r.get()).transpose()
}

/// PartialCompletion is there on failure too, though servers leave it out: no answer begins with 0 or 1.
fn with_partial_completion<T: Wire>(return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<T>> {
    if matches!(r.rest(), [0 | 1, ..]) { Ok(Some(r.get()?)) } else { on_success(return_value, r) }
}

/// The size is there on failure too, and then 0, though servers leave it out: no answer begins with 0.
fn with_size<T: Wire>(return_value: ErrorCode, r: &mut Reader<'_>) -> Result<Option<T>> {
    if matches!(r.rest(), [0, 0, ..]) { Ok(Some(r.get()?)) } else { on_success(return_value, r) }
}

impl Wire for RopRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let rop_id = r.get()?;
        Ok(Self { logon_id: r.get()?, handle_index: r.get()?, rop: Rop::read(rop_id, r)? })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.rop.rop_id().write(w)?;
        self.logon_id.write(w)?;
        self.handle_index.write(w)?;
        self.rop.write(w)
    }
}

/// Read over the reader's columns, where it has rows.
impl Wire for RopResponse {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let rop_id = r.get::<u8>()?;
        match rop_id {
            Notify::ROP_ID => return r.get().map(Self::Notify),
            Pending::ROP_ID => return r.get().map(Self::Pending),
            Backoff::ROP_ID => return r.get().map(Self::Backoff),
            BufferTooSmall::ROP_ID => return r.get().map(Self::BufferTooSmall),
            _ if rop_name(rop_id).is_none() => {
                return Ok(Self::Unknown { rop_id, rest: r.take_rest().to_vec() });
            }
            _ => {}
        }
        let error = r.invalid("RopId");
        let handle_index = r.get()?;
        let return_value = r.get()?;
        let body = Body::read(rop_id, return_value, r)?.ok_or(error)?;
        Ok(Self::Answer(Answer { rop_id, handle_index, return_value, body }))
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::Answer(answer) => answer.write(w),
            Self::Notify(notify) => with_id(Notify::ROP_ID, notify, w),
            Self::Pending(pending) => with_id(Pending::ROP_ID, pending, w),
            Self::Backoff(backoff) => with_id(Backoff::ROP_ID, backoff, w),
            Self::BufferTooSmall(small) => with_id(BufferTooSmall::ROP_ID, small, w),
            Self::Unknown { rop_id, rest } => {
                rop_id.write(w)?;
                w.put(rest);
                Ok(())
            }
        }
    }
}

fn with_id(rop_id: u8, fields: &impl Wire, w: &mut Writer) -> Result<()> {
    rop_id.write(w)?;
    fields.write(w)
}

impl Answer {
    /// To a ROP that was done.
    pub fn success(handle_index: u8, body: Body) -> RopResponse {
        let rop_id = body.rop_id();
        RopResponse::Answer(Self { rop_id, handle_index, return_value: ErrorCode::SUCCESS, body: Some(body) })
    }

    /// To a ROP that failed, without fields.
    pub fn failure(rop_id: u8, handle_index: u8, return_value: ErrorCode) -> RopResponse {
        RopResponse::Answer(Self { rop_id, handle_index, return_value, body: None })
    }

    fn write(&self, w: &mut Writer) -> Result<()> {
        self.rop_id.write(w)?;
        self.handle_index.write(w)?;
        self.return_value.write(w)?;
        match &self.body {
            None if self.return_value.is_success() => Err(w.unfit("a success without its fields")),
            None => Ok(()),
            Some(body) if body.rop_id() != self.rop_id => Err(w.unfit("the fields of another ROP")),
            Some(body) => body.write(w),
        }
    }
}
