//! Mails about meetings as Exchange tells of them, and how they are answered.

use jiff::Timestamp;
use roxmltree::Node;

use super::{Appointment, Spot, actor, appointment, create, property};
use crate::{
    calendar::{
        Calendar, Meaning, event,
        ical::Component,
        schedule::{self, Role},
    },
    ews::{
        Call, Refusal,
        fields::{Base, Shape},
        ids, item as items, move_item,
    },
    mime::Part,
    store::Flags,
    xml::{self, Xml},
};

/// What a mail says about a meeting.
pub(in crate::ews) struct Meeting {
    method: String,
    object: Component,
}

/// Properties of meeting messages, in the order of the schema; those behind the line are of requests and
/// calendar items alone.
const PROPERTIES: [(&str, Base); 18] = [
    ("meeting:AssociatedCalendarItemId", Base::Default),
    ("meeting:IsDelegated", Base::Default),
    ("meeting:IsOutOfDate", Base::Default),
    ("meeting:HasBeenProcessed", Base::Default),
    ("meeting:ResponseType", Base::Default),
    ("calendar:UID", Base::AllProperties),
    ("meetingRequest:MeetingRequestType", Base::Default),
    ("meetingRequest:IntendedFreeBusyStatus", Base::Default),
    ("calendar:Start", Base::Default),
    ("calendar:End", Base::Default),
    ("calendar:IsAllDayEvent", Base::AllProperties),
    ("calendar:LegacyFreeBusyStatus", Base::AllProperties),
    ("calendar:Location", Base::Default),
    ("calendar:CalendarItemType", Base::Default),
    ("calendar:Organizer", Base::Default),
    ("calendar:RequiredAttendees", Base::AllProperties),
    ("calendar:OptionalAttendees", Base::AllProperties),
    ("calendar:Recurrence", Base::AllProperties),
];

impl Meeting {
    pub(in crate::ews) fn read(raw: &[u8], message: &Part) -> Option<Self> {
        let (method, object) = schedule::carried(raw, message)?;
        Some(Self { method, object })
    }

    pub(in crate::ews) fn element(&self) -> &'static str {
        match self.method.as_str() {
            "REQUEST" => "t:MeetingRequest",
            "REPLY" => "t:MeetingResponse",
            "CANCEL" => "t:MeetingCancellation",
            _ => "t:CalendarItem",
        }
    }

    fn answer(&self) -> Option<&str> {
        event::main(&self.object)?.get("ATTENDEE")?.parameter("PARTSTAT")
    }

    pub(in crate::ews) fn class(&self) -> &'static str {
        match (self.method.as_str(), self.answer()) {
            ("REQUEST", _) => "IPM.Schedule.Meeting.Request",
            ("CANCEL", _) => "IPM.Schedule.Meeting.Canceled",
            ("REPLY", Some("ACCEPTED")) => "IPM.Schedule.Meeting.Resp.Pos",
            ("REPLY", Some("TENTATIVE")) => "IPM.Schedule.Meeting.Resp.Tent",
            ("REPLY", _) => "IPM.Schedule.Meeting.Resp.Neg",
            _ => "IPM.Appointment",
        }
    }

    /// Writes what a meeting message has besides what every message has.
    pub(in crate::ews) fn write(
        &self,
        xml: &mut Xml,
        call: &Call<'_>,
        calendar: Option<&Calendar>,
        shape: &Shape,
    ) {
        let spot = Spot { number: 0, original: None };
        let actor = actor(call);
        let Some(meeting) = Appointment::of(&actor, self.object.clone(), spot, 0, Timestamp::now()) else {
            return;
        };
        let entry = event::uid(&self.object).and_then(|uid| calendar?.by_uid(uid));
        for (name, base) in PROPERTIES {
            if base > shape.base && !shape.wants(name) {
                continue;
            }
            let message = name.starts_with("meeting:") || name.starts_with("meetingRequest:");
            if self.element() == "t:CalendarItem" && message
                || self.element() != "t:MeetingRequest" && name.starts_with("meetingRequest:")
            {
                continue;
            }
            match name {
                "meeting:AssociatedCalendarItemId" => {
                    if let Some(entry) = entry {
                        let spot = Spot { number: entry.number, original: None };
                        let name = "t:AssociatedCalendarItemId";
                        appointment::write_id(xml, name, call.user, spot, entry.change);
                    }
                }
                "meeting:IsDelegated" => xml.leaf("t:IsDelegated", "false"),
                "meeting:IsOutOfDate" => {
                    let old = entry.is_some_and(|entry| sequence(&entry.object) > sequence(&self.object));
                    xml.leaf("t:IsOutOfDate", if old { "true" } else { "false" });
                }
                "meeting:HasBeenProcessed" => {
                    xml.leaf("t:HasBeenProcessed", if entry.is_some() { "true" } else { "false" });
                }
                "meeting:ResponseType" => {
                    let response =
                        if self.method == "REPLY" { property::response(self.answer()) } else { "Unknown" };
                    xml.leaf("t:ResponseType", response);
                }
                "meetingRequest:MeetingRequestType" => {
                    let kind = if sequence(&self.object) == 0 { "NewMeetingRequest" } else { "FullUpdate" };
                    xml.leaf("t:MeetingRequestType", kind);
                }
                "meetingRequest:IntendedFreeBusyStatus" => {
                    xml.leaf("t:IntendedFreeBusyStatus", event::busy(&meeting.event));
                }
                _ => meeting.property(xml, name, shape),
            }
        }
    }
}

