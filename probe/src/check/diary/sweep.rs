//! Taking away what a run left behind, or one before it: by signature only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::desk::{STOPPING, leave};
use super::{DAY, Diary, calendar_of};
use crate::account::Account;
use crate::catalogue::{Capability, Protocol, Reason, Role, Step};
use crate::clock;
use crate::message::build::SUBJECT;
use crate::message::recognise::{of_subject, sender, tokens};
use crate::message::token::{Token, hash};
use crate::message::{ical, invitation};
use crate::outcome::{Event, Fault, Recorder, Seat, Sink as _, Swept};
use crate::protocol::calendar::{Calendar, Written};
use crate::protocol::{Folder, Inbox, Item, Memory, Session};

/// So far back lies what a probe left that was killed, and came back after weeks.
const BACK: u32 = 60;
/// Nothing of the fleet's is further ahead.
const AHEAD: u32 = 9;

/// Where something may lie.
pub(crate) struct Place<'a> {
    pub account: &'a Arc<Account>,
    pub protocol: Protocol,
    pub role: Role,
    /// One that is still good.
    pub session: Option<Box<dyn Session>>,
    /// The run's own mark: that it is taken away here is no sweeping.
    pub mark: &'a str,
    /// Invitations and answers come here.
    pub mail: bool,
}

impl Diary {
    /// Takes away at each place what is the fleet's and nobody awaits, within what is left of a run that began then. What
    /// goes wrong is counted, and no part of a verdict.
    pub(crate) async fn tidy(&self, began: Instant, places: impl IntoIterator<Item = Place<'_>>) {
        let most = if self.stop.is_cancelled() { STOPPING } else { self.patience() };
        let limit = most.min(self.plan.timeout.saturating_sub(began.elapsed()));
        let tidying = places.into_iter().map(|place| async move {
            let (account, role) = (place.account, place.role);
            let seat = account.seat(place.protocol);
            let rec = Recorder::default();
            // The run is cut off at its time, and this with it: it has to be told before.
            let limit = limit.saturating_sub(limit / 10);
            let done = rec.time(Step::Cleanup, rec.within(limit, self.sweep(place, &rec))).await;
            if let Err(fault) = done {
                account.heed(&fault);
                self.context.sinks.tell(&Event::CleanupFailed { seat, role, fault });
            }
        });
        join_all(tidying).await;
    }

    async fn sweep(&self, place: Place<'_>, rec: &Recorder) -> Result<(), Fault> {
        let Place { account, protocol, mark, .. } = place;
        let mut session = match place.session {
            // What it has seen already it does not show again.
            Some(session) if protocol == Protocol::Imap => {
                leave(session).await;
                open(account, protocol, rec).await?
            }
            Some(session) => session,
            None => open(account, protocol, rec).await?,
        };
        if place.mail {
            self.sweep_mail(&mut *session, account, protocol, mark, rec).await?;
        }
        // Where invitations are mails a server may put them into a calendar all the same.
        if protocol == Protocol::Imap {
            leave(session).await;
            let Some(other) = with_calendar(account) else { return Ok(()) };
            session = open(account, other, rec).await?;
        }
        self.sweep_entries(calendar_of(&mut *session)?, account.seat(protocol), mark, place.mail, rec)
            .await?;
        leave(session).await;
        Ok(())
    }

