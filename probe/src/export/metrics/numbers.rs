//! Plain numbers: what is counted between two scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Counts;
use crate::catalogue::metric::{CALENDAR_BUCKETS, DELAY_BUCKETS, DURATION_BUCKETS, ROUNDTRIP_BUCKETS};
use crate::catalogue::{Cause, Protocol, Reason, Role, Step};
use crate::clock;
use crate::export::standing::{Standing, Taken};
use crate::outcome::{Holdings, Judged, Lane, Report, Swept, Verdict, ViewState, Why};

/// The longest value of a label in an `*_info` metric, in bytes.
const INFO: usize = 64;

/// A histogram, without labels and without locks.
pub(super) struct Histogram {
    pub bounds: Arc<[f64]>,
    /// How many fell into each bucket; what is above the last bound is only in `count`.
    pub buckets: Box<[u64]>,
    pub count: u64,
    pub sum: f64,
}

impl Histogram {
    pub(super) fn new(bounds: Arc<[f64]>) -> Self {
        Self { buckets: vec![0; bounds.len()].into(), bounds, count: 0, sum: 0.0 }
    }

    pub(super) fn observe(&mut self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += value;
    }
}

/// The bounds, made once per plan and shared by all histograms.
pub(super) struct Bounds {
    pub duration: Arc<[f64]>,
    calendar: Arc<[f64]>,
    roundtrip: BTreeMap<Duration, Arc<[f64]>>,
}

impl Bounds {
    pub(super) fn new() -> Self {
        Self {
            duration: DURATION_BUCKETS.into(),
            calendar: CALENDAR_BUCKETS.into(),
            roundtrip: BTreeMap::new(),
        }
    }

    /// With a bound at `late_after`, so that the histogram and the books agree.
    fn roundtrip(&mut self, late_after: Duration) -> Arc<[f64]> {
        let make = || {
            let mut bounds = ROUNDTRIP_BUCKETS.to_vec();
            bounds.push(late_after.as_secs_f64());
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            bounds.into()
        };
        self.roundtrip.entry(late_after).or_insert_with(make).clone()
    }
}

/// All of one lane.
pub(super) struct LaneNumbers {
    pub standing: Standing,
    pub runs: u64,
    pub failures: [u64; Cause::ALL.len()],
    pub reasons: Counts<(Option<Step>, Reason)>,
    pub skipped: [u64; Why::ALL.len()],
    /// Of the newest judged run.
    pub steps: Vec<(Step, Duration)>,
    /// Seconds since 1970.
    pub last_run: Option<f64>,
    pub last_success: Option<f64>,
    pub duration: Histogram,
    /// Of a sending lane.
    pub sent: u64,
    pub unknown: u64,
    /// Of a view lane.
    pub books: Option<Box<Books>>,
    /// Of one that awaits changes of an entry: how long each took to show.
    pub changes: BTreeMap<Step, Histogram>,
}

/// What became of the messages that a view awaited.
pub(super) struct Books {
    pub expected: u64,
    pub received: u64,
    pub late: u64,
    pub lost: u64,
    pub abandoned: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub junked: u64,
    pub resurfaced: u64,
    pub bounced: u64,
    pub in_flight: usize,
    pub oldest: Option<Instant>,
    pub seconds: Histogram,
}

impl LaneNumbers {
    pub(super) fn new(lane: &Lane, bounds: &mut Bounds, now: Instant) -> Self {
        let books = lane.has_books().then(|| Box::new(Books::new(bounds.roundtrip(lane.judged_within))));
        let awaited = lane.kind.awaited(lane.role).iter();
        let changes = awaited.map(|step| (*step, Histogram::new(bounds.calendar.clone()))).collect();
        Self {
            standing: Standing::new(now),
            runs: 0,
            failures: [0; Cause::ALL.len()],
            reasons: Counts::new(),
            skipped: [0; Why::ALL.len()],
            steps: Vec::new(),
            last_run: None,
            last_success: None,
            duration: Histogram::new(bounds.duration.clone()),
            sent: 0,
            unknown: 0,
            books,
            changes,
        }
    }

