//! Samples of what has no declaration of its fields.
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{Any, COLUMNS, Sample};
use crate::data::*;
use crate::extended::AuxBlock;
use crate::nspi;
use crate::rop::GhostedServers;
use crate::transfer::*;

macro_rules! plain {
    ($($ty:ty)+) => { $(
        impl Sample for $ty {
            fn sample() -> BoxedStrategy<Self> {
                any::<Self>().boxed()
            }
        }
    )+ };
}
plain!(u8 u16 u32 u64 i32 i64 bool [u8; 8]);

macro_rules! newtypes {
    ($($ty:ident of $within:ty;)+) => { $(
        impl Sample for $ty {
            fn sample() -> BoxedStrategy<Self> {
                any::<$within>().prop_map($ty).boxed()
            }
        }
    )+ };
}
newtypes!(ErrorCode of u32; Guid of [u8; 16]; FolderId of [u8; 8]; MessageId of [u8; 8]; GlobalCounter of [u8; 6]; RelOp of u8;);

/// A structure whose fields all are samples.
macro_rules! samples {
    ($($ty:ident { $($field:ident),+ })+) => { $(
        impl Sample for $ty {
            fn sample() -> BoxedStrategy<Self> {
                ( $( sample_of(|all: &Self| &all.$field), )+ ).prop_map(|( $($field,)+ )| Self { $($field),+ }).boxed()
            }
        }
    )+ };
}

/// A sample of the type of a field.
fn sample_of<A, T: Sample>(_: impl Fn(&A) -> &T) -> BoxedStrategy<T> {
    T::sample()
}

impl<T: Sample> Sample for Vec<T> {
    fn sample() -> BoxedStrategy<Self> {
        vec(T::sample(), 0..4).boxed()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample() -> BoxedStrategy<Self> {
        of(T::sample()).boxed()
    }
}

samples! {
    SortOrderSet { category_count, expanded_count, orders }
    GhostedServers { cheap_server_count, servers }
    PropertyName { guid, name }
    AddressBookEntryId { flags, version, kind, x500_dn }
    AuxBlock { version, kind, payload }
}

impl Sample for String {
    fn sample() -> BoxedStrategy<Self> {
        let chars = prop_oneof![prop::char::range(' ', '~'), prop::char::range('\u{1}', char::MAX)];
        vec(chars, 0..8).prop_map(Self::from_iter).boxed()
    }
}

impl Sample for String8 {
    fn sample() -> BoxedStrategy<Self> {
        vec(1..=255u8, 0..8).prop_map(Self).boxed()
    }
}

impl Sample for TypedString {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![
            Just(Self::None),
            Just(Self::Empty),
            String8::sample().prop_map(Self::String8),
            String8::sample().prop_map(Self::Reduced),
            String::sample().prop_map(Self::Unicode),
        ]
        .boxed()
    }
}

impl Sample for Name {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![
            any::<u32>().prop_map(Self::Lid),
            String::sample().prop_map(Self::String),
            Just(Self::None)
        ]
        .boxed()
    }
}

impl Sample for PropertyTag {
    fn sample() -> BoxedStrategy<Self> {
        any::<u32>().prop_map(Self).boxed()
    }
}

impl Sample for PredecessorChangeList {
    fn sample() -> BoxedStrategy<Self> {
        <Vec<Xid>>::sample().prop_map(Self).boxed()
    }
}

/// A value of one of the types that have no other within them.
fn single() -> BoxedStrategy<PropertyValue> {
    use PropertyValue as V;
    let bytes = || vec(any::<u8>(), 0..20);
    prop_oneof![
        any::<i16>().prop_map(V::Integer16),
        any::<i32>().prop_map(V::Integer32),
        any::<u32>().prop_map(V::Floating32),
        any::<u64>().prop_map(V::Floating64),
        any::<i64>().prop_map(V::Currency),
        any::<u64>().prop_map(V::FloatingTime),
        ErrorCode::sample().prop_map(V::ErrorCode),
        any::<bool>().prop_map(V::Boolean),
        any::<i64>().prop_map(V::Integer64),
        String8::sample().prop_map(V::String8),
        String::sample().prop_map(V::String),
        any::<u64>().prop_map(V::Time),
        Guid::sample().prop_map(V::Guid),
        bytes().prop_map(V::ServerId),
        bytes().prop_map(V::Binary),
        bytes().prop_map(V::Object),
    ]
    .boxed()
}

/// Many of one type: the ones of the first.
fn multiple() -> BoxedStrategy<PropertyValue> {
    (single(), vec(single(), 0..12))
        .prop_map(|(first, mut values)| {
            let element = first.kind();
            values.retain(|value| value.kind() == element);
            values.push(first);
            PropertyValue::Multiple { element, values }
        })
        .boxed()
}

