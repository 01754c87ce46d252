//! When a view looks by itself while something is awaited.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// After an acceptance, in milliseconds. Where the server tells of new mail it does so late (Dovecot by 500 ms, on
/// purpose): at once, then after 2, 4, 8 … 64 ms; then a few looks in case its word never comes.
const TOLD: &[u64] = &[0, 2, 6, 14, 30, 62, 126, 2_500, 5_000, 10_000];
/// Where the server never tells.
const UNTOLD: &[u64] = &[0, 2, 6, 14, 30, 62, 126, 250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000];
/// A protocol that signs in for each look.
const VISITING: &[u64] = &[100, 250, 500, 1_000, 2_000, 5_000];
/// After that, as long as something is awaited.
const LATER: Duration = Duration::from_secs(5);

/// The looks that are planned.
#[derive(Default)]
pub(super) struct Pace {
    looks: BTreeSet<Instant>,
    /// Looks that must be thorough.
    due: BTreeSet<Instant>,
}

/// What sets the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Told,
    Untold,
    Visiting,
}

impl Pace {
    pub(super) fn accepted(&mut self, at: Instant, manner: Manner) {
        let offsets = match manner {
            Manner::Told => TOLD,
            Manner::Untold => UNTOLD,
            Manner::Visiting => VISITING,
        };
        self.looks.extend(offsets.iter().map(|offset| at + Duration::from_millis(*offset)));
    }

    pub(super) fn due(&mut self, at: Instant) {
        self.due.insert(at);
    }

    /// A look begins now: what was planned up to now is done by it. Whether it must be thorough.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        self.looks = self.looks.split_off(&(now + Duration::from_nanos(1)));
        let later = self.due.split_off(&(now + Duration::from_nanos(1)));
        !std::mem::replace(&mut self.due, later).is_empty()
    }

    /// When to look next, while `awaited`.
    pub(super) fn next(&mut self, now: Instant, awaited: bool) -> Option<Instant> {
        if !awaited {
            self.looks.clear();
        } else if self.looks.is_empty() {
            self.looks.insert(now + LATER);
        }
        self.looks.first().into_iter().chain(self.due.first()).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_follow_an_acceptance_thin_out_and_end_when_nothing_is_awaited() {
        let mut pace = Pace::default();
        let t0 = Instant::now();
        pace.accepted(t0, Manner::Visiting);
        let mut now = t0;
        let mut seen = Vec::new();
        for _ in 0..8 {
            now = pace.next(now, true).unwrap();
            assert!(!pace.begin(now));
            seen.push(now.duration_since(t0).as_millis());
        }
        assert_eq!(seen, [100, 250, 500, 1000, 2000, 5000, 10_000, 15_000]);
        assert_eq!(pace.next(now, false), None);
        pace.due(now + LATER);
        assert_eq!(pace.next(now, false), Some(now + LATER));
        assert!(pace.begin(now + LATER), "a due look is thorough");
    }
}
