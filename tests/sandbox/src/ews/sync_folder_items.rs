//! SyncFolderItems: what has changed in a folder since a state that the client keeps.
//!
//! The state is opaque to the client and tells all the client knows; nothing is kept here.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Call, Refusal, Responses, Trouble,
    fields::Shape,
    folders::Tree,
    ids::{self, Id},
    item::Item,
};
use crate::{
    fault::Protocol,
    store::{Message, State},
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
    fn of(message: &Message) -> Self {
        let mut others = message.flags.clone();
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

enum Change<'a> {
    Create(&'a Message),
    Update(&'a Message),
    Read(&'a Message),
    Delete(u32),
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
        Ok(changes(call, &state, folder.path.as_deref(), known, most))
    });
    responses.put(synced, |xml, (known, changes, whole)| {
        xml.leaf("m:SyncState", &known.text());
        xml.leaf("m:IncludesLastItemInRange", if whole { "true" } else { "false" });
        xml.within("m:Changes", |xml| {
            for change in &changes {
                write(xml, call.user, known.folder, change, &shape, &ignored);
            }
        });
    });
    Ok(responses.finish())
}

/// What has changed, so many at most; what the client knows then; and whether that is all.
fn changes<'a>(
    call: &Call<'_>,
    state: &'a State,
    path: Option<&str>,
    mut known: SyncState,
    most: usize,
) -> (SyncState, Vec<Change<'a>>, bool) {
    let messages: BTreeMap<u32, &Message> = path
        .into_iter()
        .flat_map(|path| state.shown(Protocol::Ews, call.user, path))
        .map(|message| (message.uid, message))
        .collect();
    let gone = known.items.keys().filter(|uid| !messages.contains_key(uid)).map(|uid| Change::Delete(*uid));
    let mut changes: Vec<Change<'a>> = gone.collect();
    for (uid, message) in &messages {
        let now = Known::of(message);
        match known.items.get(uid) {
            None => changes.push(Change::Create(message)),
            Some(before) if before.digest != now.digest => changes.push(Change::Update(message)),
            Some(before) if before.read != now.read => changes.push(Change::Read(message)),
            Some(_) => {}
        }
    }
    let whole = changes.len() <= most;
    changes.truncate(most);
    for change in &changes {
        match change {
            Change::Delete(uid) => {
                known.items.remove(uid);
            }
            Change::Create(message) | Change::Update(message) | Change::Read(message) => {
                known.items.insert(message.uid, Known::of(message));
            }
        }
    }
    (known, changes, whole)
}

fn write(xml: &mut Xml, user: &str, folder: u32, change: &Change<'_>, shape: &Shape, ignored: &[Id]) {
    let uid = match change {
        Change::Create(message) | Change::Update(message) | Change::Read(message) => message.uid,
        Change::Delete(uid) => *uid,
    };
    if ignored.contains(&Id::Item { folder, uid }) {
        return;
    }
    match change {
        Change::Create(message) => {
            xml.within("t:Create", |xml| Item::new(message, folder, user).write(xml, shape, false));
        }
        Change::Update(message) => {
            xml.within("t:Update", |xml| Item::new(message, folder, user).write(xml, shape, false));
        }
        Change::Read(message) => xml.within("t:ReadFlagChange", |xml| {
            Item::new(message, folder, user).write_id(xml);
            xml.leaf("t:IsRead", if message.flags.contains("\\Seen") { "true" } else { "false" });
        }),
        Change::Delete(uid) => xml.within("t:Delete", |xml| {
            let id = Id::Item { folder, uid: *uid }.text(user);
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
