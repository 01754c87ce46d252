//! DeleteItem.

use super::{
    Call, Refusal, Responses, Trouble, calendar, invalid,
    item::{self, Place},
    move_item,
};
use crate::{fault::Fault, xml};

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let trash = match call.request.attribute("DeleteType") {
        Some("HardDelete" | "SoftDelete") => false,
        Some("MoveToDeletedItems") => true,
        other => return Err(invalid(&format!("The DeleteType '{}' is invalid.", other.unwrap_or_default()))),
    };
    let ids = call.need("ItemIds")?;
    let telling = || {
        let code = "ErrorSendMeetingCancellationsRequired";
        calendar::Telling::read(call, "SendMeetingCancellations", code)
    };
    let mut responses = Responses::new("DeleteItem");
    for id in xml::children(ids) {
        let spot = calendar::spot(call, &call.http.shared.store.lock(), id);
        if let Ok(Some(spot)) = spot {
            let telling = telling()?;
            let done = if call.has(&Fault::NoDelete) {
                Err(CANNOT_DELETE)
            } else {
                calendar::delete(call, spot, &telling, trash)
            };
            responses.put(done, |_, ()| {});
            continue;
        }
        let found = item::place(call, &call.http.shared.store.lock(), id);
        let done = found.and_then(|place| {
            if call.has(&Fault::NoDelete) {
                return Err(CANNOT_DELETE);
            }
            if trash && place.path != "Trash" {
                move_item::carry(call, &place, "Trash", false).map(|_| ())
            } else {
                remove(call, &place);
                Ok(())
            }
        });
        responses.put(done, |_, ()| {});
    }
    call.http.shared.store.ring();
    Ok(responses.finish())
}

const CANNOT_DELETE: Refusal = Refusal("ErrorCannotDeleteObject", "The object cannot be deleted.");

pub(super) fn remove(call: &Call<'_>, place: &Place) {
    if let Some(folder) = call.http.shared.store.lock().folder_mut(call.user, &place.path) {
        folder.messages.retain(|message| message.uid != place.uid);
    }
}
