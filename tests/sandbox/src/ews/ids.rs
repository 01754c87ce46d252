//! Identifiers of folders and items: opaque, and of one user's mailbox.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Refusal;
use crate::{store::Flags, xml::Xml};

/// What an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Folder(u32),
    Item {
        folder: u32,
        uid: u32,
    },
    /// An occurrence of an entry of the calendar, by the second at which it was to begin.
    Occurrence {
        uid: u32,
        original: i64,
    },
}

pub(super) const MALFORMED: Refusal = Refusal("ErrorInvalidIdMalformed", "Id is malformed.");
pub(super) const ITEM_NOT_FOUND: Refusal =
    Refusal("ErrorItemNotFound", "The specified object was not found in the store.");
pub(super) const DENIED: Refusal =
    Refusal("ErrorAccessDenied", "Access is denied. Check credentials and try again.");

impl Id {
    pub(super) fn text(self, user: &str) -> String {
        let (kind, numbers) = match self {
            Self::Folder(folder) => (b'F', folder.to_be_bytes().to_vec()),
            Self::Item { folder, uid } => (b'I', [folder.to_be_bytes(), uid.to_be_bytes()].concat()),
            Self::Occurrence { uid, original } => {
                (b'O', [&uid.to_be_bytes()[..], &original.to_be_bytes()].concat())
            }
        };
        // The first two bytes make it begin much as Exchange's do.
        STANDARD.encode([&[0, 3, kind][..], &numbers, user.as_bytes()].concat())
    }

    /// Reads an identifier of something in that user's mailbox.
    pub(super) fn parse(text: &str, user: &str) -> Result<Self, Refusal> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| MALFORMED)?;
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u32::from_be_bytes).ok_or(MALFORMED)
        };
        let (id, length) = match bytes.get(..3) {
            Some([0, 3, b'F']) => (Self::Folder(number(3)?), 7),
            Some([0, 3, b'I']) => (Self::Item { folder: number(3)?, uid: number(7)? }, 11),
            Some([0, 3, b'O']) => {
                let original = i64::from(number(7)?) << 32 | i64::from(number(11)?);
                (Self::Occurrence { uid: number(3)?, original }, 15)
            }
            _ => return Err(MALFORMED),
        };
        if bytes.get(length..) != Some(user.as_bytes()) {
            return Err(DENIED);
        }
        Ok(id)
    }
}

/// Flags as a number that is another when they are others.
pub(super) fn digest(flags: &Flags) -> u16 {
    let [first, second, ..] = hash(flags);
    u16::from_be_bytes([first, second])
}

fn hash(flags: &Flags) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for flag in flags.iter().filter(|flag| *flag != "\\Recent") {
        hash.update(flag.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

/// What changes with an item.
pub(super) fn change_key(flags: &Flags) -> String {
    STANDARD.encode([b"CQ\0\0", &hash(flags)[..8]].concat())
}

pub(super) fn write_item(xml: &mut Xml, name: &str, user: &str, folder: u32, uid: u32, flags: &Flags) {
    let id = Id::Item { folder, uid }.text(user);
    xml.empty(name, &[("Id", &id), ("ChangeKey", &change_key(flags))]);
}

pub(super) fn write_folder(xml: &mut Xml, name: &str, user: &str, folder: u32) {
    let id = Id::Folder(folder).text(user);
    xml.empty(name, &[("Id", &id), ("ChangeKey", "AQAAAA==")]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_back_by_their_owner_alone() {
        for id in
            [Id::Folder(7), Id::Item { folder: 7, uid: 9 }, Id::Occurrence { uid: 9, original: 1 << 40 }]
        {
            let text = id.text("alice");
            assert!(text.starts_with("AAN"), "{text}");
            assert_eq!(Id::parse(&text, "alice"), Ok(id));
            assert_eq!(Id::parse(&text, "bob"), Err(DENIED));
        }
        for wrong in ["", "DUMMY", "AAMk", "AANG", "!"] {
            assert_eq!(Id::parse(wrong, "alice"), Err(MALFORMED), "{wrong}");
        }
    }

    #[test]
    fn a_change_of_flags_shows() {
        let none = Flags::new();
        let seen = Flags::from(["\\Seen".to_owned()]);
        assert_ne!(change_key(&none), change_key(&seen));
        assert_eq!(change_key(&none), change_key(&Flags::from(["\\Recent".to_owned()])));
    }
}
