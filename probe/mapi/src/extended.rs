//! The extended buffer (MS-OXCRPC 2.2.2.1): RPC_HEADER_EXT before each payload.
use crate::lz77;
use crate::wire::{Reader, Result, Wire, Writer};

/// RPC_HEADER_EXT.Flags: the payload is compressed.
pub const COMPRESSED: u16 = 0x0001;
/// RPC_HEADER_EXT.Flags: each byte of the payload is XORed with 0xA5.
pub const XOR_MAGIC: u16 = 0x0002;
/// RPC_HEADER_EXT.Flags: no other payload follows.
pub const LAST: u16 = 0x0004;

const MAGIC: u8 = 0xA5;
/// How much the payloads of one buffer may come to: servers answer with 256 KiB at most (MS-OXCRPC 3.1.4.2).
const MAX_TOTAL: usize = 4 << 20;

wire! {
    /// RPC_HEADER_EXT (MS-OXCRPC 2.2.2.1).
    RpcHeaderExt {
        /// 0.
        version: u16,
        flags: u16,
        /// Bytes on the wire.
        size: u16,
        /// Bytes when it is no longer compressed.
        size_actual: u16,
    }
}

/// The payloads in clear, in their order. No bytes are no payloads: so an Execute that failed answers.
pub fn decode(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut r = Reader::new(bytes);
    let (mut payloads, mut total) = (Vec::new(), 0);
    while r.left() > 0 {
        let error = r.invalid("RPC_HEADER_EXT");
        let header = RpcHeaderExt::read(&mut r)?;
        total += usize::from(header.size_actual);
        if header.version != 0 || total > MAX_TOTAL {
            return Err(error);
        }
        let mut payload = r.take(usize::from(header.size))?.to_vec();
        if header.flags & XOR_MAGIC != 0 {
            payload.iter_mut().for_each(|byte| *byte ^= MAGIC);
        }
        let size = usize::from(header.size_actual);
        if header.flags & COMPRESSED != 0 {
            payload = lz77::decompress(&payload, size)?;
        } else if payload.len() != size {
            return Err(error);
        }
        payloads.push(payload);
        if header.flags & LAST != 0 {
            r.end()?;
            return Ok(payloads);
        }
    }
    if payloads.is_empty() { Ok(payloads) } else { Err(r.invalid("end without the flag Last")) }
}

/// Payloads with their headers; of the flags [`COMPRESSED`] and [`XOR_MAGIC`] are done to each that gains by it.
pub fn encode<P: AsRef<[u8]>>(payloads: &[P], flags: u16) -> Result<Vec<u8>> {
    let mut w = Writer::default();
    for (i, payload) in payloads.iter().enumerate() {
        let payload = payload.as_ref();
        let last = if i + 1 == payloads.len() { LAST } else { 0 };
        let packed = (flags & COMPRESSED != 0).then(|| lz77::compress(payload));
        let packed = packed.filter(|packed| packed.len() < payload.len());
        let compressed = if packed.is_some() { COMPRESSED } else { 0 };
        let mut bytes = packed.unwrap_or_else(|| payload.to_vec());
        if flags & XOR_MAGIC != 0 {
            bytes.iter_mut().for_each(|byte| *byte ^= MAGIC);
        }
        let size = |n: usize| u16::try_from(n).map_err(|_| w.unfit("a payload of more than 64 KiB"));
        let header = RpcHeaderExt {
            version: 0,
            flags: last | compressed | flags & XOR_MAGIC,
            size: size(bytes.len())?,
            size_actual: size(payload.len())?,
        };
        header.write(&mut w)?;
        w.put(&bytes);
    }
    Ok(w.into_bytes())
}

/// A block of an auxiliary buffer's payload: AUX_HEADER (MS-OXCRPC 2.2.2.2) and what it does not look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuxBlock {
    /// 1 or 2.
    pub version: u8,
    /// Type: what the payload is.
    pub kind: u8,
    /// The rest of the block.
    pub payload: Vec<u8>,
}

