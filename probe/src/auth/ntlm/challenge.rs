//! CHALLENGE_MESSAGE (MS-NLMP, section 2.2.1.2): what the server sends, and its AV pairs (section 2.2.2.1).

use std::fmt;

use super::{Binding, Malformed, SIGNATURE, flag, utf16};

/// What a target's information can fill twice over; real ones have some hundred bytes.
const MOST: usize = 128 << 10;
/// Up to the server's nonce. What follows came with later versions, and is not there in all of them.
const SHORTEST: usize = 32;

/// AvId.
mod pair {
    pub(super) const END: u16 = 0;
    pub(super) const COMPUTER: u16 = 1;
    pub(super) const DOMAIN: u16 = 2;
    pub(super) const DNS_COMPUTER: u16 = 3;
    pub(super) const DNS_DOMAIN: u16 = 4;
    pub(super) const DNS_FOREST: u16 = 5;
    pub(super) const FLAGS: u16 = 6;
    pub(super) const TIME: u16 = 7;
    pub(super) const TARGET: u16 = 9;
    pub(super) const CHANNEL: u16 = 10;
    /// In FLAGS: there is a MIC.
    pub(super) const HAS_MIC: u32 = 2;
}

/// What a server tells of itself before anybody has signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The realm: a domain, or the server itself where it is in none.
    pub target: Option<String>,
    pub computer: Option<String>,
    pub domain: Option<String>,
    pub dns_computer: Option<String>,
    pub dns_domain: Option<String>,
    pub dns_forest: Option<String>,
    /// Windows' major, minor and build number; others send what they like.
    pub version: Option<(u8, u8, u16)>,
    /// The server's time, as a FILETIME.
    pub time: Option<u64>,
}

impl Server {
    /// Reads it from a challenge.
    ///
    /// # Errors
    /// For what is no challenge.
    pub fn read(challenge: &[u8]) -> Result<Self, Malformed> {
        let read = Challenge::read(challenge)?;
        let mut server = Self { time: read.time, ..Self::default() };
        for (id, value) in &read.pairs {
            let place = match *id {
                pair::COMPUTER => &mut server.computer,
                pair::DOMAIN => &mut server.domain,
                pair::DNS_COMPUTER => &mut server.dns_computer,
                pair::DNS_DOMAIN => &mut server.dns_domain,
                pair::DNS_FOREST => &mut server.dns_forest,
                _ => continue,
            };
            *place = text(value);
        }
        if let Some(name) = field(challenge, 12, "target name")? {
            server.target = if read.flags & flag::UNICODE == 0 { ascii(name) } else { text(name) };
        }
        if read.flags & flag::VERSION != 0
            && let Some([major, minor, low, high, ..]) = challenge.get(48..56)
        {
            server.version = Some((*major, *minor, u16::from_le_bytes([*low, *high])));
        }
        Ok(server)
    }
}

/// `EX01.corp.example of CORP, version 10.0.20348`: what is known, and nothing where nothing is.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.dns_computer.as_ref().or(self.computer.as_ref()).or(self.target.as_ref());
        f.write_str(name.map_or("a server without a name", String::as_str))?;
        if let Some(domain) = self.domain.as_ref().or(self.dns_domain.as_ref()) {
            write!(f, " of {domain}")?;
        }
        if let Some((major, minor, build)) = self.version {
            write!(f, ", version {major}.{minor}.{build}")?;
        }
        Ok(())
    }
}

/// What an answer needs of a challenge.
pub(super) struct Challenge<'a> {
    pub(super) flags: u32,
    pub(super) nonce: [u8; 8],
    pub(super) time: Option<u64>,
    /// As the server sent them, without the end.
    pub(super) pairs: Vec<(u16, &'a [u8])>,
}

