//! Samples of ROPs, and of what wraps them.
use proptest::option::of;
use proptest::prelude::*;

use super::{Any, Sample};
use crate::data::*;
use crate::http::Response;
use crate::rop::{any_body, any_rop, *};

impl Sample for ReadStreamRequest {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![(0..0xBABEu16).prop_map(Self::ByteCount), any::<u32>().prop_map(Self::MaximumByteCount)]
            .boxed()
    }
}

impl Sample for GetBufferRequest {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![(0..0xBABEu16).prop_map(Self::BufferSize), any::<u16>().prop_map(Self::MaximumBufferSize)]
            .boxed()
    }
}

impl Sample for GetBufferResponse {
    fn sample() -> BoxedStrategy<Self> {
        (any::<u16>(), any::<u16>(), any::<u16>(), any::<u8>(), <Vec<u8>>::sample(), of(any::<u32>()))
            .prop_map(|(status, in_progress_count, total_step_count, reserved, transfer_buffer, time)| Self {
                transfer_status: if time.is_some() { 0 } else { status },
                in_progress_count,
                total_step_count,
                reserved,
                transfer_buffer,
                backoff_time: time,
            })
            .boxed()
    }
}

impl Sample for LogonResponse {
    fn sample() -> BoxedStrategy<Self> {
        let private = (any::<u8>(), PrivateLogon::sample())
            .prop_map(|(flags, logon)| Self::Private { logon_flags: flags | 1, logon });
        let redirect = (any::<u8>(), String8::sample())
            .prop_map(|(logon_flags, server_name)| Self::Redirect { logon_flags, server_name });
        prop_oneof![private, redirect].boxed()
    }
}

impl Any<String8> for Sized8 {
    fn any() -> BoxedStrategy<String8> {
        String8::sample()
    }
}

impl Any<[FolderId; 13]> for Thirteen {
    fn any() -> BoxedStrategy<[FolderId; 13]> {
        any::<u64>().prop_map(|n| std::array::from_fn(|i| FolderId((n ^ i as u64).to_le_bytes()))).boxed()
    }
}

impl Any<Option<NotificationScope>> for UnlessWholeStore {
    fn any() -> BoxedStrategy<Option<NotificationScope>> {
        of(NotificationScope::sample()).boxed()
    }
}

impl Sample for MessageClass {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![String8::sample().prop_map(Self::String8), String::sample().prop_map(Self::Unicode)]
            .boxed()
    }
}

impl Sample for NotifiedTags {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![Just(Self::NotTold), <Vec<PropertyTag>>::sample().prop_map(Self::Tags)].boxed()
    }
}

fn table_event(message: bool) -> BoxedStrategy<TableEvent> {
    let id = move || {
        (FolderId::sample(), MessageId::sample(), any::<u32>()).prop_map(move |(folder_id, id, instance)| {
            RowId { folder_id, message: message.then_some((id, instance)) }
        })
    };
    prop_oneof![
        Just(TableEvent::Changed),
        Just(TableEvent::RestrictionChanged),
        id().prop_map(TableEvent::RowDeleted),
        (id(), id(), <Vec<u8>>::sample()).prop_map(|(row, after, data)| TableEvent::RowAdded {
            row,
            after,
            data
        }),
        (id(), id(), <Vec<u8>>::sample()).prop_map(|(row, after, data)| TableEvent::RowModified {
            row,
            after,
            data
        }),
        (8..99u16, <Vec<u8>>::sample()).prop_map(|(event, rest)| TableEvent::Unknown { event, rest }),
    ]
    .boxed()
}

