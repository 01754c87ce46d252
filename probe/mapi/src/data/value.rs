//! Property values (MS-OXCDATA 2.11), in each of the forms in which they go over the wire.
use super::{ErrorCode, Guid, PropertyTag, PropertyType, String8};
use crate::wire::{Bytes, Codec, ErrorKind, Reader, Result, Wire, Writer, from_utf16, to_utf16};

/// Where a value lies: that decides how it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In a ROP buffer (MS-OXCDATA 2.11.1.1): binary counts of 16 bits.
    Rop,
    /// In a restriction of an address book request: counts of 32 bits.
    Wide,
    /// AddressBookPropertyValue (MS-OXCMAPIHTTP 2.2.1.1): counts of 32 bits, and HasValue before what has no fixed size.
    AddressBook,
    /// In a FastTransfer stream (MS-OXCFXICS 2.2.4.1.4): all of no fixed size with a length, a Boolean in two bytes.
    Transfer,
}

/// The value of a property. Of floating-point numbers these are the bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    Null,
    Integer16(i16),
    Integer32(i32),
    Floating32(u32),
    Floating64(u64),
    Currency(i64),
    FloatingTime(u64),
    ErrorCode(ErrorCode),
    Boolean(bool),
    Integer64(i64),
    String8(String8),
    String(String),
    /// In units of 100 ns since 1601, in UTC.
    Time(u64),
    Guid(Guid),
    ServerId(Vec<u8>),
    Binary(Vec<u8>),
    Object(Vec<u8>),
    /// A string in the code page that its type names, with its terminator: in FastTransfer streams alone.
    CodePageString {
        code_page: u16,
        bytes: Vec<u8>,
    },
    /// PtypMultiple…
    Multiple {
        element: PropertyType,
        values: Vec<Self>,
    },
    /// HasValue is 0: in the address book alone.
    Missing(PropertyType),
}

impl PropertyValue {
    /// Its type.
    pub fn kind(&self) -> PropertyType {
        match self {
            Self::Null => PropertyType::NULL,
            Self::Integer16(_) => PropertyType::INTEGER16,
            Self::Integer32(_) => PropertyType::INTEGER32,
            Self::Floating32(_) => PropertyType::FLOATING32,
            Self::Floating64(_) => PropertyType::FLOATING64,
            Self::Currency(_) => PropertyType::CURRENCY,
            Self::FloatingTime(_) => PropertyType::FLOATING_TIME,
            Self::ErrorCode(_) => PropertyType::ERROR_CODE,
            Self::Boolean(_) => PropertyType::BOOLEAN,
            Self::Integer64(_) => PropertyType::INTEGER64,
            Self::String8(_) => PropertyType::STRING8,
            Self::String(_) => PropertyType::STRING,
            Self::Time(_) => PropertyType::TIME,
            Self::Guid(_) => PropertyType::GUID,
            Self::ServerId(_) => PropertyType::SERVER_ID,
            Self::Binary(_) => PropertyType::BINARY,
            Self::Object(_) => PropertyType::OBJECT,
            Self::CodePageString { code_page, .. } => PropertyType::of_code_page(*code_page),
            Self::Multiple { element, .. } => element.multiple(),
            Self::Missing(kind) => *kind,
        }
    }

