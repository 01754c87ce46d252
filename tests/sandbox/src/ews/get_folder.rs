//! GetFolder.

use super::{Call, Responses, Trouble, fields::Shape, folders::Tree};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(xml::child(call.request, "FolderShape"));
    let ids = call.need("FolderIds")?;
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let mut responses = Responses::new("GetFolder");
    for id in xml::children(ids) {
        responses.put(tree.find(call, &state, id), |xml, folder| {
            xml.within("m:Folders", |xml| folder.write(xml, call.user, &shape));
        });
    }
    Ok(responses.finish())
}
