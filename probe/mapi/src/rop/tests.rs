//! What no fixture shows: what servers may leave out, and what nobody knows.
use super::*;
use crate::data::{Cell, PropertyRow, PropertyTag, PropertyType, PropertyValue, String8};
use crate::wire::ErrorKind;

fn read(bytes: &[u8]) -> Result<Vec<RopResponse>> {
    let buffer = RopBuffer { rops: bytes.to_vec(), handles: Vec::new() };
    buffer.responses(&mut Context::default())
}

fn failed(rop_id: u8, return_value: ErrorCode, body: Option<Body>) -> RopResponse {
    RopResponse::Answer(Answer { rop_id, handle_index: 1, return_value, body })
}

/// Fields that are there on failure too may be left out; what comes next is read all the same.
#[test]
fn a_failed_rop_is_read_with_and_without_its_fields() {
    let partial =
        |partial_completion| Some(Body::HardDeleteMessages(PartialCompletionResponse { partial_completion }));
    let none = Some(Body::ReadStream(ReadStreamResponse { data: Vec::new() }));
    let busy = Some(Body::FastTransferSourceGetBuffer(GetBufferResponse {
        transfer_status: 0,
        in_progress_count: 0,
        total_step_count: 0,
        reserved: 0,
        transfer_buffer: Vec::new(),
        backoff_time: Some(0x1122),
    }));
    let cases: [(u8, ErrorCode, &[u8], Option<Body>); 9] = [
        (0x91, ErrorCode::ACCESS_DENIED, &[1], partial(true)),
        (0x91, ErrorCode::ACCESS_DENIED, &[], None),
        (0x91, ErrorCode::PARTIAL_COMPLETION, &[1], partial(true)),
        (0x2C, ErrorCode::NULL_OBJECT, &[0, 0], none),
        (0x2C, ErrorCode::NULL_OBJECT, &[], None),
        (0x4E, ErrorCode::GENERAL_FAILURE, &[], None),
        (0x4E, ErrorCode::SERVER_BUSY, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0x22, 0x11, 0, 0], busy),
        (0x07, ErrorCode::NOT_FOUND, &[], None),
        (0xFE, ErrorCode::UNKNOWN_USER, &[], None),
    ];
    // RopOpenFolder has the least number of all that are answered.
    let next = [0x02, 1, 0xB9, 4, 0, 0];
    let not_opened = failed(0x02, ErrorCode::NULL_OBJECT, None);
    for (rop_id, code, fields, body) in cases {
        let answer = [&[rop_id, 1], code.0.to_le_bytes().as_slice(), fields].concat();
        let expected = failed(rop_id, code, body);
        assert_eq!(read(&answer).unwrap(), std::slice::from_ref(&expected));
        assert_eq!(read(&[answer.as_slice(), &next].concat()).unwrap(), [expected, not_opened.clone()]);
    }
}

#[test]
fn a_warning_may_come_without_fields_and_with_them() {
    let cancelled = failed(0x32, ErrorCode::CANCEL_MESSAGE, Some(Body::SubmitMessage(Nothing {})));
    assert_eq!(read(&[0x32, 1, 0x80, 5, 4, 0]).unwrap(), [cancelled]);
    let ids = Body::GetPropertyIdsFromNames(GetPropertyIdsFromNamesResponse { ids: vec![0] });
    let warned = failed(0x56, ErrorCode::ERRORS_RETURNED, Some(ids));
    assert_eq!(read(&[0x56, 1, 0x80, 3, 4, 0, 1, 0, 0, 0]).unwrap(), [warned]);
    let bare = failed(0x56, ErrorCode::ERRORS_RETURNED, None);
    assert_eq!(read(&[0x56, 1, 0x80, 3, 4, 0]).unwrap(), [bare]);
}

#[test]
fn what_is_not_known_is_told_with_all_that_follows() {
    let unknown = RopResponse::Unknown { rop_id: 0xA0, rest: vec![1, 2, 3] };
    assert_eq!(
        read(&[0x6E, 7, 0, 0xA0, 1, 2, 3]).unwrap(),
        [RopResponse::Pending(Pending { session_index: 7 }), unknown]
    );
    let small = BufferTooSmall { size_needed: 0x1234, request_buffers: vec![0x15, 0] };
    assert_eq!(read(&[0xFF, 0x34, 0x12, 0x15, 0]).unwrap(), [RopResponse::BufferTooSmall(small)]);
    let buffer = RopBuffer { rops: vec![0xA0, 0, 1, 9, 9], handles: Vec::new() };
    let asked =
        RopRequest { logon_id: 0, handle_index: 1, rop: Rop::Unknown { rop_id: 0xA0, rest: vec![9, 9] } };
    assert_eq!(buffer.requests().unwrap(), [asked]);
}

