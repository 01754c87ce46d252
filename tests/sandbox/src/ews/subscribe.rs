//! Subscribe, to a stream or to be asked.

use std::time::Duration;

use super::{
    Call, Refusal, Responses, Trouble,
    events::{TOO_MANY, Wish},
    folders::Tree,
    invalid,
};
use crate::{fault::Fault, xml};

/// What can be told of an item.
const KINDS: [&str; 7] = [
    "CopiedEvent",
    "CreatedEvent",
    "DeletedEvent",
    "ModifiedEvent",
    "MovedEvent",
    "NewMailEvent",
    "FreeBusyChangedEvent",
];

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let Some(request) = xml::children(call.request).next() else {
        return Err(invalid("The subscription request is missing."));
    };
    let streaming = match request.tag_name().name() {
        "StreamingSubscriptionRequest" => true,
        "PullSubscriptionRequest" => false,
        name => return Err(invalid(&format!("The element '{name}' is no subscription that is offered."))),
    };
    let kept = if streaming {
        None
    } else {
        let minutes = xml::text(request, "Timeout").and_then(|text| text.parse::<u64>().ok());
        let minutes = minutes.filter(|minutes| (1..=1440).contains(minutes));
        Some(Duration::from_secs(60 * minutes.ok_or_else(|| invalid("The Timeout is from 1 to 1440."))?))
    };
    let kinds = xml::child(request, "EventTypes").into_iter().flat_map(xml::children);
    let kinds: Vec<&str> = kinds.map(|kind| kind.text().unwrap_or_default().trim()).collect();
    if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(kind)) {
        return Err(invalid(&format!("The EventType '{kind}' is invalid.")));
    }
    if kinds.is_empty() {
        return Err(invalid("The EventTypes are missing."));
    }
    let mut responses = Responses::new("Subscribe");
    let done = if call.has(&Fault::NoIdle) { Err(TOO_MANY) } else { folders(call, request) };
    let done = done.and_then(|folders| {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let state = call.http.shared.store.lock();
        let wish = Wish { folders, kinds, streaming, kept };
        call.http.shared.exchange.subscriptions().add(&state, call.user, wish)
    });
    responses.put(done, |xml, (id, watermark)| {
        xml.leaf("m:SubscriptionId", &id);
        if !streaming {
            xml.leaf("m:Watermark", &watermark);
        }
    });
    Ok(responses.finish())
}

type Folders = Option<std::collections::BTreeSet<u32>>;

fn folders(call: &Call<'_>, request: roxmltree::Node<'_, '_>) -> Result<Folders, Refusal> {
    if request.attribute("SubscribeToAllFolders").is_some_and(|all| all.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let state = call.http.shared.store.lock();
    let tree = Tree::of(&state, call.user);
    let named = xml::child(request, "FolderIds").into_iter().flat_map(xml::children);
    named
        .map(|node| tree.find(call, &state, node).map(|folder| folder.id))
        .collect::<Result<_, _>>()
        .map(Some)
}
