//! Looking, waiting, reading and deleting in a kept IMAP session.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::wire::{self, Answer, Fetched, State, Untagged, Word};
use super::{Imap, LONGEST_IDLE, Stage};
use crate::catalogue::{Reason, Step};
use crate::net::line::LARGEST_MESSAGE;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Folder, Inbox, Item, ItemId, Looked, Memory, Woken};

/// Our messages are smaller; of a stranger's no more is read than this.
const PEEK: usize = 16 << 10;
/// A mailbox that is full of strangers' mail is looked through from the newest, so many at a time, and no further.
const BATCH: u64 = 200;
const MOST_OLD: u64 = 1000;

/// What is known of the folders of a session.
#[derive(Default)]
pub(super) struct Folders {
    /// The names, once asked for.
    names: Option<HashMap<Folder, String>>,
    selected: Option<Folder>,
    /// Where a look goes on: UIDVALIDITY and the next UID.
    next: HashMap<Folder, (u32, u32)>,
    /// The inbox was selected anew and holds what no look has seen.
    unseen: bool,
}

/// What SELECT tells.
#[derive(Default)]
struct Selected {
    exists: u64,
    validity: u32,
    next: u32,
}

impl Selected {
    fn take(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(count) => self.exists = *count,
            Untagged::State(state) => {
                self.validity = state.number("UIDVALIDITY").unwrap_or(self.validity);
                self.next = state.number("UIDNEXT").unwrap_or(self.next);
            }
            _ => {}
        }
    }
}

