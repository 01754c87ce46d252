//! "Direct2" (MS-OXCRPC 3.1.4.11.1.2.2): the plain LZ77 of MS-XCA 2.3 and 2.4, both ways.
use crate::wire::{ErrorKind, Reader, Result};

/// How far back a match may begin: 13 bits.
const WINDOW: usize = 1 << 13;
/// The shortest match.
const MIN_MATCH: usize = 3;
/// The longest that 16 bits can tell.
const MAX_MATCH: usize = 0xFFFF + MIN_MATCH;
/// How many earlier places are tried.
const TRIES: usize = 32;

/// What was compressed, of which this many bytes are expected. Nothing is written beyond them.
pub fn decompress(bytes: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut r = Reader::new(bytes);
    let mut out = Vec::new();
    let (mut flags, mut flags_left) = (0u32, 0u32);
    let mut nibble: Option<u8> = None;
    while out.len() < size {
        if flags_left == 0 {
            (flags, flags_left) = (r.get()?, 32);
        }
        flags_left -= 1;
        if flags >> flags_left & 1 == 0 {
            out.push(r.get()?);
            continue;
        }
        let error = r.invalid("match");
        let m = r.get::<u16>()?;
        let distance = usize::from(m >> 3) + 1;
        let length = match_length(m, &mut nibble, &mut r)?.checked_add(MIN_MATCH);
        let length = length.filter(|length| out.len() + length <= size).ok_or_else(|| error.clone())?;
        let start = out.len().checked_sub(distance).ok_or(error)?;
        // Byte by byte: a match may reach into what it makes.
        for i in start..start + length {
            out.push(out[i]);
        }
    }
    Ok(out)
}

/// The length of a match, less [`MIN_MATCH`].
fn match_length(m: u16, nibble: &mut Option<u8>, r: &mut Reader<'_>) -> Result<usize> {
    let short = usize::from(m & 7);
    if short < 7 {
        return Ok(short);
    }
    let half = match nibble.take() {
        Some(high) => high,
        None => {
            let byte = r.get::<u8>()?;
            *nibble = Some(byte >> 4);
            byte & 15
        }
    };
    if half < 15 {
        return Ok(7 + usize::from(half));
    }
    let byte = r.get::<u8>()?;
    if byte < 255 {
        return Ok(7 + 15 + usize::from(byte));
    }
    let error = r.error(ErrorKind::Invalid("length of a match"));
    let long = usize::from(r.get::<u16>()?);
    if long < 7 + 15 { Err(error) } else { Ok(long) }
}

/// Compressed; no shorter where there is nothing to gain.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = Packer::default();
    let mut places = Places::new(bytes);
    let mut at = 0;
    while at < bytes.len() {
        match places.longest(at) {
            Some((distance, length)) => {
                out.matched(distance, length);
                (at..at + length).for_each(|i| places.add(i));
                at += length;
            }
            None => {
                out.literal(bytes[at]);
                places.add(at);
                at += 1;
            }
        }
    }
    out.finish()
}

/// Where each three bytes were seen before.
struct Places<'a> {
    bytes: &'a [u8],
    /// By hash, the last place.
    last: Vec<Option<usize>>,
    /// By place, the one before of the same hash.
    before: Vec<Option<usize>>,
}

impl<'a> Places<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, last: vec![None; 1 << 12], before: vec![None; bytes.len()] }
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let three = self.bytes.get(at..at + MIN_MATCH)?;
        let [a, b, c] = [0, 1, 2].map(|i| usize::from(three[i]));
        Some((a << 4 ^ b << 2 ^ c.wrapping_mul(0x9E5)) % self.last.len())
    }

    fn add(&mut self, at: usize) {
        if let Some(hash) = self.hash(at) {
            self.before[at] = self.last[hash].replace(at);
        }
    }

    fn longest(&self, at: usize) -> Option<(usize, usize)> {
        let mut place = self.last[self.hash(at)?];
        let mut best: Option<(usize, usize)> = None;
        for _ in 0..TRIES {
            let Some(start) = place.filter(|start| at - start <= WINDOW) else { break };
            let same = self.bytes[start..].iter().zip(&self.bytes[at..]).take_while(|(a, b)| a == b).count();
            let length = same.min(MAX_MATCH);
            if length >= MIN_MATCH && best.is_none_or(|(_, longest)| length > longest) {
                best = Some((at - start, length));
            }
            place = self.before[start];
        }
        best
    }
}

/// Writes literals and matches, with a word of flags before each 32.
struct Packer {
    out: Vec<u8>,
    flags: u32,
    count: u32,
    flags_at: usize,
    /// Where the byte lies whose high half is free.
    nibble_at: Option<usize>,
}

impl Default for Packer {
    fn default() -> Self {
        Self { out: vec![0; 4], flags: 0, count: 0, flags_at: 0, nibble_at: None }
    }
}

impl Packer {
    fn flag(&mut self, flag: u32) {
        self.flags = self.flags << 1 | flag;
        self.count += 1;
        if self.count == 32 {
            self.put_flags(self.flags);
            (self.flags, self.count, self.flags_at) = (0, 0, self.out.len());
            self.out.extend([0; 4]);
        }
    }

    fn put_flags(&mut self, flags: u32) {
        self.out[self.flags_at..self.flags_at + 4].copy_from_slice(&flags.to_le_bytes());
    }

    // The flag comes after its bytes, so that the next word of flags lies behind them.
    fn literal(&mut self, byte: u8) {
        self.out.push(byte);
        self.flag(0);
    }

    fn matched(&mut self, distance: usize, length: usize) {
        let length = length - MIN_MATCH;
        let m = (distance - 1) << 3 | length.min(7);
        self.out.extend(m.to_le_bytes().into_iter().take(2));
        if length >= 7 {
            self.long(length);
        }
        self.flag(1);
    }

    fn long(&mut self, length: usize) {
        let half = low_byte((length - 7).min(15));
        match self.nibble_at.take() {
            Some(at) => self.out[at] |= half << 4,
            None => {
                self.nibble_at = Some(self.out.len());
                self.out.push(half);
            }
        }
        if length < 7 + 15 {
            return;
        }
        let more = length - 7 - 15;
        if more < 255 {
            self.out.push(low_byte(more));
        } else {
            self.out.push(255);
            self.out.extend(length.to_le_bytes().into_iter().take(2));
        }
    }

    /// The flags that are left over say "match", as MS-XCA 2.3.4 has it.
    fn finish(mut self) -> Vec<u8> {
        let free = 32 - self.count;
        let ones = u32::MAX.checked_shr(self.count).unwrap_or(0);
        self.put_flags(self.flags.checked_shl(free).unwrap_or(0) | ones);
        self.out
    }
}

fn low_byte(n: usize) -> u8 {
    n.to_le_bytes()[0]
}