fn sequence(object: &Component) -> u32 {
    let value = event::main(object).and_then(|event| event.value("SEQUENCE"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

/// What the items are called by which one answers, and the answers.
const ANSWERS: [(&str, &str); 3] =
    [("AcceptItem", "ACCEPTED"), ("TentativelyAcceptItem", "TENTATIVE"), ("DeclineItem", "DECLINED")];

/// Answers an invitation, or calls a meeting off; nothing if the element does neither.
pub(in crate::ews) fn respond(
    call: &Call<'_>,
    node: Node<'_, '_>,
    (send, keep): (bool, bool),
) -> Option<Result<String, Refusal>> {
    let name = node.tag_name().name();
    let answer = ANSWERS.iter().find(|(known, _)| *known == name).map(|(_, answer)| *answer);
    if answer.is_none() && name != "CancelCalendarItem" {
        return None;
    }
    let Some(id) = xml::child(node, "ReferenceItemId") else { return Some(Err(ids::MALFORMED)) };
    Some(target(call, id).and_then(|(spot, mail)| match answer {
        Some(answer) => {
            let done = self::answer(call, spot, answer, (send, keep))?;
            if let Some(place) = mail {
                // The invitation is done with.
                move_item::carry(call, &place, "Trash", false)?;
            }
            Ok(done)
        }
        None => create::cancel(call, spot),
    }))
}

/// The entry that is meant: itself, or by an invitation that lies in a folder.
fn target(call: &Call<'_>, id: Node<'_, '_>) -> Result<(Spot, Option<items::Place>), Refusal> {
    let mut state = call.http.shared.store.lock();
    if let Some(spot) = super::spot(call, &state, id)? {
        return Ok((spot, None));
    }
    let place = items::place_of(call, &state, id)?;
    let item = items::Item::at(&state, &place, call.user)?;
    let invalid = Refusal("ErrorInvalidReferenceItem", "The item is no invitation.");
    let meeting = item.meeting().filter(|meeting| meeting.method == "REQUEST");
    let uid = meeting.and_then(|meeting| event::uid(&meeting.object)).ok_or_else(|| invalid.clone())?;
    let uid = uid.to_owned();
    let calendar = state.calendar_mut(call.user).ok_or_else(|| invalid.clone())?;
    let entry = calendar.by_uid(&uid).ok_or(ids::ITEM_NOT_FOUND)?;
    Ok((Spot { number: entry.number, original: None }, Some(place)))
}

fn answer(call: &Call<'_>, spot: Spot, answer: &str, (send, keep): (bool, bool)) -> Result<String, Refusal> {
    let actor = actor(call);
    let old = {
        let mut state = call.http.shared.store.lock();
        let calendar = state.calendar_mut(call.user).ok_or(ids::ITEM_NOT_FOUND)?;
        calendar.get(spot.number).cloned().ok_or(ids::ITEM_NOT_FOUND)?
    };
    let off = event::main(&old.object).is_some_and(event::is_cancelled);
    match (actor.role(&old.object), off) {
        (Role::Attendee, false) => {}
        (Role::Attendee, true) => return Err(refusal(answer, &CANCELLED)),
        _ => return Err(refusal(answer, &ORGANIZER)),
    }
    let mut object = old.object.clone();
    actor.answer_with(&mut object, answer);
    actor.prepare(Some(&old.object), &mut object);
    // Who answers the same again says it again.
    let mut before = old.object.clone();
    actor.answer_with(&mut before, "NEEDS-ACTION");
    let notices = actor.notices(Some(&before), Some(&object));
    let mut written = String::new();
    if answer == "DECLINED" {
        create::remove(call, &old, true)?;
    } else {
        let mut state = call.http.shared.store.lock();
        let calendar = state.calendar_mut(call.user).ok_or(ids::ITEM_NOT_FOUND)?;
        let new = calendar.replace(old.number, object, Meaning::Entry).ok_or(ids::ITEM_NOT_FOUND)?;
        let mut xml = Xml::new();
        xml.within("t:CalendarItem", |xml| {
            appointment::write_id(xml, "t:ItemId", call.user, spot, new.change);
        });
        written = xml.finish();
    }
    if send {
        for raw in actor.tell(notices) {
            if keep {
                let flags = Flags::from(["\\Seen".to_owned()]);
                call.http.shared.store.append(call.user, "Sent", raw.into(), flags, None);
            }
        }
    }
    Ok(written)
}

/// The codes for accepting, for accepting tentatively and for declining.
type Codes = [&'static str; 3];
const CANCELLED: Codes = [
    "ErrorCalendarIsCancelledForAccept",
    "ErrorCalendarIsCancelledForTentative",
    "ErrorCalendarIsCancelledForDecline",
];
const ORGANIZER: Codes = [
    "ErrorCalendarIsOrganizerForAccept",
    "ErrorCalendarIsOrganizerForTentative",
    "ErrorCalendarIsOrganizerForDecline",
];

fn refusal(answer: &str, codes: &Codes) -> Refusal {
    let at = ANSWERS.iter().position(|(_, known)| *known == answer).unwrap_or_default();
    let code = codes.get(at).copied().unwrap_or("ErrorInvalidRequest");
    Refusal(code, "The meeting cannot be answered that way.")
}