impl Wire for AuxBlock {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let error = r.invalid("size of an auxiliary block");
        let size = usize::from(r.get::<u16>()?);
        let mut part = r.part(size.checked_sub(2).ok_or(error)?)?;
        Ok(Self { version: part.get()?, kind: part.get()?, payload: part.take_rest().to_vec() })
    }
    fn write(&self, w: &mut Writer) -> Result<()> {
        let size = u16::try_from(self.payload.len() + 4).map_err(|_| w.unfit("an auxiliary block"))?;
        size.write(w)?;
        self.version.write(w)?;
        self.kind.write(w)?;
        w.put(&self.payload);
        Ok(())
    }
}

/// What lies in an auxiliary buffer (MS-OXCRPC 3.1.4.1.2): all blocks of its payloads.
pub fn decode_auxiliary(bytes: &[u8]) -> Result<Vec<AuxBlock>> {
    let mut blocks = Vec::new();
    for payload in decode(bytes)? {
        let mut r = Reader::new(&payload);
        while r.left() > 0 {
            blocks.push(r.get()?);
        }
    }
    Ok(blocks)
}

/// An auxiliary buffer of one payload; nothing for no blocks.
pub fn encode_auxiliary(blocks: &[AuxBlock], flags: u16) -> Result<Vec<u8>> {
    if blocks.is_empty() {
        return Ok(Vec::new());
    }
    let mut w = Writer::default();
    blocks.iter().try_for_each(|block| block.write(&mut w))?;
    encode(&[w.into_bytes()], flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ErrorKind;

    /// A header, the bytes after it, and the payloads in both.
    type Case<'a> = (&'a [u8], &'a [u8], &'a [&'a [u8]]);

    /// As servers do that heed no flag of the request, and as those that chain.
    #[test]
    fn payloads_are_read_whatever_was_done_to_them() {
        let text = b"abc".repeat(100);
        let packed = [0xFF, 0xFF, 0xFF, 0x1F, 0x61, 0x62, 0x63, 0x17, 0x00, 0x0F, 0xFF, 0x26, 0x01];
        let magic: Vec<u8> = packed.iter().map(|byte| byte ^ 0xA5).collect();
        let cases: [Case<'_>; 5] = [
            (&[0, 0, 4, 0, 2, 0, 2, 0], b"ab", &[b"ab"]),
            (&[0, 0, 6, 0, 2, 0, 2, 0], &[b'a' ^ 0xA5, b'b' ^ 0xA5], &[b"ab"]),
            (&[0, 0, 5, 0, 13, 0, 0x2C, 1], &packed, &[&text]),
            (&[0, 0, 7, 0, 13, 0, 0x2C, 1], &magic, &[&text]),
            (&[0, 0, 0, 0, 1, 0, 1, 0], &[b'a', 0, 0, 4, 0, 1, 0, 1, 0, b'b'], &[b"a", b"b"]),
        ];
        for (header, bytes, payloads) in cases {
            assert_eq!(decode(&[header, bytes].concat()).unwrap(), payloads);
        }
    }

    #[test]
    fn what_is_no_extended_buffer_is_refused() {
        let invalid = ErrorKind::Invalid;
        let header = || invalid("RPC_HEADER_EXT");
        let cases: [(&[u8], ErrorKind); 8] = [
            (&[1, 0, 4, 0, 0, 0, 0, 0], header()),
            (&[0, 0, 4, 0, 0, 0, 1, 0], header()),
            (&[0, 0, 0, 0, 0, 0, 0, 0], invalid("end without the flag Last")),
            (&[0, 0, 4, 0, 9, 0, 9, 0, 1], ErrorKind::Short { needed: 9, left: 1 }),
            (&[0, 0, 4, 0, 0, 0, 0, 0, 7], ErrorKind::Left(1)),
            (&[0, 0, 5, 0, 0, 0, 1, 0], ErrorKind::Short { needed: 4, left: 0 }),
            // A match of what was not there yet, and one beyond what was promised.
            (&[0, 0, 5, 0, 6, 0, 9, 0, 0, 0, 0, 0x80, 0, 0], invalid("match")),
            (&[0, 0, 5, 0, 7, 0, 2, 0, 0, 0, 0, 0x40, b'a', 0, 0], invalid("match")),
        ];
        for (bytes, kind) in cases {
            assert_eq!(decode(bytes).unwrap_err().kind, kind, "{bytes:?}");
        }
    }
}