impl Imap {
    fn name(&self, folder: Folder) -> Result<String, Fault> {
        if folder == Folder::Inbox {
            return Ok("INBOX".to_owned());
        }
        let name = self.folders.names.as_ref().and_then(|names| names.get(&folder));
        let name = name.ok_or_else(|| Fault::new(Reason::FolderMissing, "no such folder"))?;
        Ok(format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")))
    }

    /// [SELECT, UID FETCH] in one flight: only SELECT makes a server show what is new in that very flight. What is new
    /// since the last look comes with it.
    async fn look_on(&mut self, folder: Folder) -> Result<Looked, Fault> {
        let (validity, next) = self.folders.next.get(&folder).copied().unwrap_or((0, 0));
        if next == 0 {
            return self.look_first(folder).await;
        }
        let name = self.name(folder)?;
        let commands = [format!("SELECT {name}"), fetch_command("UID FETCH", &format!("{next}:*"))];
        let began = Instant::now();
        let mut selected = Selected::default();
        let mut found = Vec::new();
        self.folders.selected = None;
        self.flight(&commands, Stage::Select, &mut |untagged| match untagged {
            Untagged::Fetch(fetched) => found.push((Instant::now(), fetched)),
            other => selected.take(&other),
        })
        .await?;
        self.folders.selected = Some(folder);
        if selected.validity != validity {
            // The folder was made anew: nothing that was known of it holds.
            self.folders.next.remove(&folder);
            return Box::pin(self.look_first(folder)).await;
        }
        Ok(self.looked(folder, began, &selected, found, None))
    }

    /// All that is there, from the newest, in batches.
    async fn look_first(&mut self, folder: Folder) -> Result<Looked, Fault> {
        let name = self.name(folder)?;
        let began = Instant::now();
        let mut selected = Selected::default();
        self.folders.selected = None;
        let mut commands = vec![format!("SELECT {name}")];
        let asks = self.capabilities.is_empty();
        if asks {
            commands.insert(0, "CAPABILITY".to_owned());
        }
        self.flight(&commands, Stage::Select, &mut |untagged| selected.take(&untagged)).await?;
        self.folders.selected = Some(folder);
        let mut found = Vec::new();
        let mut high = selected.exists;
        let floor = selected.exists.saturating_sub(MOST_OLD);
        while high > floor {
            let low = high.saturating_sub(BATCH).max(floor) + 1;
            let command = fetch_command("FETCH", &format!("{low}:{high}"));
            self.flight(&[command], Stage::Other, &mut |untagged| {
                if let Untagged::Fetch(fetched) = untagged {
                    found.push((Instant::now(), fetched));
                }
            })
            .await?;
            high = low - 1;
        }
        let present = Some(Vec::new());
        Ok(self.looked(folder, began, &selected, found, present))
    }

    fn looked(
        &mut self,
        folder: Folder,
        began: Instant,
        selected: &Selected,
        found: Vec<(Instant, Fetched)>,
        present: Option<Vec<ItemId>>,
    ) -> Looked {
        let validity = selected.validity;
        let (_, known) = self.folders.next.get(&folder).copied().unwrap_or((validity, 1));
        let highest =
            found.iter().filter_map(|(_, fetched)| fetched.uid).max().map_or(0, |uid| uid.saturating_add(1));
        let items: Vec<_> = found
            .into_iter()
            // `n:*` names the last message even when its UID is below n (RFC 3501, section 6.4.8).
            .filter(|(_, fetched)| fetched.uid.is_some_and(|uid| uid >= known))
            .filter_map(|(at, fetched)| item(folder, validity, at, fetched))
            .collect();
        self.folders.next.insert(folder, (validity, known.max(highest)));
        if folder == Folder::Inbox {
            self.folders.unseen = false;
        }
        let present = present.map(|_| items.iter().map(|item| item.id.clone()).collect());
        Looked { began, found: items, present, total: Some(selected.exists) }
    }

    async fn select(&mut self, folder: Folder) -> Result<(), Fault> {
        if self.folders.selected == Some(folder) {
            return Ok(());
        }
        let name = self.name(folder)?;
        let mut selected = Selected::default();
        self.folders.selected = None;
        self.flight(&[format!("SELECT {name}")], Stage::Select, &mut |untagged| selected.take(&untagged))
            .await?;
        self.folders.selected = Some(folder);
        let (validity, next) = self.folders.next.get(&folder).copied().unwrap_or((0, 0));
        if folder == Folder::Inbox && (selected.validity != validity || selected.next > next) {
            self.folders.unseen = true;
        }
        Ok(())
    }

    async fn ask_folders(&mut self) -> Result<Vec<Folder>, Fault> {
        let special = self.has("SPECIAL-USE");
        let command = if special && self.has("LIST-EXTENDED") {
            "LIST \"\" \"*\" RETURN (SPECIAL-USE)"
        } else {
            "LIST \"\" \"*\""
        };
        let mut listed = Vec::new();
        self.flight(&[command.to_owned()], Stage::Other, &mut |untagged| {
            if let Untagged::List { flags, name } = untagged {
                listed.push((flags, name));
            }
        })
        .await?;
        let names = name_folders(&listed);
        let found = names.keys().copied().collect();
        self.folders.names = Some(names);
        Ok(found)
    }

    /// Sends IDLE where it is not open yet; since when it is.
    async fn idle(&mut self) -> Result<Instant, Fault> {
        if let Some((_, since)) = self.idling {
            return Ok(since);
        }
        let tag = self.tag();
        self.line.send(format!("{tag} IDLE\r\n").as_bytes()).await?;
        self.go(&tag, Stage::Other).await?;
        let since = Instant::now();
        self.idling = Some((tag, since));
        Ok(since)
    }

    async fn wait_told(&mut self, nudge: &Notify, limit: Duration) -> Result<Woken, Fault> {
        let until = Instant::now() + limit;
        if !self.is_told() {
            let woken = tokio::select! {
                () = nudge.notified() => Woken::Nudged,
                () = tokio::time::sleep_until(until) => Woken::Limit,
            };
            return Ok(woken);
        }
        self.select(Folder::Inbox).await?;
        if self.folders.unseen {
            return Ok(Woken::Told);
        }
        loop {
            let renew_at = self.idle().await? + LONGEST_IDLE;
            self.line.answer_begins();
            let answer = tokio::select! {
                () = nudge.notified() => return Ok(Woken::Nudged),
                answer = timeout_at(until.min(renew_at), wire::answer(&mut self.line)) => answer,
            };
            match answer {
                Err(_) if Instant::now() >= until => return Ok(Woken::Limit),
                Err(_) => self.command("NOOP", Stage::Other).await?,
                Ok(answer) => match answer.map_err(|fault| self.parting(fault))? {
                    Answer::Untagged(Untagged::Exists(_)) => return Ok(Woken::Told),
                    Answer::Tagged { tag, state }
                        if self.idling.as_ref().is_some_and(|(of, _)| *of == tag) =>
                    {
                        self.idling = None;
                        return Err(self.ended_idle(&state));
                    }
                    other => self.aside(other, &mut |_| {})?,
                },
            }
        }
    }

    fn ended_idle(&self, state: &State) -> Fault {
        match state.word {
            Word::Ok => Fault::new(Reason::ProtocolViolation, "the server ended IDLE by itself"),
            _ => state.fault(Stage::Other),
        }
    }

    async fn fetch_whole(&mut self, id: &ItemId) -> Result<Bytes, Fault> {
        self.select(id.folder).await?;
        let uid = uid(id).unwrap_or(0);
        let mut whole = None;
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{LARGEST_MESSAGE}>)");
        self.flight(&[command], Stage::Other, &mut |untagged| {
            if let Untagged::Fetch(fetched) = untagged
                && fetched.uid == Some(uid)
            {
                whole = fetched.body;
            }
        })
        .await?;
        // Gone meanwhile: there is nothing to read.
        Ok(whole.unwrap_or_default())
    }

