//! RecipientRow (MS-OXCDATA 2.8.3): who a message goes to.
use super::{Form, PropertyRow, String8};
use crate::wire::{Bytes, Reader, Result, Wire, Writer};

/// RecipientFlags (MS-OXCDATA 2.8.3.1), as a little-endian number.
pub mod flags {
    /// The bits that are the type.
    pub const TYPE: u16 = 0x0007;
    /// Type: an X500DN.
    pub const X500_DN: u16 = 0x0001;
    /// Type: SMTP.
    pub const SMTP: u16 = 0x0003;
    /// Type: a personal distribution list.
    pub const PERSONAL_LIST: u16 = 0x0006;
    /// Type: another one.
    pub const PERSONAL_LIST_2: u16 = 0x0007;
    /// E: EmailAddress is there.
    pub const EMAIL_ADDRESS: u16 = 0x0008;
    /// D: DisplayName is there.
    pub const DISPLAY_NAME: u16 = 0x0010;
    /// T: TransmittableDisplayName is there.
    pub const TRANSMITTABLE_DISPLAY_NAME: u16 = 0x0020;
    /// S: TransmittableDisplayName is DisplayName.
    pub const SAME_DISPLAY_NAME: u16 = 0x0040;
    /// R: another transport delivers it.
    pub const RESPONSIBLE: u16 = 0x0080;
    /// N: no rich text.
    pub const NO_RICH_TEXT: u16 = 0x0100;
    /// U: strings are UTF-16.
    pub const UNICODE: u16 = 0x0200;
    /// I: SimpleDisplayName is there.
    pub const SIMPLE_DISPLAY_NAME: u16 = 0x0400;
    /// O: AddressType is there.
    pub const ADDRESS_TYPE: u16 = 0x8000;
}

/// RecipientRow (MS-OXCDATA 2.8.3.2), read over the reader's columns. What is there has to agree with the flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRow {
    /// RecipientFlags, see [`flags`].
    pub flags: u16,
    /// Of type X500DN.
    pub x500_dn: Option<X500Dn>,
    /// Of a personal distribution list.
    pub private_list: Option<PrivateList>,
    /// Flag O.
    pub address_type: Option<String8>,
    /// Flag E.
    pub email_address: Option<RecipientText>,
    /// Flag D.
    pub display_name: Option<RecipientText>,
    /// Flag I.
    pub simple_display_name: Option<RecipientText>,
    /// Flag T.
    pub transmittable_display_name: Option<RecipientText>,
    /// Over the first columns, as many as it has.
    pub properties: PropertyRow,
}

wire! {
    /// What a recipient of type X500DN begins with.
    X500Dn {
        /// How much of the DN is that of the logon's DnPrefix.
        address_prefix_used: u8,
        display_type: u8,
        dn: String8,
    }

    /// What a personal distribution list begins with.
    PrivateList {
        entry_id: Vec<u8> as Bytes<u16>,
        search_key: Vec<u8> as Bytes<u16>,
    }
}

/// A string as flag U says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientText {
    Unicode(String),
    String8(String8),
}

impl RecipientRow {
    /// A recipient by address: type SMTP, UTF-16, the name given twice (the form that Exchange's clients send).
    pub fn smtp(address: &str, name: &str) -> Self {
        let text = |text: &str| Some(RecipientText::Unicode(text.to_owned()));
        Self {
            flags: flags::SMTP
                | flags::EMAIL_ADDRESS
                | flags::DISPLAY_NAME
                | flags::SAME_DISPLAY_NAME
                | flags::SIMPLE_DISPLAY_NAME
                | flags::UNICODE,
            x500_dn: None,
            private_list: None,
            address_type: None,
            email_address: text(address),
            display_name: text(name),
            simple_display_name: text(name),
            transmittable_display_name: None,
            properties: PropertyRow { flagged: false, cells: Vec::new() },
        }
    }

    fn has(recipient_flags: u16) -> [bool; 7] {
        let kind = recipient_flags & flags::TYPE;
        let flag = |bit| recipient_flags & bit != 0;
        [
            kind == flags::X500_DN,
            kind == flags::PERSONAL_LIST || kind == flags::PERSONAL_LIST_2,
            kind == 0 && flag(flags::ADDRESS_TYPE),
            flag(flags::EMAIL_ADDRESS),
            flag(flags::DISPLAY_NAME),
            flag(flags::SIMPLE_DISPLAY_NAME),
            flag(flags::TRANSMITTABLE_DISPLAY_NAME),
        ]
    }
}

fn perhaps<T>(
    there: bool,
    r: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T>,
) -> Result<Option<T>> {
    there.then(|| read(r)).transpose()
}

impl Wire for RecipientRow {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let recipient_flags = r.get::<u16>()?;
        let [dn, list, address_type, email, name, simple, transmittable] = Self::has(recipient_flags);
        let unicode = recipient_flags & flags::UNICODE != 0;
        let text = |r: &mut Reader<'_>| {
            if unicode { r.get().map(RecipientText::Unicode) } else { r.get().map(RecipientText::String8) }
        };
        Ok(Self {
            flags: recipient_flags,
            x500_dn: perhaps(dn, r, X500Dn::read)?,
            private_list: perhaps(list, r, PrivateList::read)?,
            address_type: perhaps(address_type, r, String8::read)?,
            email_address: perhaps(email, r, text)?,
            display_name: perhaps(name, r, text)?,
            simple_display_name: perhaps(simple, r, text)?,
            transmittable_display_name: perhaps(transmittable, r, text)?,
            properties: {
                let error = r.invalid("RecipientColumnCount");
                let n = usize::from(r.get::<u16>()?);
                let columns = if n == 0 { &[] } else { r.columns()?.get(..n).ok_or(error)? };
                PropertyRow::read_over(columns, Form::Rop, r)?
            },
        })
    }

    fn write(&self, w: &mut Writer) -> Result<()> {
        let texts = [
            &self.email_address,
            &self.display_name,
            &self.simple_display_name,
            &self.transmittable_display_name,
        ];
        let there = [self.x500_dn.is_some(), self.private_list.is_some(), self.address_type.is_some()];
        if Self::has(self.flags)[..3] != there || Self::has(self.flags)[3..] != texts.map(Option::is_some) {
            return Err(w.unfit("a recipient that is not what its flags say"));
        }
        self.flags.write(w)?;
        self.x500_dn.iter().try_for_each(|dn| dn.write(w))?;
        self.private_list.iter().try_for_each(|list| list.write(w))?;
        self.address_type.iter().try_for_each(|kind| kind.write(w))?;
        for text in texts.into_iter().flatten() {
            match text {
                RecipientText::Unicode(text) if self.flags & flags::UNICODE != 0 => text.write(w)?,
                RecipientText::String8(text) if self.flags & flags::UNICODE == 0 => text.write(w)?,
                _ => return Err(w.unfit("a recipient's string that is not as flag U says")),
            }
        }
        let n = u16::try_from(self.properties.cells.len()).map_err(|_| w.unfit("too many columns"))?;
        n.write(w)?;
        self.properties.write(w)
    }
}
