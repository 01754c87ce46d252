//! What `calendar`, `meeting` and `free_busy` share: sessions at calendars, changes of entries, waiting until they show.

mod desk;
mod draft;
mod sweep;
mod taken;
mod wanted;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::catalogue::{Reason, Role, Step};
use crate::config::plan::{self, Pace};
use crate::message::token::{Draft as TokenDraft, Token, hash};
use crate::outcome::{Fault, Lane};
use crate::protocol::calendar::Calendar;
use crate::protocol::{Busy, FreeBusy, Session};
use crate::runner::LaneRun;
use crate::view::Context;
use crate::{clock, config::lanes::lanes};

pub(super) use desk::{Change, Desk, Sight, leave};
pub(super) use draft::{DAY, begin, draft, later};
pub(super) use sweep::Place;
pub(super) use taken::{Taken, overlaps};
pub(super) use wanted::Wanted;

/// For a sign-in, where a run has so much time.
const ENOUGH: Duration = Duration::from_secs(10);

/// A check of calendars.
pub(super) struct Diary {
    pub plan: Arc<plan::Check>,
    pub lanes: Vec<Arc<Lane>>,
    pub pace: Pace,
    pub context: Arc<Context>,
    /// The process, or this check, comes to its end.
    pub stop: CancellationToken,
}

impl Diary {
    pub(super) fn new(plan: Arc<plan::Check>, pace: &Pace, context: Arc<Context>) -> Self {
        let lanes = lanes(&plan);
        Self { plan, lanes, pace: pace.clone(), context, stop: CancellationToken::new() }
    }

    /// How long a sign-in or a request may take: one that hangs is told as what it is, and there is time left to clean up.
    fn patience(&self) -> Duration {
        let timeout = self.plan.timeout;
        (timeout / 4).max((timeout / 2).min(ENOUGH))
    }

    /// What is awaited in several views of a calendar; those that saw it. One that does not show what another one or the
    /// writer does is not up to date: the entry is not lost.
    pub(super) async fn see<'a>(
        views: Vec<Desk<'a>>,
        writer: &mut Desk<'a>,
        step: Step,
        accepted: Instant,
        wanted: &Wanted<'_>,
    ) -> Vec<Desk<'a>> {
        let sight = Sight::Entry(wanted);
        let seeing = views.into_iter().map(|view| view.try_see(step, accepted, sight));
        let (mut saw, mut missed) = (Vec::new(), Vec::new());
        for seen in join_all(seeing).await {
            match seen {
                Ok(view) => saw.push(view),
                Err((view, fault)) => missed.push((view, fault)),
            }
        }
        let lost = |fault: &Option<Fault>| fault.as_ref().is_some_and(|of| of.reason == Reason::CalendarLost);
        let is_there =
            missed.iter().any(|(_, fault)| lost(fault)) && (!saw.is_empty() || writer.shows(sight).await);
        for (view, mut fault) in missed {
            if let Some(fault) = fault.as_mut().filter(|of| is_there && of.reason == Reason::CalendarLost) {
                fault.reason = Reason::CalendarStale;
            }
            view.end(fault);
        }
        saw
    }

    /// The mark of a run's entry, signed for whoever it is meant for.
    pub(super) fn token(&self, slot: u32, address: &str) -> Token {
        let identity = &self.context.identity;
        let draft = TokenDraft {
            site: identity.site,
            check: hash(&self.plan.name),
            slot,
            instance: identity.instance,
            sent: clock::wall(),
            lost_after: self.plan.timeout,
            lines: 0,
        };
        Token::sign(&draft, address, &identity.keys)
    }

    /// Opens sessions side by side; each that cannot be opened is judged, and left out.
    pub(super) async fn open<'a>(
        &'a self,
        sides: impl IntoIterator<Item = (&'a Arc<Account>, LaneRun)>,
    ) -> Vec<Desk<'a>> {
        let opening = sides.into_iter().map(|(account, run)| Desk::open(self, account, run));
        join_all(opening).await.into_iter().flatten().collect()
    }

    /// Somebody's free/busy times.
    pub(super) async fn times(
        &self,
        desk: &mut Desk<'_>,
        of: &str,
        span: Range<SystemTime>,
    ) -> Result<Vec<Busy>, Fault> {
        let rec = desk.rec();
        let looking = busy_of(&mut *desk.session)?.look_up(of, span, &rec);
        let times = rec.within(self.patience(), looking).await?;
        taken::sensible(&times)?;
        Ok(times)
    }

    /// Until the check ends, which a run under way is told of.
    pub(super) async fn end(&self, stop: CancellationToken) {
        stop.cancelled().await;
        self.stop.cancel();
    }
}

/// The one of that role; the others.
pub(super) fn part(lanes: Vec<LaneRun>, role: Role) -> (Option<LaneRun>, Vec<LaneRun>) {
    let (mut one, others): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|run| run.lane.role == role);
    (one.pop(), others)
}

/// What was to be judged there never came to be.
pub(super) fn unjudged<'a>(desks: impl IntoIterator<Item = Desk<'a>>) {
    for desk in desks {
        desk.unjudged();
    }
}

fn calendar_of(session: &mut dyn Session) -> Result<&mut dyn Calendar, Fault> {
    session.calendar().ok_or_else(|| Fault::new(Reason::InternalError, "this protocol has no calendar"))
}

fn busy_of(session: &mut dyn Session) -> Result<&mut dyn FreeBusy, Fault> {
    session
        .free_busy()
        .ok_or_else(|| Fault::new(Reason::InternalError, "this protocol has no free/busy times"))
}
