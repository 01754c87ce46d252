//! `roundtrip`: one message, awaited in several views at once. A run ends when the server has accepted; the view lanes
//! go on without it, in the tracker.

mod follow;
mod pending;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Check, Work};
use crate::account::Account;
use crate::catalogue::{Protocol, Reason, Role, Step};
use crate::clock;
use crate::config::lanes::lanes;
use crate::config::plan::{self, Roundtrip as Plan};
use crate::message::build::{Outgoing, build};
use crate::message::token::{Draft, Id, Token, hash};
use crate::message::tracker::{Sighting, Tracker, ViewIndex};
use crate::outcome::{Event, Fact, Fault, Lane, Recorder, Said, Sink as _, Sinks, Verdict, Why};
use crate::protocol::{Session, Submitted};
use crate::runner::{LaneRun, Strand};
use crate::view::{Context, Hears, Part, Told, View, Views};
use pending::Pending;

/// Lines of the payload: half a kilobyte, which any conversion that damages mail will touch.
const LINES: u8 = 8;
const PARTING: Duration = Duration::from_secs(5);

pub struct Roundtrip {
    plan: Arc<plan::Check>,
    trip: Plan,
    lanes: Vec<Arc<Lane>>,
    sender: Arc<Account>,
    context: Arc<Context>,
    views: Vec<View>,
    /// The sender's own mailbox, for bounces.
    reports: Option<View>,
    /// Held by the one that follows; after a panic there is another one.
    told: tokio::sync::Mutex<mpsc::UnboundedReceiver<(ViewIndex, Told)>>,
    state: Mutex<State>,
    kept: Mutex<Option<Box<dyn Session>>>,
    drain: Duration,
    changed: tokio::sync::Notify,
}

struct State {
    tracker: Tracker,
    /// The view lanes that wait to be judged.
    waiting: HashMap<(ViewIndex, Id), LaneRun>,
    /// What was seen before the server's acceptance was heard.
    early: HashMap<Id, Vec<(ViewIndex, Sighting)>>,
    /// For the log of a loss.
    sent: HashMap<Id, Letter>,
    stopped: bool,
}

/// What a vendor's support asks for.
struct Letter {
    message_id: String,
    accepted: Said,
    at: std::time::SystemTime,
}

impl Roundtrip {
    pub fn new(
        plan: Arc<plan::Check>,
        trip: &Plan,
        sender: Arc<Account>,
        receiver: &Arc<Account>,
        context: Arc<Context>,
        views: &Views,
        drain: Duration,
    ) -> Self {
        let lanes = lanes(&plan);
        let check = hash(&plan.name);
        let (to, told) = mpsc::unbounded_channel();
        let leases = trip
            .views
            .iter()
            .enumerate()
            .map(|(index, view)| {
                let hears = Hears { check, part: Part::Receiver, index };
                views.lease(&context, receiver, *view, hears, to.clone())
            })
            .collect();
        let hears = Hears { check, part: Part::Sender, index: 0 };
        let reports = report_protocol(&sender).map(|by| views.lease(&context, &sender, by, hears, to));
        let state = State {
            tracker: Tracker::new(trip.views.len(), trip.late_after, trip.lost_after),
            waiting: HashMap::new(),
            early: HashMap::new(),
            sent: HashMap::new(),
            stopped: false,
        };
        Self {
            trip: trip.clone(),
            plan,
            lanes,
            sender,
            context,
            views: leases,
            reports,
            told: tokio::sync::Mutex::new(told),
            state: Mutex::new(state),
            kept: Mutex::default(),
            drain,
            changed: tokio::sync::Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sinks(&self) -> &Sinks {
        &self.context.sinks
    }

    fn submits_by(&self, slot: u32) -> Protocol {
        self.trip.send[slot as usize % self.trip.send.len()]
    }

    fn is_outside(&self) -> bool {
        self.trip.from.mail_service.name != self.trip.to.mail_service.name
    }

    /// The lane of a view in that slot.
    fn view_lane(&self, view: ViewIndex, slot: u32) -> Option<&Arc<Lane>> {
        let (send, protocol) = (Some(self.submits_by(slot)), self.trip.views.get(view).copied());
        self.lanes
            .iter()
            .find(|lane| lane.role == Role::View && lane.send == send && Some(lane.protocol) == protocol)
    }

    fn write(&self, slot: u32) -> Result<(Token, Outgoing), Fault> {
        let identity = &self.context.identity;
        let draft = Draft {
            site: identity.site,
            check: hash(&self.plan.name),
            slot,
            instance: identity.instance,
            sent: clock::wall(),
            lost_after: self.trip.lost_after,
            lines: LINES,
        };
        let token = Token::sign(&draft, &self.trip.to.address, &identity.keys);
        let mail = build(&token, &self.trip.from.address, &self.trip.to.address)
            .map_err(|error| Fault::new(Reason::InternalError, &error))?;
        Ok((token, mail))
    }

    /// One attempt to send; nothing is tried twice.
    async fn send(&self, slot: u32, send: LaneRun, views: Vec<LaneRun>) {
        let (token, mail) = match self.write(slot) {
            Ok(written) => written,
            Err(fault) => {
                self.settle_unsent(views);
                return send.settle(Verdict::Failed(fault));
            }
        };
        let pending = Pending::new(self, token.id(), views);
        send.rec.note(Fact::MessageId(Said::new(&mail.message_id)));
        let mut session = match self.session(slot, &send.rec).await {
            Ok(session) => session,
            Err(fault) => {
                self.sender.heed(&fault);
                return send.settle(Verdict::Failed(fault));
            }
        };
        let Some(submit) = session.submit() else {
            return send
                .settle(Verdict::Failed(Fault::new(Reason::InternalError, "this protocol cannot send")));
        };
        for view in &self.views {
            view.expect(token.id());
        }
        let handed_over = || {
            pending.handed_over();
            send.rec.if_overdue(Reason::SubmissionUnknown);
        };
        let result = submit.submit(&mail, &handed_over, &send.rec).await;
        let well = matches!(result, Ok(Submitted::Accepted { .. }));
        self.sent(pending, send, &mail, result);
        if well {
            self.part(session).await;
        }
    }

    /// What the submission came to. Everything of it is told here, before the session is left.
    fn sent(&self, pending: Pending<'_>, send: LaneRun, mail: &Outgoing, result: Result<Submitted, Fault>) {
        let lane = Arc::clone(&send.lane);
        let letter =
            |accepted: Said| Letter { message_id: mail.message_id.clone(), accepted, at: clock::wall() };
        match result {
            Ok(Submitted::Accepted { at, server_id }) => {
                self.sender.sent(self.is_outside());
                send.rec.note(Fact::QueueId(server_id.clone()));
                self.sinks().tell(&Event::Sent { lane, unknown: false });
                pending.accepted(at, true, letter(server_id));
                send.settle(Verdict::Good);
            }
            Ok(Submitted::Unknown(fault)) => {
                self.sent_perhaps(send.slot);
                pending.accepted(tokio::time::Instant::now(), false, letter(Said::default()));
                let step = fault.step.or(Some(Step::Data));
                send.settle(Verdict::Failed(Fault { reason: Reason::SubmissionUnknown, step, ..fault }));
            }
            Err(fault) => {
                self.sender.heed(&fault);
                pending.refused();
                send.settle(Verdict::Failed(fault));
            }
        }
    }

    /// Handed over, and never answered.
    fn sent_perhaps(&self, slot: u32) {
        self.sender.sent(self.is_outside());
        let send = Some(self.submits_by(slot));
        let lane = self.lanes.iter().find(|lane| lane.role == Role::Send && lane.send == send);
        if let Some(lane) = lane {
            self.sinks().tell(&Event::Sent { lane: Arc::clone(lane), unknown: true });
        }
    }

    async fn session(&self, slot: u32, rec: &Recorder) -> Result<Box<dyn Session>, Fault> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut session) = kept
            && session.is_alive()
        {
            return Ok(session);
        }
        self.sender.open(self.submits_by(slot), slot, rec).await
    }

