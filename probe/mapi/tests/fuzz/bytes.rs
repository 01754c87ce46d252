//! What decoders are fed with: the fixtures and what lies within them, changed at random.
use mailprobe_mapi::Wire;
use mailprobe_mapi::extended;
use mailprobe_mapi::http::{ExecuteRequest, ExecuteResponse, Response};
use mailprobe_mapi::rop::{Answer, Body, Context, RopBuffer, RopResponse};

/// xorshift64*: the same bytes for the same seed.
pub struct Random(u64);

/// What counts, sizes and commands break at.
const EDGES: [u8; 12] = [0x00, 0x01, 0x02, 0x06, 0x0A, 0x42, 0x50, 0x52, 0x7F, 0x80, 0xFE, 0xFF];
/// How long a mutation may get.
const LONGEST: usize = 8192;

impl Random {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds have little in common, and none is 0.
        Self((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD129_0D3E_7E8B_5A2D) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn piece<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.below(bytes.len());
        let end = start + self.below(bytes.len() - start + 1);
        &bytes[start..end]
    }

    /// One of these, changed in up to eight places; now and then bytes that were never right.
    pub fn mutation_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        if self.below(50) == 0 {
            let n = self.below(200);
            return (0..n).map(|_| self.byte()).collect();
        }
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        match self.below(8) {
            0 if !bytes.is_empty() => bytes[at] = self.byte(),
            1 | 2 if !bytes.is_empty() => bytes[at] = EDGES[self.below(EDGES.len())],
            3 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            // Seldom, since all that is behind is lost.
            4 if self.below(5) == 0 => bytes.truncate(at),
            5 => bytes.insert(at, EDGES[self.below(EDGES.len())]),
            6 => {
                let end = at + self.below(bytes.len() - at + 1).min(16);
                bytes.drain(at..end);
            }
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let piece = self.piece(other).to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// The fixtures, and the buffers, ROPs and streams within them.
pub fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/hex");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "hex"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(path).unwrap();
        let hex = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        let bytes: Vec<u8> = hex.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        within(&bytes, &mut all);
        all.push(bytes);
    }
    assert!(all.len() > 150, "{}", all.len());
    all
}

fn within(bytes: &[u8], all: &mut Vec<Vec<u8>>) {
    let buffer = match (ExecuteRequest::decode(bytes), Response::<ExecuteResponse>::decode(bytes)) {
        (Ok(request), _) => request.rop_buffer,
        (_, Ok(Response::Success { body, .. })) => body.rop_buffer,
        _ => return,
    };
    for payload in extended::decode(&buffer).into_iter().flatten() {
        all.push(extended::encode(&[&payload], extended::COMPRESSED | extended::XOR_MAGIC).unwrap());
        if let Ok(rops) = RopBuffer::decode(&payload) {
            for response in rops.responses(&mut Context::default()).into_iter().flatten() {
                all.extend(stream(response));
            }
            all.push(rops.rops);
        }
        all.push(payload);
    }
    all.push(buffer);
}

fn stream(response: RopResponse) -> Option<Vec<u8>> {
    match response {
        RopResponse::Answer(Answer { body: Some(Body::FastTransferSourceGetBuffer(get)), .. }) => {
            Some(get.transfer_buffer)
        }
        _ => None,
    }
}

/// As much as one Execute may be answered with, of what takes most memory for its length, and counts of what is not there.
pub fn greedy() -> Vec<Vec<u8>> {
    const MOST: usize = 0x40000;
    let repeated = |head: &[u8], body: &[u8]| {
        let n = (MOST - head.len()) / body.len();
        [head, &body.repeat(n)].concat()
    };
    let compressed = extended::encode(&[vec![0; 0x7FFF]], extended::COMPRESSED).unwrap();
    // Without the flag Last, as often as there is room.
    let chained = [&[0, 0, extended::COMPRESSED.to_le_bytes()[0], 0], &compressed[4..]].concat();
    let mut all = vec![
        repeated(&[], &[0xFF]),
        repeated(&[], &[0x00]),
        repeated(&[], &[0x01]),
        repeated(&[], &[0x02]),
        repeated(&[], &[0x0A]),
        // PtypMultipleBoolean in a stream, and in a response of the address book.
        repeated(&[0x02, 0x10, 1, 0, 0xF0, 0xFF, 1, 0], &[1]),
        repeated(&[0, 0, 0, 0, 0, 0, 0, 0, 0xB0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0xF0, 0xFF, 3, 0], &[1]),
        // An id set of bit masks, and of single values.
        repeated(&[[1, 0].as_slice(), &[5, 0, 0, 0, 0, 0]].concat(), &[0x42, 0, 0xFF]),
        repeated(&[[1, 0].as_slice(), &[5, 0, 0, 0, 0, 0]].concat(), &[1, 7]),
        // Restrictions in one another, and beside one another.
        repeated(&[], &[0x00, 0x01, 0x00]),
        repeated(&[0x00, 0xFF, 0xFF], &[0x00, 0x00, 0x00]),
        // Notifications, and markers.
        repeated(&[], &[0x2A, 0, 0, 0, 0, 0, 0, 1, 1, 0]),
        repeated(&[], &[0x03, 0, 0x12, 0x40]),
        repeated(&[], b"PENDING"),
        chained.repeat(MOST / chained.len()),
    ];
    for count in [0xFFu8, 0x7F, 0x10] {
        for n in 0..12 {
            all.push([vec![0; n], vec![count; 4], vec![0; 10]].concat());
        }
    }
    all
}
