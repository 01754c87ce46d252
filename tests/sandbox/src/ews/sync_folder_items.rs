//! SyncFolderItems: what has changed in a folder since a state that the client keeps.
//!
//! The state is opaque to the client and tells all the client knows; nothing is kept here.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Call, Refusal, Responses, Trouble,
    calendar::{self, Found},
    fields::Shape,
    folders::{CALENDAR, Folder, Tree},
    ids::{self, Id},
    item::Item,
};
use crate::{
    fault::Protocol,
    store::{Flags, State},
    xml::{self, Xml},
};

pub(super) const INVALID_STATE: Refusal =
    Refusal("ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid.");

/// What a client knows of a message: whether it is read, and a number that changes with the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    read: bool,
    digest: u16,
}

impl Known {
    fn of(flags: &Flags) -> Self {
        let mut others = flags.clone();
        let read = others.remove("\\Seen");
        Self { read, digest: ids::digest(&others) }
    }
}

/// What a client knows of a folder.
struct SyncState {
    folder: u32,
    items: BTreeMap<u32, Known>,
}

impl SyncState {
    fn parse(text: &str, folder: u32) -> Result<Self, Refusal> {
        let bytes = STANDARD.decode(text).map_err(|_| INVALID_STATE)?;
        let rest = bytes.strip_prefix(&[1][..]).ok_or(INVALID_STATE)?;
        let (number, rest) = rest.split_first_chunk::<4>().ok_or(INVALID_STATE)?;
        if u32::from_be_bytes(*number) != folder || rest.len() % 7 != 0 {
            return Err(INVALID_STATE);
        }
        let items = rest.chunks_exact(7).map(|chunk| {
            let uid = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            (uid, Known { read: chunk[4] == 1, digest: u16::from_be_bytes([chunk[5], chunk[6]]) })
        });
        Ok(Self { folder, items: items.collect() })
    }

    fn text(&self) -> String {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&self.folder.to_be_bytes());
        for (uid, known) in &self.items {
            bytes.extend_from_slice(&uid.to_be_bytes());
            bytes.push(u8::from(known.read));
            bytes.extend_from_slice(&known.digest.to_be_bytes());
        }
        STANDARD.encode(bytes)
    }
}

/// What has happened to the item of that number.
enum Change<'a> {
    Create(u32, Found<'a>),
    Update(u32, Found<'a>),
    Read(u32, Item<'a>),
    Delete(u32),
}

impl Change<'_> {
    const fn uid(&self) -> u32 {
        match self {
            Self::Create(uid, _) | Self::Update(uid, _) | Self::Read(uid, _) | Self::Delete(uid) => *uid,
        }
    }
}

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(Some(call.need("ItemShape")?));
    let folder = call.need("SyncFolderId")?;
    let most = xml::text(call.request, "MaxChangesReturned").and_then(|text| text.parse::<usize>().ok());
    let most = most.unwrap_or(512).clamp(1, 512);
    let ignored = xml::child(call.request, "Ignore").into_iter().flat_map(xml::children);
    let ignored: Vec<Id> = ignored.filter_map(|id| Id::parse(id.attribute("Id")?, call.user).ok()).collect();
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let mut responses = Responses::new("SyncFolderItems");
    let synced = tree.within(call, &state, folder).and_then(|folder| {
        let known = match xml::text(call.request, "SyncState").filter(|text| !text.is_empty()) {
            Some(text) => SyncState::parse(text, folder.id)?,
            None => SyncState { folder: folder.id, items: BTreeMap::new() },
        };
        Ok(changes(call, &state, folder, known, most))
    });
    responses.put(synced, |xml, (known, changes, whole)| {
        xml.leaf("m:SyncState", &known.text());
        xml.leaf("m:IncludesLastItemInRange", if whole { "true" } else { "false" });
        xml.within("m:Changes", |xml| {
            for change in &changes {
                write(xml, call, &state, known.folder, change, &shape, &ignored);
            }
        });
    });
    Ok(responses.finish())
}

/// What lies in a folder, by numbers.
fn content<'a>(call: &'a Call<'_>, state: &'a State, folder: &Folder) -> BTreeMap<u32, (Known, Found<'a>)> {
    if folder.id == CALENDAR {
        let entries = calendar::all(call, state, None).into_iter();
        return entries
            .map(|entry| (entry.spot().number, (Known::of(&entry.flags()), Found::Entry(entry))))
            .collect();
    }
    let path = folder.path.as_deref().into_iter();
    let messages = path.flat_map(|path| state.shown(Protocol::Ews, call.user, path));
    messages
        .map(|message| {
            let item = Item::new(message, folder.id, call.user);
            (message.uid, (Known::of(&message.flags), Found::Mail(item)))
        })
        .collect()
}

/// What has changed, so many at most; what the client knows then; and whether that is all.
fn changes<'a>(
    call: &'a Call<'_>,
    state: &'a State,
    folder: &Folder,
    mut known: SyncState,
    most: usize,
) -> (SyncState, Vec<Change<'a>>, bool) {
    let content = content(call, state, folder);
    let nows: BTreeMap<u32, Known> = content.iter().map(|(uid, (now, _))| (*uid, *now)).collect();
    let gone = known.items.keys().filter(|uid| !content.contains_key(uid)).map(|uid| Change::Delete(*uid));
    let mut changes: Vec<Change<'a>> = gone.collect();
    for (uid, (now, found)) in content {
        match (known.items.get(&uid), found) {
            (None, found) => changes.push(Change::Create(uid, found)),
            (Some(before), found) if before.digest != now.digest => changes.push(Change::Update(uid, found)),
            (Some(before), Found::Mail(item)) if before.read != now.read => {
                changes.push(Change::Read(uid, item))
            }
            _ => {}
        }
    }
    let whole = changes.len() <= most;
    changes.truncate(most);
    for change in &changes {
        match nows.get(&change.uid()) {
            None => known.items.remove(&change.uid()),
            Some(now) => known.items.insert(change.uid(), *now),
        };
    }
    (known, changes, whole)
}

fn write(
    xml: &mut Xml,
    call: &Call<'_>,
    state: &State,
    folder: u32,
    change: &Change<'_>,
    shape: &Shape,
    ignored: &[Id],
) {
    if ignored.contains(&Id::Item { folder, uid: change.uid() }) {
        return;
    }
    match change {
        Change::Create(_, found) => xml.within("t:Create", |xml| found.write(xml, call, state, shape, false)),
        Change::Update(_, found) => xml.within("t:Update", |xml| found.write(xml, call, state, shape, false)),
        Change::Read(_, item) => xml.within("t:ReadFlagChange", |xml| {
            item.write_id(xml);
            xml.leaf("t:IsRead", if item.message.flags.contains("\\Seen") { "true" } else { "false" });
        }),
        Change::Delete(uid) => xml.within("t:Delete", |xml| {
            let id = Id::Item { folder, uid: *uid }.text(call.user);
            xml.empty("t:ItemId", &[("Id", &id), ("ChangeKey", "CQAAAA==")]);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_back_for_their_folder() {
        let items =
            BTreeMap::from([(1, Known { read: true, digest: 7 }), (9, Known { read: false, digest: 0 })]);
        let text = SyncState { folder: 5, items: items.clone() }.text();
        assert_eq!(SyncState::parse(&text, 5).unwrap().items, items);
        for (text, folder) in [(text.as_str(), 6), ("AAAA", 5), ("x", 5), ("", 5)] {
            assert_eq!(SyncState::parse(text, folder).err(), Some(INVALID_STATE), "{text}");
        }
    }
}
