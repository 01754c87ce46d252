//! GetItem.

use super::{
    Call, Responses, Trouble,
    calendar::{self, Found},
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
        let found = match calendar::spot(call, &state, id) {
            Ok(Some(spot)) => calendar::at(call, &state, spot).map(Found::Entry),
            Ok(None) => {
                let place = item::place(call, &state, id);
                place.and_then(|place| Item::at(&state, &place, call.user)).map(Found::Mail)
            }
            Err(refusal) => Err(refusal),
        };
        responses.put(found, |xml, found| {
            xml.within("m:Items", |xml| found.write(xml, call, &state, &shape, true));
        });
    }
    Ok(responses.finish())
}
