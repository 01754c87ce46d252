//! `meeting`: the organizer invites, the attendee accepts; the meeting is moved, and called off. Each is awaited at the
//! other side.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::diary::{Change, Desk, Diary, Place, Sight, Wanted, begin, draft, later, part, unjudged};
use super::{Check, Work};
use crate::account::Account;
use crate::catalogue::{Role, Step};
use crate::clock;
use crate::config::plan::{self, Meeting as Plan};
use crate::message::token::hash;
use crate::outcome::{Fault, Lane, Why};
use crate::protocol::Session;
use crate::protocol::calendar::Draft;
use crate::runner::{LaneRun, Strand};
use crate::view::Context;

pub struct Meeting {
    diary: Diary,
    of: Plan,
    organizer: Arc<Account>,
    attendee: Arc<Account>,
}

/// A session that is still good, of each side.
type Sessions = [Option<Box<dyn Session>>; 2];

impl Meeting {
    pub fn new(
        plan: Arc<plan::Check>,
        of: &Plan,
        organizer: Arc<Account>,
        attendee: Arc<Account>,
        context: Arc<Context>,
    ) -> Self {
        Self { diary: Diary::new(plan, &of.pace, context), of: of.clone(), organizer, attendee }
    }

    fn is_outside(&self) -> bool {
        self.organizer.mailbox.mail_service.name != self.attendee.mailbox.mail_service.name
    }

    fn draft(&self, slot: u32) -> Result<(String, Draft), Fault> {
        let address = &self.attendee.mailbox.address;
        let (zone, check) = (&self.diary.pace.zone, hash(&self.diary.plan.name));
        let token = self.diary.token(slot, address);
        let start = begin(zone, check, 0, clock::wall())?;
        let draft = draft(&token, &self.organizer.mailbox.address, zone, start);
        Ok((token.text(), Draft { invited: Some(Arc::clone(address)), ..draft }))
    }

    async fn go(&self, slot: u32, lanes: Vec<LaneRun>) {
        let began = Instant::now();
        let (write, view) = part(lanes, Role::Write);
        let (mut organizer, mut attendee) = tokio::join!(
            self.diary.open(write.map(|run| (&self.organizer, run))),
            self.diary.open(view.into_iter().map(|run| (&self.attendee, run)))
        );
        let (organizer, attendee) = match (organizer.pop(), attendee.pop()) {
            (Some(organizer), Some(attendee)) => (organizer, attendee),
            (organizer, attendee) => return unjudged(organizer.into_iter().chain(attendee)),
        };
        let (mark, draft) = match self.draft(slot) {
            Ok(drafted) => drafted,
            Err(fault) => {
                organizer.fail(fault);
                return unjudged([attendee]);
            }
        };
        let [of_organizer, of_attendee] = self.meet(&mark, &draft, organizer, attendee).await;
        let place = |account, by, role, session| Place {
            account,
            protocol: by,
            role,
            session,
            mark: &mark,
            mail: true,
        };
        // The organizer's first: what it calls off is told to the attendee.
        self.diary
            .tidy(began, [place(&self.organizer, self.of.organizer.by, Role::Write, of_organizer)])
            .await;
        self.diary.tidy(began, [place(&self.attendee, self.of.attendee.by, Role::View, of_attendee)]).await;
    }

    /// The whole of a meeting, as far as it comes.
    async fn meet<'a>(
        &'a self,
        mark: &str,
        made: &Draft,
        organizer: Desk<'a>,
        attendee: Desk<'a>,
    ) -> Sessions {
        let moved = later(made);
        let here = Wanted::new(mark, Some(made), None);
        let answered = Wanted { accepted: made.invited.as_deref(), ..Wanted::new(mark, Some(made), None) };
        let moved_here = Wanted::new(mark, Some(&moved), Some(made));
        let gone = Wanted { or_cancelled: true, ..Wanted::new(mark, None, Some(&moved)) };
        let both = Both { meeting: self, organizer, attendee };
        let result = async {
            let both = both.tell(Step::Invite, Change::Create(made), &here).await?;
            let both = both.accept(&here, &answered).await?;
            let both = both.tell(Step::Move, Change::Update(&here, &moved), &moved_here).await?;
            both.tell(Step::Cancel, Change::Delete(&moved_here), &gone).await
        };
        match result.await {
            Ok(both) => [both.organizer.well(), both.attendee.well()].map(Some),
            Err(sessions) => sessions,
        }
    }
}

/// Both sides of a meeting that goes well so far. Where it does not, the side that it fails at is judged, and the other is
/// not.
struct Both<'a> {
    meeting: &'a Meeting,
    organizer: Desk<'a>,
    attendee: Desk<'a>,
}

impl<'a> Both<'a> {
    /// The organizer changes the meeting, the attendee sees it.
    async fn tell(self, step: Step, change: Change<'_>, wanted: &Wanted<'_>) -> Result<Self, Sessions> {
        let Self { meeting, organizer, attendee } = self;
        if meeting.diary.stop.is_cancelled() {
            return Err([organizer.unjudged(), attendee.unjudged()].map(Some));
        }
        let Some((organizer, accepted)) = organizer.write(step, change).await else {
            return Err([None, Some(attendee.unjudged())]);
        };
        meeting.organizer.sent(meeting.is_outside());
        match attendee.see(step, accepted, Sight::Entry(wanted)).await {
            Some(attendee) => Ok(Self { meeting, organizer, attendee }),
            None => Err([Some(organizer.unjudged()), None]),
        }
    }

    /// The attendee accepts, the organizer sees that.
    async fn accept(self, invited: &Wanted<'_>, answered: &Wanted<'_>) -> Result<Self, Sessions> {
        let Self { meeting, organizer, attendee } = self;
        let Some((attendee, accepted)) = attendee.write(Step::Accept, Change::Accept(invited)).await else {
            return Err([Some(organizer.unjudged()), None]);
        };
        meeting.attendee.sent(meeting.is_outside());
        match organizer.see(Step::Answer, accepted, Sight::Entry(answered)).await {
            Some(organizer) => Ok(Self { meeting, organizer, attendee }),
            None => Err([None, Some(attendee.unjudged())]),
        }
    }
}

impl Check for Meeting {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.diary.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.diary.lanes
    }

    /// One meeting for both.
    fn strand(&self, _: &Lane) -> Strand {
        None
    }

    fn hindrance(&self, lane: &Lane) -> Option<Why> {
        let account = if lane.role == Role::Write { &self.organizer } else { &self.attendee };
        let sends = self.diary.plan.what.messages();
        let count =
            sends.iter().filter(|(from, ..)| from.name == account.mailbox.name).map(|(.., n)| n).sum();
        let limited = || (!account.may_send(count, self.is_outside())).then_some(Why::Limited);
        account.hindrance(lane.protocol).or_else(limited)
    }

    /// It is told of the stop, and calls the meeting off.
    fn finishes(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, slot: u32, lanes: Vec<LaneRun>) -> Work<'a> {
        Box::pin(self.go(slot, lanes))
    }

    fn tend(self: Arc<Self>, stop: CancellationToken) -> Work<'static> {
        Box::pin(async move { self.diary.end(stop).await })
    }
}
