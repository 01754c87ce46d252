//! What the page and the API are told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::History;
use crate::catalogue::{Protocol, Reason, Role, Step};
use crate::clock;
use crate::config::lanes::lanes;
use crate::export::fixture::{SECOND, plan, roundtrip};
use crate::export::state::{LaneView, Overview, State};
use crate::outcome::{Event, Fault, Judged, Lane, Report, Seat, Sink as _, Verdict, ViewState, Why};

fn history() -> (Arc<History>, Arc<Lane>) {
    let plan = plan(vec![roundtrip("trip", &[Protocol::Smtp], &[Protocol::Imap])]);
    let lane = lanes(&plan.checks[0]).into_iter().find(|lane| lane.role == Role::View).unwrap();
    (History::new(&plan, "1.2.3", "abc"), lane)
}

fn ran(lane: &Arc<Lane>, slot: u32, verdict: Verdict) -> Event {
    Event::Ran(Report {
        lane: lane.clone(),
        slot,
        at: clock::wall() + SECOND * slot,
        took: SECOND,
        steps: vec![(Step::Deliver, SECOND)],
        facts: Vec::new(),
        verdict,
    })
}

fn view(history: &History) -> LaneView {
    history.check("trip").unwrap().lanes.into_iter().find(|lane| lane.role == "view").unwrap()
}

#[tokio::test(start_paused = true)]
async fn failures_are_kept_longer_than_runs() {
    let (history, lane) = history();
    assert_eq!(view(&history).state, State::Waiting);
    let fault = Fault::new(Reason::MessageLate, "not there").coded("NO");
    history.tell(&ran(&lane, 1, Verdict::Failed(fault)));
    assert_eq!(view(&history).meaning.as_deref(), Some(Reason::MessageLate.row().meaning));
    for slot in 2..40 {
        history.tell(&ran(&lane, slot, Verdict::Good));
    }
    let view = view(&history);
    assert_eq!((view.state, view.runs.len(), view.failures.len()), (State::Good, 20, 1));
    assert_eq!(view.runs[0].slot, 39);
    assert_eq!(view.failures[0].failure.as_ref().unwrap().server_text, "not there");
}

#[tokio::test(start_paused = true)]
async fn no_data_has_names_of_its_own() {
    let (history, lane) = history();
    let rest = clock::wall() + 90 * SECOND;
    history.tell(&Event::Resting { mailbox: "bob".into(), until: rest });
    history.tell(&Event::Skipped { lane: lane.clone(), slot: 1, why: Why::Resting });
    assert_eq!(view(&history).state, State::Resting);
    assert!(view(&history).until.is_some());
    history.tell(&Event::Paused { mailbox: "bob".into(), until: Some(Instant::now() + SECOND) });
    history.tell(&Event::Skipped { lane: lane.clone(), slot: 2, why: Why::Paused });
    assert_eq!(view(&history).state, State::Paused);
    assert!(view(&history).until.is_some());
    history.tell(&ran(&lane, 3, Verdict::NotJudged(Why::Unjudged)));
    assert_eq!((view(&history).state, view(&history).why.as_deref()), (State::NotJudged, Some("unjudged")));
    history.tell(&ran(&lane, 4, Verdict::Good));
    advance(Duration::from_secs(151)).await;
    assert_eq!(view(&history).state, State::Stale);
}

#[tokio::test(start_paused = true)]
async fn a_mark_changes_with_events_and_with_time() {
    let (history, lane) = history();
    let (before, mut changes) = (history.marks(), history.changes());
    history.tell(&ran(&lane, 1, Verdict::Good));
    assert!(changes.has_changed().unwrap());
    let good = history.marks();
    assert_ne!(before, good);
    assert_eq!(good, history.marks());
    advance(Duration::from_secs(151)).await;
    assert_ne!(good, history.marks());
    assert_eq!(*changes.borrow_and_update(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_overview_survives_the_wire() {
    let (history, lane) = history();
    history.tell(&ran(&lane, 1, Verdict::Failed(Fault::new(Reason::SessionLost, "bye"))));
    history.tell(&Event::Message { lane, judged: Judged::Expected });
    let seat = Seat { mail_service: "hq".into(), mailbox: "bob".into(), protocol: Protocol::Imap };
    let fault = Arc::new(Fault::new(Reason::SessionLost, "bye"));
    history.tell(&Event::View { seat, state: ViewState::Down { fault, again: Instant::now() + SECOND } });
    let text = serde_json::to_string(&history.snapshot()).unwrap();
    let back: Overview = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert_eq!(back.checks[0].state, State::Failing);
    assert_eq!(back.sessions[0].state, "down");
    assert_eq!(back.checks[0].lanes[1].books.unwrap().expected, 1);
}
