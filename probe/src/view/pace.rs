//! When a view looks by itself while something is awaited.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::message::token::Id;

/// After an acceptance, in milliseconds. Where the server tells of new mail it does so late (Dovecot by 500 ms, on
/// purpose), so that it looks by itself at first, each time after half as long again: what is reported is late by a
/// third at most. Then a few looks in case the server's word never comes.
const TOLD: &[u64] = &[2, 4, 7, 11, 17, 26, 40, 60, 90, 130, 2_500, 5_000, 10_000];
/// Where the server never tells.
const UNTOLD: &[u64] =
    &[2, 4, 7, 11, 17, 26, 40, 60, 90, 130, 250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000];
/// A protocol that signs in for each look.
const VISITING: &[u64] = &[100, 250, 500, 1_000, 2_000, 5_000];
/// After that, as long as something is awaited.
const LATER: Duration = Duration::from_secs(5);

/// The looks that are planned.
#[derive(Default)]
pub(super) struct Pace {
    looks: BTreeSet<Instant>,
    /// Looks that must be thorough, each for a message as long as that is awaited.
    due: BTreeSet<(Instant, Option<Id>)>,
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

    /// A thorough look is due at that time, for a message or (`None`) in any case.
    pub(super) fn due(&mut self, at: Instant, id: Option<Id>) {
        self.due.insert((at, id));
    }

    /// A look begins now: what was planned up to now is done by it. Whether it must be thorough.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        self.looks.retain(|at| *at > now);
        let planned = self.due.len();
        self.due.retain(|(at, _)| *at > now);
        self.due.len() < planned
    }

    /// When to look next, while any of these is awaited.
    pub(super) fn next<T>(&mut self, now: Instant, awaited: &HashMap<Id, T>) -> Option<Instant> {
        self.due.retain(|(_, id)| id.is_none_or(|id| awaited.contains_key(&id)));
        if awaited.is_empty() {
            self.looks.clear();
        } else if self.looks.is_empty() {
            self.looks.insert(now + LATER);
        }
        let due = self.due.first().map(|(at, _)| at);
        self.looks.first().into_iter().chain(due).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_follow_an_acceptance_thin_out_and_end_when_nothing_is_awaited() {
        let mut pace = Pace::default();
        let t0 = Instant::now();
        let id = Id::default();
        let (awaited, nothing) = (HashMap::from([(id, ())]), HashMap::<Id, ()>::new());
        pace.accepted(t0, Manner::Visiting);
        let mut now = t0;
        let mut seen = Vec::new();
        for _ in 0..8 {
            now = pace.next(now, &awaited).unwrap();
            assert!(!pace.begin(now));
            seen.push(now.duration_since(t0).as_millis());
        }
        assert_eq!(seen, [100, 250, 500, 1000, 2000, 5000, 10_000, 15_000]);
        pace.due(now + LATER * 2, Some(id));
        pace.due(now + LATER, None);
        assert_eq!(pace.next(now, &nothing), Some(now + LATER), "nobody waits for the other one");
        assert!(pace.begin(now + LATER), "a due look is thorough");
        assert_eq!(pace.next(now, &nothing), None);
    }
}