    async fn part(&self, session: Box<dyn Session>) {
        if self.trip.keep_sender && self.trip.send.len() == 1 && !self.state().stopped {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
            return;
        }
        // The verdict is given: how the session ends is no part of it.
        let rec = Recorder::default();
        rec.within(PARTING, session.close(&rec)).await.ok();
    }

    /// Nothing was sent: a view that is down fails all the same, one that is well is not judged. A session that only
    /// seems well shows it by the look that is asked for here.
    fn settle_unsent(&self, views: Vec<LaneRun>) {
        for run in views {
            let view = self.trip.views.iter().position(|protocol| *protocol == run.lane.protocol);
            let fault = view.and_then(|view| self.views[view].fault());
            if let (None, Some(view)) = (&fault, view) {
                self.views[view].due(tokio::time::Instant::now(), None);
            }
            run.settle(match fault {
                Some(fault) => Verdict::Failed((*fault).clone()),
                None => Verdict::NotJudged(Why::Unjudged),
            });
        }
    }
}

/// Through what the sender's mailbox is watched for bounces.
fn report_protocol(sender: &Account) -> Option<Protocol> {
    let endpoints = &sender.mailbox.mail_service.endpoints;
    [Protocol::Imap, Protocol::Pop3].into_iter().find(|protocol| endpoints.contains_key(protocol))
}

impl Check for Roundtrip {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    fn lanes_of(&self, slot: u32) -> Vec<Arc<Lane>> {
        let send = Some(self.submits_by(slot));
        self.lanes.iter().filter(|lane| lane.send == send).cloned().collect()
    }

    /// One message for all.
    fn strand(&self, _: &Lane) -> Strand {
        None
    }

    fn hindrance(&self, lane: &Lane) -> Option<Why> {
        if self.state().tracker.open() >= self.trip.max_in_flight {
            return Some(Why::Backlog);
        }
        if lane.role == Role::Send {
            let limited = (!self.sender.may_send(1, self.is_outside())).then_some(Why::Limited);
            return self.sender.hindrance(lane.protocol).or(limited);
        }
        let view = self.trip.views.iter().position(|protocol| *protocol == lane.protocol)?;
        let fault = self.views[view].fault()?;
        (fault.reason == Reason::CredentialPaused).then_some(Why::Paused)
    }

    fn finishes(&self) -> bool {
        // A submission that is under way is worth its answer: it would be of unknown fate.
        true
    }

    fn run<'a>(&'a self, slot: u32, lanes: Vec<LaneRun>) -> Work<'a> {
        Box::pin(async move {
            let (mut send, views): (Vec<_>, Vec<_>) =
                lanes.into_iter().partition(|run| run.lane.role == Role::Send);
            match send.pop() {
                Some(send) => self.send(slot, send, views).await,
                None => self.settle_unsent(views),
            }
        })
    }

    fn tend(self: Arc<Self>, stop: CancellationToken) -> Work<'static> {
        Box::pin(self.follow(stop))
    }
}
