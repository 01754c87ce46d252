//! NTLMv2, the client's side (MS-NLMP): bytes in, bytes out. No socket, no clock and no randomness of its own.
//!
//! Over HTTP the three messages go in `Authorization` and `WWW-Authenticate`, in base64, and what they prove is the
//! connection and not the request: all three go over the same one.
//!
//! Asked for is what Windows' own HTTP client asks for, and no key exchange: HTTP neither signs nor seals, and the MIC is
//! made with the session base key then (section 3.1.5.1.2). A server's policy of 128 bits and NTLMv2 session security
//! is met all the same.

mod binding;
mod challenge;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;

pub use self::binding::{channel_binding, end_point};
use self::challenge::Challenge;
pub use self::challenge::Server;
use crate::secret::HIDDEN;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// NegotiateFlags, section 2.2.2.5.
mod flag {
    pub(super) const UNICODE: u32 = 0x0000_0001;
    pub(super) const REQUEST_TARGET: u32 = 0x0000_0004;
    pub(super) const NTLM: u32 = 0x0000_0200;
    pub(super) const ALWAYS_SIGN: u32 = 0x0000_8000;
    pub(super) const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
    pub(super) const TARGET_INFO: u32 = 0x0080_0000;
    pub(super) const VERSION: u32 = 0x0200_0000;
    pub(super) const BITS_128: u32 = 0x2000_0000;
    pub(super) const BITS_56: u32 = 0x8000_0000;
}

const OFFERED: u32 = flag::UNICODE
    | flag::REQUEST_TARGET
    | flag::NTLM
    | flag::ALWAYS_SIGN
    | flag::EXTENDED_SESSION_SECURITY
    | flag::TARGET_INFO
    | flag::BITS_128
    | flag::BITS_56;

/// Why a server's challenge cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the NTLM challenge does not begin with NTLMSSP")]
    Foreign,
    #[error("NTLM message {0} came where the challenge (2) was due")]
    OtherMessage(u32),
    #[error("the NTLM challenge is {0} bytes long")]
    Length(usize),
    #[error("the {0} of the NTLM challenge lies outside of it")]
    Outside(&'static str),
    #[error("the target information of the NTLM challenge is broken")]
    TargetInfo,
    #[error("the {0} is too long for an NTLM message")]
    TooLong(&'static str),
}

/// What the answer is tied to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// Of the TLS connection, by [`channel_binding`]; `None` without TLS, or to play a client that knows nothing of it.
    pub channel: Option<[u8; 16]>,
    /// The service as it is asked for: `HTTP/mail.example`.
    pub target: &'a str,
}

/// One user and what the password makes of it. Serves any number of conversations.
#[derive(Clone)]
pub struct Client {
    user: String,
    domain: String,
    /// NTOWFv2 (section 3.3.2): whoever has it can sign in.
    key: [u8; 16],
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, domain, key: _ } = self;
        f.debug_struct("Client")
            .field("user", user)
            .field("domain", domain)
            .field("key", &format_args!("{HIDDEN}"))
            .finish()
    }
}

impl Client {
    /// `DOMAIN\user`; `user@domain` and `user` go whole, in an empty domain: the server knows where to look.
    pub fn new(user: &str, password: &str) -> Self {
        let (domain, user) = user.split_once('\\').unwrap_or(("", user));
        let key = ntowf_v2(user, domain, password);
        Self { user: user.to_owned(), domain: domain.to_owned(), key }
    }

    /// The first message (section 2.2.1.1). Says nothing of user, host or version, and is always the same.
    pub fn negotiate(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(SIGNATURE);
        out.extend_from_slice(&1_u32.to_le_bytes());
        out.extend_from_slice(&OFFERED.to_le_bytes());
        // Domain and workstation: none.
        out.extend_from_slice(&[0; 16]);
        out
    }

