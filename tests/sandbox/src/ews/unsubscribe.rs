//! Unsubscribe.

use super::{Call, Responses, Trouble, invalid};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let Some(id) = xml::text(call.request, "SubscriptionId") else {
        return Err(invalid("The SubscriptionId is missing."));
    };
    let mut responses = Responses::new("Unsubscribe");
    let done = call.http.shared.exchange.subscriptions().remove(id, call.user);
    responses.put(done, |_, ()| {});
    // A stream that tells of it ends.
    call.http.shared.store.ring();
    Ok(responses.finish())
}