    async fn delete_all(&mut self, ids: &[ItemId]) -> Result<usize, Fault> {
        let mut deleted = 0;
        let mut folders: Vec<_> = ids.iter().map(|id| id.folder).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            self.select(folder).await?;
            let (validity, _) = self.folders.next.get(&folder).copied().unwrap_or_default();
            let uids: Vec<_> = ids
                .iter()
                .filter(|id| id.folder == folder && id.id.starts_with(&format!("{validity}.")))
                .filter_map(uid)
                .map(|uid| uid.to_string())
                .collect();
            if !uids.is_empty() {
                deleted += self.expunge(&uids.join(",")).await?;
            }
        }
        Ok(deleted)
    }

    async fn are_there(&mut self, uids: &str) -> Result<bool, Fault> {
        let mut there = false;
        self.flight(&[format!("UID SEARCH UID {uids}")], Stage::Other, &mut |untagged| {
            if let Untagged::Search(uids) = untagged {
                there |= !uids.is_empty();
            }
        })
        .await?;
        Ok(there)
    }

    async fn expunge(&mut self, uids: &str) -> Result<usize, Fault> {
        let store = format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)");
        let mut expunged = 0;
        let mut count = |untagged: Untagged| expunged += usize::from(untagged == Untagged::Expunge);
        if self.has("UIDPLUS") {
            let commands = [store, format!("UID EXPUNGE {uids}")];
            self.flight(&commands, Stage::Other, &mut count).await?;
            let asked = uids.split(',').count();
            if expunged < asked && self.are_there(uids).await? {
                // Seen with Dovecot while another session expunged: it said OK and left one.
                let mut count = |untagged: Untagged| expunged += usize::from(untagged == Untagged::Expunge);
                self.flight(&commands, Stage::Other, &mut count).await?;
                if self.are_there(uids).await? {
                    return Err(Fault::new(Reason::CleanupFailed, "expunged, and there all the same"));
                }
            }
            return Ok(expunged);
        }
        // Without UIDPLUS, EXPUNGE takes everything that is marked: a stranger's mark must not be acted on.
        let mut marked = Vec::new();
        self.flight(&[store, "UID SEARCH DELETED".to_owned()], Stage::Other, &mut |untagged| {
            if let Untagged::Search(uids) = untagged {
                marked = uids;
            }
        })
        .await?;
        let ours: Vec<u32> = uids.split(',').filter_map(|uid| uid.parse().ok()).collect();
        if marked.iter().all(|uid| ours.contains(uid)) {
            self.flight(&["EXPUNGE".to_owned()], Stage::Other, &mut count).await?;
            return Ok(expunged);
        }
        Err(Fault::new(
            Reason::CleanupFailed,
            "somebody else's messages are marked as deleted, and the server has no UIDPLUS",
        ))
    }
}

fn fetch_command(command: &str, set: &str) -> String {
    format!("{command} {set} (UID RFC822.SIZE BODY.PEEK[]<0.{PEEK}>)")
}

