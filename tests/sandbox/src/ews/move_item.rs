//! MoveItem and CopyItem.

use super::{
    Call, Refusal, Responses, Trouble, delete_item,
    folders::Tree,
    ids,
    item::{self, Item, Place},
};
use crate::{fault::Fault, store::Flags, xml};

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let copy = call.request.tag_name().name() == "CopyItem";
    let to = call.need("ToFolderId")?;
    let ids = call.need("ItemIds")?;
    let target = {
        let state = call.http.shared.store.lock();
        let tree = Tree::of(&state, call.user);
        tree.within(call, &state, to).map(|folder| folder.path.clone())
    };
    let target = match target {
        Ok(Some(path)) => Ok(path),
        _ => Err(Refusal("ErrorToFolderNotFound", "The destination folder could not be found.")),
    };
    let mut responses = Responses::new(if copy { "CopyItem" } else { "MoveItem" });
    for id in xml::children(ids) {
        let found = item::place(call, &call.http.shared.store.lock(), id);
        let done = target.clone().and_then(|target| carry(call, &found?, &target, copy));
        responses.put(done, |xml, (folder, uid, flags)| {
            xml.within("m:Items", |xml| {
                xml.within("t:Message", |xml| {
                    ids::write_item(xml, "t:ItemId", call.user, folder, uid, &flags);
                });
            });
        });
    }
    call.http.shared.store.ring();
    Ok(responses.finish())
}

/// Moves or copies an item; where it lies then.
pub(super) fn carry(
    call: &Call<'_>,
    place: &Place,
    target: &str,
    copy: bool,
) -> Result<(u32, u32, Flags), Refusal> {
    if call.has(&Fault::NoDelete) && !copy {
        return Err(Refusal("ErrorMoveCopyFailed", "The move or copy operation failed."));
    }
    let (raw, flags, date) = {
        let state = call.http.shared.store.lock();
        let message = Item::at(&state, place, call.user)?.message;
        (message.raw.clone(), message.flags.clone(), message.date)
    };
    let (folder, uid) = call
        .http
        .shared
        .store
        .append(call.user, target, raw, flags.clone(), Some(date))
        .ok_or(Refusal("ErrorToFolderNotFound", "The destination folder could not be found."))?;
    if !copy {
        delete_item::remove(call, place);
    }
    Ok((folder, uid, flags))
}
