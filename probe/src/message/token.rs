//! The token that every message of the fleet's carries, signed.
//!
//! 37 bytes in base32, 60 characters of `[a-z2-7]` (MAPI cuts table values at 64):
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version (high four bits), id of the key (low four) |
//! | 1–4 | site, hashed |
//! | 5–8 | check, hashed |
//! | 9–12 | slot |
//! | 13–16 | instance: random per process |
//! | 17–21 | time sent, milliseconds since 2020 |
//! | 22–23 | `lost_after` of its check, in units of ten seconds |
//! | 24 | lines of the payload |
//! | 25–36 | HMAC-SHA256, cut to 96 bits, over the bytes before, the recipient and the payload's digest |
//!
//! The payload is made from the bytes before the signature, so that who has the key can tell it from the token alone.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::secret::Secret;

/// Of the layout above.
pub const VERSION: u8 = 1;
/// Characters of a token.
pub const LENGTH: usize = 60;

const BYTES: usize = 37;
const SIGNED: usize = 25;
/// 2020-01-01T00:00:00Z, in milliseconds since 1970.
const EPOCH: u64 = 1_577_836_800_000;
const LOST_UNIT: u64 = 10;

const BASE32: data_encoding::Encoding = data_encoding::BASE32_NOPAD_NOCASE;

/// The signature of a token.
type Mark = [u8; BYTES - SIGNED];

/// What identifies one message among those of its check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    pub slot: u32,
    mark: Mark,
}

/// What a token says, as it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    pub site: u32,
    pub check: u32,
    pub slot: u32,
    pub instance: u32,
    /// Milliseconds since 1970.
    pub sent_ms: u64,
    /// Seconds, a multiple of ten.
    pub lost_after: u32,
    /// Lines of the payload.
    pub lines: u8,
    key: u8,
    mark: Mark,
}

/// The keys of the fleet: one signs, all are accepted.
#[derive(Clone)]
pub struct Keys {
    /// The signing key first.
    keys: Vec<(u8, Secret)>,
}

impl Keys {
    pub fn new(sign: &Secret, accept: &[Secret]) -> Self {
        let keys = std::iter::once(sign).chain(accept).map(|key| (key_id(key), key.clone())).collect();
        Self { keys }
    }

    fn by_id(&self, id: u8) -> impl Iterator<Item = &Secret> {
        self.keys.iter().filter(move |(of, _)| *of == id).map(|(_, key)| key)
    }
}

/// Four bits that tell keys apart cheaply; two keys of one id are both tried.
fn key_id(key: &Secret) -> u8 {
    Sha256::digest([b"mailprobe key id ", key.expose().as_bytes()].concat())[0] & 0x0f
}