fn item(folder: Folder, validity: u32, at: Instant, fetched: Fetched) -> Option<Item> {
    let (uid, bytes) = (fetched.uid?, fetched.body?);
    // Without a size, less than was asked for is all.
    let whole = bytes.len() < PEEK || fetched.size.is_some_and(|size| size <= PEEK as u64);
    Some(Item { id: ItemId { folder, id: format!("{validity}.{uid}") }, at, bytes, whole })
}

fn uid(id: &ItemId) -> Option<u32> {
    id.id.split_once('.').and_then(|(_, uid)| uid.parse().ok())
}

/// By the special-use attribute (RFC 6154), else by the names that servers and clients give.
fn name_folders(listed: &[(Vec<String>, String)]) -> HashMap<Folder, String> {
    const NAMES: &[(Folder, &str, &[&str])] = &[
        (Folder::Junk, "\\junk", &["junk", "junk email", "junk e-mail", "spam", "bulk mail"]),
        (Folder::Sent, "\\sent", &["sent", "sent items", "sent messages", "sent mail"]),
        (Folder::Drafts, "\\drafts", &["drafts"]),
        (Folder::Trash, "\\trash", &["trash", "deleted items", "deleted messages", "bin"]),
    ];
    let mut out = HashMap::new();
    let selectable =
        |flags: &[String]| !flags.iter().any(|flag| flag == "\\noselect" || flag == "\\nonexistent");
    for (folder, attribute, names) in NAMES {
        let by_attribute =
            listed.iter().find(|(flags, _)| selectable(flags) && flags.iter().any(|f| f == attribute));
        let by_name = || {
            listed.iter().find(|(flags, name)| {
                let last = name.rsplit(['/', '.']).next().unwrap_or_default().to_ascii_lowercase();
                selectable(flags) && names.contains(&last.as_str())
            })
        };
        if let Some((_, name)) = by_attribute.or_else(by_name) {
            out.insert(*folder, name.clone());
        }
    }
    out
}

impl Inbox for Imap {
    fn look<'a>(&'a mut self, folder: Folder, _: &'a mut Memory, rec: &'a Recorder) -> Fut<'a, Looked> {
        Box::pin(rec.time(Step::Look, self.look_on(folder)))
    }

    fn wait<'a>(&'a mut self, nudge: &'a Notify, limit: Duration) -> Fut<'a, Woken> {
        Box::pin(self.wait_told(nudge, limit))
    }

    fn is_told(&self) -> bool {
        self.has("IDLE")
    }

    fn folders<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Vec<Folder>> {
        Box::pin(rec.time(Step::List, self.ask_folders()))
    }

    fn fetch<'a>(&'a mut self, id: &'a ItemId, rec: &'a Recorder) -> Fut<'a, Bytes> {
        Box::pin(rec.time(Step::Fetch, self.fetch_whole(id)))
    }

    fn delete<'a>(&'a mut self, ids: &'a [ItemId], rec: &'a Recorder) -> Fut<'a, usize> {
        Box::pin(rec.time(Step::Cleanup, async {
            // A refusal is no end of the session: the mailbox may be read-only, and mail is seen all the same.
            self.delete_all(ids).await.map_err(|fault| match fault.server_code.as_str().starts_with("NO") {
                true => Fault { reason: Reason::CleanupFailed, ..fault },
                false => fault,
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_by_attribute_then_by_name() {
        let listed = [
            (vec!["\\hasnochildren".to_owned()], "INBOX"),
            (vec!["\\junk".to_owned()], "Unerwünscht"),
            (vec![], "INBOX.Spam"),
            (vec![], "INBOX.Sent Items"),
            (vec!["\\noselect".to_owned()], "Trash"),
        ]
        .map(|(flags, name)| (flags, name.to_owned()));
        let names = name_folders(&listed);
        assert_eq!(names.get(&Folder::Junk).map(String::as_str), Some("Unerwünscht"));
        assert_eq!(names.get(&Folder::Sent).map(String::as_str), Some("INBOX.Sent Items"));
        assert_eq!(names.get(&Folder::Trash), None);
    }
}