#[test]
fn a_backoff_and_a_redirect_are_read() {
    let rop = BackoffRop { rop_id: 0x15, duration: 2000 };
    let backoff = Backoff { logon_id: 0, duration: 1000, rops: vec![rop], additional_data: Vec::new() };
    let bytes = [0xF9, 0, 0xE8, 3, 0, 0, 1, 0x15, 0xD0, 7, 0, 0, 0, 0];
    assert_eq!(read(&bytes).unwrap(), [RopResponse::Backoff(backoff)]);
    let server_name = String8::from("a");
    let redirect = Body::Logon(LogonResponse::Redirect { logon_flags: 1, server_name });
    let bytes = [0xFE, 1, 0x78, 4, 0, 0, 1, 2, b'a', 0];
    assert_eq!(read(&bytes).unwrap(), [failed(0xFE, ErrorCode::WRONG_SERVER, Some(redirect))]);
}

/// Columns are those that were set last and accepted, by whichever Execute.
#[test]
fn rows_are_read_over_the_columns_that_were_set() {
    let flags = PropertyTag::new(0x0E07, PropertyType::INTEGER32);
    let number = PropertyTag::new(0x0E07, PropertyType::INTEGER16);
    let set = |columns| Rop::SetColumns(SetColumnsRequest { set_columns_flags: 0, columns });
    let query = || Rop::QueryRows(QueryRowsRequest { query_rows_flags: 0, forward_read: true, row_count: 1 });
    let ask = |rop| RopRequest { logon_id: 0, handle_index: 1, rop };
    let rows = |cell: &[u8]| [&[0x15, 1, 0, 0, 0, 0, 1, 1, 0, 0], cell].concat();
    let set_answer = |code: u8, fields: &[u8]| [&[0x12, 1, code, 0, 0, 0], fields].concat();
    let last = |rops: Vec<Rop>, before: Option<PropertyTag>, bytes: &[u8]| -> Result<Vec<PropertyRow>> {
        let mut context = Context::new(&rops.into_iter().map(ask).collect::<Vec<_>>());
        if let Some(tag) = before {
            context.set_columns(1, vec![tag]);
        }
        let buffer = RopBuffer { rops: bytes.to_vec(), handles: Vec::new() };
        match buffer.responses(&mut context)?.pop() {
            Some(RopResponse::Answer(Answer { body: Some(Body::QueryRows(rows)), .. })) => Ok(rows.rows),
            other => panic!("{other:?}"),
        }
    };
    let long = vec![PropertyRow { flagged: false, cells: vec![Cell::Value(PropertyValue::Integer32(5))] }];
    let short = vec![PropertyRow { flagged: false, cells: vec![Cell::Value(PropertyValue::Integer16(5))] }];
    let (wide, narrow) = (rows(&[5, 0, 0, 0]), rows(&[5, 0]));
    let both = |code, fields: &[u8], rows: &[u8]| [set_answer(code, fields), rows.to_vec()].concat();
    assert_eq!(last(vec![query()], Some(flags), &wide).unwrap(), long);
    assert_eq!(last(vec![set(vec![number]), query()], Some(flags), &both(0, &[0], &narrow)).unwrap(), short);
    assert_eq!(last(vec![set(vec![number]), query()], Some(flags), &both(0x57, &[], &wide)).unwrap(), long);
    // Nobody set any, or the rows were not asked for.
    assert_eq!(last(vec![query()], None, &wide).unwrap_err().kind, ErrorKind::NoColumns);
    assert_eq!(last(vec![], Some(flags), &wide).unwrap_err().kind, ErrorKind::NoColumns);
}

#[test]
fn an_unknown_type_is_an_error_and_no_guess() {
    let column = [PropertyTag::new(0x3001, PropertyType(0x0099))];
    let mut r = Reader::new(&[0, 1, 2, 3]).over(Some(&column));
    assert_eq!(PropertyRow::read(&mut r).unwrap_err().kind, ErrorKind::Type(0x99));
}