impl Sample for PropertyValue {
    fn sample() -> BoxedStrategy<Self> {
        prop_oneof![6 => single(), 2 => multiple(), 1 => Just(Self::Null)].boxed()
    }
}

/// A value as it may be in this form.
pub(super) fn value_in(form: Form) -> BoxedStrategy<PropertyValue> {
    let missing = prop::sample::select(vec![
        PropertyType::STRING,
        PropertyType::STRING8,
        PropertyType::BINARY,
        PropertyType::STRING.multiple(),
    ]);
    let code_page = (0..0x0FFFu16, vec(any::<u8>(), 0..8))
        .prop_map(|(code_page, bytes)| PropertyValue::CodePageString { code_page, bytes });
    match form {
        Form::AddressBook => {
            prop_oneof![4 => PropertyValue::sample(), 1 => missing.prop_map(PropertyValue::Missing)].boxed()
        }
        Form::Transfer => prop_oneof![4 => PropertyValue::sample(), 1 => code_page].boxed(),
        Form::Rop | Form::Wide => PropertyValue::sample(),
    }
}

impl Sample for TaggedPropertyValue {
    fn sample() -> BoxedStrategy<Self> {
        (any::<u16>(), PropertyValue::sample())
            .prop_map(|(id, value)| Self { tag: PropertyTag::new(id, value.kind()), value })
            .boxed()
    }
}

/// A cell of a column of this type.
fn cell(kind: PropertyType, flagged: bool, form: Form) -> BoxedStrategy<Cell> {
    if kind == PropertyType::UNSPECIFIED {
        return value_in(form)
            .prop_flat_map(move |value| {
                let kind = value.kind();
                filled(Just(value).boxed(), flagged).prop_map(move |cell| Cell::Typed(kind, Box::new(cell)))
            })
            .boxed();
    }
    let same = value_in(form).prop_filter_map("of the type", move |v| (v.kind() == kind).then_some(v));
    let fixed = match kind {
        PropertyType::INTEGER64 => any::<i64>().prop_map(PropertyValue::Integer64).boxed(),
        PropertyType::BOOLEAN => any::<bool>().prop_map(PropertyValue::Boolean).boxed(),
        PropertyType::STRING => String::sample().prop_map(PropertyValue::String).boxed(),
        PropertyType::BINARY => vec(any::<u8>(), 0..9).prop_map(PropertyValue::Binary).boxed(),
        _ if kind == PropertyType::STRING.multiple() => vec(String::sample(), 0..3)
            .prop_map(|all| PropertyValue::Multiple {
                element: PropertyType::STRING,
                values: all.into_iter().map(PropertyValue::String).collect(),
            })
            .boxed(),
        _ => same.boxed(),
    };
    filled(fixed, flagged)
}

fn filled(value: BoxedStrategy<PropertyValue>, flagged: bool) -> BoxedStrategy<Cell> {
    let value = value.prop_map(Cell::Value);
    if !flagged {
        return value.boxed();
    }
    prop_oneof![3 => value, 1 => Just(Cell::Absent), 1 => ErrorCode::sample().prop_map(Cell::Error)].boxed()
}

/// A row over these columns.
pub(super) fn row_over(columns: &[PropertyTag], form: Form) -> BoxedStrategy<PropertyRow> {
    let columns = columns.to_vec();
    any::<bool>()
        .prop_flat_map(move |flagged| {
            let cells: Vec<_> = columns.iter().map(|column| cell(column.kind(), flagged, form)).collect();
            cells.prop_map(move |cells| PropertyRow { flagged, cells })
        })
        .boxed()
}

impl Sample for PropertyRow {
    fn sample() -> BoxedStrategy<Self> {
        row_over(COLUMNS, Form::Rop)
    }
}

impl Sample for nspi::AddressBookRows {
    fn sample() -> BoxedStrategy<Self> {
        vec(row_over(COLUMNS, Form::AddressBook), 0..3)
            .prop_map(|rows| Self { columns: COLUMNS.to_vec(), rows })
            .boxed()
    }
}

impl Any<Restriction> for nspi::Wide {
    fn any() -> BoxedStrategy<Restriction> {
        Restriction::sample()
    }
}

