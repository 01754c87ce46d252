//! What was lately: per lane its newest runs, and its newest failures longer; the books, the sessions, the mailboxes.
//!
//! The memory behind the page and `/api/v1/checks`. Bounded: the more lanes, the fewer runs of each.

mod memory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::Instant;

use super::state::{CheckView, ConfigView, FailureView, MailboxView, Overview, SessionView, Stamp, State};
use crate::catalogue::Kind;
use crate::clock;
use crate::config::lanes::lanes;
use crate::config::plan::Plan;
use crate::outcome::{Event, Fault, Lane, Seat, Sink, ViewState};
use memory::LaneMemory;

/// Runs and failures kept of all lanes together.
const RUNS: usize = 16_384;

/// The sink behind the page.
pub struct History {
    shape: ArcSwap<Shape>,
    around: Mutex<Around>,
    changes: watch::Sender<u64>,
    version: Box<str>,
    revision: Box<str>,
    started: SystemTime,
}

/// The checks of a plan in its order, with what is remembered of their lanes.
struct Shape {
    site: Arc<str>,
    checks: Vec<CheckRow>,
    /// Sorted.
    lanes: Vec<(Arc<Lane>, Arc<Mutex<LaneMemory>>)>,
}

struct CheckRow {
    name: Arc<str>,
    kind: Kind,
    /// Where its lanes stand in `Shape::lanes`.
    lanes: Vec<usize>,
}

/// What is about no lane.
struct Around {
    mailboxes: BTreeMap<Arc<str>, BoxMemory>,
    sessions: BTreeMap<Seat, Session>,
    reference: BTreeMap<&'static str, bool>,
    config_taken: bool,
    config_since: SystemTime,
}

/// Of a mailbox.
#[derive(Clone, Default)]
struct BoxMemory {
    mail_service: Arc<str>,
    paused_until: Option<Instant>,
    resting_until: Option<SystemTime>,
    rival: bool,
}

/// Of a kept session.
#[derive(Clone, Default)]
struct Session {
    state: Option<ViewState>,
    /// Since when it is down.
    down: Option<(SystemTime, Arc<Fault>)>,
    server: String,
    ended_planned: u64,
    ended_unplanned: u64,
}

/// Both clocks, read together.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub now: Instant,
    pub wall: SystemTime,
}

impl Moment {
    pub(super) fn read() -> Self {
        Self { now: Instant::now(), wall: clock::wall() }
    }

    /// An instant by the wall clock.
    pub(super) fn stamp(self, at: Instant) -> Stamp {
        Stamp::new(if at <= self.now { self.wall - (self.now - at) } else { self.wall + (at - self.now) })
    }
}

impl History {
    pub fn new(plan: &Plan, version: &str, revision: &str) -> Arc<Self> {
        let started = clock::wall();
        let mut around = Around {
            mailboxes: BTreeMap::new(),
            sessions: BTreeMap::new(),
            reference: BTreeMap::new(),
            config_taken: true,
            config_since: started,
        };
        around.apply(plan);
        Arc::new(Self {
            shape: ArcSwap::from_pointee(Shape::new(plan, None)),
            around: Mutex::new(around),
            changes: watch::Sender::new(0),
            version: version.into(),
            revision: revision.into(),
            started,
        })
    }

    /// Another plan: what is equal in both is remembered, the rest forgotten.
    pub fn apply(&self, plan: &Plan) {
        let new = Shape::new(plan, Some(&self.shape.load_full()));
        lock(&self.around).apply(plan);
        self.shape.store(Arc::new(new));
        self.changed();
    }

    /// Counts up with every event; a reader that renders waits a quarter of a second between two looks.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Everything, now.
    pub fn snapshot(&self) -> Overview {
        let moment = Moment::read();
        let shape = self.shape.load_full();
        let checks = (0..shape.checks.len()).filter_map(|at| self.view(&shape, at, moment, true)).collect();
        Overview { checks, ..self.frame(&shape, moment) }
    }

    /// The checks without their runs: what a first glance needs.
    pub fn outline(&self) -> Vec<CheckView> {
        let (shape, moment) = (self.shape.load_full(), Moment::read());
        (0..shape.checks.len()).filter_map(|at| self.view(&shape, at, moment, false)).collect()
    }

    /// Everything but the checks.
    pub fn surroundings(&self) -> Overview {
        self.frame(&self.shape.load(), Moment::read())
    }

    /// One check; `None` for a name that the plan does not have.
    pub fn check(&self, name: &str) -> Option<CheckView> {
        let shape = self.shape.load_full();
        let at = shape.checks.iter().position(|row| &*row.name == name)?;
        self.view(&shape, at, Moment::read(), true)
    }

