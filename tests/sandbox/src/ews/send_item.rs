//! SendItem: sends what lies in a folder.

use super::{
    Call, Responses, Trouble,
    compose::Draft,
    create_item,
    item::{self, Item},
};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let keep = call.request.attribute("SaveItemToFolder") == Some("true");
    let ids = call.need("ItemIds")?;
    let mut responses = Responses::new("SendItem");
    for id in xml::children(ids) {
        let found = {
            let state = call.http.shared.store.lock();
            item::place(call, &state, id).and_then(|place| {
                let item = Item::at(&state, &place, call.user)?;
                Ok((Draft { raw: item.message.raw.to_vec(), flags: item.message.flags.clone() }, place))
            })
        };
        let done = match found {
            Ok((draft, place)) => create_item::send(call, &draft)?.and_then(|()| {
                if keep {
                    create_item::keep(call, draft, "Sent", true)?;
                }
                if let Some(folder) = call.http.shared.store.lock().folder_mut(call.user, &place.path) {
                    folder.messages.retain(|message| message.uid != place.uid);
                }
                call.http.shared.store.ring();
                Ok(())
            }),
            Err(refusal) => Err(refusal),
        };
        responses.put(done, |_, ()| {});
    }
    Ok(responses.finish())
}