    pub(super) fn ran(&mut self, report: &Report, now: Instant) {
        let taken = self.standing.ran(&report.lane, report.slot, &report.verdict, now);
        let fault = match &report.verdict {
            Verdict::NotJudged(why) => {
                self.not_judged(*why);
                return;
            }
            Verdict::Good => None,
            Verdict::Failed(fault) => Some(fault),
        };
        self.runs += 1;
        self.duration.observe(report.took.as_secs_f64());
        if let Some(fault) = fault {
            self.failures[fault.cause() as usize] += 1;
            *self.reasons.entry((fault.step, fault.reason)).or_default() += 1;
        }
        let ended = (clock::since_epoch(report.at) + report.took).as_secs_f64();
        if fault.is_none() {
            self.last_success = Some(self.last_success.map_or(ended, |last| last.max(ended)));
        }
        if taken == Taken::Newest {
            self.last_run = Some(ended);
            self.steps.clone_from(&report.steps);
        }
    }

    pub(super) fn skipped(&mut self, lane: &Lane, slot: u32, why: Why, now: Instant) {
        self.standing.skipped(lane, slot, why, now);
        self.not_judged(why);
    }

    pub(super) fn sent(&mut self, unknown: bool) {
        if unknown {
            self.unknown += 1;
        } else {
            self.sent += 1;
        }
    }

    pub(super) fn message(&mut self, judged: Judged) {
        if let Some(books) = &mut self.books {
            books.judged(judged);
        }
    }

    pub(super) fn visible(&mut self, action: Step, after: Duration) {
        if let Some(histogram) = self.changes.get_mut(&action) {
            histogram.observe(after.as_secs_f64());
        }
    }

    pub(super) fn in_flight(&mut self, count: usize, oldest: Option<Instant>) {
        if let Some(books) = &mut self.books {
            (books.in_flight, books.oldest) = (count, oldest);
        }
    }

    fn not_judged(&mut self, why: Why) {
        self.skipped[why as usize] += 1;
        // A pause is a judgement without a run: steps of the run before it would look fresh.
        if why == Why::Paused {
            self.steps.clear();
        }
    }
}

impl Books {
    fn new(bounds: Arc<[f64]>) -> Self {
        Self {
            expected: 0,
            received: 0,
            late: 0,
            lost: 0,
            abandoned: 0,
            duplicated: 0,
            corrupted: 0,
            junked: 0,
            resurfaced: 0,
            bounced: 0,
            in_flight: 0,
            oldest: None,
            seconds: Histogram::new(bounds),
        }
    }

    fn judged(&mut self, judged: Judged) {
        match judged {
            Judged::Expected => self.expected += 1,
            Judged::Received(after) => {
                self.received += 1;
                self.seconds.observe(after.as_secs_f64());
            }
            Judged::Late => self.late += 1,
            Judged::Lost => self.lost += 1,
            Judged::Duplicated => self.duplicated += 1,
            Judged::Corrupted => self.corrupted += 1,
            Judged::Junked => self.junked += 1,
            Judged::Resurfaced => self.resurfaced += 1,
            Judged::Bounced => self.bounced += 1,
            Judged::Abandoned => self.abandoned += 1,
        }
    }
}

/// All of one seat.
#[derive(Default)]
pub(super) struct SeatNumbers {
    /// A view of a round trip sits here: its counters exist from the start.
    pub view: bool,
    /// Something is taken away here again: its counters exist from the start.
    pub tidy: bool,
    pub swept: [u64; Swept::ALL.len()],
    pub cleanup_failures: Counts<Role>,
    pub up: Option<bool>,
    pub up_since: Option<Instant>,
    /// By whether it was planned, and the cause.
    pub ends: Counts<(bool, Option<Cause>)>,
    pub notifications_missed: u64,
    pub backend: Option<Backend>,
}