/// A name, hashed: it is recognised, not read.
pub fn hash(name: &str) -> u32 {
    let digest = Sha256::digest(name.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// What a token is made from.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    pub site: u32,
    pub check: u32,
    pub slot: u32,
    pub instance: u32,
    pub sent: SystemTime,
    pub lost_after: Duration,
    pub lines: u8,
}

impl Token {
    /// Signs.
    pub fn sign(draft: &Draft, recipient: &str, keys: &Keys) -> Self {
        let (id, key) = &keys.keys[0];
        let mut token = Self {
            site: draft.site,
            check: draft.check,
            slot: draft.slot,
            instance: draft.instance,
            sent_ms: u64::try_from(clock::since_epoch(draft.sent).as_millis()).unwrap_or(EPOCH).max(EPOCH),
            lost_after: u32::try_from(draft.lost_after.as_secs().div_ceil(LOST_UNIT) * LOST_UNIT)
                .unwrap_or(u32::MAX)
                .min(u32::from(u16::MAX) * 10),
            lines: draft.lines,
            key: *id,
            mark: Mark::default(),
        };
        token.mark = token.signature(recipient, key);
        token
    }

    /// As it stands in a message.
    pub fn text(&self) -> String {
        let mut bytes = self.head().to_vec();
        bytes.extend(self.mark);
        BASE32.encode(&bytes).to_ascii_lowercase()
    }

    /// Whether a UID is that of the entry which carries this token: nobody's copy has it. A server may tell it in hexadecimal
    /// digits, as part of a GlobalObjectId (MS-OXCICAL, section 2.1.3.1.1.20.26).
    pub fn is_of(&self, uid: &str) -> bool {
        let text = self.text();
        let digits = data_encoding::HEXLOWER.encode(text.as_bytes());
        uid.starts_with(&text) || uid.to_ascii_lowercase().contains(&digits)
    }

    /// What identifies the message.
    pub fn id(&self) -> Id {
        Id { slot: self.slot, mark: self.mark }
    }

    pub fn sent(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.sent_ms)
    }

    /// How long its sender awaits it.
    pub fn lost_after(&self) -> Duration {
        Duration::from_secs(self.lost_after.into())
    }

    /// Reads a token; nothing is believed until [`Self::signed_for`] holds.
    pub fn read(text: &[u8]) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let bytes: [u8; BYTES] = BASE32.decode(text).ok()?.try_into().ok()?;
        if bytes[0] >> 4 != VERSION {
            return None;
        }
        let four = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut sent = [0; 8];
        sent[3..].copy_from_slice(&bytes[17..22]);
        Some(Self {
            site: four(1),
            check: four(5),
            slot: four(9),
            instance: four(13),
            sent_ms: u64::from_be_bytes(sent) + EPOCH,
            lost_after: u32::from(u16::from_be_bytes([bytes[22], bytes[23]])) * 10,
            lines: bytes[24],
            key: bytes[0] & 0x0f,
            mark: bytes[SIGNED..].try_into().ok()?,
        })
    }

    /// Whether one of the fleet's keys signed this token for that recipient.
    pub fn signed_for(&self, recipient: &str, keys: &Keys) -> bool {
        keys.by_id(self.key).any(|key| {
            let expected = self.signature(recipient, key);
            bool::from(subtle::ConstantTimeEq::ct_eq(&expected[..], &self.mark[..]))
        })
    }

    /// The lines of the payload, as they were sent: a number, a space, 52 characters of base32.
    pub fn payload(&self) -> Vec<String> {
        let head = self.head();
        (0..self.lines)
            .map(|n| {
                let digest = Sha256::new().chain_update(b"mailprobe payload").chain_update(head);
                let text = BASE32.encode(&digest.chain_update([n]).finalize()).to_ascii_lowercase();
                format!("{n:03} {text}")
            })
            .collect()
    }

    fn head(&self) -> [u8; SIGNED] {
        let mut out = [0; SIGNED];
        out[0] = VERSION << 4 | self.key;
        out[1..5].copy_from_slice(&self.site.to_be_bytes());
        out[5..9].copy_from_slice(&self.check.to_be_bytes());
        out[9..13].copy_from_slice(&self.slot.to_be_bytes());
        out[13..17].copy_from_slice(&self.instance.to_be_bytes());
        out[17..22].copy_from_slice(&(self.sent_ms - EPOCH).to_be_bytes()[3..]);
        out[22..24].copy_from_slice(&u16::try_from(self.lost_after / 10).unwrap_or(u16::MAX).to_be_bytes());
        out[24] = self.lines;
        out
    }

    fn signature(&self, recipient: &str, key: &Secret) -> Mark {
        let mut payload = Sha256::new();
        for line in self.payload() {
            payload.update(line.as_bytes());
        }
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
            unreachable!("HMAC takes keys of any length (RFC 2104, section 3)")
        };
        let full = mac
            .chain_update(self.head())
            .chain_update(recipient.to_ascii_lowercase().as_bytes())
            .chain_update(payload.finalize())
            .finalize()
            .into_bytes();
        let mut mark = Mark::default();
        mark.copy_from_slice(&full[..BYTES - SIGNED]);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(sign: &str) -> Keys {
        Keys::new(&Secret::new(sign), &[])
    }

    fn draft(slot: u32, ms: u64, lost: u64) -> Draft {
        Draft {
            site: hash("lisbon"),
            check: hash("roundtrip-a-b-smtp"),
            slot,
            instance: 7,
            sent: SystemTime::UNIX_EPOCH + Duration::from_millis(EPOCH + ms),
            lost_after: Duration::from_secs(lost),
            lines: 4,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(slot: u32, ms in 0u64..1 << 39, lost in 0u64..600_000) {
            let token = Token::sign(&draft(slot, ms, lost), "Bob@example.com", &keys("key-of-the-fleet"));
            let text = token.text();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert!(text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
            let read = Token::read(text.as_bytes()).unwrap();
            prop_assert_eq!(read, token);
            prop_assert!(read.signed_for("bob@EXAMPLE.com", &keys("key-of-the-fleet")));
            prop_assert!(read.lost_after().as_secs() >= lost);
        }

        #[test]
        fn nothing_else_is_believed(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(token) = Token::read(&bytes) {
                prop_assert!(!token.signed_for("bob@example.com", &keys("key-of-the-fleet")));
            }
        }
    }

    #[test]
    fn another_recipient_another_key_or_one_changed_letter_is_refused() {
        let sign = keys("key-of-the-fleet");
        let token = Token::sign(&draft(9, 5, 900), "bob@example.com", &sign);
        assert!(token.signed_for("bob@example.com", &sign));
        assert!(!token.signed_for("eve@example.com", &sign));
        assert!(!token.signed_for("bob@example.com", &keys("another key")));
        let both = Keys::new(&Secret::new("the new key"), &[Secret::new("key-of-the-fleet")]);
        assert!(token.signed_for("bob@example.com", &both), "an accepted key");
        let text = token.text();
        for at in 0..LENGTH {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
            let believed = Token::read(&changed).is_some_and(|t| t.signed_for("bob@example.com", &sign));
            // The last character carries four bits of padding: a change there is no other token.
            assert!(!believed, "at {at}");
        }
    }
}
