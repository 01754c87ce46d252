//! Every structure comes back from the bytes that it becomes, and no beginning of these bytes makes a decoder panic.
//! A codec that both sides share agrees with itself: what is right is shown by tests/fixtures.rs.
mod rops;
mod sample;
mod structures;

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::data::{PropertyTag, PropertyType};
use crate::wire::{Bytes, Codec, Count, Has, Perhaps, Plain, Rest, Width, Within};

/// Any value of a type that can go over the wire.
pub(crate) trait Sample: Debug + Sized + 'static {
    fn sample() -> BoxedStrategy<Self>;
}

/// Any value that a codec can write.
pub(crate) trait Any<T> {
    fn any() -> BoxedStrategy<T>;
}

/// The columns of every row that is sampled.
pub(crate) const COLUMNS: &[PropertyTag] = &[
    PropertyTag(0x674A_0014),
    PropertyTag(0x0037_001F),
    PropertyTag::new(0x1035, PropertyType::UNSPECIFIED),
    PropertyTag(0x0E01_000B),
    PropertyTag(0x800F_101F),
    PropertyTag(0x0FFF_0102),
];

impl<T: Sample> Any<T> for Plain {
    fn any() -> BoxedStrategy<T> {
        T::sample()
    }
}

impl<W: Width, T: Sample> Any<Vec<T>> for Count<W> {
    fn any() -> BoxedStrategy<Vec<T>> {
        vec(T::sample(), 0..4).boxed()
    }
}

impl<W: Width> Any<Vec<u8>> for Bytes<W> {
    fn any() -> BoxedStrategy<Vec<u8>> {
        vec(any::<u8>(), 0..20).boxed()
    }
}

impl Any<Vec<u8>> for Rest {
    fn any() -> BoxedStrategy<Vec<u8>> {
        vec(any::<u8>(), 0..20).boxed()
    }
}

impl<W: Width, C: Codec<T> + Any<T>, T> Any<T> for Within<W, C> {
    fn any() -> BoxedStrategy<T> {
        C::any()
    }
}

impl<W: Width, T: Sample> Any<Option<T>> for Perhaps<W> {
    fn any() -> BoxedStrategy<Option<T>> {
        proptest::option::of(T::sample()).boxed()
    }
}

impl<const TRUE: u8, C: Any<T>, T: Debug + 'static> Any<Option<T>> for Has<TRUE, C> {
    fn any() -> BoxedStrategy<Option<T>> {
        proptest::option::of(C::any()).boxed()
    }
}
