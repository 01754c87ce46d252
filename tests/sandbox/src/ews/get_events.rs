//! GetEvents: what a client that asks is told.

use super::{Call, Refusal, Responses, Trouble, invalid};
use crate::{
    fault::Fault,
    xml::{self, Xml},
};

/// The most events that are told at once.
const MOST: usize = 100;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let (Some(id), Some(mark)) =
        (xml::text(call.request, "SubscriptionId"), xml::text(call.request, "Watermark"))
    else {
        return Err(invalid("SubscriptionId and Watermark are wanted."));
    };
    let mut responses = Responses::new("GetEvents");
    let told = notification(call, id, mark);
    responses.put(told, |xml, told| xml.raw(&told));
    Ok(responses.finish())
}

fn notification(call: &Call<'_>, id: &str, mark: &str) -> Result<String, Refusal> {
    let state = call.http.shared.store.lock();
    let mut subscriptions = call.http.shared.exchange.subscriptions();
    let subscription = subscriptions.get(id, call.user)?;
    if subscription.streaming {
        return Err(Refusal("ErrorInvalidPullSubscriptionId", "The subscription is one to a stream."));
    }
    if !call.has(&Fault::NoPush) {
        subscription.look(&state);
    }
    let invalid =
        Refusal("ErrorInvalidWatermark", "The watermark used for creating this subscription was not found.");
    let (events, more) = subscription.after(mark, MOST).ok_or(invalid)?;
    let mut xml = Xml::new();
    xml.within("m:Notification", |xml| {
        xml.leaf("t:SubscriptionId", id);
        xml.leaf("t:PreviousWatermark", mark);
        xml.leaf("t:MoreEvents", if more { "true" } else { "false" });
        for event in events {
            event.write(xml, call.user, true);
        }
        if events.is_empty() {
            xml.within("t:StatusEvent", |xml| xml.leaf("t:Watermark", mark));
        }
    });
    Ok(xml.finish())
}
