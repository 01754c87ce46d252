//! IDSET and GLOBSET (MS-OXCFXICS 2.2.2.4, 2.2.2.6; their encoding 3.1.5.4).
use crate::data::Guid;
use crate::wire::{Reader, Result, Wire, Writer};

/// The last number that a GlobalCounter can be.
pub const MAX_COUNTER: u64 = 0xFFFF_FFFF_FFFF;

const COUNTER: usize = 6;
const POP: u8 = 0x50;
const RANGE: u8 = 0x52;
const BITMASK: u8 = 0x42;
const END: u8 = 0x00;

/// GLOBSET: counters, as ranges with both ends, in order and apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GlobSet {
    ranges: Vec<(u64, u64)>,
}

impl GlobSet {
    /// Of these ranges, in any order; none may end before it begins or beyond [`MAX_COUNTER`].
    pub fn new(ranges: impl IntoIterator<Item = (u64, u64)>) -> Option<Self> {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        if ranges.iter().any(|(low, high)| low > high || *high > MAX_COUNTER) {
            return None;
        }
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1 + 1 => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Some(Self { ranges: merged })
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Whether it holds this one.
    pub fn contains(&self, counter: u64) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&counter))
    }
}

/// The bytes of a counter.
fn bytes_of(counter: u64) -> [u8; COUNTER] {
    let [_, _, bytes @ ..] = counter.to_be_bytes();
    bytes
}

/// The counter of high and low bytes, where they are six.
fn counter_of(high: &[u8], low: &[u8]) -> Option<u64> {
    (high.len() + low.len() == COUNTER)
        .then(|| high.iter().chain(low).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

impl Wire for GlobSet {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut ranges = Vec::new();
        // The common high bytes, and how many each push has added to them.
        let (mut stack, mut pushes) = (Vec::new(), Vec::new());
        let begin = r.invalid("GLOBSET");
        loop {
            let error = r.invalid("command in a GLOBSET");
            match r.get::<u8>()? {
                END => break,
                n @ 1..=6 if stack.len() + usize::from(n) <= COUNTER => {
                    let bytes = r.take(usize::from(n))?;
                    match counter_of(&stack, bytes) {
                        Some(counter) => ranges.push((counter, counter)),
                        None => {
                            stack.extend_from_slice(bytes);
                            pushes.push(bytes.len());
                        }
                    }
                }
                POP => {
                    let n = pushes.pop().ok_or(error)?;
                    stack.truncate(stack.len() - n);
                }
                RANGE => {
                    let n = COUNTER - stack.len();
                    let (low, high) = (r.take(n)?, r.take(n)?);
                    ranges.extend(counter_of(&stack, low).zip(counter_of(&stack, high)));
                }
                BITMASK if stack.len() == COUNTER - 1 => {
                    let (start, mask) = (r.get::<u8>()?, r.get::<u8>()?);
                    for counter in bitmask(&stack, start, mask).ok_or(error)? {
                        ranges.push((counter, counter));
                    }
                }
                _ => return Err(error),
            }
        }
        Self::new(ranges).ok_or(begin)
    }

    /// As servers do it: one range as it is, several with the high bytes that they share pushed first.
    fn write(&self, w: &mut Writer) -> Result<()> {
        let shared = match self.ranges.as_slice() {
            [(low, _), .., (_, high)] => common(*low, *high, 0),
            _ => 0,
        };
        let prefix = self.ranges.first().map_or([0; COUNTER], |(low, _)| bytes_of(*low));
        push(&prefix[..shared], w)?;
        for (low, high) in &self.ranges {
            let (low_bytes, high_bytes) = (bytes_of(*low), bytes_of(*high));
            if low == high {
                push(&low_bytes[shared..], w)?;
                continue;
            }
            // A range of its own is not split into high bytes and the rest.
            let more = if self.ranges.len() > 1 { common(*low, *high, shared) } else { 0 };
            push(&low_bytes[shared..shared + more], w)?;
            RANGE.write(w)?;
            w.put(&low_bytes[shared + more..]);
            w.put(&high_bytes[shared + more..]);
            if more > 0 {
                POP.write(w)?;
            }
        }
        if shared > 0 {
            POP.write(w)?;
        }
        END.write(w)
    }
}

fn push(bytes: &[u8], w: &mut Writer) -> Result<()> {
    if let Ok(n @ 1..) = u8::try_from(bytes.len()) {
        n.write(w)?;
        w.put(bytes);
    }
    Ok(())
}

/// How many high bytes these have in common after the first ones, but never all.
fn common(low: u64, high: u64, after: usize) -> usize {
    let (low, high) = (bytes_of(low), bytes_of(high));
    low.iter().zip(high).skip(after).take(COUNTER - 1 - after).take_while(|(a, b)| **a == *b).count()
}

/// The start, and of the eight after it those whose bit is set.
fn bitmask(stack: &[u8], start: u8, mask: u8) -> Option<Vec<u64>> {
    let mut all = vec![counter_of(stack, &[start])?];
    for bit in 0..8u8 {
        if mask >> bit & 1 == 1 {
            all.push(counter_of(stack, &[start.checked_add(bit + 1)?])?);
        }
    }
    Some(all)
}

/// IDSET with replicas by GUID (MS-OXCFXICS 2.2.2.4.2), as a state has it. All of the bytes are its.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdSet(pub Vec<(Guid, GlobSet)>);

/// IDSET with replicas by ReplicaId (MS-OXCFXICS 2.2.2.4.1), as deletions and read states have it. All of the bytes are its.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaIdSet(pub Vec<(u16, GlobSet)>);

macro_rules! id_sets {
    ($($name:ident)+) => { $(
        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let mut all = Vec::new();
                while r.left() > 0 {
                    all.push((r.get()?, r.get()?));
                }
                Ok(Self(all))
            }
            fn write(&self, w: &mut Writer) -> Result<()> {
                self.0.iter().try_for_each(|(replica, set)| {
                    replica.write(w)?;
                    set.write(w)
                })
            }
        }
    )+ };
}
id_sets!(IdSet ReplicaIdSet);
