//! All decoders: each takes any bytes, and what it makes of them has to come back from the bytes that it becomes.
use std::fmt::Debug;

use mailprobe_mapi::data::*;
use mailprobe_mapi::http::*;
use mailprobe_mapi::rop::*;
use mailprobe_mapi::transfer::*;
use mailprobe_mapi::{Reader, Wire, Writer, extended, lz77, nspi};

type Decoder = (&'static str, fn(&[u8]));

/// Columns as the fixtures have them, and one whose type is open.
const COLUMNS: &[PropertyTag] = &[tag::MID, tag::SUBJECT, PropertyTag(0x1035_0000)];

macro_rules! decoders {
    ($($ty:ty),+ ; $($name:literal $decoder:expr),+) => {
        pub const DECODERS: &[Decoder] =
            &[$((stringify!($ty), |bytes| again::<$ty>(bytes)),)+ $(($name, $decoder)),+];
    };
}

decoders! {
    ConnectRequest, Response<ConnectResponse>, ExecuteRequest, Response<ExecuteResponse>, DisconnectRequest,
    Response<DisconnectResponse>, NotificationWaitRequest, Response<NotificationWaitResponse>,
    nspi::BindRequest, Response<nspi::BindResponse>, nspi::UnbindRequest, Response<nspi::UnbindResponse>,
    nspi::ResolveNamesRequest, Response<nspi::ResolveNamesResponse>, nspi::QueryRowsRequest,
    Response<nspi::QueryRowsResponse>, nspi::GetMatchesRequest, Response<nspi::GetMatchesResponse>,
    RopBuffer, RopRequest, RopResponse, Notify, PropertyRow, Restriction, RecipientRow, TaggedPropertyValue, PropertyName,
    TypedString, SortOrderSet, FolderEntryId, MessageEntryId, AddressBookEntryId, ServerId, Xid, PredecessorChangeList,
    GlobSet, IdSet, ReplicaIdSet, Element;
    "meta-tags" meta, "page" |bytes| drop(html_reason(bytes)), "extended buffer" extended_buffer,
    "auxiliary buffer" auxiliary, "compressed" compressed, "ROPs" rops, "stream" stream, "whole response" whole
}

fn read<T: Wire>(bytes: &[u8]) -> Option<T> {
    T::read(&mut Reader::new(bytes).over(Some(COLUMNS))).ok()
}

fn again<T: Wire + PartialEq + Debug>(bytes: &[u8]) {
    let Some(value) = read::<T>(bytes) else { return };
    // What a stream holds more than a string can be written with is all that does not fit.
    let Ok(encoded) = value.encode() else { return };
    assert_eq!(read::<T>(&encoded), Some(value));
}

/// In pieces of any length it is the same as at once.
fn meta(bytes: &[u8]) {
    let mut whole = MetaReader::new(1 << 20);
    let at_once = whole.feed(bytes).and_then(|tags| Ok((tags, whole.finish()?)));
    let size = usize::from(bytes.first().copied().unwrap_or(1) % 16) + 1;
    let mut pieces = MetaReader::new(1 << 20);
    let fed: Result<Vec<_>, _> = bytes.chunks(size).map(|piece| pieces.feed(piece)).collect();
    match (at_once, fed) {
        (Ok((tags, response)), Ok(fed)) => {
            assert_eq!(fed.concat(), tags);
            assert_eq!(pieces.finish().unwrap(), response);
        }
        (Err(_), Ok(_)) => assert!(pieces.finish().is_err()),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("{error}"),
    }
}

fn extended_buffer(bytes: &[u8]) {
    let Ok(payloads) = extended::decode(bytes) else { return };
    // Of a buffer that another compressed more than once is enough to be shown.
    for flags in if payloads.len() > 2 { 0..1 } else { 0..4 } {
        let encoded = extended::encode(&payloads, flags).unwrap();
        assert_eq!(extended::decode(&encoded).unwrap(), payloads);
    }
}

fn auxiliary(bytes: &[u8]) {
    let Ok(blocks) = extended::decode_auxiliary(bytes) else { return };
    let Ok(encoded) = extended::encode_auxiliary(&blocks, 0) else { return };
    assert_eq!(extended::decode_auxiliary(&encoded).unwrap(), blocks);
}

fn compressed(bytes: &[u8]) {
    for size in [0, 100, 0x7FFF] {
        if let Ok(out) = lz77::decompress(bytes, size) {
            assert_eq!(out.len(), size);
        }
    }
    let short = bytes.get(..LONGEST_TO_COMPRESS).unwrap_or(bytes);
    assert_eq!(lz77::decompress(&lz77::compress(short), short.len()).unwrap(), short);
}

const LONGEST_TO_COMPRESS: usize = 600;

/// The context of a table at each of the first indexes.
fn context() -> Context {
    let rops =
        (0..3).flat_map(|index| {
            let set = SetColumnsRequest { set_columns_flags: 0, columns: COLUMNS.to_vec() };
            let get = GetPropertiesSpecificRequest {
                property_size_limit: 0,
                want_unicode: 1,
                columns: COLUMNS.to_vec(),
            };
            let query = QueryRowsRequest { query_rows_flags: 0, forward_read: true, row_count: 9 };
            [Rop::SetColumns(set), Rop::GetPropertiesSpecific(get), Rop::QueryRows(query)]
                .map(|rop| RopRequest { logon_id: 0, handle_index: index, rop })
        });
    Context::new(&rops.collect::<Vec<_>>())
}

fn rops(bytes: &[u8]) {
    let buffer = RopBuffer { rops: bytes.to_vec(), handles: Vec::new() };
    if let Ok(responses) = buffer.responses(&mut context())
        && let Ok(encoded) = RopBuffer::of_responses(&responses, Vec::new())
    {
        assert_eq!(encoded.responses(&mut context()).unwrap(), responses);
    }
    if let Ok(requests) = buffer.requests()
        && let Ok(encoded) = RopBuffer::of_requests(&requests, Vec::new())
    {
        assert_eq!(encoded.requests().unwrap(), requests);
    }
}

fn stream(bytes: &[u8]) {
    let Ok(elements) = decode(bytes) else { return };
    drop(SyncRun::of(&elements));
    let Ok(encoded) = encode(&elements) else { return };
    assert_eq!(decode(&encoded).unwrap(), elements);
}

/// As a client reads an answer: all layers, and every form of what may lie within.
fn whole(bytes: &[u8]) {
    for form in [Form::Rop, Form::Wide, Form::AddressBook, Form::Transfer] {
        drop(Restriction::read_as(form, &mut Reader::new(bytes)));
        let mut r = Reader::new(bytes);
        let Ok(row) = PropertyRow::read_over(COLUMNS, form, &mut r) else { continue };
        let mut w = Writer::default();
        if row.write_as(form, &mut w).is_ok() {
            let encoded = w.into_bytes();
            assert_eq!(PropertyRow::read_over(COLUMNS, form, &mut Reader::new(&encoded)).unwrap(), row);
        }
    }
    let Some(Response::Success { body, auxiliary }) = read::<Response<ExecuteResponse>>(bytes) else {
        return;
    };
    drop(extended::decode_auxiliary(&auxiliary));
    let mut context = context();
    for payload in extended::decode(&body.rop_buffer).into_iter().flatten() {
        if let Ok(buffer) = RopBuffer::decode(&payload) {
            drop(buffer.responses(&mut context));
        }
    }
}