fn object_event(flags: u16) -> BoxedStrategy<ObjectEvent> {
    use notification as n;
    let kind = flags & n::TYPE;
    let message = flags & n::MESSAGE != 0;
    let search = flags & n::SEARCH_FOLDER != 0;
    let moved = kind == n::MOVED || kind == n::COPIED;
    let parent = (moved || kind == n::CREATED || kind == n::DELETED) && message == search;
    let ids = (FolderId::sample(), MessageId::sample());
    (ids, NotifiedTags::sample(), any::<u32>(), NewMail::sample())
        .prop_map(move |((folder_id, id), tags, count, new_mail)| ObjectEvent {
            folder_id,
            message_id: message.then_some(id),
            parent_folder_id: parent.then_some(folder_id),
            old_folder_id: moved.then_some(folder_id),
            old_message_id: (moved && message).then_some(id),
            old_parent_folder_id: (moved && !message).then_some(folder_id),
            tags: (kind == n::CREATED || kind == n::MODIFIED).then_some(tags),
            total_message_count: (flags & n::TOTAL != 0).then_some(count),
            unread_message_count: (flags & n::UNREAD != 0).then_some(count),
            new_mail: (kind == n::NEW_MAIL).then_some(new_mail),
        })
        .boxed()
}

impl Sample for Notify {
    fn sample() -> BoxedStrategy<Self> {
        let kinds = vec![0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200u16];
        let bits = (0..16u16).prop_map(|bits| bits << 12);
        (any::<u32>(), any::<u8>(), prop::sample::select(kinds), bits)
            .prop_flat_map(|(notification_handle, logon_id, kind, bits)| {
                let flags = kind | bits;
                let data = match kind {
                    0x100 => table_event(bits & notification::MESSAGE != 0)
                        .prop_map(NotificationData::Table)
                        .boxed(),
                    0x200 => <Vec<u8>>::sample().prop_map(NotificationData::Unknown).boxed(),
                    _ => object_event(flags).prop_map(NotificationData::Object).boxed(),
                };
                data.prop_map(move |data| Self { notification_handle, logon_id, flags, data })
            })
            .boxed()
    }
}

impl Sample for RopRequest {
    fn sample() -> BoxedStrategy<Self> {
        (any::<u8>(), any::<u8>(), any_rop())
            .prop_map(|(logon_id, handle_index, rop)| Self { logon_id, handle_index, rop })
            .boxed()
    }
}

impl Sample for RopResponse {
    fn sample() -> BoxedStrategy<Self> {
        let answer = (any::<u8>(), any::<bool>(), any_body()).prop_map(|(handle_index, warn, body)| {
            let return_value = match &body {
                Body::Logon(LogonResponse::Redirect { .. }) => ErrorCode::WRONG_SERVER,
                Body::FastTransferSourceGetBuffer(get) if get.backoff_time.is_some() => {
                    ErrorCode::SERVER_BUSY
                }
                Body::Logon(_) | Body::FastTransferSourceGetBuffer(_) => ErrorCode::SUCCESS,
                _ if warn => ErrorCode::ERRORS_RETURNED,
                _ => ErrorCode::SUCCESS,
            };
            Self::Answer(Answer { rop_id: body.rop_id(), handle_index, return_value, body: Some(body) })
        });
        let failure = (any::<u8>(), any_body()).prop_map(|(handle_index, body)| {
            Answer::failure(body.rop_id(), handle_index, ErrorCode::NULL_OBJECT)
        });
        prop_oneof![
            6 => answer,
            2 => failure,
            1 => Notify::sample().prop_map(Self::Notify),
            1 => Pending::sample().prop_map(Self::Pending),
            1 => Backoff::sample().prop_map(Self::Backoff),
            1 => BufferTooSmall::sample().prop_map(Self::BufferTooSmall),
            1 => <Vec<u8>>::sample().prop_map(|rest| Self::Unknown { rop_id: 0xA0, rest }),
        ]
        .boxed()
    }
}

impl Sample for RopBuffer {
    fn sample() -> BoxedStrategy<Self> {
        (<Vec<u8>>::sample(), <Vec<u32>>::sample()).prop_map(|(rops, handles)| Self { rops, handles }).boxed()
    }
}

impl<T: Sample + Clone> Sample for Response<T> {
    fn sample() -> BoxedStrategy<Self> {
        let failure = (1..=u32::MAX, <Vec<u8>>::sample())
            .prop_map(|(code, auxiliary)| Self::Failure { status_code: ErrorCode(code), auxiliary });
        let success = (T::sample(), <Vec<u8>>::sample())
            .prop_map(|(body, auxiliary)| Self::Success { body, auxiliary });
        prop_oneof![3 => success, 1 => failure].boxed()
    }
}
