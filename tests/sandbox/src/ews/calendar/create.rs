//! Calendar items that are made, changed, deleted and called off.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use roxmltree::Node;

use super::{
    Spot, actor, appointment,
    change::{self, Change},
    entry, property,
};
use crate::{
    calendar::{
        Meaning, Stored, event, file_name,
        ical::{Component, Property},
        mail,
        schedule::{Notice, Role},
        when, zone,
    },
    ews::{Call, Refusal, Trouble, fields::Path, ids, invalid},
    fault::Fault,
    store::Flags,
    xml::{self, Xml},
};

/// Who is told of a change: nobody, those it concerns, and whether a copy is kept.
pub(in crate::ews) struct Telling {
    told: bool,
    kept: bool,
}

impl Telling {
    /// Reads such an attribute; the code says that it is missing.
    pub(in crate::ews) fn read(call: &Call<'_>, name: &str, code: &'static str) -> Result<Self, Trouble> {
        match call.request.attribute(name) {
            Some("SendToNone") => Ok(Self { told: false, kept: false }),
            Some("SendOnlyToAll" | "SendOnlyToChanged") => Ok(Self { told: true, kept: false }),
            Some("SendToAllAndSaveCopy" | "SendToChangedAndSaveCopy") => Ok(Self { told: true, kept: true }),
            Some(other) => Err(invalid(&format!("The {name} '{other}' is invalid."))),
            None => {
                Err(Trouble::Fault(code, format!("The {name} attribute is required for calendar items.")))
            }
        }
    }

    fn tell(&self, call: &Call<'_>, notices: Vec<Notice>) {
        if !self.told {
            return;
        }
        for raw in actor(call).tell(notices) {
            if self.kept {
                let flags = Flags::from(["\\Seen".to_owned()]);
                call.http.shared.store.append(call.user, "Sent", raw.into(), flags, None);
            }
        }
    }
}

fn refused(call: &Call<'_>) -> Result<(), Refusal> {
    if call.has(&Fault::MailboxFull) {
        return Err(Refusal("ErrorQuotaExceeded", "The mailbox has exceeded its quota."));
    }
    Ok(())
}

const FULL: Refusal = Refusal("ErrorQuotaExceeded", "The calendar is full.");

fn item(call: &Call<'_>, spot: Spot, entry: &Stored) -> String {
    let mut xml = Xml::new();
    xml.within("t:CalendarItem", |xml| {
        appointment::write_id(xml, "t:ItemId", call.user, spot, entry.change);
    });
    xml.finish()
}

/// An object to begin with: what comes as MIME, or an empty one.
fn object(node: Node<'_, '_>) -> Result<Component, Refusal> {
    let Some(content) = xml::text(node, "MimeContent") else {
        let mut object = Component::new("VCALENDAR");
        object.set(Property::new("VERSION", "2.0"));
        object.set(Property::new("PRODID", "-//mailprobe//sandbox//EN"));
        object.components.push(Component::new("VEVENT"));
        return Ok(object);
    };
    let packed: String = content.split_whitespace().collect();
    let text = STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let read = text.and_then(|text| Component::parse(&text).ok());
    let mut object = read.ok_or(Refusal("ErrorMimeContentInvalid", "The MIME content is not a calendar."))?;
    object.remove("METHOD");
    Ok(object)
}

/// Makes an item of `CalendarItem`.
pub(in crate::ews) fn create(
    call: &Call<'_>,
    node: Node<'_, '_>,
    telling: &Telling,
) -> Result<String, Refusal> {
    refused(call)?;
    let actor = actor(call);
    let mut object = object(node)?;
    let known = object.clone();
    let event = event::master_mut(&mut object).ok_or(FULL)?;
    let mut change = Change::default();
    for child in xml::children(node) {
        change.apply(&actor, event, child)?;
    }
    let uid =
        change::uid(node).or_else(|| event.value("UID").map(str::to_owned)).unwrap_or_else(property::new_uid);
    event.set(Property::new("UID", uid.clone()));
    event.set(Property::new("DTSTAMP", when::utc(Timestamp::now())));
    change.finish(event, &known)?;
    let whole = event::check(&object);
    whole.map_err(|_| Refusal("ErrorRequiredPropertyMissing", "The required property is missing."))?;
    complete(&mut object);
    let added = {
        let mut state = call.http.shared.store.lock();
        let calendar = state.calendar_mut(call.user).ok_or(FULL)?;
        // Exchange takes a UID twice; CalDAV tells such entries apart by their names.
        let mut name = file_name(&uid);
        while calendar.by_name(&name).is_some() {
            name.insert_str(0, "2-");
        }
        let added = calendar.add(&name, object.clone()).ok_or(FULL)?;
        if call.http.shared.fault(actor.protocol) == Some(Fault::DoubleEntry) {
            calendar.add(&format!("2-{name}"), object.clone());
        }
        added
    };
    telling.tell(call, actor.notices(None, Some(&object)));
    Ok(item(call, Spot { number: added.number, original: None }, &added))
}

fn complete(object: &mut Component) {
    let from = event::main(object).and_then(|event| event::start(event, object));
    let from = from.map_or_else(Timestamp::now, |start| start.timestamp());
    zone::complete(object, from);
}

