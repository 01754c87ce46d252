//! A session at a calendar, with the lane that it is judged by.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Diary, Taken, Wanted, busy_of, calendar_of};
use crate::account::Account;
use crate::catalogue::{Protocol, Reason, Step};
use crate::outcome::{Event, Fault, Lane, Recorder, Sink as _, Verdict, Why};
use crate::protocol::Session;
use crate::protocol::calendar::{Answer, Draft, EntryId, Written};
use crate::protocol::imip::Imip;
use crate::runner::LaneRun;

/// From one look to the next, in milliseconds; the last again and again.
const PAUSES: &[u64] = &[25, 50, 100, 150, 250, 500, 1_000, 2_000];
/// Leaving politely is no part of the verdict, and may not take long.
const PARTING: Duration = Duration::from_secs(5);
/// A stopping probe does not wait for longer.
pub(super) const STOPPING: Duration = Duration::from_secs(10);

/// What is awaited.
#[derive(Clone, Copy)]
pub(crate) enum Sight<'a> {
    Entry(&'a Wanted<'a>),
    /// Somebody's time is taken, or free.
    Time(&'a Taken<'a>),
}

/// A change of an entry: what it is found as, what it becomes.
pub(crate) enum Change<'a> {
    Create(&'a Draft),
    Update(&'a Wanted<'a>, &'a Draft),
    Delete(&'a Wanted<'a>),
    Accept(&'a Wanted<'a>),
}

pub(crate) struct Desk<'a> {
    diary: &'a Diary,
    pub(super) account: &'a Arc<Account>,
    pub(super) session: Box<dyn Session>,
    run: LaneRun,
}

impl<'a> Desk<'a> {
    /// Signs in; where that fails the lane is judged.
    pub(super) async fn open(diary: &'a Diary, account: &'a Arc<Account>, run: LaneRun) -> Option<Self> {
        let rec = run.rec.clone();
        let opening = rec.within(diary.patience(), sign_in(account, run.lane.protocol, run.slot, &rec));
        let opened = tokio::select! {
            () = diary.stop.cancelled() => {
                run.settle(Verdict::NotJudged(Why::Stopping));
                return None;
            }
            opened = opening => opened,
        };
        match opened {
            Ok(session) => Some(Self { diary, account, session, run }),
            Err(fault) => {
                account.heed(&fault);
                run.settle(Verdict::Failed(fault));
                None
            }
        }
    }

    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.run.lane
    }

    pub(crate) fn rec(&self) -> Recorder {
        self.run.rec.clone()
    }

    /// Changes the entry, which is found first where it is there already; when the server accepted it. Where it did not, or
    /// nobody knows, the lane is judged.
    pub(crate) async fn write(mut self, step: Step, change: Change<'_>) -> Option<(Self, Instant)> {
        if self.diary.stop.is_cancelled() {
            self.end(None);
            return None;
        }
        let (rec, diary) = (self.rec(), self.diary);
        let writing = async {
            match diary.change(&mut *self.session, change, &rec).await? {
                Written::Accepted(at) => Ok(at),
                Written::Unknown(fault) => Err(fault),
            }
        };
        // What is under way when the probe stops is worth its answer, for a while.
        let too_long = async {
            diary.stop.cancelled().await;
            tokio::time::sleep(STOPPING).await;
        };
        let written = tokio::select! {
            written = rec.time(step, writing) => Some(written),
            () = too_long => None,
        };
        match written {
            Some(Ok(at)) => return Some((self, at)),
            written => self.end(written.and_then(Result::err)),
        }
        None
    }

    /// Waits until it shows. Where it does not in time, the lane is judged.
    pub(crate) async fn see(self, step: Step, accepted: Instant, sight: Sight<'_>) -> Option<Self> {
        match self.try_see(step, accepted, sight).await {
            Ok(desk) => Some(desk),
            Err((desk, fault)) => {
                desk.end(fault);
                None
            }
        }
    }

    /// The same, and the lane is not judged yet; without a fault it is the probe that stops.
    pub(super) async fn try_see(
        mut self,
        step: Step,
        accepted: Instant,
        sight: Sight<'_>,
    ) -> Result<Self, (Self, Option<Fault>)> {
        let (rec, diary) = (self.rec(), self.diary);
        let looking = diary.watch(&mut *self.session, accepted, sight, &rec);
        let seen = tokio::select! {
            () = diary.stop.cancelled() => None,
            seen = rec.time(step, looking) => Some(seen),
        };
        match seen {
            None => Err((self, None)),
            Some(Err(fault)) => Err((self, Some(fault))),
            Some(Ok((at, _))) => {
                let (lane, after) = (Arc::clone(&self.run.lane), at - accepted);
                diary.context.sinks.tell(&Event::Visible { lane, action: step, after });
                Ok(self)
            }
        }
    }

    /// Whether it shows now.
    pub(super) async fn shows(&mut self, sight: Sight<'_>) -> bool {
        let (rec, diary) = (self.rec(), self.diary);
        let looked = rec.within(diary.patience(), diary.look(&mut *self.session, sight, &rec)).await;
        matches!(looked, Ok(Ok(_)))
    }

    pub(super) fn end(self, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.fail(fault),
            None => self.run.settle(Verdict::NotJudged(Why::Stopping)),
        }
    }

    /// The lane has failed; the session is not used again.
    pub(crate) fn fail(self, fault: Fault) {
        self.account.heed(&fault);
        self.run.settle(Verdict::Failed(fault));
    }

    /// What was to be judged never came to be.
    pub(crate) fn unjudged(self) -> Box<dyn Session> {
        let why = if self.diary.stop.is_cancelled() { Why::Stopping } else { Why::Unjudged };
        self.run.settle(Verdict::NotJudged(why));
        self.session
    }

    /// All went well; the session is still good.
    pub(crate) fn well(self) -> Box<dyn Session> {
        self.run.settle(Verdict::Good);
        self.session
    }
}