    /// The names of the checks in order, each with a number that changes when there is something new to show.
    pub fn marks(&self) -> Vec<(Arc<str>, u64)> {
        let (shape, moment) = (self.shape.load_full(), Moment::read());
        let mark = |row: &CheckRow| {
            let mut hasher = DefaultHasher::new();
            for (lane, memory) in row.lanes.iter().filter_map(|at| shape.lanes.get(*at)) {
                let memory = lock(memory);
                (memory.version, memory.state(lane, moment.now)).hash(&mut hasher);
            }
            (row.name.clone(), hasher.finish())
        };
        shape.checks.iter().map(mark).collect()
    }

    fn frame(&self, shape: &Shape, moment: Moment) -> Overview {
        let around = lock(&self.around);
        Overview {
            site: shape.site.to_string(),
            version: self.version.to_string(),
            revision: self.revision.to_string(),
            at: Stamp::new(moment.wall),
            started: Stamp::new(self.started),
            config: ConfigView { taken: around.config_taken, since: Stamp::new(around.config_since) },
            checks: Vec::new(),
            sessions: around.sessions.iter().map(|(seat, session)| session.view(seat, moment)).collect(),
            mailboxes: around.mailboxes.iter().map(|(name, of)| of.view(name, moment)).collect(),
            reference: around.reference.iter().map(|(name, up)| ((*name).to_owned(), *up)).collect(),
        }
    }

    fn view(&self, shape: &Shape, at: usize, moment: Moment, whole: bool) -> Option<CheckView> {
        let row = shape.checks.get(at)?;
        let mut lanes = Vec::with_capacity(row.lanes.len());
        for (lane, memory) in row.lanes.iter().filter_map(|at| shape.lanes.get(*at)) {
            let mut view = lock(memory).view(lane, moment, whole);
            view.until = match view.state {
                State::Paused => self.mailbox(&lane.mailbox).paused_until.map(|until| moment.stamp(until)),
                State::Resting => self.mailbox(&lane.mailbox).resting_until.map(Stamp::new),
                _ => None,
            };
            lanes.push(view);
        }
        Some(CheckView {
            name: row.name.to_string(),
            kind: row.kind.name().into(),
            state: lanes.iter().map(|lane| lane.state).min().unwrap_or(State::Waiting),
            lanes,
        })
    }

    fn mailbox(&self, name: &str) -> BoxMemory {
        lock(&self.around).mailboxes.get(name).cloned().unwrap_or_default()
    }

