//! When: slots with a hashed offset, so that a thousand branches never fire together.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::{Duration, SystemTime};

use crate::clock;

/// The n-th time a check is due: `offset + n × every`, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    every: Duration,
    offset: Duration,
}

impl Slots {
    pub fn new(site: &str, check: &str, every: Duration) -> Self {
        // The default hasher with fixed keys: the same offset in every process.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((site, check));
        let offset = Duration::from_millis(hash % (every.as_millis().max(1) as u64));
        Self { every, offset }
    }

    /// The slot that `now` is in.
    pub fn current(&self, now: SystemTime) -> u32 {
        let since = clock::since_epoch(now).saturating_sub(self.offset);
        (since.as_millis() / self.every.as_millis().max(1)) as u32
    }

    /// How long until that slot is due; zero for one that is past.
    pub fn until(&self, slot: u32, now: SystemTime) -> Duration {
        let due = self.offset + Duration::from_millis(u64::from(slot) * self.every.as_millis() as u64);
        due.saturating_sub(clock::since_epoch(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_each_other_and_checks_are_spread() {
        let minute = Duration::from_secs(60);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let mut offsets: Vec<_> =
            (0..1000).map(|n| Slots::new(&format!("site{n}"), "login-alice", minute).offset).collect();
        offsets.sort_unstable();
        let widest = offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < Duration::from_secs(2), "a gap of {widest:?}");
        let slots = Slots::new("lisbon", "login-alice", minute);
        let slot = slots.current(now);
        let until = slots.until(slot + 1, now);
        assert!(until <= minute && !until.is_zero());
        assert_eq!(slots.current(now + until), slot + 1);
        assert_eq!(slots.until(slot, now), Duration::ZERO);
    }
}
