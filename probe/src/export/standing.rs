//! What a lane stands at: the one place with the rules of what a slot does to `check_success`, for metrics and page.
//!
//! Pure but for the instants that it is given; it knows no metric and no page.

use std::time::Duration;

use tokio::time::Instant;

use crate::catalogue::{Reason, Step};
use crate::outcome::{Fault, Lane, Verdict, Why};

/// What a lane is shown as.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown<'a> {
    Good,
    Failing(&'a Failing),
    /// Neither good nor bad: there is no judgement to show.
    Absent(Absent),
}

/// Why there is nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing was judged since the start.
    NotYet,
    /// The newest judgement is older than two intervals and a time-out.
    Stale,
    /// The newest slot was not judged.
    Because(Why),
}

/// The labels of `check_failing`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    pub step: Option<Step>,
    pub reason: Reason,
    /// The code that Outlook would show.
    pub code: Option<u32>,
}

impl Failing {
    /// A code that was read on the wire wins over the reason's own.
    pub fn of(fault: &Fault, lane: &Lane) -> Self {
        let code = fault.code.or_else(|| fault.reason.outlook_code(lane.protocol.family()));
        Self { step: fault.step, reason: fault.reason, code }
    }

    fn because(reason: Reason, lane: &Lane) -> Self {
        Self { step: None, reason, code: reason.outlook_code(lane.protocol.family()) }
    }
}

/// The standing of one lane.
#[derive(Debug)]
pub struct Standing {
    born: Instant,
    newest: Option<Judgement>,
    /// The newest slot was not judged: nothing is shown until one is.
    absent: Option<Why>,
    stuck: Option<Stuck>,
    began: Option<Instant>,
    failures: u64,
}

#[derive(Debug)]
struct Judgement {
    slot: u32,
    at: Instant,
    failing: Option<Failing>,
}

/// Slots were skipped because earlier ones are not done.
#[derive(Debug)]
struct Stuck {
    /// Until then the lane is shown as it was.
    until: Instant,
    slots: u64,
    failing: Failing,
}

/// What a slot meant for the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the newest judgement.
    Newest,
    /// A newer slot was judged before it: counted, not shown.
    Older,
    /// It was not judged.
    NotJudged,
}

impl Standing {
    pub fn new(now: Instant) -> Self {
        Self { born: now, newest: None, absent: None, stuck: None, began: None, failures: 0 }
    }

    pub fn began(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// A run of the lane ended.
    pub fn ran(&mut self, lane: &Lane, slot: u32, verdict: &Verdict, now: Instant) -> Taken {
        let failing = match verdict {
            Verdict::NotJudged(why) => {
                self.skipped(lane, slot, *why, now);
                return Taken::NotJudged;
            }
            Verdict::Good => None,
            Verdict::Failed(fault) => Some(Failing::of(fault, lane)),
        };
        // Slots come from the wall clock: one that was set back may not silence a lane for longer than it takes
        // its newest judgement to go stale.
        if self.newest.as_ref().is_some_and(|newest| slot < newest.slot) && !self.stale(lane, now) {
            return Taken::Older;
        }
        self.judge(slot, failing, now);
        Taken::Newest
    }

    /// A slot of the lane was not run, or came to no judgement.
    pub fn skipped(&mut self, lane: &Lane, slot: u32, why: Why, now: Instant) {
        match why {
            Why::Paused => self.judge(slot, Some(Failing::because(Reason::CredentialPaused, lane)), now),
            Why::Unjudged | Why::Resting | Why::Limited => {
                self.absent = Some(why);
                self.stuck = None;
            }
            Why::Overrun => self.stick(self.began.unwrap_or(now) + lane.timeout, lane),
            Why::Backlog => self.stick(now + lane.timeout, lane),
            // The probe goes: what it last said stays true until it grows stale.
            Why::Stopping => {}
        }
    }

    pub fn shown(&self, lane: &Lane, now: Instant) -> Shown<'_> {
        let stuck = self.stuck_at(now);
        if let (Some(why), None) = (self.absent, stuck) {
            return Shown::Absent(Absent::Because(why));
        }
        if self.stale(lane, now) {
            return Shown::Absent(if self.newest.is_some() { Absent::Stale } else { Absent::NotYet });
        }
        match (stuck, &self.newest) {
            (Some(stuck), _) => Shown::Failing(&stuck.failing),
            (None, None) => Shown::Absent(Absent::NotYet),
            (None, Some(Judgement { failing: None, .. })) => Shown::Good,
            (None, Some(Judgement { failing: Some(failing), .. })) => Shown::Failing(failing),
        }
    }

    /// Whether what is shown comes from a run: its steps are worth a look.
    pub fn is_of_a_run(&self, now: Instant) -> bool {
        self.stuck_at(now).is_none()
    }

    /// Judged slots that failed since the last good one; what is stuck counts once its time is over.
    pub fn consecutive_failures(&self, now: Instant) -> u64 {
        self.failures + self.stuck_at(now).map_or(0, |stuck| stuck.slots)
    }

    /// How long a result is overdue beyond interval and time-out.
    pub fn overdue(&self, lane: &Lane, now: Instant) -> Duration {
        now.saturating_duration_since(self.fresh_from()).saturating_sub(lane.interval + longest(lane))
    }

    fn judge(&mut self, slot: u32, failing: Option<Failing>, now: Instant) {
        let stuck = self.stuck_at(now).map_or(0, |stuck| stuck.slots);
        self.failures = if failing.is_some() { self.failures + stuck + 1 } else { 0 };
        self.newest = Some(Judgement { slot, at: now, failing });
        self.absent = None;
        self.stuck = None;
    }

    fn stick(&mut self, until: Instant, lane: &Lane) {
        let new = || Stuck { until, slots: 0, failing: Failing::because(Reason::Overrun, lane) };
        self.stuck.get_or_insert_with(new).slots += 1;
    }

    fn stuck_at(&self, now: Instant) -> Option<&Stuck> {
        self.stuck.as_ref().filter(|stuck| stuck.until <= now)
    }

    fn stale(&self, lane: &Lane, now: Instant) -> bool {
        now.saturating_duration_since(self.fresh_from()) > 2 * lane.interval + longest(lane)
    }

    fn fresh_from(&self) -> Instant {
        self.newest.as_ref().map_or(self.born, |newest| newest.at)
    }
}

/// From a slot to its judgement at the latest: a view may be judged long after its run has ended.
fn longest(lane: &Lane) -> Duration {
    lane.timeout.max(lane.judged_within)
}