    fn lane(&self, lane: &Lane, change: impl FnOnce(&mut LaneMemory)) {
        let shape = self.shape.load();
        if let Ok(at) = shape.lanes.binary_search_by(|(of, _)| (**of).cmp(lane))
            && let Some((_, memory)) = shape.lanes.get(at)
        {
            let mut memory = lock(memory);
            memory.version += 1;
            change(&mut memory);
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Sink for History {
    fn tell(&self, event: &Event) {
        let moment = Moment::read();
        match event {
            Event::Began { lane, .. } => self.lane(lane, |memory| memory.began(moment)),
            Event::Ran(report) => self.lane(&report.lane, |memory| memory.ran(report, moment)),
            Event::Skipped { lane, slot, why } => {
                self.lane(lane, |memory| memory.skipped(lane, *slot, *why, moment));
            }
            Event::Message { lane, judged } => self.lane(lane, |memory| memory.message(*judged)),
            Event::InFlight { lane, count, oldest } => {
                self.lane(lane, |memory| memory.in_flight(*count as u64, oldest.map(|at| moment.stamp(at))));
            }
            // Neither the page nor the API shows these.
            Event::Sent { .. } | Event::Loss { .. } | Event::Delay(_) => return,
            other => lock(&self.around).tell(other, moment),
        }
        self.changed();
    }
}

impl Shape {
    fn new(plan: &Plan, old: Option<&Self>) -> Self {
        let now = Moment::read();
        let checks: Vec<_> = plan.checks.iter().map(|check| (check, lanes(check))).collect();
        let count: usize = checks.iter().map(|(_, lanes)| lanes.len()).sum();
        let kept = (RUNS / count.max(1)).clamp(5, 20);
        let mut all: Vec<Arc<Lane>> = checks.iter().flat_map(|(_, lanes)| lanes.iter().cloned()).collect();
        all.sort();
        all.dedup();
        let rows = checks
            .iter()
            .map(|(check, lanes)| CheckRow {
                name: check.name.clone(),
                kind: check.what.kind(),
                lanes: lanes.iter().filter_map(|lane| all.binary_search(lane).ok()).collect(),
            })
            .collect();
        let remembered = |lane: &Arc<Lane>| {
            let old = old?;
            let at = old.lanes.binary_search_by(|(of, _)| of.cmp(lane)).ok()?;
            old.lanes.get(at).map(|(_, memory)| memory.clone())
        };
        let lanes = all
            .into_iter()
            .map(|lane| {
                let new = || Arc::new(Mutex::new(LaneMemory::new(&lane, now)));
                let memory = remembered(&lane).unwrap_or_else(new);
                lock(&memory).keep(kept);
                (lane, memory)
            })
            .collect();
        Self { site: plan.site.clone(), checks: rows, lanes }
    }
}

impl Around {
    fn apply(&mut self, plan: &Plan) {
        let mut old = std::mem::take(&mut self.mailboxes);
        for (name, mailbox) in &plan.mailboxes {
            let mut memory = old.remove(name).unwrap_or_default();
            memory.mail_service = mailbox.mail_service.name.clone();
            self.mailboxes.insert(name.clone(), memory);
        }
        let mailboxes = &self.mailboxes;
        self.sessions.retain(|seat, _| mailboxes.contains_key(&seat.mailbox));
    }

    fn tell(&mut self, event: &Event, moment: Moment) {
        match event {
            Event::View { seat, state } => self.session(seat, |session| session.turns(state, moment)),
            Event::SessionEnded { seat, planned, .. } => self.session(seat, |session| {
                *(if *planned { &mut session.ended_planned } else { &mut session.ended_unplanned }) += 1;
            }),
            Event::Backend { seat, frontend, backend, version } => {
                let words = [frontend, backend, version].map(|said| said.as_str());
                let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
                self.session(seat, |session| session.server = words.join(", "));
            }
            Event::Paused { mailbox, until } => self.mailbox(mailbox, |of| of.paused_until = *until),
            Event::Resting { mailbox, until } => {
                self.mailbox(mailbox, |of| of.resting_until = Some(*until));
            }
            Event::Rival { mailbox, seen } => self.mailbox(mailbox, |of| of.rival = *seen),
            Event::Reference { target, up } => {
                self.reference.insert(target, *up);
            }
            Event::Reloaded { well } => {
                self.config_taken = *well;
                if *well {
                    self.config_since = moment.wall;
                }
            }
            _ => {}
        }
    }

    /// Only seats in a mailbox of the plan are remembered.
    fn session(&mut self, seat: &Seat, change: impl FnOnce(&mut Session)) {
        if self.mailboxes.contains_key(&seat.mailbox) {
            change(self.sessions.entry(seat.clone()).or_default());
        }
    }

    fn mailbox(&mut self, name: &Arc<str>, change: impl FnOnce(&mut BoxMemory)) {
        if let Some(mailbox) = self.mailboxes.get_mut(name) {
            change(mailbox);
        }
    }
}

impl BoxMemory {
    fn view(&self, name: &str, moment: Moment) -> MailboxView {
        MailboxView {
            name: name.to_owned(),
            mail_service: self.mail_service.to_string(),
            paused_until: self.paused_until.filter(|at| *at > moment.now).map(|at| moment.stamp(at)),
            resting_until: self.resting_until.filter(|at| *at > moment.wall).map(Stamp::new),
            rival: self.rival,
        }
    }
}

impl Session {
    fn turns(&mut self, state: &ViewState, moment: Moment) {
        self.down = match (state, self.down.take()) {
            (ViewState::Down { fault, .. }, Some((since, _))) => Some((since, fault.clone())),
            (ViewState::Down { fault, .. }, None) => Some((moment.wall, fault.clone())),
            (ViewState::Opening, down) => down,
            (ViewState::Up { .. }, _) => None,
        };
        self.state = Some(state.clone());
    }

    fn view(&self, seat: &Seat, moment: Moment) -> SessionView {
        let (state, again) = match self.state {
            Some(ViewState::Up { .. }) => ("up", None),
            Some(ViewState::Down { again, .. }) => ("down", Some(moment.stamp(again))),
            Some(ViewState::Opening) | None => ("opening", None),
        };
        let since = match (&self.state, &self.down) {
            (Some(ViewState::Up { since }), _) => Some(moment.stamp(*since)),
            (_, Some((since, _))) => Some(Stamp::new(*since)),
            _ => None,
        };
        SessionView {
            mail_service: seat.mail_service.to_string(),
            mailbox: seat.mailbox.to_string(),
            protocol: seat.protocol.name().into(),
            state: state.into(),
            since,
            again,
            failure: self.down.as_ref().map(|(_, fault)| FailureView::new(fault, seat.protocol.family())),
            server: self.server.clone(),
            ended_planned: self.ended_planned,
            ended_unplanned: self.ended_unplanned,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