    /// The third message (section 2.2.1.3), which answers the second one. `now` is a [`filetime`], used when the server tells
    /// none; `nonce` must be random. What comes out lets the password be guessed offline: it belongs in no log.
    ///
    /// # Errors
    /// For a challenge that is none, and for names that do not fit.
    pub fn authenticate(
        &self,
        challenge: &[u8],
        binding: &Binding<'_>,
        now: u64,
        nonce: [u8; 8],
    ) -> Result<Vec<u8>, Malformed> {
        let read = Challenge::read(challenge)?;
        // A server that tells its time takes a MIC, and wants no LM response (section 3.1.5.1.2).
        let with_mic = read.time.is_some();
        let pairs = read.answer(binding, with_mic)?;
        let proved = prove(&self.key, read.nonce, nonce, read.time.unwrap_or(now), &pairs);
        let lm = if with_mic { [0; 24] } else { lm_v2(&self.key, read.nonce, nonce) };
        let (domain, user) = (utf16(&self.domain), utf16(&self.user));
        let flags = read.flags & OFFERED | flag::UNICODE | flag::NTLM;

        let mut message = Message::default();
        message.field(&lm, "LM response")?;
        message.field(&proved.response, "NTLM response")?;
        message.field(&domain, "domain")?;
        message.field(&user, "user name")?;
        message.field(&[], "workstation")?;
        message.field(&[], "session key")?;
        let mut out = message.finish(flags);
        if with_mic {
            let negotiate = self.negotiate();
            let mic = hmac_md5(&proved.session_key, &[&negotiate, challenge, &out]);
            out[MIC_AT..HEAD].copy_from_slice(&mic);
        }
        Ok(out)
    }
}

/// 100 ns since 1601 (MS-DTYP, section 2.3.3); zero for a clock that stands before 1970.
pub fn filetime(at: SystemTime) -> u64 {
    const UNIX: u128 = 116_444_736_000_000_000;
    at.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_nanos() / 100 + UNIX).ok())
        .unwrap_or_default()
}

/// The place of the MIC: behind six fields, the flags and a version of zeros.
const MIC_AT: usize = 72;
const HEAD: usize = 88;

/// An AUTHENTICATE_MESSAGE in the making: the fields in their order, and what they point at.
#[derive(Default)]
struct Message {
    fields: Vec<u8>,
    payload: Vec<u8>,
}

impl Message {
    fn field(&mut self, value: &[u8], name: &'static str) -> Result<(), Malformed> {
        let length = u16::try_from(value.len()).map_err(|_| Malformed::TooLong(name))?;
        let at = u32::try_from(HEAD + self.payload.len()).map_err(|_| Malformed::TooLong(name))?;
        self.fields.extend_from_slice(&length.to_le_bytes());
        self.fields.extend_from_slice(&length.to_le_bytes());
        self.fields.extend_from_slice(&at.to_le_bytes());
        self.payload.extend_from_slice(value);
        Ok(())
    }

    /// With zeros where the MIC goes.
    fn finish(self, flags: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.payload.len());
        out.extend_from_slice(SIGNATURE);
        out.extend_from_slice(&3_u32.to_le_bytes());
        out.extend_from_slice(&self.fields);
        out.extend_from_slice(&flags.to_le_bytes());
        out.resize(HEAD, 0);
        out.extend_from_slice(&self.payload);
        out
    }
}

struct Proved {
    /// NTProofStr and what it was made over.
    response: Vec<u8>,
    /// SessionBaseKey, which is the exported one when no key is exchanged.
    session_key: [u8; 16],
}

/// The NTLMv2 response (section 3.3.2); `pairs` with their end.
fn prove(key: &[u8; 16], server: [u8; 8], client: [u8; 8], time: u64, pairs: &[u8]) -> Proved {
    let mut over = vec![1, 1, 0, 0, 0, 0, 0, 0];
    over.extend_from_slice(&time.to_le_bytes());
    over.extend_from_slice(&client);
    over.extend_from_slice(&[0; 4]);
    over.extend_from_slice(pairs);
    over.extend_from_slice(&[0; 4]);
    let proof = hmac_md5(key, &[&server, &over]);
    Proved { session_key: hmac_md5(key, &[&proof]), response: [&proof[..], &over].concat() }
}

/// The LMv2 response (section 3.3.2).
fn lm_v2(key: &[u8; 16], server: [u8; 8], client: [u8; 8]) -> [u8; 24] {
    let mut out = [0; 24];
    out[..16].copy_from_slice(&hmac_md5(key, &[&server, &client]));
    out[16..].copy_from_slice(&client);
    out
}

/// NTOWFv2 (section 3.3.2). The domain keeps its case, the user name does not.
fn ntowf_v2(user: &str, domain: &str, password: &str) -> [u8; 16] {
    let hash: [u8; 16] = Md4::digest(utf16(password)).into();
    let user: String = user.chars().map(upper).collect();
    hmac_md5(&hash, &[&utf16(&user), &utf16(domain)])
}

/// As Windows does it: a letter becomes one letter, and none becomes ASCII that was not.
fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) if c.is_ascii() || !one.is_ascii() => one,
        _ => c,
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    // Of the length of a block, which is how HMAC takes a shorter key.
    let mut block = [0; 64];
    block[..16].copy_from_slice(key);
    let mut mac = Hmac::<Md5>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
