//! One declaration of a structure's fields, from which its type, both directions and its proptest strategy are made.

/// `Name { field: Type [as Codec], … }`: a struct whose fields follow one another on the wire.
/// A field without a codec is read and written by its type's own [`Wire`](crate::Wire).
macro_rules! wire {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$field_meta:meta])* $field:ident : $ty:ty $(as $codec:ty)? ),* $(,)? } )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $( $(#[$field_meta])* pub $field: $ty, )* }

        impl $crate::wire::Wire for $name {
            #[allow(unused_variables, reason = "a structure without fields")]
            fn read(r: &mut $crate::wire::Reader<'_>) -> $crate::wire::Result<Self> {
                $( let $field = <codec!($($codec)?) as $crate::wire::Codec<$ty>>::read(r)?; )*
                Ok(Self { $( $field ),* })
            }
            #[allow(unused_variables, reason = "a structure without fields")]
            fn write(&self, w: &mut $crate::wire::Writer) -> $crate::wire::Result<()> {
                $( <codec!($($codec)?) as $crate::wire::Codec<$ty>>::write(&self.$field, w)?; )*
                Ok(())
            }
        }

        #[cfg(test)]
        impl $crate::proptests::Sample for $name {
            fn sample() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy as _;
                (proptest::strategy::Just(()), $( <codec!($($codec)?) as $crate::proptests::Any<$ty>>::any(), )* )
                    .prop_map(|((), $( $field, )* )| Self { $( $field ),* })
                    .boxed()
            }
        }
    )+ };
}

macro_rules! codec {
    () => {
        $crate::wire::Plain
    };
    ($codec:ty) => {
        $codec
    };
}
