//! What a view does in its session: looks, tells, deletes, sweeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::items::Found;
use super::super::{Part, Told};
use super::{MISSED_AFTER, PATIENCE, SWEEP_EVERY, Task, is_refused};
use crate::catalogue::{Reason, Role};
use crate::clock;
use crate::message::token::{Id, Token};
use crate::message::tracker::Sighting;
use crate::outcome::{Event, Fault, Holdings, Recorder};
use crate::protocol::{Folder, Inbox, Item, Looked};

/// Without a new sign of it, a rival is thought to be gone.
const RIVAL_FOR: Duration = Duration::from_secs(10 * 60);
/// After the server refused to delete, it is asked again after this.
const DELETE_AGAIN: Duration = Duration::from_secs(30);

impl Task {
    /// Looks into the inbox, and into the junk folder where something is late.
    pub(super) async fn look_around(
        &mut self,
        inbox: &mut dyn Inbox,
        rec: &Recorder,
        unsaid: bool,
    ) -> Result<(), Fault> {
        let thorough = self.pace.begin(Instant::now());
        if thorough && self.folders.contains(&Folder::Junk) {
            // Before the inbox: what is not in junk now and moves there is seen by the next look.
            self.look(inbox, Folder::Junk, rec, false).await?;
        }
        self.look(inbox, Folder::Inbox, rec, unsaid).await
    }

    /// One look into one folder, and telling of it. `unsaid`: the server had the time to tell, and did not.
    pub(super) async fn look(
        &mut self,
        inbox: &mut dyn Inbox,
        folder: Folder,
        rec: &Recorder,
        unsaid: bool,
    ) -> Result<(), Fault> {
        let looked = rec.within(PATIENCE, inbox.look(folder, &mut self.memory, rec)).await?;
        let Looked { began, found, present, total } = looked;
        if let Some(present) = &present {
            self.items.present(folder, present);
        }
        let mut sightings = Vec::new();
        for item in found {
            self.read(inbox, item, &mut sightings, rec).await?;
        }
        self.note_missed(&sightings, unsaid);
        for sighting in &sightings {
            self.awaited.remove(&sighting.token.id());
        }
        let ends_look = folder == Folder::Inbox;
        for lease in self.leases.values().filter(|lease| lease.hears.part == Part::Receiver) {
            let mine: Vec<_> =
                sightings.iter().filter(|s| s.token.check == lease.hears.check).cloned().collect();
            // Junk alone proves no absence; the look at the inbox that follows does.
            let began = ends_look.then_some(began);
            if ends_look || !mine.is_empty() {
                lease.to.send((lease.hears.index, Told::Looked { began, sightings: mine })).ok();
            }
        }
        if ends_look && total.is_some() && total != self.total {
            self.total = total;
            self.tell_total();
        }
        Ok(())
    }

    /// While it is known: until the session ends.
    pub(super) fn tell_total(&self) {
        let holdings = Holdings { items: self.total, ..Holdings::default() };
        self.tell(&Event::Mailbox { seat: self.seat.clone(), role: Role::View, holdings, until: None });
    }

    pub(super) async fn read(
        &mut self,
        inbox: &mut dyn Inbox,
        item: Item,
        sightings: &mut Vec<Sighting>,
        rec: &Recorder,
    ) -> Result<(), Fault> {
        let address = Arc::clone(&self.account.mailbox.address);
        let mut found = self.items.read(&item, &self.context, &address);
        if matches!(found, Found::Cut) {
            let bytes = rec.within(PATIENCE, inbox.fetch(&item.id, rec)).await?;
            let item = Item { bytes, whole: true, ..item };
            found = self.items.read(&item, &self.context, &address);
        }
        match found {
            Found::Nothing | Found::Cut => {}
            Found::Own(sighting) => sightings.push(sighting),
            Found::Rival => self.rival(),
            Found::Report(token, about) => {
                for lease in self
                    .leases
                    .values()
                    .filter(|l| l.hears.part == Part::Sender && l.hears.check == token.check)
                {
                    lease.to.send((lease.hears.index, Told::Report { token, about: about.clone() })).ok();
                }
            }
        }
        Ok(())
    }

