//! Following messages until every view has judged them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Letter, Roundtrip};
use crate::catalogue::Step;
use crate::message::recognise::About;
use crate::message::token::{Id, Token};
use crate::message::tracker::{Act, ViewIndex};
use crate::outcome::{Event, Judged, Said, Sink as _, Verdict};
use crate::runner::LaneRun;
use crate::view::Told;

/// While a view is neither up nor down, what is due is asked again after this.
const AGAIN: Duration = Duration::from_secs(1);

impl Roundtrip {
    /// A message is accepted, or perhaps is: its view lanes wait from here on.
    pub(super) fn follow_message(
        &self,
        id: Id,
        at: Instant,
        sure: bool,
        letter: Letter,
        views: Vec<LaneRun>,
    ) {
        let acts = {
            let mut state = self.state();
            for mut run in views {
                let view = self.trip.views.iter().position(|protocol| *protocol == run.lane.protocol);
                if let Some(view) = view {
                    run.outlive();
                    state.waiting.insert((view, id), run);
                }
            }
            state.sent.insert(id, letter);
            let early = state.early.remove(&id).unwrap_or_default();
            state.tracker.accepted(id, at, sure, early)
        };
        for view in &self.views {
            view.accepted(id, at);
            view.due(at + self.trip.late_after, Some(id));
        }
        self.perform(acts);
        self.changed.notify_one();
    }

    /// Between runs: hears the views until `stop`, then what is in flight, at most as long as `drain`.
    pub(super) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut told = self.told.lock().await;
        let mut end = None;
        loop {
            if end.is_some_and(|end| Instant::now() >= end)
                || (end.is_some() && self.state().tracker.open() == 0)
            {
                break;
            }
            let wake = self.next_deadline().into_iter().chain(end).min();
            tokio::select! {
                heard = told.recv() => match heard {
                    Some((view, heard)) => self.hear(view, heard),
                    None => break,
                },
                () = sleep_until(wake) => self.check_downs(),
                () = self.changed.notified() => {}
                () = stop.cancelled(), if end.is_none() => {
                    self.state().stopped = true;
                    end = Some(Instant::now() + self.drain);
                }
            }
        }
        let acts = self.state().tracker.abandon();
        self.perform(acts);
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(session) = kept {
            self.part(session).await;
        }
    }

    /// The moment at which a lane of a view that is down must be settled.
    fn next_deadline(&self) -> Option<Instant> {
        let state = self.state();
        let now = Instant::now();
        let deadlines = (0..self.views.len()).filter_map(|view| state.tracker.deadline(view));
        deadlines.min().map(|deadline| if deadline <= now { now + AGAIN } else { deadline })
    }

    /// Something is due: a view that is up has been told to look; one that is down fails with its own reason.
    fn check_downs(&self) {
        let now = Instant::now();
        for (index, view) in self.views.iter().enumerate() {
            match view.fault() {
                Some(fault) => {
                    let acts = self.state().tracker.down(index, now, &fault);
                    self.perform(acts);
                }
                None if self.state().tracker.deadline(index).is_some_and(|deadline| deadline <= now) => {
                    view.due(now, None);
                }
                None => {}
            }
        }
    }

    fn hear(&self, view: ViewIndex, told: Told) {
        let acts = match told {
            Told::Looked { began, sightings } => {
                let mut state = self.state();
                for sighting in &sightings {
                    let id = sighting.token.id();
                    if state.tracker.is_sending(id) {
                        state.early.entry(id).or_default().push((view, sighting.clone()));
                    } else if !state.tracker.knows(id) {
                        // Refused, and there all the same; or long forgotten.
                        self.views[view].delete(id);
                    }
                }
                let mut acts = state.tracker.seen(view, &sightings);
                if let Some(began) = began {
                    acts.extend(state.tracker.looked(view, began));
                }
                acts
            }
            Told::Report { token, about } => self.report(token, &about),
        };
        self.perform(acts);
    }

    fn report(&self, token: Token, about: &About) -> Vec<Act> {
        match about {
            About::Failed { status, words } => self.state().tracker.bounced(token.id(), status, words),
            About::Delayed { status } => {
                tracing::info!(check = %self.plan.name, slot = token.slot, status, "the server tells of a delay");
                Vec::new()
            }
            About::Other => Vec::new(),
        }
    }

    fn perform(&self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Count(view, id, judged) => self.count(view, id, judged),
                Act::Settle { view, id, verdict, deliver } => {
                    let run = self.state().waiting.remove(&(view, id));
                    if let Some(run) = run {
                        settle(run, verdict, deliver);
                    }
                }
                Act::Delete(id, seen_in) => self.delete(id, &seen_in),
            }
        }
        self.tell_in_flight();
    }

    fn count(&self, view: ViewIndex, id: Id, judged: Judged) {
        if let Some(lane) = self.view_lane(view, id.slot) {
            self.sinks().tell(&Event::Message { lane: Arc::clone(lane), judged });
        }
        match judged {
            Judged::Late => {
                // Another look when it would be lost.
                let wait = self.trip.lost_after.saturating_sub(self.trip.late_after);
                self.views[view].due(Instant::now() + wait, Some(id));
                // It may have come back, and where the server does not tell of new mail nobody has seen it.
                self.reports.iter().for_each(|reports| reports.due(Instant::now(), None));
            }
            Judged::Lost => self.tell_loss(view, id),
            _ => {}
        }
    }

    fn tell_loss(&self, view: ViewIndex, id: Id) {
        let (Some(lane), state) = (self.view_lane(view, id.slot), self.state()) else { return };
        if let Some(letter) = state.sent.get(&id) {
            self.sinks().tell(&Event::Loss {
                lane: Arc::clone(lane),
                slot: id.slot,
                message_id: Said::new(&letter.message_id),
                accepted: letter.accepted.clone(),
                accepted_at: letter.at,
            });
        }
    }

    /// Through any view that has it and is up: one with a session first.
    fn delete(&self, id: Id, seen_in: &[ViewIndex]) {
        self.state().sent.remove(&id);
        let best = seen_in.iter().min_by_key(|view| {
            let view = &self.views[**view];
            (!view.is_up(), !view.is_kept())
        });
        if let Some(view) = best {
            self.views[*view].delete(id);
        }
        for (_, view) in self.views.iter().enumerate().filter(|(n, _)| Some(n) != best) {
            view.forget(id);
        }
    }

    fn tell_in_flight(&self) {
        for view in 0..self.views.len() {
            let (count, oldest) = self.state().tracker.in_flight(view);
            // With several senders the gauge stands on the lane of the first: messages in flight are the view's.
            if let Some(lane) = self.view_lane(view, 0) {
                self.sinks().tell(&Event::InFlight { lane: Arc::clone(lane), count, oldest });
            }
        }
    }
}

fn settle(run: LaneRun, verdict: Verdict, deliver: Option<Duration>) {
    if let Some(took) = deliver {
        run.rec.add(Step::Deliver, took);
    }
    run.settle(match verdict {
        Verdict::Failed(mut fault) => {
            fault.step.get_or_insert(Step::Deliver);
            Verdict::Failed(fault)
        }
        other => other,
    });
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
