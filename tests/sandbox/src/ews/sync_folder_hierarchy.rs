//! SyncFolderHierarchy: which folders have come, changed and gone since a state that the client keeps.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Call, Refusal, Responses, Trouble,
    fields::Shape,
    folders::{Folder, Tree},
    ids::Id,
    sync_folder_items::INVALID_STATE,
};
use crate::xml;

type Known = BTreeMap<u32, u16>;

fn parse(text: &str) -> Result<Known, Refusal> {
    let bytes = STANDARD.decode(text).map_err(|_| INVALID_STATE)?;
    let rest = bytes.strip_prefix(&[2][..]).filter(|rest| rest.len() % 6 == 0).ok_or(INVALID_STATE)?;
    Ok(rest
        .chunks_exact(6)
        .map(|chunk| {
            let id = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            (id, u16::from_be_bytes([chunk[4], chunk[5]]))
        })
        .collect())
}

fn text(known: &Known) -> String {
    let mut bytes = vec![2];
    for (id, digest) in known {
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&digest.to_be_bytes());
    }
    STANDARD.encode(bytes)
}

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(Some(call.need("FolderShape")?));
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let mut responses = Responses::new("SyncFolderHierarchy");
    let top = match xml::child(call.request, "SyncFolderId") {
        Some(node) => tree.within(call, &state, node),
        None => tree.distinguished("msgfolderroot").ok_or(super::folders::FOLDER_NOT_FOUND),
    };
    let synced = top.and_then(|top| {
        let before = match xml::text(call.request, "SyncState").filter(|text| !text.is_empty()) {
            Some(text) => parse(text)?,
            None => Known::new(),
        };
        let below = tree.all().iter().filter(|folder| tree.is_below(folder, top.id));
        let folders: Vec<&Folder> = below.collect();
        let now: Known = folders.iter().map(|folder| (folder.id, folder.digest())).collect();
        Ok((before, folders, now))
    });
    responses.put(synced, |xml, (before, folders, now)| {
        xml.leaf("m:SyncState", &text(&now));
        xml.leaf("m:IncludesLastFolderInRange", "true");
        xml.within("m:Changes", |xml| {
            for folder in folders {
                let element = match before.get(&folder.id) {
                    None => "t:Create",
                    Some(digest) if *digest != folder.digest() => "t:Update",
                    Some(_) => continue,
                };
                xml.within(element, |xml| folder.write(xml, call.user, &shape));
            }
            for id in before.keys().filter(|id| !now.contains_key(id)) {
                let id = Id::Folder(*id).text(call.user);
                xml.within("t:Delete", |xml| {
                    xml.empty("t:FolderId", &[("Id", &id), ("ChangeKey", "AQAAAA==")])
                });
            }
        });
    });
    Ok(responses.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_back() {
        let known = Known::from([(1, 2), (3, 4)]);
        assert_eq!(parse(&text(&known)), Ok(known));
        assert_eq!(parse("AAAA"), Err(INVALID_STATE));
    }
}