impl Sample for Restriction {
    fn sample() -> BoxedStrategy<Self> {
        let (tag, value) = (PropertyTag::sample, TaggedPropertyValue::sample);
        let leaf = prop_oneof![
            (any::<u16>(), any::<u16>(), tag(), value()).prop_map(|(low, high, tag, value)| {
                Self::Content { fuzzy_level_low: low, fuzzy_level_high: high, tag, value }
            }),
            (RelOp::sample(), tag(), value()).prop_map(|(rel_op, tag, value)| Self::Property {
                rel_op,
                tag,
                value
            }),
            (RelOp::sample(), tag(), tag()).prop_map(|(rel_op, tag1, tag2)| Self::CompareProperties {
                rel_op,
                tag1,
                tag2
            }),
            (any::<u8>(), tag(), any::<u32>()).prop_map(|(rel_op, tag, mask)| Self::BitMask {
                rel_op,
                tag,
                mask
            }),
            (RelOp::sample(), tag(), any::<u32>()).prop_map(|(rel_op, tag, size)| Self::Size {
                rel_op,
                tag,
                size
            }),
            tag().prop_map(Self::Exist),
        ];
        leaf.prop_recursive(3, 12, 3, move |within| {
            let boxed = || within.clone().prop_map(Box::new);
            prop_oneof![
                vec(within.clone(), 0..3).prop_map(Self::And),
                vec(within.clone(), 0..3).prop_map(Self::Or),
                boxed().prop_map(Self::Not),
                (tag(), boxed())
                    .prop_map(|(subobject, restriction)| Self::SubObject { subobject, restriction }),
                (vec(value(), 0..3), of(boxed()))
                    .prop_map(|(values, restriction)| Self::Comment { values, restriction }),
                (any::<u32>(), boxed()).prop_map(|(count, restriction)| Self::Count { count, restriction }),
            ]
        })
        .boxed()
    }
}

impl Sample for RecipientRow {
    fn sample() -> BoxedStrategy<Self> {
        let texts = (String::sample(), String8::sample());
        (any::<u16>(), X500Dn::sample(), PrivateList::sample(), String8::sample(), texts, 0..=COLUMNS.len())
            .prop_flat_map(|(flags, dn, list, kind, (wide, narrow), n)| {
                let text = if flags & recipient_flags::UNICODE != 0 {
                    RecipientText::Unicode(wide)
                } else {
                    RecipientText::String8(narrow)
                };
                let has = move |bit| flags & bit != 0;
                let there = flags & recipient_flags::TYPE;
                row_over(&COLUMNS[..n], Form::Rop).prop_map(move |properties| Self {
                    flags,
                    x500_dn: (there == 1).then(|| dn.clone()),
                    private_list: (there == 6 || there == 7).then(|| list.clone()),
                    address_type: (there == 0 && has(recipient_flags::ADDRESS_TYPE)).then(|| kind.clone()),
                    email_address: has(recipient_flags::EMAIL_ADDRESS).then(|| text.clone()),
                    display_name: has(recipient_flags::DISPLAY_NAME).then(|| text.clone()),
                    simple_display_name: has(recipient_flags::SIMPLE_DISPLAY_NAME).then(|| text.clone()),
                    transmittable_display_name: has(recipient_flags::TRANSMITTABLE_DISPLAY_NAME)
                        .then(|| text.clone()),
                    properties,
                })
            })
            .boxed()
    }
}

impl Sample for GlobSet {
    fn sample() -> BoxedStrategy<Self> {
        let near = (0x1E_0000..0x1E_0400u64, 0..40u64);
        let far = (any::<u64>().prop_map(|n| n >> 17), 0..=0xFFFFu64);
        let ends =
            prop_oneof![(0..4u64).prop_map(|n| (n, 0)), Just((MAX_COUNTER, 0)), Just((1, MAX_COUNTER - 1))];
        vec(prop_oneof![6 => near, 3 => far, 1 => ends], 0..12)
            .prop_map(|all| Self::new(all.into_iter().map(|(low, n)| (low, low + n))).unwrap())
            .boxed()
    }
}

impl Sample for IdSet {
    fn sample() -> BoxedStrategy<Self> {
        vec((Guid::sample(), GlobSet::sample()), 0..3).prop_map(Self).boxed()
    }
}

impl Sample for ReplicaIdSet {
    fn sample() -> BoxedStrategy<Self> {
        vec((any::<u16>(), GlobSet::sample()), 0..3).prop_map(Self).boxed()
    }
}

impl Sample for Marker {
    fn sample() -> BoxedStrategy<Self> {
        prop::sample::select(Self::ALL).prop_map(Self).boxed()
    }
}

impl Sample for Element {
    fn sample() -> BoxedStrategy<Self> {
        let property = (any::<u16>(), value_in(Form::Transfer), PropertyName::sample())
            .prop_filter("its name has to be one, and its tag no marker", |(id, value, name)| {
                name.name != Name::None && Marker(PropertyTag::new(*id, value.kind()).0).name().is_none()
            })
            .prop_map(|(id, value, name)| {
                let tag = PropertyTag::new(id, value.kind());
                Self::Property(Property { tag, name: tag.is_named().then_some(name), value })
            });
        prop_oneof![1 => Marker::sample().prop_map(Self::Marker), 4 => property].boxed()
    }
}
