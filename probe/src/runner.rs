//! Lanes, deadlines, panics: serve and once. The runner, never the check, owns the deadline, the time and the report.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Protocol, Reason};
use crate::check::Check;
use crate::clock;
use crate::outcome::{Event, Fault, Lane, Recorder, Report, Sink as _, Sinks, Verdict, Why};
use crate::schedule::Slots;

/// How a run that has left lanes unsettled came to its end.
const RUNNING: u8 = 0;
const OVERDUE: u8 = 1;
const STOPPED: u8 = 2;

/// A lane in one run; settled exactly once: by the check, else by the runner (deadline, panic), else by its drop
/// (`internal_error`).
pub struct LaneRun {
    pub lane: Arc<Lane>,
    pub rec: Recorder,
    pub slot: u32,
    began: Instant,
    at: SystemTime,
    sinks: Sinks,
    ending: Arc<AtomicU8>,
    settled: bool,
}

impl LaneRun {
    fn begin(lane: Arc<Lane>, slot: u32, sinks: &Sinks, ending: &Arc<AtomicU8>) -> Self {
        sinks.tell(&Event::Began { lane: Arc::clone(&lane), slot });
        Self {
            lane,
            rec: Recorder::default(),
            slot,
            began: Instant::now(),
            at: clock::wall(),
            sinks: sinks.clone(),
            ending: Arc::clone(ending),
            settled: false,
        }
    }

    /// This lane outlives the run, and its deadline: it waits in a tracker.
    pub fn outlive(&mut self) {
        self.ending = Arc::default();
    }

    pub fn settle(mut self, verdict: Verdict) {
        self.report(verdict);
    }

    fn report(&mut self, verdict: Verdict) {
        self.settled = true;
        let (steps, facts) = self.rec.take();
        self.sinks.tell(&Event::Ran(Report {
            lane: Arc::clone(&self.lane),
            slot: self.slot,
            at: self.at,
            took: self.began.elapsed(),
            steps,
            facts,
            verdict,
        }));
    }
}

impl Drop for LaneRun {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let verdict = match self.ending.load(Ordering::Relaxed) {
            OVERDUE => Verdict::Failed(self.rec.overdue()),
            STOPPED => Verdict::NotJudged(Why::Stopping),
            _ => {
                self.sinks.tell(&Event::InternalError);
                Verdict::Failed(Fault::new(Reason::InternalError, "the check ended without a verdict"))
            }
        };
        self.report(verdict);
    }
}

/// Lanes of a check that run together: those of a protocol, or all of them.
pub type Strand = Option<Protocol>;

/// Which strands of a check are under way; one that hangs takes no other's next slot. A clone is the same.
#[derive(Clone, Default)]
pub struct Busy(Arc<std::sync::Mutex<BTreeMap<Strand, Arc<Mutex<()>>>>>);

impl Busy {
    fn turn(&self, strand: Strand) -> Arc<Mutex<()>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(strand).or_default())
    }

    /// All strands of a slot, where none is under way.
    pub fn try_all(&self, check: &Arc<dyn Check>, slot: u32) -> Option<Vec<OwnedMutexGuard<()>>> {
        strands(check, slot).into_keys().map(|strand| self.turn(strand).try_lock_owned().ok()).collect()
    }

    /// Waits until nothing is under way.
    async fn none(&self) {
        let turns: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for turn in turns {
            drop(turn.lock().await);
        }
    }
}

fn strands(check: &Arc<dyn Check>, slot: u32) -> BTreeMap<Strand, Vec<Arc<Lane>>> {
    let mut strands: BTreeMap<Strand, Vec<_>> = BTreeMap::new();
    for lane in check.lanes_of(slot) {
        strands.entry(check.strand(&lane)).or_default().push(lane);
    }
    strands
}

/// Runs checks on their slots.
pub struct Runner {
    site: Arc<str>,
    sinks: Sinks,
    /// Called while the scheduler is at work.
    beat: Arc<dyn Fn() + Send + Sync>,
}

