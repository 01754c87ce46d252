//! The accepting side of NTLMv2 (MS-NLMP), with its message integrity code and channel bindings.

use hmac::{Hmac, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::exchange::ExtendedProtection;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// What is agreed to if the client wants it (MS-NLMP 2.2.2.5): Unicode, request target, sign, seal, NTLM,
/// always sign, extended session security, 128, key exchange, 56.
const SUPPORTED: u32 = 0xE008_8235;
/// What is set in any case: Unicode, request target, NTLM, target type domain, target info, version.
const ALWAYS: u32 = 0x0281_0205;
const UNICODE: u32 = 1;
const KEY_EXCHANGE: u32 = 0x4000_0000;
/// Where the message integrity code stands in an AUTHENTICATE message.
const MIC: std::ops::Range<usize> = 72..88;

/// Identifiers of target information (MS-NLMP 2.2.2.1).
mod av {
    pub(super) const END: u16 = 0;
    pub(super) const COMPUTER: u16 = 1;
    pub(super) const DOMAIN: u16 = 2;
    pub(super) const DNS_COMPUTER: u16 = 3;
    pub(super) const DNS_DOMAIN: u16 = 4;
    pub(super) const FLAGS: u16 = 6;
    pub(super) const TIMESTAMP: u16 = 7;
    pub(super) const CHANNEL_BINDINGS: u16 = 10;
}

/// A sign-in under way: what was said so far.
pub(crate) struct Pending {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    nonce: [u8; 8],
}

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Malformed,
    Anonymous,
    /// Neither NTLMv1 nor LM is taken.
    TooOld,
    UnknownUser,
    WrongPassword,
    WrongIntegrityCode,
    NoChannelBindings,
    WrongChannelBindings,
}

/// The channel bindings that are wanted.
pub(crate) struct Binding {
    pub(crate) protection: ExtendedProtection,
    pub(crate) end_point: [u8; 32],
}

/// Whether that is an NTLM message, and of which type.
pub(crate) fn message_type(message: &[u8]) -> Option<u32> {
    message.starts_with(SIGNATURE).then(|| u32_at(message, 8))?
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Bytes that a length and an offset at that place point to.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_at(message, at)?);
    let offset = u32_at(message, at + 4)? as usize;
    message.get(offset..offset.checked_add(length)?)
}

fn text(message: &[u8], at: usize, unicode: bool) -> Option<String> {
    let bytes = field(message, at)?;
    if !unicode {
        return Some(String::from_utf8_lossy(bytes).into_owned());
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC takes keys of any length, so there always is one.
    Hmac::<Md5>::new_from_slice(key).map_or([0; 16], |mut mac| {
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    })
}

/// RC4, with which the session key is wrapped.
fn rc4(key: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|i| i.to_le_bytes()[0]);
    let mut j = 0_u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, usize::from(j));
    }
    let (mut i, mut j) = (0_u8, 0_u8);
    data.iter()
        .map(|byte| {
            i = i.wrapping_add(1);
            j = j.wrapping_add(state[usize::from(i)]);
            state.swap(usize::from(i), usize::from(j));
            let at = state[usize::from(i)].wrapping_add(state[usize::from(j)]);
            byte ^ state[usize::from(at)]
        })
        .collect()
}

/// Answers a NEGOTIATE message with a CHALLENGE; nothing if it is none. The time is in units of 100 ns
/// since 1601.
pub(crate) fn challenge(
    negotiate: &[u8],
    nonce: [u8; 8],
    host: &str,
    domain: &str,
    time: u64,
) -> Option<Pending> {
    if message_type(negotiate)? != 1 {
        return None;
    }
    let flags = (u32_at(negotiate, 12)? & SUPPORTED) | ALWAYS;
    let upper = |name: &str| name.split('.').next().unwrap_or_default().to_uppercase();
    let target = utf16(&upper(domain));
    let mut information = Vec::new();
    for (id, value) in [
        (av::DOMAIN, target.clone()),
        (av::COMPUTER, utf16(&upper(host))),
        (av::DNS_DOMAIN, utf16(domain)),
        (av::DNS_COMPUTER, utf16(host)),
        (av::TIMESTAMP, time.to_le_bytes().to_vec()),
        (av::END, Vec::new()),
    ] {
        information.extend_from_slice(&id.to_le_bytes());
        information.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
        information.extend_from_slice(&value);
    }
    let mut message = [SIGNATURE, &2_u32.to_le_bytes()].concat();
    let pointer = |length: usize, offset: usize| {
        let length = u16::try_from(length).ok()?.to_le_bytes();
        Some([&length[..], &length, &u32::try_from(offset).ok()?.to_le_bytes()].concat())
    };
    message.extend_from_slice(&pointer(target.len(), 56)?);
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&nonce);
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&pointer(information.len(), 56 + target.len())?);
    // The version: 10.0, build 17763, revision 15.
    message.extend_from_slice(&[10, 0, 0x63, 0x45, 0, 0, 0, 15]);
    message.extend_from_slice(&target);
    message.extend_from_slice(&information);
    Some(Pending { negotiate: negotiate.to_vec(), challenge: message, nonce })
}

