//! The list of the structures.
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestCaseResult, TestRunner};

use super::sample::{row_over, value_in};
use super::{COLUMNS, Sample};
use crate::data::*;
use crate::extended::{self, AuxBlock, RpcHeaderExt};
use crate::http::*;
use crate::rop::*;
use crate::transfer::*;
use crate::wire::{Reader, Wire, Writer};
use crate::{lz77, nspi};

/// It comes back; of the beginnings of its bytes none makes the decoder panic.
fn comes_back<T: Wire + PartialEq + std::fmt::Debug>(value: &T) -> TestCaseResult {
    let bytes = value.encode().map_err(|error| TestCaseError::fail(format!("{error}: {value:?}")))?;
    let mut r = Reader::new(&bytes).over(Some(COLUMNS));
    let back = T::read(&mut r).map_err(|error| TestCaseError::fail(format!("{error}: {value:?}")))?;
    prop_assert_eq!(&back, value);
    prop_assert_eq!(r.left(), 0);
    for end in 0..bytes.len() {
        let mut r = Reader::new(&bytes[..end]).over(Some(COLUMNS));
        if let Ok(short) = T::read(&mut r) {
            prop_assert!(r.left() <= end, "{:?}", short);
        }
    }
    Ok(())
}

fn run<T: Clone + std::fmt::Debug + 'static>(
    what: &str,
    all: BoxedStrategy<T>,
    test: impl Fn(T) -> TestCaseResult,
) {
    let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
    runner.run(&all, test).unwrap_or_else(|error| panic!("{what}: {error}"));
}

macro_rules! structures {
    ($($test:ident: $($ty:ty)+;)+) => { $(
        #[test]
        fn $test() {
            $( run(stringify!($ty), <$ty>::sample(), |value| comes_back::<$ty>(&value)); )+
        }
    )+ };
}

structures! {
    data_comes_back_from_its_bytes:
        ErrorCode Guid FolderId MessageId GlobalCounter LongTermId FolderEntryId MessageEntryId AddressBookEntryId ServerId
        Xid PredecessorChangeList String String8 TypedString PropertyTag PropertyName PropertyProblem TaggedPropertyValue
        PropertyRow Restriction SortOrder SortOrderSet RecipientRow X500Dn PrivateList;
    bodies_of_the_mailbox_come_back_from_their_bytes:
        ConnectRequest Response<ConnectResponse> ExecuteRequest Response<ExecuteResponse> DisconnectRequest
        Response<DisconnectResponse> NotificationWaitRequest Response<NotificationWaitResponse> RpcHeaderExt AuxBlock RopBuffer;
    bodies_of_the_address_book_come_back_from_their_bytes:
        nspi::Stat nspi::BindRequest Response<nspi::BindResponse> nspi::UnbindRequest Response<nspi::UnbindResponse>
        nspi::ResolveNamesRequest Response<nspi::ResolveNamesResponse> nspi::QueryRowsRequest
        Response<nspi::QueryRowsResponse> nspi::GetMatchesRequest Response<nspi::GetMatchesResponse> nspi::AddressBookRows;
    id_sets_come_back_from_their_bytes: GlobSet IdSet ReplicaIdSet;
    elements_come_back_from_their_bytes: Element;
    notifications_come_back_from_their_bytes: Notify NewMail NotifiedTags;
}

// Each ROP is one of the alternatives: as many cases as that takes.
#[test]
fn requests_come_back_from_their_bytes() {
    for _ in 0..20 {
        run("RopRequest", RopRequest::sample(), |value| comes_back(&value));
    }
}

#[test]
fn responses_come_back_from_their_bytes() {
    for _ in 0..20 {
        run("RopResponse", RopResponse::sample(), |value| comes_back(&value));
    }
}

#[test]
fn values_come_back_in_every_form() {
    for form in [Form::Rop, Form::Wide, Form::AddressBook, Form::Transfer] {
        run("PropertyValue", value_in(form), |value| {
            let mut w = Writer::default();
            value.write(form, &mut w).unwrap();
            let bytes = w.into_bytes();
            let mut r = Reader::new(&bytes);
            prop_assert_eq!(PropertyValue::read(value.kind(), form, &mut r).unwrap(), value);
            prop_assert_eq!(r.left(), 0);
            Ok(())
        });
    }
}

#[test]
fn rows_and_restrictions_come_back_in_the_address_book_s_form() {
    run("PropertyRow", row_over(COLUMNS, Form::AddressBook), |row| {
        let mut w = Writer::default();
        row.write_as(Form::AddressBook, &mut w).unwrap();
        let bytes = w.into_bytes();
        prop_assert_eq!(
            PropertyRow::read_over(COLUMNS, Form::AddressBook, &mut Reader::new(&bytes)).unwrap(),
            row
        );
        Ok(())
    });
    run("Restriction", Restriction::sample(), |restriction| {
        let mut w = Writer::default();
        restriction.write_as(Form::Wide, &mut w).unwrap();
        let bytes = w.into_bytes();
        prop_assert_eq!(Restriction::read_as(Form::Wide, &mut Reader::new(&bytes)).unwrap(), restriction);
        Ok(())
    });
}

#[test]
fn streams_come_back_whole() {
    run("stream", vec(Element::sample(), 0..12).boxed(), |elements| {
        let bytes = encode(&elements).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), elements);
        Ok(())
    });
}

#[test]
fn payloads_come_back_compressed_or_not() {
    let few = vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..400);
    let long =
        (few.clone(), 1..200usize).prop_map(|(piece, n)| piece.repeat(n).into_iter().take(32_000).collect());
    let payloads = vec(prop_oneof![few, long], 1..3);
    run("payloads", (payloads, 0..4u16).boxed(), |(payloads, flags)| {
        let bytes = extended::encode(&payloads, flags).unwrap();
        prop_assert_eq!(extended::decode(&bytes).unwrap(), payloads.clone());
        for payload in payloads {
            prop_assert_eq!(lz77::decompress(&lz77::compress(&payload), payload.len()).unwrap(), payload);
        }
        Ok(())
    });
}

#[test]
fn auxiliary_blocks_come_back() {
    run("auxiliary", vec(AuxBlock::sample(), 0..4).boxed(), |blocks| {
        let bytes = extended::encode_auxiliary(&blocks, extended::XOR_MAGIC).unwrap();
        prop_assert_eq!(extended::decode_auxiliary(&bytes).unwrap(), blocks);
        Ok(())
    });
}

#[test]
fn a_list_of_ranges_is_the_same_set_however_it_is_told() {
    let ranges = vec((0..500u64, 0..9u64), 0..20)
        .prop_map(|all| all.into_iter().map(|(low, n)| (low, low + n)).collect::<Vec<_>>());
    run("ranges", ranges.boxed(), |ranges| {
        let set = GlobSet::new(ranges.clone()).unwrap();
        for counter in 0..520 {
            let told = ranges.iter().any(|(low, high)| (*low..=*high).contains(&counter));
            prop_assert_eq!(set.contains(counter), told, "{}", counter);
        }
        prop_assert!(set.ranges().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        Ok(())
    });
}
