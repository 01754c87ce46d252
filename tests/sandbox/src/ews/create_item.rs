//! CreateItem: messages that are kept, sent, or both.

use super::{
    Call, Refusal, Responses, Trouble, calendar,
    compose::{self, Draft},
    folders::Tree,
    ids, invalid,
};
use crate::{
    fault::{Fault, Protocol},
    mangle,
    store::Flags,
    xml,
};

pub(super) fn answer(call: &Call<'_>) -> Result<String, Trouble> {
    let disposition = call.request.attribute("MessageDisposition").unwrap_or_default();
    let (send, keep) = match disposition {
        "SendOnly" => (true, false),
        "SendAndSaveCopy" => (true, true),
        "SaveOnly" => (false, true),
        // Calendar items are not sent themselves.
        "" if all_are_entries(call) => (false, true),
        "" => {
            let text = "The MessageDisposition attribute is required for messages.".to_owned();
            return Err(Trouble::Fault("ErrorMessageDispositionRequired", text));
        }
        _ => return Err(invalid(&format!("The MessageDisposition '{disposition}' is invalid."))),
    };
    let items = call.need("Items")?;
    let mut responses = Responses::new("CreateItem");
    for node in xml::children(items) {
        if let Some(done) = calendar::respond(call, node, (send, keep)) {
            responses.put(done, |xml, written| xml.within("m:Items", |xml| xml.raw(&written)));
            continue;
        }
        if node.tag_name().name() == "CalendarItem" {
            let code = "ErrorSendMeetingInvitationsRequired";
            let telling = calendar::Telling::read(call, "SendMeetingInvitations", code)?;
            let done = calendar::create(call, node, &telling);
            responses.put(done, |xml, written| xml.within("m:Items", |xml| xml.raw(&written)));
            continue;
        }
        let made = if matches!(node.tag_name().name(), "Message" | "Item") {
            compose::read(call, node)
        } else {
            Err(Refusal("ErrorUnsupportedTypeForConversion", "Items of this kind are not made here."))
        };
        let done = match made {
            Ok(draft) if send => self::send(call, &draft)?.and_then(|()| {
                if keep { self::keep(call, draft, "Sent", true).map(|_| None) } else { Ok(None) }
            }),
            Ok(draft) => self::keep(call, draft, "Drafts", false).map(Some),
            Err(refusal) => Err(refusal),
        };
        responses.put(done, |xml, kept| {
            xml.within("m:Items", |xml| {
                if let Some(Kept { folder, uid, flags }) = kept {
                    xml.within("t:Message", |xml| {
                        ids::write_item(xml, "t:ItemId", call.user, folder, uid, &flags);
                    });
                }
            });
        });
    }
    call.http.shared.store.ring();
    Ok(responses.finish())
}

fn all_are_entries(call: &Call<'_>) -> bool {
    let mut items = xml::child(call.request, "Items").into_iter().flat_map(xml::children);
    items.all(|node| node.tag_name().name() == "CalendarItem")
}

/// A message that lies in a folder now.
pub(super) struct Kept {
    folder: u32,
    uid: u32,
    flags: Flags,
}

/// Puts a message into the folder that is asked for, or into that one.
pub(super) fn keep(call: &Call<'_>, draft: Draft, otherwise: &str, sent: bool) -> Result<Kept, Refusal> {
    let store = &call.http.shared.store;
    let path = match xml::child(call.request, "SavedItemFolderId") {
        Some(node) => {
            let state = store.lock();
            let tree = Tree::of(&state, call.user);
            tree.within(call, &state, node)?.path.clone()
        }
        None => Some(otherwise.to_owned()),
    };
    let path = path.ok_or(Refusal("ErrorSavedItemFolderNotFound", "The folder takes no messages."))?;
    let flags = if sent { Flags::from(["\\Seen".to_owned()]) } else { draft.flags };
    let (folder, uid) = store
        .append(call.user, &path, draft.raw.into(), flags.clone(), None)
        .ok_or(Refusal("ErrorSavedItemFolderNotFound", "The folder is gone."))?;
    Ok(Kept { folder, uid, flags })
}

/// Sends a message the way those go that come by SMTP.
pub(super) fn send(call: &Call<'_>, draft: &Draft) -> Result<Result<(), Refusal>, Trouble> {
    let fault = call.fault();
    let refused = match &fault {
        Some(Fault::RefuseRecipient) => Some(compose::INVALID_RECIPIENTS),
        Some(Fault::RefuseSender) => Some(compose::SEND_AS_DENIED),
        Some(Fault::RefuseMessage) => {
            Some(Refusal("ErrorSubmissionQuotaExceeded", "The account has exceeded its submission quota."))
        }
        Some(Fault::MailboxFull) => {
            Some(Refusal("ErrorQuotaExceeded", "The mailbox has exceeded its quota."))
        }
        _ => None,
    };
    if let Some(refusal) = refused {
        return Ok(Err(refusal));
    }
    let (envelope, raw) = match compose::envelope(call, &draft.raw) {
        Ok(made) => made,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let shared = &call.http.shared;
    let host = &shared.options.host;
    let received = format!(
        "Received: from {host} ({host}) by {host} ({peer}) with mapi id {version}; mailprobe-sandbox {number:08X}",
        peer = call.http.peer.ip(),
        version = super::VERSION.join("."),
        number = shared.number(),
    );
    if fault != Some(Fault::CutAfterData { deliver: false }) {
        mangle::accept(shared, Protocol::Ews, &envelope, &received, &raw, fault.as_ref());
    }
    if matches!(fault, Some(Fault::CutAfterData { .. })) {
        return Err(Trouble::Gone("cut after the message"));
    }
    Ok(Ok(()))
}