/// What the server calls itself; sanitised.
pub(super) struct Backend {
    pub frontend: Box<str>,
    pub backend: Box<str>,
    pub version: Box<str>,
}

impl SeatNumbers {
    pub(super) fn new(view: bool, tidy: &BTreeSet<Role>) -> Self {
        let mut numbers = Self { view, tidy: !tidy.is_empty(), ..Self::default() };
        numbers.cleanup_failures.extend(tidy.iter().map(|role| (*role, 0)));
        if view {
            numbers.ends.insert((true, None), 0);
            numbers.ends.extend(Cause::ALL.iter().map(|cause| ((false, Some(*cause)), 0)));
        }
        numbers
    }

    pub(super) fn state(&mut self, state: &ViewState) {
        match state {
            // Neither up nor down: what it was last is told until it is known.
            ViewState::Opening => self.up_since = None,
            ViewState::Up { since } => (self.up, self.up_since) = (Some(true), Some(*since)),
            ViewState::Down { .. } => (self.up, self.up_since) = (Some(false), None),
        }
    }
}

/// All of one mailbox.
#[derive(Default)]
pub(super) struct BoxNumbers {
    pub paused_until: Option<Instant>,
    /// Seconds since 1970.
    pub resting_until: Option<f64>,
    pub rival: Option<bool>,
    /// By who saw it.
    pub told: BTreeMap<(Protocol, Role), Told>,
}

impl BoxNumbers {
    /// The newest that is still worth showing.
    pub(super) fn holds(&self, what: impl Fn(&Holdings) -> Option<u64>, now: Instant) -> Option<f64> {
        let told = self.told.values().filter(|told| told.until.is_none_or(|until| until > now));
        let newest = told.filter_map(|told| Some((told.at, what(&told.holdings)?))).max();
        newest.map(|(_, count)| count as f64)
    }
}

/// What a session told of a mailbox.
pub(super) struct Told {
    pub holdings: Holdings,
    pub at: Instant,
    pub until: Option<Instant>,
}

/// Of a server's certificate.
#[derive(Clone)]
pub(super) struct Certificate {
    /// Seconds since 1970.
    pub not_after: i64,
    pub issuer: Box<str>,
}

/// What belongs to no lane, seat or mailbox.
pub(super) struct Own {
    /// By mail service, protocol and server.
    pub certificates: BTreeMap<(Arc<str>, Protocol, Arc<str>), Certificate>,
    /// By mail service and protocol: found, failing.
    pub addresses: BTreeMap<(Arc<str>, Protocol), (usize, usize)>,
    /// By mail service: how far our clock is ahead, and until when that is worth telling.
    pub skew: BTreeMap<Arc<str>, (f64, Instant)>,
    pub reference: BTreeMap<&'static str, bool>,
    pub delay: Histogram,
    pub internal_errors: u64,
    pub reload_well: bool,
    pub reload_at: f64,
}

impl Own {
    /// The configuration that it starts with was taken now.
    pub(super) fn new(now: f64) -> Self {
        Self {
            certificates: BTreeMap::new(),
            addresses: BTreeMap::new(),
            skew: BTreeMap::new(),
            reference: BTreeMap::new(),
            delay: Histogram::new(DELAY_BUCKETS.into()),
            internal_errors: 0,
            reload_well: true,
            reload_at: now,
        }
    }

    pub(super) fn reloaded(&mut self, well: bool, now: f64) {
        self.reload_well = well;
        if well {
            self.reload_at = now;
        }
    }
}

/// A value of an `*_info` label: one line, short.
pub(super) fn info(text: &str) -> Box<str> {
    let mut out = String::new();
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > INFO {
            break;
        }
        out.push(c);
    }
    out.into()
}