    pub(super) fn note_missed(&self, sightings: &[Sighting], unsaid: bool) {
        let long_there =
            |id: &Id| self.awaited.get(id).copied().flatten().is_some_and(|at| at.elapsed() >= MISSED_AFTER);
        if unsaid && sightings.iter().any(|sighting| long_there(&sighting.token.id())) {
            self.tell(&Event::NotificationMissed { seat: self.seat.clone() });
        }
    }

    pub(super) fn rival(&mut self) {
        if self.rival_until.replace(Instant::now() + RIVAL_FOR).is_none() {
            self.tell(&Event::Rival { mailbox: Arc::clone(&self.seat.mailbox), seen: true });
        }
    }

    /// Deletes what was judged, sweeps what nobody awaits, looks through the other folders from time to time.
    pub(super) async fn tidy(&mut self, inbox: &mut dyn Inbox, rec: &Recorder) -> Result<(), Fault> {
        if Instant::now() >= self.sweep_at {
            self.sweep_folders(inbox, rec).await?;
        }
        if Instant::now() < self.delete_from {
            return Ok(());
        }
        let ids = self.items.to_delete();
        if !ids.is_empty() {
            self.delete(inbox, &ids, rec).await?;
        }
        if self.views.sweeps_elsewhere(&self.seat) {
            return Ok(());
        }
        let leases: Vec<_> =
            self.leases.values().filter(|l| l.hears.part == Part::Receiver).map(|l| l.hears.check).collect();
        let (ready, next) = self
            .items
            .to_sweep(&self.context.identity, clock::wall(), |token: &Token| leases.contains(&token.check));
        if let Some(next) = next {
            self.sweep_at = self.sweep_at.min(Instant::now() + next + Duration::from_secs(1));
        }
        if !ready.is_empty() {
            let ids: Vec<_> = ready.iter().map(|(id, _)| id.clone()).collect();
            let gone = self.delete(inbox, &ids, rec).await?;
            for (_, why) in ready.into_iter().take(gone) {
                self.tell(&Event::Swept { seat: self.seat.clone(), why });
            }
        }
        Ok(())
    }

    pub(super) async fn delete(
        &mut self,
        inbox: &mut dyn Inbox,
        ids: &[crate::protocol::ItemId],
        rec: &Recorder,
    ) -> Result<usize, Fault> {
        match rec.within(PATIENCE, inbox.delete(ids, rec)).await {
            Ok(gone) => {
                self.items.gone(ids);
                if gone < ids.len() {
                    // Somebody else's doing, or it is there under another name.
                    self.pace.due(Instant::now(), None);
                }
                Ok(gone)
            }
            Err(fault) => {
                self.not_deleted(&fault);
                if fault.reason != Reason::CleanupFailed {
                    return Err(fault);
                }
                // The session is good. They are left to the next one.
                self.items.gone(ids);
                Ok(0)
            }
        }
    }

    pub(super) fn not_deleted(&mut self, fault: &Fault) {
        let mut fault = fault.clone();
        if is_refused(&fault) {
            fault.reason = Reason::CleanupFailed;
            self.delete_from = Instant::now() + DELETE_AGAIN;
        }
        self.tell(&Event::CleanupFailed { seat: self.seat.clone(), role: Role::View, fault });
    }

    pub(super) async fn sweep_folders(&mut self, inbox: &mut dyn Inbox, rec: &Recorder) -> Result<(), Fault> {
        self.sweep_at = Instant::now() + SWEEP_EVERY;
        if self.folders.is_empty() {
            self.folders = rec.within(PATIENCE, inbox.folders(rec)).await?;
        }
        for folder in self.folders.clone() {
            match self.look(inbox, folder, rec, false).await {
                // A folder that cannot be opened is not worth the session.
                Err(fault) if fault.reason == Reason::FolderMissing => {
                    self.folders.retain(|of| *of != folder);
                }
                other => other?,
            }
        }
        if self.rival_until.is_some_and(|until| until < Instant::now()) {
            self.rival_until = None;
            self.tell(&Event::Rival { mailbox: Arc::clone(&self.seat.mailbox), seen: false });
        }
        Ok(())
    }
}
