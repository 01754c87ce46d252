//! GetItem.

use super::{
    Call, Responses, Trouble,
    fields::Shape,
    item::{self, Item},
};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let shape = Shape::read(Some(call.need("ItemShape")?));
    let ids = call.need("ItemIds")?;
    let state = call.http.shared.store.lock();
    let mut responses = Responses::new("GetItem");
    for id in xml::children(ids) {
        let found = item::place(call, &state, id);
        let found = found.and_then(|place| Item::at(&state, &place, call.user));
        responses.put(found, |xml, item| {
            xml.within("m:Items", |xml| item.write(xml, &shape, true));
        });
    }
    Ok(responses.finish())
}
