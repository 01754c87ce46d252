//! `free_busy`: a mailbox is made busy for half an hour; another one sees that, as for an invitation, and then that it is
//! free again.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::diary::{
    Change, DAY, Desk, Diary, Place, Sight, Taken, Wanted, begin, draft, leave, overlaps, part, unjudged,
};
use super::{Check, Work};
use crate::account::Account;
use crate::catalogue::{Role, Step};
use crate::clock;
use crate::config::plan::{self, FreeBusy as Plan};
use crate::message::token::{Token, hash};
use crate::outcome::{Fault, Lane, Why};
use crate::protocol::calendar::Draft;
use crate::protocol::{Session, Status};
use crate::runner::{LaneRun, Strand};
use crate::view::Context;

/// So far ahead is looked.
const AHEAD: u32 = 7;
/// So many half hours, on four days, are tried until one is free.
const TRIED: u32 = 4 * 34;

pub struct FreeBusy {
    diary: Diary,
    /// Looks.
    account: Arc<Account>,
    /// Is made busy.
    of: Arc<Account>,
}

impl FreeBusy {
    pub fn new(
        plan: Arc<plan::Check>,
        free_busy: &Plan,
        account: Arc<Account>,
        of: Arc<Account>,
        context: Arc<Context>,
    ) -> Self {
        Self { diary: Diary::new(plan, &free_busy.pace, context), account, of }
    }

    async fn go(&self, slot: u32, lanes: Vec<LaneRun>) {
        let began = Instant::now();
        let (write, looks) = part(lanes, Role::Write);
        let (mut writer, mut looks) = tokio::join!(
            self.diary.open(write.map(|run| (&self.of, run))),
            self.diary.open(looks.into_iter().map(|run| (&self.account, run)))
        );
        let (writer, mut look) = match (writer.pop(), looks.pop()) {
            (Some(writer), Some(look)) => (writer, look),
            (writer, look) => return unjudged(writer.into_iter().chain(look)),
        };
        let (protocol, token) = (writer.lane().protocol, self.diary.token(slot, &self.of.mailbox.address));
        let session = match self.draft(&token, &mut look).await {
            Ok(Some((draft, span))) => self.block(&token.text(), &draft, span, writer, look).await,
            // People's entries everywhere: nothing can be said of the server.
            Ok(None) => {
                look.unjudged();
                Some(writer.unjudged())
            }
            Err(fault) => {
                look.fail(fault);
                Some(writer.unjudged())
            }
        };
        let (account, role, mark) = (&self.of, Role::Write, &*token.text());
        self.diary.tidy(began, [Place { account, protocol, role, session, mark, mail: false }]).await;
    }

    /// An entry at a time that is free, and when that is; where there is one.
    async fn draft(
        &self,
        token: &Token,
        look: &mut Desk<'_>,
    ) -> Result<Option<(Draft, Range<SystemTime>)>, Fault> {
        let (now, of, zone) = (clock::wall(), &self.of.mailbox.address, &self.diary.pace.zone);
        let times = self.diary.times(look, of, now..now + DAY * AHEAD).await?;
        for turn in 0..TRIED {
            let start = begin(zone, hash(&self.diary.plan.name), turn, now)?;
            let draft = Draft { status: Status::Busy, ..draft(token, of, zone, start) };
            let span = draft.time.span()?;
            if !overlaps(&times, &span) {
                return Ok(Some((draft, span)));
            }
        }
        Ok(None)
    }

    /// Busy, and free again; the writer's session, where that is still good.
    async fn block<'a>(
        &'a self,
        mark: &str,
        draft: &Draft,
        span: Range<SystemTime>,
        mut writer: Desk<'a>,
        look: Desk<'a>,
    ) -> Option<Box<dyn Session>> {
        let of = &*self.of.mailbox.address;
        let found = Wanted::new(mark, Some(draft), None);
        let mut look = Some(look);
        for (step, change, busy) in
            [(Step::Create, Change::Create(draft), true), (Step::Delete, Change::Delete(&found), false)]
        {
            let Some((still, accepted)) = writer.write(step, change).await else {
                unjudged(look);
                return None;
            };
            writer = still;
            let taken = Taken { of, span: span.clone(), busy };
            if let Some(still) = look.take() {
                look = still.see(step, accepted, Sight::Time(&taken)).await;
            }
        }
        let session = writer.well();
        if let Some(look) = look {
            leave(look.well()).await;
        }
        Some(session)
    }
}

impl Check for FreeBusy {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.diary.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.diary.lanes
    }

    /// One entry for both.
    fn strand(&self, _: &Lane) -> Strand {
        None
    }

    fn hindrance(&self, lane: &Lane) -> Option<Why> {
        let account = if lane.role == Role::Write { &self.of } else { &self.account };
        account.hindrance(lane.protocol)
    }

    /// It is told of the stop, and takes its entry away.
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
