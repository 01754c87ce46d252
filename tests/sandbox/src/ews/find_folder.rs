//! FindFolder.

use super::{
    Call, Refusal, Responses, Trouble,
    fields::Shape,
    find_item::Page,
    folders::{Folder, Tree},
    restriction,
};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(xml::child(call.request, "FolderShape"));
    let parents = call.need("ParentFolderIds")?;
    let deep = call.request.attribute("Traversal") == Some("Deep");
    let restriction = xml::child(call.request, "Restriction");
    let page = Page::read(xml::child(call.request, "IndexedPageFolderView"));
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let mut responses = Responses::new("FindFolder");
    for parent in xml::children(parents) {
        let found = tree.find(call, &state, parent).and_then(|parent| {
            let below = tree
                .all()
                .iter()
                .filter(|folder| folder.parent == parent.id || (deep && tree.is_below(folder, parent.id)));
            let mut found: Vec<&Folder> = Vec::new();
            for folder in below {
                if restriction::matches(restriction, folder)? {
                    found.push(folder);
                }
            }
            Ok::<_, Refusal>(found)
        });
        responses.put(found, |xml, found| {
            let shown = page.of(&found);
            xml.within_with("m:RootFolder", &page.attributes(found.len(), shown.len()).pairs(), |xml| {
                xml.within("t:Folders", |xml| {
                    for folder in shown {
                        folder.write(xml, call.user, &shape);
                    }
                });
            });
        });
    }
    Ok(responses.finish())
}
