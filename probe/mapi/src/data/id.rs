//! Identifiers (MS-OXCDATA 2.2.1).
use std::fmt;

use crate::wire::{Reader, Result, Wire, Writer};

/// A GUID as it lies on the wire: its first three groups are little-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// From its groups, as it is written in text.
    pub const fn new(a: u32, b: u16, c: u16, d: [u8; 8]) -> Self {
        let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
        Self([a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]])
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
            if [4, 6, 8, 10].contains(&i) {
                f.write_str("-")?;
            }
            write!(f, "{:02x}", self.0[byte])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! byte_ids {
    ($($(#[$meta:meta])* $name:ident $n:literal;)+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $n]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+ };
}

byte_ids! {
    /// FID (MS-OXCDATA 2.2.1.1): ReplicaId and GlobalCounter, for one logon alone.
    FolderId 8;
    /// MID (MS-OXCDATA 2.2.1.2): ReplicaId and GlobalCounter, for one logon alone.
    MessageId 8;
    /// GlobalCounter: a number of 48 bits, big-endian.
    GlobalCounter 6;
}

macro_rules! array_wire {
    ($($name:ident)+) => { $(
        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                Ok(Self(r.array()?))
            }
            fn write(&self, w: &mut Writer) -> Result<()> {
                w.put(&self.0);
                Ok(())
            }
        }
    )+ };
}
array_wire!(Guid FolderId MessageId GlobalCounter);

macro_rules! column_ids {
    ($($name:ident)+) => { $(
        /// As it lies in a column of type PtypInteger64.
        impl From<i64> for $name {
            fn from(value: i64) -> Self {
                Self(value.to_le_bytes())
            }
        }
        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                Self::from_le_bytes(id.0)
            }
        }
    )+ };
}
column_ids!(FolderId MessageId);

wire! {
    /// LongTermID (MS-OXCDATA 2.2.1.3.1): an id that outlives a logon.
    LongTermId {
        database_guid: Guid,
        global_counter: GlobalCounter,
        /// 0.
        pad: u16,
    }
}