impl<'a> Challenge<'a> {
    /// A version and target information may be missing.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(SIGNATURE) {
            return Err(Malformed::Foreign);
        }
        if bytes.len() < SHORTEST || bytes.len() > MOST {
            return Err(Malformed::Length(bytes.len()));
        }
        let kind = number(bytes, 8)?;
        if kind != 2 {
            return Err(Malformed::OtherMessage(kind));
        }
        let flags = number(bytes, 20)?;
        let nonce = array(bytes, 24)?;
        let info =
            if flags & flag::TARGET_INFO == 0 { None } else { field(bytes, 40, "target information")? };
        let pairs = pairs(info.unwrap_or_default())?;
        let time = match pairs.iter().find(|(id, _)| *id == pair::TIME) {
            Some((_, value)) => {
                Some(u64::from_le_bytes((*value).try_into().map_err(|_| Malformed::TargetInfo)?))
            }
            None => None,
        };
        Ok(Self { flags, nonce, time, pairs })
    }

    /// The server's pairs, and ours (section 3.1.5.1.2), with their end.
    pub(super) fn answer(&self, binding: &Binding<'_>, with_mic: bool) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        let mut flags = 0;
        for (id, value) in &self.pairs {
            match *id {
                pair::FLAGS => flags = u32::from_le_bytes(array(value, 0)?),
                // Ours to say.
                pair::TARGET | pair::CHANNEL => {}
                _ => put(&mut out, *id, value)?,
            }
        }
        if with_mic {
            flags |= pair::HAS_MIC;
        } else {
            flags &= !pair::HAS_MIC;
        }
        if flags != 0 {
            put(&mut out, pair::FLAGS, &flags.to_le_bytes())?;
        }
        // Left out where there is none, as by a client that knows nothing of bindings.
        if let Some(channel) = &binding.channel {
            put(&mut out, pair::CHANNEL, channel)?;
        }
        put(&mut out, pair::TARGET, &utf16(binding.target))?;
        put(&mut out, pair::END, &[])?;
        Ok(out)
    }
}

fn put(out: &mut Vec<u8>, id: u16, value: &[u8]) -> Result<(), Malformed> {
    let length = u16::try_from(value.len()).map_err(|_| Malformed::TooLong("target name"))?;
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Up to the end, or up to where the bytes end.
fn pairs(mut rest: &[u8]) -> Result<Vec<(u16, &[u8])>, Malformed> {
    let mut out = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let [id0, id1, len0, len1] = *head;
        let id = u16::from_le_bytes([id0, id1]);
        if id == pair::END {
            return Ok(out);
        }
        let length = usize::from(u16::from_le_bytes([len0, len1]));
        let (value, after) = after.split_at_checked(length).ok_or(Malformed::TargetInfo)?;
        out.push((id, value));
        rest = after;
    }
    if rest.is_empty() { Ok(out) } else { Err(Malformed::TargetInfo) }
}

/// What a field (length, room, offset) points at; `None` when it is empty, or not in the message at all.
fn field<'a>(bytes: &'a [u8], at: usize, name: &'static str) -> Result<Option<&'a [u8]>, Malformed> {
    let Some([len0, len1, _, _, offset @ ..]) = bytes.get(at..at + 8).and_then(<[u8]>::first_chunk::<8>)
    else {
        return Ok(None);
    };
    let length = usize::from(u16::from_le_bytes([*len0, *len1]));
    if length == 0 {
        return Ok(None);
    }
    let outside = Malformed::Outside(name);
    let start = usize::try_from(u32::from_le_bytes(*offset)).map_err(|_| outside)?;
    let end = start.checked_add(length).ok_or(outside)?;
    bytes.get(start..end).map(Some).ok_or(outside)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Malformed::TargetInfo)
}

fn number(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    Ok(u32::from_le_bytes(array(bytes, at)?))
}

/// Anything but letters of a name is shown as a question mark; at most 255 of them.
fn text(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    shown(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)))
}

fn ascii(bytes: &[u8]) -> Option<String> {
    shown(bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }))
}

fn shown(chars: impl Iterator<Item = char>) -> Option<String> {
    let name: String = chars.take(255).map(|c| if c.is_control() { '?' } else { c }).collect();
    (!name.is_empty()).then_some(name)
}
