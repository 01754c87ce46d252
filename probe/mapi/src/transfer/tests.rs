//! What no fixture shows: bit masks, what is no id set, and what is no run.
use super::*;
use crate::data::{PropertyTag, PropertyValue};
use crate::wire::{ErrorKind, Wire};

/// A start, a mask, and the ranges of both.
type Mask = (u8, u8, &'static [(u64, u64)]);

#[test]
fn a_bit_mask_is_its_start_and_what_its_bits_add() {
    let cases: [Mask; 4] = [
        (0x10, 0b0000_0000, &[(0x10, 0x10)]),
        (0x10, 0b0000_0001, &[(0x10, 0x11)]),
        (0x10, 0b1000_0010, &[(0x10, 0x10), (0x12, 0x12), (0x18, 0x18)]),
        (0x10, 0b1111_1111, &[(0x10, 0x18)]),
    ];
    for (start, mask, ranges) in cases {
        let bytes = [5, 0, 0, 0, 0, 0, 0x42, start, mask, 0x50, 0];
        assert_eq!(GlobSet::decode(&bytes).unwrap().ranges(), ranges, "{mask:b}");
    }
}

#[test]
fn what_is_no_id_set_is_refused() {
    let cases: [&[u8]; 9] = [
        &[],
        // A pop of nothing, pushes beyond six bytes, an unknown command.
        &[0x50, 0],
        &[7, 0, 0, 0, 0, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 3, 0, 0, 0, 0],
        &[0x51, 0],
        // A range from behind, one that ends early.
        &[5, 0, 0, 0, 0, 0, 0x52, 2, 1, 0x50, 0],
        &[0x52, 0, 0, 0, 0, 0, 1, 0],
        // A bit mask without five bytes before it, one beyond the last byte.
        &[0x42, 0, 1, 0],
        &[5, 0, 0, 0, 0, 0, 0x42, 0xFC, 0x80, 0x50, 0],
    ];
    for bytes in cases {
        assert!(GlobSet::decode(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(GlobSet::new([(2, 1)]), None);
    assert_eq!(GlobSet::new([(0, MAX_COUNTER + 1)]), None);
}

fn marker(marker: Marker) -> Element {
    Element::Marker(marker)
}

fn property(tag: u32) -> Element {
    Element::Property(Property { tag: PropertyTag(tag), name: None, value: PropertyValue::Integer32(1) })
}

/// A message with all that can lie in one, and what comes before and after it.
fn everything() -> Vec<Element> {
    let (subject, progress) = (property(0x0037_0003), property(0x0000_0003));
    vec![
        marker(Marker::INCR_SYNC_PROGRESS_MODE),
        progress.clone(),
        marker(Marker::INCR_SYNC_PROGRESS_PER_MSG),
        progress,
        marker(Marker::INCR_SYNC_CHG),
        property(0x0E08_0003),
        marker(Marker::INCR_SYNC_MESSAGE),
        subject.clone(),
        marker(Marker::START_RECIP),
        property(0x0C15_0003),
        marker(Marker::END_TO_RECIP),
        marker(Marker::NEW_ATTACH),
        property(0x0E21_0003),
        marker(Marker::START_EMBED),
        subject,
        marker(Marker::END_EMBED),
        marker(Marker::END_ATTACH),
        marker(Marker::INCR_SYNC_CHG_PARTIAL),
        property(0x0E08_0003),
        marker(Marker::INCR_SYNC_DEL),
        property(0x67E5_0003),
        marker(Marker::INCR_SYNC_READ),
        property(0x402D_0003),
        marker(Marker::INCR_SYNC_STATE_BEGIN),
        property(0x6796_0003),
        marker(Marker::INCR_SYNC_STATE_END),
        marker(Marker::INCR_SYNC_END),
    ]
}

#[test]
fn a_run_has_all_that_its_stream_says() {
    let run = SyncRun::of(&everything()).unwrap();
    let [message, partial] = &run.changes[..] else { panic!("{run:?}") };
    assert!(run.ended);
    assert_eq!((run.information.len(), run.deletions.len(), run.reads.len(), run.state.len()), (2, 1, 1, 1));
    assert_eq!((message.header.len(), message.properties.len(), message.recipients.len()), (1, 1, 1));
    assert_eq!(message.attachments[0].embedded, [property(0x0037_0003)]);
    assert_eq!(message.value(PropertyTag(0x0037_001F)), Some(&PropertyValue::Integer32(1)));
    assert!(partial.partial && !message.partial);
}

/// A state is believed only where its end was seen, and nothing is where it does not belong.
#[test]
fn a_stream_that_was_cut_or_is_out_of_order_is_no_run() {
    let all = everything();
    for end in 0..all.len() - 1 {
        assert_eq!(SyncRun::of(&all[..end]), None, "{end}");
    }
    for (i, element) in all.iter().enumerate().filter(|(_, element)| matches!(element, Element::Marker(_))) {
        let mut behind = all.clone();
        behind.push(element.clone());
        assert_eq!(SyncRun::of(&behind), None, "{i} behind the end");
    }
    let error = decode(&[0x99, 0, 0x37, 0, 1, 2, 3, 4]).unwrap_err();
    assert_eq!((error.at, error.kind), (4, ErrorKind::Type(0x99)));
}