impl Runner {
    pub fn new(site: Arc<str>, sinks: Sinks, beat: Arc<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(Self { site, sinks, beat })
    }

    pub fn site(&self) -> &str {
        &self.site
    }

    /// Runs a check on its slots until `stop`; the first run is `delay` after now, or on its slot if that is earlier.
    /// `busy`: held while a run is under way.
    pub async fn serve(
        self: Arc<Self>,
        check: Arc<dyn Check>,
        delay: Duration,
        busy: Busy,
        stop: CancellationToken,
    ) {
        let slots = Slots::new(&self.site, &check.plan().name, check.plan().every);
        let mut slot = slots.current(clock::wall());
        let mut due = Instant::now() + delay.min(slots.until(slot + 1, clock::wall()));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
            }
            self.sinks.tell(&Event::Delay(due.elapsed()));
            for (strand, lanes) in strands(&check, slot) {
                let Ok(turn) = busy.turn(strand).try_lock_owned() else {
                    self.skip(lanes, slot, Why::Overrun);
                    continue;
                };
                let (runner, check, stop) = (Arc::clone(&self), Arc::clone(&check), stop.clone());
                tokio::spawn(async move {
                    runner.run(&check, slot, lanes, &stop).await;
                    drop(turn);
                });
            }
            slot = (slot + 1).max(slots.current(clock::wall()) + 1);
            due = Instant::now() + slots.until(slot, clock::wall());
        }
        // A run that is under way knows of the stop, and is bounded by its deadline.
        busy.none().await;
    }

    /// One slot of a check: every lane of it is settled or skipped, but for those that a tracker keeps.
    pub async fn once(&self, check: &Arc<dyn Check>, slot: u32, stop: &CancellationToken) {
        let strands = strands(check, slot).into_values();
        join_all(strands.map(|lanes| self.run(check, slot, lanes, stop))).await;
    }

    async fn run(&self, check: &Arc<dyn Check>, slot: u32, strand: Vec<Arc<Lane>>, stop: &CancellationToken) {
        let ending = Arc::new(AtomicU8::new(RUNNING));
        let mut lanes = Vec::new();
        for lane in strand {
            match check.hindrance(&lane) {
                Some(why) => self.sinks.tell(&Event::Skipped { lane, slot, why }),
                None => lanes.push(LaneRun::begin(lane, slot, &self.sinks, &ending)),
            }
        }
        if lanes.is_empty() {
            return;
        }
        let mut run = Box::pin(AssertUnwindSafe(check.run(slot, lanes)).catch_unwind());
        tokio::select! {
            ended = &mut run => if ended.is_err() {
                // The lanes were dropped on the way out, and have reported it.
                tracing::error!(check = %check.plan().name, "a run panicked");
            },
            () = tokio::time::sleep(check.plan().timeout) => ending.store(OVERDUE, Ordering::Relaxed),
            () = stop.cancelled(), if !check.finishes() => ending.store(STOPPED, Ordering::Relaxed),
        }
        drop(run);
    }

    fn skip(&self, lanes: Vec<Arc<Lane>>, slot: u32, why: Why) {
        for lane in lanes {
            self.sinks.tell(&Event::Skipped { lane, slot, why });
        }
    }

    /// Keeps what a check does between runs going, also after a panic, with back-off; until it ends after `stop`.
    pub async fn tend(self: Arc<Self>, check: Arc<dyn Check>, stop: CancellationToken) {
        let mut pause = Duration::from_secs(1);
        loop {
            let work = AssertUnwindSafe(Arc::clone(&check).tend(stop.clone())).catch_unwind();
            if work.await.is_ok() {
                return;
            }
            tracing::error!(check = %check.plan().name, "what the check does between runs panicked");
            self.sinks.tell(&Event::InternalError);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    /// Shows that the scheduler is at work, until `stop`.
    pub async fn beat(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            (self.beat)();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
    }
}
