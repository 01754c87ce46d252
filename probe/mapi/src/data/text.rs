//! Strings that are not UTF-16 alone (MS-OXCDATA 2.11.7).
use std::fmt;

use crate::wire::{Reader, Result, Wire, Writer};

/// A string of 8 bits, in a code page that it does not tell. On the wire it ends with a NUL.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct String8(pub Vec<u8>);

impl From<&str> for String8 {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for String8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for String8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// TypedString (MS-OXCDATA 2.11.7): a string that says how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypedString {
    /// 0x00: there is none.
    None,
    /// 0x01: the empty string.
    Empty,
    /// 0x02: of 8 bits.
    String8(String8),
    /// 0x03: UTF-16 of which the high bytes, all 0, were left out.
    Reduced(String8),
    /// 0x04: UTF-16.
    Unicode(String),
}

impl TypedString {
    /// The text, if there is one.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Empty => Some(String::new()),
            Self::String8(text) => Some(text.to_string()),
            Self::Reduced(text) => Some(text.0.iter().map(|byte| char::from(*byte)).collect()),
            Self::Unicode(text) => Some(text.clone()),
        }
    }
}

impl Wire for TypedString {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("StringType");
        Ok(match r.get::<u8>()? {
            0 => Self::None,
            1 => Self::Empty,
            2 => Self::String8(r.get()?),
            3 => Self::Reduced(r.get()?),
            4 => Self::Unicode(r.get()?),
            _ => return Err(error),
        })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        match self {
            Self::None => 0u8.write(w),
            Self::Empty => 1u8.write(w),
            Self::String8(text) => {
                2u8.write(w)?;
                text.write(w)
            }
            Self::Reduced(text) => {
                3u8.write(w)?;
                text.write(w)
            }
            Self::Unicode(text) => {
                4u8.write(w)?;
                text.write(w)
            }
        }
    }
}