/// A session at a calendar; by IMAP: one that is made of mails.
pub(super) async fn sign_in(
    account: &Arc<Account>,
    protocol: Protocol,
    turn: u32,
    rec: &Recorder,
) -> Result<Box<dyn Session>, Fault> {
    let session = account.open(protocol, turn, rec).await?;
    if protocol != Protocol::Imap {
        return Ok(session);
    }
    let sender = account.open(Protocol::Smtp, turn, rec).await?;
    Ok(Box::new(Imip::new(&account.mailbox.address, session, sender)))
}

/// How a session ends is no part of any verdict.
pub(crate) async fn leave(session: Box<dyn Session>) {
    let rec = Recorder::default();
    rec.within(PARTING, session.close(&rec)).await.ok();
}

impl Diary {
    async fn change(
        &self,
        session: &mut dyn Session,
        change: Change<'_>,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let patience = self.patience();
        let found = match change {
            Change::Create(draft) => {
                return rec.within(patience, calendar_of(session)?.create(draft, rec)).await;
            }
            Change::Update(wanted, _) | Change::Delete(wanted) | Change::Accept(wanted) => {
                self.watch(session, Instant::now(), Sight::Entry(wanted), rec).await?.1
            }
        };
        let calendar = calendar_of(session)?;
        let nothing = || Fault::new(Reason::CalendarLost, "there is nothing to change");
        let id = &found.ok_or_else(nothing)?;
        let writing = match change {
            Change::Update(_, draft) => calendar.update(id, draft, rec),
            Change::Accept(_) => calendar.answer(id, Answer::Accepted, rec),
            _ => calendar.delete(id, rec),
        };
        rec.within(patience, writing).await
    }

    /// Looks until it shows what it has to, and once more when the time is over: when that look ended, and what
    /// names the entry. What is wrong is only said by a look that began after `late_after`.
    async fn watch(
        &self,
        session: &mut dyn Session,
        accepted: Instant,
        sight: Sight<'_>,
        rec: &Recorder,
    ) -> Result<(Instant, Option<EntryId>), Fault> {
        let deadline = accepted + self.pace.late_after;
        let mut pauses = PAUSES.iter();
        let mut pause = Duration::ZERO;
        loop {
            let began = Instant::now();
            let looked = rec.within(self.patience(), self.look(session, sight, rec)).await?;
            let at = Instant::now();
            match looked {
                Ok(id) => return Ok((at, id)),
                Err(fault) if began >= deadline => return Err(fault),
                Err(_) => {}
            }
            pause = pauses.next().map_or(pause, |pause| Duration::from_millis(*pause));
            tokio::time::sleep_until((at + pause).min(deadline)).await;
        }
    }

    /// One look: what names the entry, or what is wrong.
    async fn look(
        &self,
        session: &mut dyn Session,
        sight: Sight<'_>,
        rec: &Recorder,
    ) -> Result<Result<Option<EntryId>, Fault>, Fault> {
        match sight {
            Sight::Entry(wanted) => {
                let (span, zone) = (wanted.span.clone(), &*self.pace.zone);
                let entries = calendar_of(session)?.list(span, zone, wanted.mark, rec).await?;
                let wrong = wanted.judge(&entries);
                Ok(wrong.map_or_else(|| Ok(entries.into_iter().next().map(|entry| entry.id)), Err))
            }
            Sight::Time(taken) => {
                let times = busy_of(session)?.look_up(taken.of, taken.around(), rec).await?;
                Ok(taken.judge(&times)?.map_or(Ok(None), Err))
            }
        }
    }
}
