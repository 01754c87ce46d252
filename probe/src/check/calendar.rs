//! `calendar`: an entry is made, moved, given another place and deleted; after each change every view has to show it.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::diary::{Change, Desk, Diary, Place, Wanted, begin, draft, later, leave, part, unjudged};
use super::{Check, Work};
use crate::account::Account;
use crate::catalogue::{Role, Step};
use crate::clock;
use crate::config::plan::{self, Calendar as Plan};
use crate::message::token::hash;
use crate::outcome::{Fault, Lane, Why};
use crate::protocol::Session;
use crate::protocol::calendar::{Draft, Repeat};
use crate::runner::{LaneRun, Strand};
use crate::view::Context;

/// A series lasts so many days, and ends within a week.
const DAYS: u32 = 4;
/// Of these one is moved, by an hour.
const MOVED: u32 = 2;
const ANOTHER_PLACE: &str = "mailprobe, place 2";

pub struct Calendar {
    diary: Diary,
    account: Arc<Account>,
    recurring: bool,
}

impl Calendar {
    pub fn new(plan: Arc<plan::Check>, of: &Plan, account: Arc<Account>, context: Arc<Context>) -> Self {
        Self { diary: Diary::new(plan, &of.pace, context), account, recurring: of.recurring }
    }

    /// The entry, mark and all, as it is made.
    fn draft(&self, slot: u32) -> Result<(String, Draft), Fault> {
        let address = &self.account.mailbox.address;
        let token = self.diary.token(slot, address);
        let zone = &self.diary.pace.zone;
        let start = begin(zone, hash(&self.diary.plan.name), 0, clock::wall())?;
        let mut draft = draft(&token, address, zone, start);
        if self.recurring {
            let hour = jiff::SignedDuration::from_hours(1);
            let to = draft.time.nth_day(MOVED).saturating_add(hour);
            draft.repeat = Some(Repeat { days: DAYS, moved: Some((MOVED, to)) });
        }
        Ok((token.text(), draft))
    }

    async fn go(&self, slot: u32, lanes: Vec<LaneRun>) {
        let began = Instant::now();
        let (write, views) = part(lanes, Role::Write);
        let at = |run| (&self.account, run);
        let (mut writer, views) =
            tokio::join!(self.diary.open(write.map(at)), self.diary.open(views.into_iter().map(at)));
        let Some(writer) = writer.pop() else { return unjudged(views) };
        let (mark, draft) = match self.draft(slot) {
            Ok(drafted) => drafted,
            Err(fault) => {
                writer.fail(fault);
                return unjudged(views);
            }
        };
        let protocol = writer.lane().protocol;
        let session = self.changes(&mark, &draft, writer, views).await;
        let (account, role, mark) = (&self.account, Role::Write, &*mark);
        self.diary.tidy(began, [Place { account, protocol, role, session, mark, mail: false }]).await;
    }

    /// One change after the other, as long as there is a writer; its session, where that is still good.
    async fn changes<'a>(
        &'a self,
        mark: &str,
        made: &Draft,
        mut writer: Desk<'a>,
        mut views: Vec<Desk<'a>>,
    ) -> Option<Box<dyn Session>> {
        let moved = later(made);
        let relocated = Draft { place: ANOTHER_PLACE.into(), ..moved.clone() };
        let mut before = None;
        for (step, now) in [
            (Step::Create, Some(made)),
            (Step::Move, Some(&moved)),
            (Step::Relocate, Some(&relocated)),
            (Step::Delete, None),
        ] {
            if self.diary.stop.is_cancelled() {
                unjudged(views);
                return Some(writer.unjudged());
            }
            let found = Wanted::new(mark, before, None);
            let change = match (before, now) {
                (None, Some(now)) => Change::Create(now),
                (Some(_), Some(now)) => Change::Update(&found, now),
                (_, None) => Change::Delete(&found),
            };
            let Some((still, accepted)) = writer.write(step, change).await else {
                unjudged(views);
                return None;
            };
            writer = still;
            let wanted = Wanted::new(mark, now, before);
            views = Diary::see(views, &mut writer, step, accepted, &wanted).await;
            before = now;
        }
        let session = writer.well();
        join_all(views.into_iter().map(Desk::well).map(leave)).await;
        Some(session)
    }
}

impl Check for Calendar {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.diary.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.diary.lanes
    }

    /// One entry for all.
    fn strand(&self, _: &Lane) -> Strand {
        None
    }

    fn hindrance(&self, lane: &Lane) -> Option<Why> {
        self.account.hindrance(lane.protocol)
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
