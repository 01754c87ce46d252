//! Taking away what a run left behind, or one before it: by signature only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::desk::leave;
use super::{DAY, Diary, calendar_of};
use crate::account::Account;
use crate::catalogue::{Capability, Protocol, Reason, Role, Step};
use crate::clock;
use crate::message::build::SUBJECT;
use crate::message::recognise::{of_meeting, tokens};
use crate::message::token::{Token, hash};
use crate::outcome::{Event, Fault, Recorder, Seat, Sink as _, Swept};
use crate::protocol::calendar::Written;
use crate::protocol::{Folder, Inbox, Memory, Session};

/// Nothing of the fleet's is further away, back or ahead.
const DAYS: u32 = 9;
/// A stopping probe does not wait for longer.
const STOPPING: Duration = Duration::from_secs(10);

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
    /// Takes away at each place what is the fleet's and nobody awaits. What goes wrong is counted, and no part of a verdict.
    pub(crate) async fn tidy(&self, places: impl IntoIterator<Item = Place<'_>>) {
        let limit = if self.stop.is_cancelled() { STOPPING } else { self.patience() };
        let tidying = places.into_iter().map(|place| async move {
            let (seat, role) = (place.account.seat(place.protocol), place.role);
            let rec = Recorder::default();
            let done = rec.time(Step::Cleanup, rec.within(limit, self.sweep(place, &rec))).await;
            if let Err(fault) = done {
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
                account.open(protocol, 0, rec).await?
            }
            Some(session) => session,
            None => account.open(protocol, 0, rec).await?,
        };
        if place.mail {
            self.sweep_mail(&mut *session, account, protocol, mark, rec).await?;
        }
        // Where invitations are mails a server may put them into a calendar all the same.
        if protocol == Protocol::Imap {
            leave(session).await;
            let Some(other) = with_calendar(account) else { return Ok(()) };
            session = account.open(other, 0, rec).await?;
        }
        let seat = account.seat(protocol);
        let tell = |why: Option<Swept>| {
            let swept = why.map(|why| Event::Swept { seat: seat.clone(), why });
            swept.into_iter().for_each(|event| self.context.sinks.tell(&event));
        };
        let now = clock::wall();
        let calendar = calendar_of(&mut *session)?;
        let span = now - DAY * DAYS..now + DAY * DAYS;
        let entries = calendar.list(span, &self.pace.zone, SUBJECT, rec).await?;
        let mut lying: Vec<_> = entries.into_iter().map(|entry| (entry.id, entry.subject)).collect();
        if place.mail {
            let notices = calendar.notices(SUBJECT, rec).await?;
            lying.extend(notices.into_iter().map(|notice| (notice.id, notice.subject)));
        }
        for (id, subject) in lying {
            let Some(why) = self.fate(tokens(subject.as_bytes()), mark) else { continue };
            if let Written::Unknown(fault) = calendar.delete(&id, rec).await? {
                return Err(fault);
            }
            tell(why);
        }
        leave(session).await;
        Ok(())
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
        let mut session = account.open(Protocol::Imap, 0, rec).await?;
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
                // A panic while reading one: it is left alone.
                let read = catch_unwind(AssertUnwindSafe(|| of_meeting(&item.bytes))).unwrap_or_default();
                if let Some(why) = self.fate(read.into_iter(), mark) {
                    ids.push(item.id);
                    swept.extend(why);
                }
            }
            if !ids.is_empty() {
                inbox.delete(&ids, rec).await?;
                for why in swept {
                    self.context.sinks.tell(&Event::Swept { seat: seat.clone(), why });
                }
            }
        }
        Ok(())
    }

    /// Whether what carries these tokens is to go, and why, where it is not of this very run.
    fn fate(&self, mut tokens: impl Iterator<Item = Token>, mark: &str) -> Option<Option<Swept>> {
        let identity = &self.context.identity;
        let addresses = self.context.addresses.load();
        let is_ours = |token: &Token| {
            token.site == identity.site
                && addresses.iter().any(|address| token.signed_for(address, &identity.keys))
        };
        let token = tokens.find(is_ours)?;
        if token.text() == mark {
            return Some(None);
        }
        // Runs of one check follow each other: what another one of this process left, nobody awaits.
        let is_own = identity.is_mine(&token) && token.check == hash(&self.plan.name);
        (is_own || identity.is_over(&token, clock::wall())).then(|| Some(identity.why_swept(&token)))
    }
}

/// The protocol of a calendar that the mail service has.
fn with_calendar(account: &Account) -> Option<Protocol> {
    let endpoints = &account.mailbox.mail_service.endpoints;
    endpoints.keys().copied().find(|protocol| protocol.can(Capability::Calendar))
}
