//! What is remembered of one lane.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Moment;
use crate::catalogue::{Reason, Step};
use crate::export::standing::{Absent, Shown, Standing, Taken};
use crate::export::state::{
    BooksView, FailureView, LaneView, RunView, Stamp, State, StepView, facts, millis,
};
use crate::outcome::{Fact, Fault, Judged, Lane, Report, Verdict, Why};
use tokio::time::Instant;

pub(super) struct LaneMemory {
    /// Counts up with every event.
    pub version: u64,
    standing: Standing,
    /// What it stood at after the newest event, and since when.
    stood: (State, SystemTime),
    kept: usize,
    runs: VecDeque<Arc<Run>>,
    failures: VecDeque<Arc<Run>>,
    last_run: Option<SystemTime>,
    last_success: Option<SystemTime>,
    facts: Vec<Fact>,
    books: Option<BooksView>,
}

/// A judged run, as small as it can be kept.
struct Run {
    slot: u32,
    at: SystemTime,
    took: Duration,
    steps: Box<[(Step, Duration)]>,
    fault: Option<Box<Fault>>,
}

impl LaneMemory {
    pub(super) fn new(lane: &Lane, moment: Moment) -> Self {
        Self {
            version: 0,
            standing: Standing::new(moment.now),
            stood: (State::Waiting, moment.wall),
            kept: 5,
            runs: VecDeque::new(),
            failures: VecDeque::new(),
            last_run: None,
            last_success: None,
            facts: Vec::new(),
            books: lane.has_books().then(BooksView::default),
        }
    }

    /// How many runs, and how many failures, are remembered.
    pub(super) fn keep(&mut self, count: usize) {
        self.kept = count;
        self.runs.truncate(count);
        self.failures.truncate(count);
    }

    pub(super) fn began(&mut self, moment: Moment) {
        self.standing.began(moment.now);
    }

    pub(super) fn ran(&mut self, report: &Report, moment: Moment) {
        let taken = self.standing.ran(&report.lane, report.slot, &report.verdict, moment.now);
        let fault = match &report.verdict {
            Verdict::NotJudged(_) => return self.settle(&report.lane, moment),
            Verdict::Good => None,
            Verdict::Failed(fault) => Some(Box::new(fault.clone())),
        };
        let failed = fault.is_some();
        let run = Arc::new(Run {
            slot: report.slot,
            at: report.at,
            took: report.took,
            steps: report.steps.as_slice().into(),
            fault,
        });
        remember(&mut self.runs, &run, self.kept);
        if failed {
            remember(&mut self.failures, &run, self.kept);
        } else {
            self.last_success = Some(report.at + report.took);
        }
        if taken == Taken::Newest {
            self.last_run = Some(report.at + report.took);
            self.facts.clone_from(&report.facts);
        }
        self.settle(&report.lane, moment);
    }

    pub(super) fn skipped(&mut self, lane: &Lane, slot: u32, why: Why, moment: Moment) {
        self.standing.skipped(lane, slot, why, moment.now);
        self.settle(lane, moment);
    }

    pub(super) fn message(&mut self, judged: Judged) {
        let Some(books) = &mut self.books else { return };
        *match judged {
            Judged::Expected => &mut books.expected,
            Judged::Received(_) => &mut books.received,
            Judged::Late => &mut books.late,
            Judged::Lost => &mut books.lost,
            Judged::Duplicated => &mut books.duplicated,
            Judged::Corrupted => &mut books.corrupted,
            Judged::Junked => &mut books.junked,
            Judged::Resurfaced => &mut books.resurfaced,
            Judged::Bounced => &mut books.bounced,
            Judged::Abandoned => &mut books.abandoned,
        } += 1;
    }

    pub(super) fn in_flight(&mut self, count: u64, oldest: Option<Stamp>) {
        if let Some(books) = &mut self.books {
            (books.in_flight, books.oldest) = (count, oldest);
        }
    }

    /// What it stands at now: time alone may change it.
    pub(super) fn state(&self, lane: &Lane, now: Instant) -> State {
        match self.standing.shown(lane, now) {
            Shown::Good => State::Good,
            Shown::Failing(failing) if failing.reason == Reason::CredentialPaused => State::Paused,
            Shown::Failing(_) => State::Failing,
            Shown::Absent(Absent::NotYet) => State::Waiting,
            Shown::Absent(Absent::Stale) => State::Stale,
            Shown::Absent(Absent::Because(Why::Resting)) => State::Resting,
            Shown::Absent(Absent::Because(_)) => State::NotJudged,
        }
    }

    /// `whole`: with its runs and facts.
    pub(super) fn view(&self, lane: &Lane, moment: Moment, whole: bool) -> LaneView {
        let mut view = LaneView::new(lane);
        let state = self.state(lane, moment.now);
        let shown = self.standing.shown(lane, moment.now);
        view.state = state;
        view.since = (state == self.stood.0).then(|| Stamp::new(self.stood.1));
        view.why = match shown {
            Shown::Absent(Absent::Because(why)) => Some(why.name().into()),
            _ => None,
        };
        view.consecutive_failures = self.standing.consecutive_failures(moment.now);
        view.overdue_seconds = self.standing.overdue(lane, moment.now).as_secs_f64();
        view.last_run = self.last_run.map(Stamp::new);
        view.last_success = self.last_success.map(Stamp::new);
        if let Shown::Failing(failing) = shown {
            let mut failure = FailureView::of(failing.step, failing.reason, failing.code);
            // During a pause the words are those of the refusal that it came from; slots that were missed have none.
            let is_its =
                |fault: &&Fault| failing.reason != Reason::Overrun || fault.reason == Reason::Overrun;
            if let Some(fault) = self.newest_fault().filter(is_its) {
                failure.server_code = fault.server_code.to_string();
                failure.server_text = fault.said.to_string();
            }
            view.explain(Some(failure));
        }
        view.books = self.books;
        if !whole {
            return view;
        }
        view.runs = self.runs.iter().map(|run| run.view(lane)).collect();
        view.failures = self.failures.iter().map(|run| run.view(lane)).collect();
        view.facts = facts(&self.facts);
        view
    }

    fn newest_fault(&self) -> Option<&Fault> {
        self.failures.front().and_then(|run| run.fault.as_deref())
    }

    /// Notes since when it stands so.
    fn settle(&mut self, lane: &Lane, moment: Moment) {
        let state = self.state(lane, moment.now);
        if state != self.stood.0 {
            self.stood = (state, moment.wall);
        }
    }
}

impl Run {
    fn view(&self, lane: &Lane) -> RunView {
        RunView {
            slot: self.slot,
            at: Stamp::new(self.at),
            duration_ms: millis(self.took),
            steps: self.steps.iter().map(|(step, took)| StepView::new(*step, *took)).collect(),
            failure: self.fault.as_ref().map(|fault| FailureView::new(fault, lane.protocol.family())),
        }
    }
}

/// Newest slot first: a view's slots may be judged out of turn.
fn remember(runs: &mut VecDeque<Arc<Run>>, run: &Arc<Run>, kept: usize) {
    let at = runs.iter().position(|other| other.at <= run.at).unwrap_or(runs.len());
    runs.insert(at, run.clone());
    runs.truncate(kept);
}