    /// The text, if it is one: of whichever type, since servers differ in what they send for a tag.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::String8(text) => Some(text.to_string()),
            Self::CodePageString { code_page: 1200, bytes } => {
                Some(from_utf16(bytes).trim_end_matches('\0').to_owned())
            }
            _ => None,
        }
    }

    /// A value of this type.
    pub fn read(kind: PropertyType, form: Form, r: &mut Reader<'_>) -> Result<Self> {
        if form == Form::AddressBook && has_value_byte(kind) && !r.get::<bool>()? {
            return Ok(Self::Missing(kind));
        }
        if let Some(element) = kind.element() {
            return Self::read_multiple(kind, element, form, r);
        }
        Ok(match kind {
            PropertyType::NULL => Self::Null,
            PropertyType::INTEGER16 => Self::Integer16(r.get()?),
            PropertyType::INTEGER32 => Self::Integer32(r.get()?),
            PropertyType::FLOATING32 => Self::Floating32(r.get()?),
            PropertyType::FLOATING64 => Self::Floating64(r.get()?),
            PropertyType::CURRENCY => Self::Currency(r.get()?),
            PropertyType::FLOATING_TIME => Self::FloatingTime(r.get()?),
            PropertyType::ERROR_CODE => Self::ErrorCode(r.get()?),
            PropertyType::BOOLEAN if form == Form::Transfer => Self::Boolean(r.get::<u16>()? != 0),
            PropertyType::BOOLEAN => Self::Boolean(r.get()?),
            PropertyType::INTEGER64 => Self::Integer64(r.get()?),
            PropertyType::STRING8 if form == Form::Transfer => Self::String8(transfer_string8(r)?),
            PropertyType::STRING8 => Self::String8(r.get()?),
            PropertyType::STRING if form == Form::Transfer => Self::String(transfer_string(r)?),
            PropertyType::STRING => Self::String(r.get()?),
            PropertyType::TIME => Self::Time(r.get()?),
            PropertyType::GUID => Self::Guid(r.get()?),
            PropertyType::SERVER_ID => Self::ServerId(read_bytes(form, r)?),
            PropertyType::BINARY => Self::Binary(read_bytes(form, r)?),
            PropertyType::OBJECT => Self::Object(read_bytes(form, r)?),
            _ => match kind.code_page() {
                Some(code_page) if form == Form::Transfer => {
                    Self::CodePageString { code_page, bytes: read_bytes(form, r)? }
                }
                _ => return Err(r.error(ErrorKind::Type(kind.0))),
            },
        })
    }

    fn read_multiple(
        kind: PropertyType,
        element: PropertyType,
        form: Form,
        r: &mut Reader<'_>,
    ) -> Result<Self> {
        if element == PropertyType::NULL {
            return Err(r.error(ErrorKind::Type(kind.0)));
        }
        let n = r.get::<u32>()?;
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Self::Multiple { element, values: r.many(n, |r| Self::read(element, form, r))? })
    }

    /// The value alone: who reads it knows its type.
    pub fn write(&self, form: Form, w: &mut Writer) -> Result<()> {
        if form == Form::AddressBook && has_value_byte(self.kind()) {
            let has_value = !matches!(self, Self::Missing(_));
            (if has_value { 0xFFu8 } else { 0 }).write(w)?;
        }
        match self {
            Self::Null => Ok(()),
            Self::Integer16(value) => value.write(w),
            Self::Integer32(value) => value.write(w),
            Self::Floating32(value) => value.write(w),
            Self::Floating64(value) | Self::FloatingTime(value) | Self::Time(value) => value.write(w),
            Self::Currency(value) | Self::Integer64(value) => value.write(w),
            Self::ErrorCode(value) => value.write(w),
            Self::Boolean(value) if form == Form::Transfer => u16::from(*value).write(w),
            Self::Boolean(value) => value.write(w),
            Self::String8(text) if form == Form::Transfer => {
                Bytes::<u32>::write(&[text.0.as_slice(), &[0]].concat(), w)
            }
            Self::String8(text) => text.write(w),
            Self::String(text) if form == Form::Transfer => {
                Bytes::<u32>::write(&[to_utf16(text).as_slice(), &[0, 0]].concat(), w)
            }
            Self::String(text) => text.write(w),
            Self::Guid(value) => value.write(w),
            Self::ServerId(bytes) | Self::Binary(bytes) | Self::Object(bytes) => write_bytes(bytes, form, w),
            Self::CodePageString { bytes, .. } if form == Form::Transfer => write_bytes(bytes, form, w),
            Self::CodePageString { .. } => Err(w.unfit("a string of a code page outside a stream")),
            Self::Multiple { element, values } => write_multiple(*element, values, form, w),
            Self::Missing(_) if form == Form::AddressBook && has_value_byte(self.kind()) => Ok(()),
            Self::Missing(_) => Err(w.unfit("a missing value")),
        }
    }
}

/// What begins with HasValue in the address book.
fn has_value_byte(kind: PropertyType) -> bool {
    kind.element().is_some()
        || [PropertyType::STRING, PropertyType::STRING8, PropertyType::BINARY].contains(&kind)
}

fn write_multiple(element: PropertyType, values: &[PropertyValue], form: Form, w: &mut Writer) -> Result<()> {
    let n = u32::try_from(values.len()).map_err(|_| w.unfit("too many values"))?;
    n.write(w)?;
    for value in values {
        if value.kind() != element {
            return Err(w.unfit("a value of another type in a PtypMultiple"));
        }
        value.write(form, w)?;
    }
    Ok(())
}

fn read_bytes(form: Form, r: &mut Reader<'_>) -> Result<Vec<u8>> {
    if form == Form::Rop { Bytes::<u16>::read(r) } else { Bytes::<u32>::read(r) }
}

fn write_bytes(bytes: &Vec<u8>, form: Form, w: &mut Writer) -> Result<()> {
    if form == Form::Rop { Bytes::<u16>::write(bytes, w) } else { Bytes::<u32>::write(bytes, w) }
}

/// With a length, and a terminator within it, which some leave out.
fn transfer_string8(r: &mut Reader<'_>) -> Result<String8> {
    let mut bytes = Bytes::<u32>::read(r)?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(String8(bytes))
}

fn transfer_string(r: &mut Reader<'_>) -> Result<String> {
    let before = r.clone();
    let bytes = Bytes::<u32>::read(r)?;
    if bytes.len() % 2 != 0 {
        return Err(before.invalid("length of a string"));
    }
    let mut text = from_utf16(&bytes);
    if text.ends_with('\0') {
        text.pop();
    }
    Ok(text)
}

/// TaggedPropertyValue (MS-OXCDATA 2.11.4), in the form of ROP buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedPropertyValue {
    /// Whose type is that of the value.
    pub tag: PropertyTag,
    /// The value.
    pub value: PropertyValue,
}

impl TaggedPropertyValue {
    /// In this form.
    pub fn read_as(form: Form, r: &mut Reader<'_>) -> Result<Self> {
        let tag: PropertyTag = r.get()?;
        Ok(Self { tag, value: PropertyValue::read(tag.kind(), form, r)? })
    }

    /// In this form.
    pub fn write_as(&self, form: Form, w: &mut Writer) -> Result<()> {
        if self.tag.kind() != self.value.kind() {
            return Err(w.unfit("a value that is not of its tag's type"));
        }
        self.tag.write(w)?;
        self.value.write(form, w)
    }
}

impl Wire for TaggedPropertyValue {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Self::read_as(Form::Rop, r)
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.write_as(Form::Rop, w)
    }
}

wire! {
    /// PropertyProblem (MS-OXCDATA 2.7): what could not be done with one of several properties.
    PropertyProblem {
        /// Which one of the request's.
        index: u16,
        tag: PropertyTag,
        error_code: ErrorCode,
    }
}
