//! GET, PUT and DELETE of entries, with what scheduling makes of them.

use std::sync::Arc;

use super::{CALDAV, Call, ICALENDAR, Refusal, Resource, etag, schedule_tag};
use crate::{
    calendar::{MAX_OBJECT, Meaning, Stored, event, ical::Component, schedule::Role},
    fault::Fault,
    http::Reply,
};

const MISSING: &str = "There is nothing of that name.";

pub(super) fn get(call: &Call<'_>) -> Result<Reply, Refusal> {
    let state = call.http.shared.store.lock();
    let missing = || Refusal::plain(404, MISSING);
    match &call.resource {
        Resource::Entry(name) => {
            let entry = call.entry(&state, name).ok_or_else(missing)?;
            let text = entry.shown(call.fault().as_ref()).write();
            Ok(tagged(Reply::new(200, ICALENDAR, text), &entry))
        }
        Resource::Message(name) => {
            let message = call.message(&state, name).ok_or_else(missing)?;
            Ok(Reply::new(200, ICALENDAR, message.object.write())
                .with("ETag", format!("\"m{}\"", message.change)))
        }
        _ => Ok(Reply::text(200, "CalDAV: a calendar client is at home here.\r\n")),
    }
}

fn tagged(reply: Reply, entry: &Stored) -> Reply {
    let reply = reply.with("ETag", etag(entry));
    if event::organizer(&entry.object).is_some() {
        return reply.with("Schedule-Tag", schedule_tag(entry));
    }
    reply
}

/// Whether what is asked for first holds.
fn conditions(call: &Call<'_>, old: Option<&Stored>) -> Result<(), Refusal> {
    let failed = |text: &str| Err(Refusal::plain(412, text));
    let is_one_of =
        |list: &str, tag: &str| list.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    match (call.header("if-match"), old) {
        (Some("*"), Some(_)) | (None, _) => {}
        (Some(tags), Some(old)) if is_one_of(tags, &etag(old)) => {}
        _ => return failed("The entry is not as it was."),
    }
    match (call.header("if-none-match"), old) {
        (Some("*"), Some(_)) => return failed("There is an entry already."),
        (Some(tags), Some(old)) if is_one_of(tags, &etag(old)) => return failed("The entry is as it was."),
        _ => {}
    }
    match (call.header("if-schedule-tag-match"), old) {
        (None, _) => Ok(()),
        (Some(tag), Some(old)) if tag == schedule_tag(old) => Ok(()),
        _ => failed("The organizer has changed the entry."),
    }
}

/// The object in a request, if it can be an entry.
fn read(text: &str) -> Result<Component, Refusal> {
    if text.len() > MAX_OBJECT {
        return Err(Refusal::condition(CALDAV, "max-resource-size", "The object is too big."));
    }
    let object =
        Component::parse(text).map_err(|why| Refusal::condition(CALDAV, "valid-calendar-data", why))?;
    if object.within("VEVENT").next().is_none() {
        let text = "Only events are taken.";
        return Err(Refusal::condition(CALDAV, "supported-calendar-component", text));
    }
    if object.get("METHOD").is_some() {
        let text = "An entry has no METHOD.";
        return Err(Refusal::condition(CALDAV, "valid-calendar-object-resource", text));
    }
    event::check(&object).map_err(|why| Refusal::condition(CALDAV, "valid-calendar-object-resource", why))?;
    Ok(object)
}

pub(super) fn put(call: &Call<'_>, text: &str) -> Result<Reply, Refusal> {
    let Resource::Entry(name) = &call.resource else {
        return Err(Refusal::plain(405, "Entries are put into the calendar."));
    };
    let given = read(text)?;
    if call.fault() == Some(Fault::MailboxFull) {
        return Err(Refusal::plain(507, "The mailbox is full."));
    }
    let actor = call.actor();
    let (old, new) = {
        let mut state = call.http.shared.store.lock();
        let full = || Refusal::plain(507, "The calendar is full.");
        let calendar = state.calendar_mut(call.user).ok_or_else(full)?;
        let old = calendar.by_name(name).cloned();
        conditions(call, old.as_deref())?;
        let uid = event::uid(&given).unwrap_or_default();
        if calendar.by_uid(uid).is_some_and(|other| other.name != *name) && old.is_none() {
            let text = "Another entry has that UID.";
            return Err(Refusal::condition(CALDAV, "no-uid-conflict", text));
        }
        let mut object = given.clone();
        actor.prepare(old.as_ref().map(|old| &old.object), &mut object);
        let new = match &old {
            Some(old) => calendar.replace(old.number, object, Meaning::Entry),
            None => calendar.add(name, object),
        };
        let new = new.ok_or_else(full)?;
        if old.is_none() && call.fault() == Some(Fault::DoubleEntry) {
            calendar.add(&format!("2-{name}"), new.object.clone());
        }
        (old, new)
    };
    let new = finish(call, old.as_deref(), &new);
    call.http.shared.store.ring();
    let reply = Reply::text(if old.is_some() { 204 } else { 201 }, "");
    let role = actor.role(&new.object);
    let reply = if role == Role::Alone { reply } else { reply.with("Schedule-Tag", schedule_tag(&new)) };
    // Of what the server has changed itself the client has to ask for the whole (RFC 4791, 5.3.4).
    Ok(if new.object == given { reply.with("ETag", etag(&new)) } else { reply })
}

/// Tells those who take part, and notes whom it reached.
fn finish(call: &Call<'_>, old: Option<&Stored>, new: &Arc<Stored>) -> Arc<Stored> {
    let actor = call.actor();
    let notices = actor.notices(old.map(|old| &old.object), Some(&new.object));
    let told = !notices.is_empty();
    actor.tell(notices);
    if !told {
        return Arc::clone(new);
    }
    let reached = actor.reached(&new.object);
    let mut state = call.http.shared.store.lock();
    let Some(calendar) = state.calendar_mut(call.user) else { return Arc::clone(new) };
    // An answer may have come meanwhile.
    let mut object = calendar.get(new.number).map_or_else(|| new.object.clone(), |now| now.object.clone());
    actor.mark(&mut object, &reached);
    calendar.replace(new.number, object, Meaning::Answer).unwrap_or_else(|| Arc::clone(new))
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply, Refusal> {
    if call.fault() == Some(Fault::NoDelete) {
        return Err(Refusal::plain(403, "Nothing is deleted here."));
    }
    let missing = || Refusal::plain(404, MISSING);
    let actor = call.actor();
    match &call.resource {
        Resource::Entry(name) => {
            let old = {
                let mut state = call.http.shared.store.lock();
                let calendar = state.calendar_mut(call.user).ok_or_else(missing)?;
                let old = calendar.by_name(name).cloned().ok_or_else(missing)?;
                conditions(call, Some(&old))?;
                calendar.remove(old.number);
                old
            };
            let silent =
                call.header("schedule-reply") == Some("F") && actor.role(&old.object) == Role::Attendee;
            if !silent {
                actor.tell(actor.notices(Some(&old.object), None));
            }
        }
        Resource::Message(name) => {
            let mut state = call.http.shared.store.lock();
            let there = state.calendar_mut(call.user).is_some_and(|calendar| calendar.discard(name));
            if !there {
                return Err(missing());
            }
        }
        _ => return Err(Refusal::plain(403, "Collections stay.")),
    }
    call.http.shared.store.ring();
    Ok(Reply::text(204, ""))
}
