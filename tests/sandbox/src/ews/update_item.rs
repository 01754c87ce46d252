//! UpdateItem: what can be changed of a message that lies there.

use roxmltree::Node;

use super::{
    Call, Refusal, Responses, Trouble,
    calendar::{self, Spot, Telling},
    fields::{Key, Path},
    ids,
    item::{self, Item},
};
use crate::xml;

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let changes = call.need("ItemChanges")?;
    let mut responses = Responses::new("UpdateItem");
    for change in xml::children(changes) {
        let done = match entry(call, change) {
            Ok(Some(spot)) => {
                let code = "ErrorSendMeetingInvitationsOrCancellationsRequired";
                let telling = Telling::read(call, "SendMeetingInvitationsOrCancellations", code)?;
                calendar::update(call, change, spot, &telling)
            }
            Ok(None) => update(call, change),
            Err(refusal) => Err(refusal),
        };
        responses.put(done, |xml, written| {
            xml.within("m:Items", |xml| xml.raw(&written));
            xml.within("m:ConflictResults", |xml| xml.leaf("t:Count", "0"));
        });
    }
    call.http.shared.store.ring();
    Ok(responses.finish())
}

/// The entry of the calendar that is to be changed, if it is one.
fn entry(call: &Call<'_>, change: Node<'_, '_>) -> Result<Option<Spot>, Refusal> {
    let id = xml::children(change).next().ok_or(ids::MALFORMED)?;
    calendar::spot(call, &call.http.shared.store.lock(), id)
}

fn update(call: &Call<'_>, change: Node<'_, '_>) -> Result<String, Refusal> {
    let id = xml::child(change, "ItemId").ok_or(ids::MALFORMED)?;
    let mut state = call.http.shared.store.lock();
    let place = item::place(call, &state, id)?;
    let mut flags = Item::at(&state, &place, call.user)?.message.flags.clone();
    for update in xml::child(change, "Updates").into_iter().flat_map(xml::children) {
        let path = Path::within(update).ok_or(INVALID)?;
        let flag = flag(&path)?;
        let on = match update.tag_name().name() {
            "SetItemField" => is_on(update),
            "DeleteItemField" => false,
            _ => return Err(INVALID),
        };
        if let Some(flag) = flag {
            if on {
                flags.insert(flag.to_owned());
            } else {
                flags.remove(flag);
            }
        }
    }
    let messages = state.folder_mut(call.user, &place.path).map(|folder| &mut folder.messages);
    if let Some(message) = messages.and_then(|all| all.iter_mut().find(|message| message.uid == place.uid)) {
        message.flags = flags;
    }
    let mut xml = xml::Xml::new();
    let item = Item::at(&state, &place, call.user)?;
    xml.within("t:Message", |xml| item.write_id(xml));
    Ok(xml.finish())
}

const INVALID: Refusal = Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.");

/// The flag that a property is kept as; nothing for one that may be set and is not kept.
fn flag(path: &Path) -> Result<Option<&'static str>, Refusal> {
    match path {
        Path::Uri(uri) if uri == "message:IsRead" => Ok(Some("\\Seen")),
        Path::Uri(uri) if uri == "item:Flag" => Ok(Some("\\Flagged")),
        Path::Extended(extended) => Ok(match &extended.key {
            Key::Tag(0x1081) => Some("\\Answered"),
            Key::Tag(0x1090) => Some("\\Flagged"),
            Key::Named(set, name) if set == "Common" && name == "0x8570" => Some("\\Deleted"),
            _ => None,
        }),
        _ => Err(INVALID),
    }
}

/// Whether the value that is set stands for a flag that is on.
fn is_on(update: Node<'_, '_>) -> bool {
    let Some(message) = xml::children(update).find(|node| !node.tag_name().name().ends_with("FieldURI"))
    else {
        return false;
    };
    // FieldURI comes first, then the message with the one value.
    let value = message.descendants().filter_map(|node| node.text()).find(|text| !text.trim().is_empty());
    match value.map(str::trim) {
        Some("true" | "Flagged") => true,
        Some(number) => number.parse::<u32>().is_ok_and(|number| number > 0),
        None => false,
    }
}
