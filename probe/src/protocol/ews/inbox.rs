//! Looking, waiting, reading and deleting through Exchange Web Services.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::get_item::Part;
use super::soap::is_unable;
use super::streaming::Told;
use super::sync_folder_items::Listed;
use super::{Ews, distinguished};
use crate::catalogue::{Reason, Step};
use crate::net::line::LARGEST_MESSAGE;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Folder, Inbox, Item, ItemId, Looked, Memory, Woken};

/// Items read by one request.
const BATCH: usize = 20;
/// Of an item that is larger only the headers are read: our own messages are smaller.
const WHOLE_UP_TO: u64 = 64 << 10;
/// A folder of strangers' mail is looked through so far and no further.
const MOST_OLD: usize = 1000;
/// Rounds of one synchronisation; a server that never comes to an end is broken.
const MOST_ROUNDS: usize = 64;

/// What is known of the folders of a session.
#[derive(Default)]
pub(super) struct Folders {
    known: HashMap<Folder, Known>,
}

#[derive(Default)]
struct Known {
    /// The server's own mark of how far we have seen.
    state: String,
    /// What is there, by id, with its size.
    items: BTreeMap<String, u64>,
}

impl Ews {
    async fn look_into(&mut self, folder: Folder, rec: &Recorder) -> Result<Looked, Fault> {
        if !self.unsynced {
            match self.synchronise(folder, rec).await {
                Err(fault) if is_unable(&fault) => self.unsynced = true,
                looked => return looked,
            }
        }
        self.list(folder, rec).await
    }

    /// All of it again and again.
    async fn list(&mut self, folder: Folder, rec: &Recorder) -> Result<Looked, Fault> {
        let began = Instant::now();
        let listing = self.find_items(folder, rec).await?;
        let at = Instant::now();
        let known = self.folders.known.entry(folder).or_default();
        let fresh: Vec<_> =
            listing.items.iter().filter(|item| !known.items.contains_key(&item.id)).cloned().collect();
        known.items = listing.items.iter().map(|item| (item.id.clone(), item.size)).collect();
        let present = listing.items.into_iter().map(|item| ItemId { folder, id: item.id });
        let present = listing.whole.then(|| present.collect());
        let found = self.read(folder, &fresh, at, rec).await?;
        Ok(Looked { began, found, present, total: listing.total })
    }

    async fn synchronise(&mut self, folder: Folder, rec: &Recorder) -> Result<Looked, Fault> {
        let began = Instant::now();
        let mut known = self.folders.known.remove(&folder).unwrap_or_default();
        let is_first = known.state.is_empty();
        let mut fresh: Vec<Listed> = Vec::new();
        for round in 0.. {
            if round == MOST_ROUNDS {
                let words = format!(
                    "{} has {} items and still more: a test mailbox is to be emptied",
                    distinguished(folder),
                    known.items.len()
                );
                return Err(Fault::new(Reason::ProtocolViolation, &words));
            }
            let changes = match self.sync_folder_items(folder, &known.state, rec).await {
                // The state is too old for the server: from the beginning.
                Err(fault)
                    if fault.server_code.as_str() == "ErrorInvalidSyncStateData"
                        && !known.state.is_empty() =>
                {
                    known = Known::default();
                    fresh.clear();
                    continue;
                }
                changes => changes?,
            };
            known.state = changes.state;
            for id in changes.deleted {
                known.items.remove(&id);
                fresh.retain(|item| item.id != id);
            }
            for item in changes.created {
                if known.items.insert(item.id.clone(), item.size).is_none() {
                    fresh.push(item);
                }
            }
            if changes.last {
                break;
            }
        }
        // When the server showed them; that they are read takes a second request.
        let at = Instant::now();
        if is_first && fresh.len() > MOST_OLD {
            // In whatever order the server lists them.
            fresh.sort_by(|one, other| one.received.cmp(&other.received));
            fresh.drain(..fresh.len() - MOST_OLD);
        }
        let found = self.read(folder, &fresh, at, rec).await?;
        let present = known.items.keys().map(|id| ItemId { folder, id: id.clone() }).collect();
        let total = Some(known.items.len() as u64);
        self.folders.known.insert(folder, known);
        Ok(Looked { began, found, present: Some(present), total })
    }

    async fn read(
        &mut self,
        folder: Folder,
        items: &[Listed],
        at: Instant,
        rec: &Recorder,
    ) -> Result<Vec<Item>, Fault> {
        let mut found = Vec::new();
        let (small, large): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.size <= WHOLE_UP_TO);
        for (part, some) in [(Part::Whole, small), (Part::Head, large)] {
            for batch in some.chunks(BATCH) {
                let names: Vec<_> = batch.iter().map(|item| item.id.as_str()).collect();
                let read = self.get_items(&names, part, rec).await?;
                found.extend(names.iter().zip(read).filter_map(|(id, bytes)| {
                    let id = ItemId { folder, id: (*id).to_owned() };
                    Some(Item { id, at, bytes: bytes?, whole: part == Part::Whole })
                }));
            }
        }
        Ok(found)
    }

    async fn wait_told(&mut self, nudge: &Notify, limit: Duration) -> Result<Woken, Fault> {
        let told = self.told.get_or_insert_with(|| Told::by(&self.web, &self.anchor));
        tokio::select! {
            () = nudge.notified() => Ok(Woken::Nudged),
            () = tokio::time::sleep(limit) => Ok(Woken::Limit),
            heard = told.change() => heard.map(|()| Woken::Told),
        }
    }
}

impl Inbox for Ews {
    fn look<'a>(&'a mut self, folder: Folder, _: &'a mut Memory, rec: &'a Recorder) -> Fut<'a, Looked> {
        Box::pin(rec.time(Step::Look, self.look_into(folder, rec)))
    }

    fn wait<'a>(&'a mut self, nudge: &'a Notify, limit: Duration) -> Fut<'a, Woken> {
        Box::pin(self.wait_told(nudge, limit))
    }

    fn is_told(&self) -> bool {
        self.told.as_ref().is_some_and(Told::is_promised)
    }

    fn folders<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Vec<Folder>> {
        Box::pin(async move {
            let asked = [Folder::Junk, Folder::Sent, Folder::Drafts, Folder::Trash];
            let found = self.get_folders(&asked.map(distinguished), rec).await?;
            let is_there = |folder: &Folder| found.iter().any(|(name, _)| *name == distinguished(*folder));
            Ok(asked.into_iter().filter(is_there).collect())
        })
    }

    fn fetch<'a>(&'a mut self, id: &'a ItemId, rec: &'a Recorder) -> Fut<'a, Bytes> {
        Box::pin(rec.time(Step::Fetch, async move {
            let size = self.folders.known.get(&id.folder).and_then(|known| known.items.get(&id.id));
            if size.is_some_and(|size| *size > LARGEST_MESSAGE as u64) {
                return Ok(Bytes::new());
            }
            let read = self.get_items(&[&id.id], Part::Whole, rec).await?;
            // Gone meanwhile: there is nothing to read.
            Ok(read.into_iter().next().flatten().unwrap_or_default())
        }))
    }

    fn delete<'a>(&'a mut self, ids: &'a [ItemId], rec: &'a Recorder) -> Fut<'a, usize> {
        Box::pin(rec.time(Step::Cleanup, async move {
            let ids: Vec<_> = ids.iter().map(|id| id.id.as_str()).collect();
            let mut gone = 0;
            for batch in ids.chunks(BATCH) {
                gone += self.delete_items(batch, rec).await?;
            }
            Ok(gone)
        }))
    }
}
