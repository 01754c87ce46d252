//! Names of properties (MS-OXCDATA 2.6).
use super::Guid;
use crate::wire::{Bytes, Codec, ErrorKind, Reader, Result, Wire, Writer, from_utf16, to_utf16};

/// PropertyName (MS-OXCDATA 2.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyName {
    /// The property set.
    pub guid: Guid,
    /// Its name within the set.
    pub name: Name,
}

/// By what a property is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Kind 0x00: a number.
    Lid(u32),
    /// Kind 0x01: a string.
    String(String),
    /// Kind 0xFF: no name.
    None,
}

impl PropertyName {
    /// PSETID_Appointment (MS-OXPROPS 1.3.2).
    pub const APPOINTMENT: Guid = Guid::new(0x0006_2002, 0, 0, [0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
    /// PSETID_Common (MS-OXPROPS 1.3.2).
    pub const COMMON: Guid = Guid::new(0x0006_2008, 0, 0, [0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
    /// PSETID_Meeting (MS-OXPROPS 1.3.2).
    pub const MEETING: Guid =
        Guid::new(0x6ED8_DA90, 0x450B, 0x101B, [0x98, 0xDA, 0, 0xAA, 0, 0x3F, 0x13, 0x05]);
    /// PS_INTERNET_HEADERS (MS-OXPROPS 1.3.2).
    pub const INTERNET_HEADERS: Guid = Guid::new(0x0002_0386, 0, 0, [0xC0, 0, 0, 0, 0, 0, 0, 0x46]);

    fn kind(&self) -> u8 {
        match self.name {
            Name::Lid(_) => 0,
            Name::String(_) => 1,
            Name::None => 0xFF,
        }
    }

    /// As it stands before a value in a FastTransfer stream (MS-OXCFXICS 2.2.4.1.3).
    pub(crate) fn read_transfer(r: &mut Reader<'_>) -> Result<Self> {
        let guid = r.get()?;
        let error = r.invalid("kind of a property name");
        let name = match r.get::<u8>()? {
            0 => Name::Lid(r.get()?),
            1 => Name::String(r.get()?),
            _ => return Err(error),
        };
        Ok(Self { guid, name })
    }

    /// The other way round.
    pub(crate) fn write_transfer(&self, w: &mut Writer) -> Result<()> {
        self.guid.write(w)?;
        self.kind().write(w)?;
        match &self.name {
            Name::Lid(lid) => lid.write(w),
            Name::String(name) => name.write(w),
            Name::None => Err(w.unfit("a property name without a name")),
        }
    }
}

impl Wire for PropertyName {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("kind of a property name");
        let kind = r.get::<u8>()?;
        let guid = r.get()?;
        let name = match kind {
            0 => Name::Lid(r.get()?),
            1 => Name::String(sized_name(r)?),
            0xFF => Name::None,
            _ => return Err(error),
        };
        Ok(Self { guid, name })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        self.kind().write(w)?;
        self.guid.write(w)?;
        match &self.name {
            Name::Lid(lid) => lid.write(w),
            Name::String(name) => Bytes::<u8>::write(&name.encode()?, w),
            Name::None => Ok(()),
        }
    }
}

/// NameSize counts bytes, and the terminator with them.
fn sized_name(r: &mut Reader<'_>) -> Result<String> {
    let at = r.clone();
    let bytes = Bytes::<u8>::read(r)?;
    let text = from_utf16(&bytes);
    match text.strip_suffix('\0') {
        Some(name) if to_utf16(name).len() + 2 == bytes.len() && !name.contains('\0') => Ok(name.to_owned()),
        _ => Err(at.error(ErrorKind::Invalid("name of a property"))),
    }
}
