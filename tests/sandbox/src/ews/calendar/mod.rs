//! Calendar items: what is asked of them, and where they lie.

mod appointment;
mod change;
mod create;
mod meeting;
mod property;
mod recurrence;

use std::sync::Arc;

use jiff::Timestamp;
use roxmltree::Node;

pub(super) use appointment::{Appointment, flags};
pub(super) use create::{Telling, create, delete, update};
pub(super) use meeting::{Meeting, respond};

use super::{
    Call, Refusal,
    fields::{Fields, Path, Shape},
    folders::CALENDAR,
    ids::{self, Id},
    item::Item,
};
use crate::{
    calendar::{Stored, event, schedule::Actor},
    fault::Protocol,
    store::State,
    xml::{self, Xml},
};

/// An entry, or one occurrence of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) number: u32,
    pub(super) original: Option<Timestamp>,
}

/// From when till when.
pub(super) type Window = (Timestamp, Timestamp);

/// What lies in a folder.
pub(super) enum Found<'a> {
    Mail(Item<'a>),
    Entry(Appointment),
}

impl Found<'_> {
    pub(super) fn number(&self) -> u32 {
        match self {
            Self::Mail(item) => item.message.uid,
            Self::Entry(appointment) => appointment.spot().number,
        }
    }

    pub(super) fn write(&self, xml: &mut Xml, call: &Call<'_>, state: &State, shape: &Shape, all: bool) {
        match self {
            Self::Mail(item) => item.write(xml, call, state, shape, all),
            Self::Entry(appointment) => appointment.write(xml, shape, all),
        }
    }
}

impl Fields for Found<'_> {
    fn value(&self, path: &Path) -> Option<String> {
        match self {
            Self::Mail(item) => item.value(path),
            Self::Entry(appointment) => appointment.value(path),
        }
    }
}

fn actor<'a>(call: &Call<'a>) -> Actor<'a> {
    Actor { shared: &call.http.shared, protocol: Protocol::Ews, user: call.user }
}

/// The entry of the calendar that an identifier means, as it is shown; nothing if it means a message.
pub(super) fn spot(call: &Call<'_>, state: &State, node: Node<'_, '_>) -> Result<Option<Spot>, Refusal> {
    let name = match node.tag_name().name() {
        "OccurrenceItemId" => "RecurringMasterId",
        "RecurringMasterItemId" => "OccurrenceId",
        _ => "Id",
    };
    let Some(id) = node.attribute(name).filter(|id| !id.is_empty()) else { return Ok(None) };
    let (folder, number, original) = match Id::parse(id, call.user)? {
        Id::Item { folder, uid } => (folder, uid, None),
        Id::Occurrence { uid, original } => (CALENDAR, uid, Timestamp::from_second(original).ok()),
        Id::Folder(_) => return Ok(None),
    };
    if folder != CALENDAR {
        return Ok(None);
    }
    let entry = entry(call, state, number)?;
    let spot = match node.tag_name().name() {
        "RecurringMasterItemId" => Spot { number, original: None },
        "OccurrenceItemId" => {
            let index = node.attribute("InstanceIndex").and_then(|index| index.trim().parse::<usize>().ok());
            Spot { number, original: Some(nth(&entry, index.unwrap_or_default())?) }
        }
        _ => Spot { number, original },
    };
    if let Some(original) = spot.original {
        event::occurrence(&entry.shown(call.fault().as_ref()), original).ok_or(ids::ITEM_NOT_FOUND)?;
    }
    Ok(Some(spot))
}

/// The original start of an occurrence that is told by its number, those counted that were taken out.
fn nth(entry: &Stored, index: usize) -> Result<Timestamp, Refusal> {
    let mut object = entry.object.clone();
    let known = object.clone();
    object.components.retain(|part| event::original(part, &known).is_none());
    let gone = |original| {
        let deleted = "The occurrence was deleted from the recurrence.";
        let there = event::occurrence(&entry.object, original).is_some();
        if there {
            Ok(original)
        } else {
            Err(Refusal("ErrorCalendarOccurrenceIsDeletedFromRecurrence", deleted))
        }
    };
    if let Some(master) = event::master_mut(&mut object) {
        master.remove("EXDATE");
    }
    let all = event::instances(&object, Timestamp::MIN, Timestamp::MAX);
    let found = index.checked_sub(1).and_then(|index| all.get(index));
    let out = Refusal("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "There is no such occurrence.");
    gone(found.ok_or(out)?.original)
}

fn entry(call: &Call<'_>, state: &State, number: u32) -> Result<Arc<Stored>, Refusal> {
    let calendar = state.calendar(Protocol::Ews, call.user).ok_or(ids::ITEM_NOT_FOUND)?;
    calendar.get(number).cloned().ok_or(ids::ITEM_NOT_FOUND)
}

/// The entry at a spot as it is shown.
pub(super) fn at(call: &Call<'_>, state: &State, spot: Spot) -> Result<Appointment, Refusal> {
    let entry = entry(call, state, spot.number)?;
    Appointment::new(&actor(call), &entry, spot.original).ok_or(ids::ITEM_NOT_FOUND)
}

/// All entries as they are shown; with a time, what takes place then, each occurrence for itself.
pub(super) fn all(call: &Call<'_>, state: &State, window: Option<Window>) -> Vec<Appointment> {
    let actor = actor(call);
    let mut found = Vec::new();
    let calendar = state.calendar(Protocol::Ews, call.user);
    for entry in calendar.into_iter().flat_map(|calendar| calendar.entries()) {
        let Some((from, to)) = window else {
            found.extend(Appointment::new(&actor, entry, None));
            continue;
        };
        for instance in event::instances(&entry.shown(call.fault().as_ref()), from, to) {
            let original = (instance.kind != event::Kind::Single).then_some(instance.original);
            found.extend(Appointment::new(&actor, entry, original));
        }
    }
    if window.is_some() {
        found.sort_by_key(Appointment::begins);
    }
    found
}

/// The time of `CalendarView`, and how many are wanted at most.
pub(super) fn view(request: Node<'_, '_>) -> Result<Option<(Window, usize)>, Refusal> {
    let Some(view) = xml::child(request, "CalendarView") else { return Ok(None) };
    let time = |name: &str| view.attribute(name).and_then(|text| text.trim().parse::<Timestamp>().ok());
    let invalid = Refusal("ErrorInvalidPropertyRequest", "The times of the view are not understood.");
    let (Some(from), Some(to)) = (time("StartDate"), time("EndDate")) else { return Err(invalid) };
    if to < from {
        let text = "The end of the view is before its start.";
        return Err(Refusal("ErrorCalendarEndDateIsEarlierThanStartDate", text));
    }
    if to.duration_since(from).as_hours() > 2 * 366 * 24 {
        return Err(Refusal("ErrorCalendarViewRangeTooBig", "The view is longer than two years."));
    }
    let most = view.attribute("MaxEntriesReturned").and_then(|text| text.trim().parse().ok());
    Ok(Some(((from, to), most.unwrap_or(1000).clamp(1, 1000))))
}