/// The value of that identifier in target information.
fn pair(mut information: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (id, length) = (u16_at(information, 0)?, usize::from(u16_at(information, 2)?));
        if id == av::END {
            return None;
        }
        let value = information.get(4..4 + length)?;
        if id == wanted {
            return Some(value);
        }
        information = information.get(4 + length..)?;
    }
}

/// The MD5 of the channel bindings of `tls-server-end-point` (RFC 2743, RFC 5929; MS-NLMP 2.2.2.1).
fn bindings(end_point: &[u8; 32]) -> [u8; 16] {
    let application = [&b"tls-server-end-point:"[..], end_point].concat();
    let mut hash = Md5::new();
    // Neither side's address is given: four empty fields.
    hash.update([0; 16]);
    hash.update(u32::try_from(application.len()).unwrap_or_default().to_le_bytes());
    hash.update(&application);
    hash.finalize().into()
}

impl Pending {
    /// What to send to the client.
    pub(crate) fn message(&self) -> &[u8] {
        &self.challenge
    }

    /// Checks an AUTHENTICATE message: the user, by the name under which `find` knows it and its password.
    pub(crate) fn accept(
        &self,
        message: &[u8],
        find: impl Fn(&str) -> Option<(String, String)>,
        binding: &Binding,
    ) -> Result<String, Why> {
        if message_type(message) != Some(3) {
            return Err(Why::Malformed);
        }
        let flags = u32_at(message, 60).ok_or(Why::Malformed)?;
        let unicode = flags & UNICODE != 0;
        let domain = text(message, 28, unicode).ok_or(Why::Malformed)?;
        let name = text(message, 36, unicode).ok_or(Why::Malformed)?;
        if name.is_empty() {
            return Err(Why::Anonymous);
        }
        let response = field(message, 20).ok_or(Why::Malformed)?;
        if response.len() <= 24 {
            return Err(Why::TooOld);
        }
        let (user, password) = find(&name).ok_or(Why::UnknownUser)?;
        let (proof, blob) = response.split_at(16);
        // NTOWFv2 (MS-NLMP 3.3.2).
        let secret: [u8; 16] = Md4::digest(utf16(&password)).into();
        let key = hmac(&secret, &[&utf16(&(name.to_uppercase() + &domain))]);
        let wanted = hmac(&key, &[&self.nonce, blob]);
        if !bool::from(wanted.ct_eq(proof)) {
            return Err(Why::WrongPassword);
        }
        let information = blob.get(28..).unwrap_or_default();
        self.integrity(message, information, hmac(&key, &[proof]), flags)?;
        let given =
            pair(information, av::CHANNEL_BINDINGS).filter(|value| value.iter().any(|byte| *byte != 0));
        match (binding.protection, given) {
            (ExtendedProtection::Off, _) | (ExtendedProtection::Allow, None) => Ok(user),
            (ExtendedProtection::Require, None) => Err(Why::NoChannelBindings),
            (_, Some(given)) if given == bindings(&binding.end_point) => Ok(user),
            (_, Some(_)) => Err(Why::WrongChannelBindings),
        }
    }

    /// Checks the code over all three messages, if the client says there is one.
    fn integrity(&self, message: &[u8], information: &[u8], base: [u8; 16], flags: u32) -> Result<(), Why> {
        let has =
            pair(information, av::FLAGS).and_then(|value| u32_at(value, 0)).unwrap_or_default() & 2 != 0;
        if !has {
            return Ok(());
        }
        let wrapped = field(message, 52).ok_or(Why::Malformed)?;
        let exchanged = flags & KEY_EXCHANGE != 0 && !wrapped.is_empty();
        let exported = if exchanged { rc4(&base, wrapped) } else { base.to_vec() };
        let given = message.get(MIC).ok_or(Why::Malformed)?;
        let mut blank = message.to_vec();
        blank[MIC].fill(0);
        let wanted = hmac(&exported, &[&self.negotiate, &self.challenge, &blank]);
        if bool::from(wanted.ct_eq(given)) { Ok(()) } else { Err(Why::WrongIntegrityCode) }
    }
}

#[cfg(test)]
mod tests;