/// What may not be overwritten without being known.
fn conflict(call: &Call<'_>, id: Node<'_, '_>, entry: &Stored) -> Result<(), Refusal> {
    if call.request.attribute("ConflictResolution") == Some("AlwaysOverwrite") {
        return Ok(());
    }
    let known = ids::change_key(&appointment::flags(entry.change));
    match (id.attribute("ChangeKey"), call.request.attribute("ConflictResolution")) {
        (Some(key), Some("NeverOverwrite")) if key != known => Err(Refusal(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not \
             match the current change key for the item.",
        )),
        (None, Some("NeverOverwrite")) => Err(Refusal(
            "ErrorChangeKeyRequiredForWriteOperations",
            "A change key is required for this operation.",
        )),
        _ => Ok(()),
    }
}

/// Changes an item as `ItemChange` says.
pub(in crate::ews) fn update(
    call: &Call<'_>,
    node: Node<'_, '_>,
    spot: Spot,
    telling: &Telling,
) -> Result<String, Refusal> {
    refused(call)?;
    let actor = actor(call);
    let old = live(call, spot)?;
    let id = xml::children(node).next().ok_or(ids::MALFORMED)?;
    conflict(call, id, &old)?;
    let mut object = old.object.clone();
    let known = object.clone();
    let mut change = Change::default();
    let event = match spot.original {
        Some(original) => event::differ(&mut object, original),
        None => event::master_mut(&mut object),
    };
    let event = event.ok_or(ids::ITEM_NOT_FOUND)?;
    for update in xml::child(node, "Updates").into_iter().flat_map(xml::children) {
        let wrong = Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.");
        match update.tag_name().name() {
            "SetItemField" => {
                let item = xml::children(update).find(|child| child.tag_name().name() == "CalendarItem");
                let field = item.and_then(|item| xml::children(item).next()).ok_or_else(|| wrong.clone())?;
                if field.tag_name().name() == "UID" {
                    return Err(wrong);
                }
                change.apply(&actor, event, field)?;
            }
            "DeleteItemField" => change.delete(event, &Path::within(update).ok_or(wrong)?)?,
            _ => return Err(wrong),
        }
    }
    change.finish(event, &known)?;
    event.set(Property::new("DTSTAMP", when::utc(Timestamp::now())));
    if spot.original.is_none() && change.is_new_series() {
        // What differed did so from the series that was.
        object.components.retain(|part| part.get("RECURRENCE-ID").is_none());
        event::master_mut(&mut object).into_iter().for_each(|master| master.remove("EXDATE"));
    }
    actor.prepare(Some(&old.object), &mut object);
    complete(&mut object);
    let new = replace(call, &old, object)?;
    telling.tell(call, actor.notices(Some(&old.object), Some(&new.object)));
    Ok(item(call, spot, &new))
}

/// The entry as it is, which may be another than the one that is shown.
fn live(call: &Call<'_>, spot: Spot) -> Result<Arc<Stored>, Refusal> {
    let mut state = call.http.shared.store.lock();
    let calendar = state.calendar_mut(call.user).ok_or(ids::ITEM_NOT_FOUND)?;
    calendar.get(spot.number).cloned().ok_or(ids::ITEM_NOT_FOUND)
}

fn replace(call: &Call<'_>, old: &Stored, object: Component) -> Result<Arc<Stored>, Refusal> {
    let mut state = call.http.shared.store.lock();
    let calendar = state.calendar_mut(call.user).ok_or(ids::ITEM_NOT_FOUND)?;
    // It is the change of one moment: what came in between is not overwritten.
    if calendar.get(old.number).is_none_or(|now| now.change != old.change) {
        return Err(Refusal("ErrorIrresolvableConflict", "The item was changed meanwhile."));
    }
    calendar.replace(old.number, object, Meaning::Entry).ok_or(ids::ITEM_NOT_FOUND)
}

/// Deletes an item, or an occurrence of one.
pub(in crate::ews) fn delete(
    call: &Call<'_>,
    spot: Spot,
    telling: &Telling,
    trash: bool,
) -> Result<(), Refusal> {
    let actor = actor(call);
    let old = {
        let state = call.http.shared.store.lock();
        entry(call, &state, spot.number)
    };
    let old = old.and_then(|_| live(call, spot))?;
    if let Some(original) = spot.original {
        let mut object = old.object.clone();
        event::exclude(&mut object, original).ok_or(ids::ITEM_NOT_FOUND)?;
        let new = replace(call, &old, object)?;
        telling.tell(call, actor.notices(Some(&old.object), Some(&new.object)));
        return Ok(());
    }
    remove(call, &old, trash)?;
    // Who was invited answers in another way.
    if actor.role(&old.object) == Role::Organizer {
        telling.tell(call, actor.notices(Some(&old.object), None));
    }
    Ok(())
}

/// Takes an entry out of the calendar.
pub(super) fn remove(call: &Call<'_>, old: &Stored, trash: bool) -> Result<(), Refusal> {
    let removed = {
        let mut state = call.http.shared.store.lock();
        state.calendar_mut(call.user).and_then(|calendar| calendar.remove(old.number))
    };
    removed.ok_or(ids::ITEM_NOT_FOUND)?;
    if trash {
        let raw = mail::thrown_away(&actor(call).address(), &old.object);
        let flags = Flags::from(["\\Seen".to_owned()]);
        call.http.shared.store.append(call.user, "Trash", raw.into(), flags, None);
    }
    Ok(())
}

/// Calls a meeting off: `CancelCalendarItem`.
pub(in crate::ews) fn cancel(call: &Call<'_>, spot: Spot) -> Result<String, Refusal> {
    let old = live(call, spot)?;
    if actor(call).role(&old.object) != Role::Organizer {
        let text = "You must be the organizer of the meeting.";
        return Err(Refusal("ErrorCalendarIsNotOrganizer", text));
    }
    delete(call, spot, &Telling { told: true, kept: true }, true)?;
    Ok(String::new())
}