    async fn sweep_entries(
        &self,
        calendar: &mut dyn Calendar,
        seat: Seat,
        mark: &str,
        mail: bool,
        rec: &Recorder,
    ) -> Result<(), Fault> {
        let now = clock::wall();
        let span = now - DAY * BACK..now + DAY * AHEAD;
        let entries = calendar.list(span, &self.pace.zone, SUBJECT, rec).await?;
        let mut lying: Vec<_> =
            entries.into_iter().map(|entry| (entry.id, entry.subject, entry.uid)).collect();
        if mail {
            let notices = calendar.notices(SUBJECT, rec).await?;
            lying.extend(notices.into_iter().map(|notice| (notice.id, notice.subject, notice.uid)));
        }
        let mut wrong = None;
        for (id, subject, uid) in lying {
            let token = self.ours(tokens(subject.as_bytes())).filter(|token| token.is_of(&uid));
            let Some(why) = token.and_then(|token| self.fate(&token, mark)) else { continue };
            match calendar.delete(&id, rec).await {
                Ok(Written::Accepted(_)) => self.tell_swept(&seat, why),
                // The others may go all the same.
                Ok(Written::Unknown(fault)) | Err(fault) => wrong = wrong.or(Some(fault)),
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    fn tell_swept(&self, seat: &Seat, why: Option<Swept>) {
        if let Some(why) = why {
            self.context.sinks.tell(&Event::Swept { seat: seat.clone(), why });
        }
    }

    /// Through the same session, or else by IMAP, where the mail service has it.
    async fn sweep_mail(
        &self,
        session: &mut dyn Session,
        account: &Arc<Account>,
        protocol: Protocol,
        mark: &str,
        rec: &Recorder,
    ) -> Result<(), Fault> {
        if let Some(inbox) = session.inbox() {
            return self.sweep_folders(inbox, account.seat(protocol), mark, rec).await;
        }
        if !account.mailbox.mail_service.endpoints.contains_key(&Protocol::Imap) {
            return Ok(());
        }
        let mut session = open(account, Protocol::Imap, rec).await?;
        let Some(inbox) = session.inbox() else { return Ok(()) };
        self.sweep_folders(inbox, account.seat(Protocol::Imap), mark, rec).await?;
        leave(session).await;
        Ok(())
    }

    async fn sweep_folders(
        &self,
        inbox: &mut dyn Inbox,
        seat: Seat,
        mark: &str,
        rec: &Recorder,
    ) -> Result<(), Fault> {
        let mut folders = vec![Folder::Inbox];
        folders.extend(inbox.folders(rec).await?);
        let mut memory = Memory::default();
        for folder in folders {
            let looked = match inbox.look(folder, &mut memory, rec).await {
                Err(fault) if fault.reason == Reason::FolderMissing => continue,
                looked => looked?,
            };
            let (mut ids, mut swept) = (Vec::new(), Vec::new());
            for item in looked.found {
                if let Some(why) = self.fate_of_mail(&item, inbox, mark, rec).await? {
                    ids.push(item.id);
                    swept.push(why);
                }
            }
            if !ids.is_empty() {
                inbox.delete(&ids, rec).await?;
                swept.into_iter().for_each(|why| self.tell_swept(&seat, why));
            }
        }
        Ok(())
    }

    /// A mail of the meeting itself: its object is about our entry, and one of us sent it. What a person forwards or answers
    /// is theirs, and so is what cannot be read.
    async fn fate_of_mail(
        &self,
        item: &Item,
        inbox: &mut dyn Inbox,
        mark: &str,
        rec: &Recorder,
    ) -> Result<Option<Option<Swept>>, Fault> {
        let Some(token) = self.ours(of_subject(&item.bytes).into_iter()) else { return Ok(None) };
        let Some(why) = self.fate(&token, mark) else { return Ok(None) };
        let sender = sender(&item.bytes);
        let addresses = self.context.addresses.load();
        if !sender.is_empty() && !addresses.iter().any(|address| address.eq_ignore_ascii_case(&sender)) {
            return Ok(None);
        }
        let bytes = if item.whole { item.bytes.clone() } else { inbox.fetch(&item.id, rec).await? };
        let about = || ical::uid(&invitation::read(&bytes)?);
        // A panic while reading one: it is left alone.
        let uid = catch_unwind(AssertUnwindSafe(about)).ok().flatten().unwrap_or_default();
        Ok(token.is_of(&uid).then_some(why))
    }

    /// The token that the fleet signed for this site.
    fn ours(&self, mut tokens: impl Iterator<Item = Token>) -> Option<Token> {
        let identity = &self.context.identity;
        let addresses = self.context.addresses.load();
        tokens.find(|token| {
            token.site == identity.site
                && addresses.iter().any(|address| token.signed_for(address, &identity.keys))
        })
    }

    /// Whether what carries this token is to go, and why, where it is not of this very run.
    fn fate(&self, token: &Token, mark: &str) -> Option<Option<Swept>> {
        let identity = &self.context.identity;
        if token.text() == mark {
            return Some(None);
        }
        // Runs of one check follow each other, but where a reload has put another in the place of this one: what another
        // run of this process left, nobody awaits.
        let is_own =
            identity.is_mine(token) && token.check == hash(&self.plan.name) && !self.stop.is_cancelled();
        (is_own || identity.is_over(token, clock::wall())).then(|| Some(identity.why_swept(token)))
    }
}

/// Where nothing speaks against it: a server that asked for rest gets it.
async fn open(account: &Arc<Account>, protocol: Protocol, rec: &Recorder) -> Result<Box<dyn Session>, Fault> {
    if let Some(why) = account.hindrance(protocol) {
        let words = format!("not cleaned up: {}", why.name());
        return Err(Fault::new(Reason::CleanupFailed, &words));
    }
    account.open(protocol, 0, rec).await
}

/// The protocol of a calendar that the mail service has.
fn with_calendar(account: &Account) -> Option<Protocol> {
    let service = &account.mailbox.mail_service;
    let all = service.endpoints.keys().chain(&service.discovered);
    all.copied().find(|protocol| protocol.can(Capability::Calendar))
}
