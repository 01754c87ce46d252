//! The outbox: asking when others are busy (RFC 6638, section 5).

use jiff::Timestamp;

use super::{CALDAV, Call, Refusal, Resource, SPACES, XML, begin};
use crate::{
    calendar::{
        free_busy,
        ical::{Component, Property},
        when::{self, When},
    },
    fault::Protocol,
    http::Reply,
    store::State,
};

/// The most that are asked for at once.
const MOST: usize = 100;

/// When a user is busy.
pub(super) fn busy(call: &Call<'_>, state: &State, user: &str, from: Timestamp, to: Timestamp) -> Component {
    let mut busy = Component::new("VFREEBUSY");
    busy.set(Property::new("DTSTART", when::utc(from)));
    busy.set(Property::new("DTEND", when::utc(to)));
    let calendar = state.calendar(Protocol::Caldav, user);
    let blocks = calendar.map(|calendar| free_busy::blocks(calendar, from, to, call.fault().as_ref()));
    for block in blocks.unwrap_or_default() {
        let kind = match block.busy {
            "Tentative" => "BUSY-TENTATIVE",
            "OOF" => "BUSY-UNAVAILABLE",
            _ => "BUSY",
        };
        let period = format!("{}/{}", when::utc(block.start.max(from)), when::utc(block.end.min(to)));
        busy.properties.push(Property::new("FREEBUSY", period).with("FBTYPE", kind));
    }
    busy
}

pub(super) fn object(method: &str, inner: Component) -> Component {
    let mut object = Component::new("VCALENDAR");
    object.set(Property::new("VERSION", "2.0"));
    object.set(Property::new("PRODID", "-//mailprobe//sandbox//EN"));
    if !method.is_empty() {
        object.set(Property::new("METHOD", method));
    }
    object.components.push(inner);
    object
}

pub(super) fn answer(call: &Call<'_>, text: &str) -> Result<Reply, Refusal> {
    if call.resource != Resource::Outbox {
        return Err(Refusal::plain(405, "Requests are posted to the outbox."));
    }
    let asked =
        Component::parse(text).map_err(|why| Refusal::condition(CALDAV, "valid-calendar-data", why))?;
    let message = |text: &str| Refusal::condition(CALDAV, "valid-scheduling-message", text);
    let question = asked.within("VFREEBUSY").next().filter(|_| asked.value("METHOD") == Some("REQUEST"));
    let question = question.ok_or_else(|| message("Only requests for free and busy are posted."))?;
    let organizer = question.get("ORGANIZER").map(Property::address).unwrap_or_default();
    if !call.actor().is_me(&organizer) {
        let text = "The organizer is somebody else.";
        return Err(Refusal::condition(CALDAV, "organizer-allowed", text));
    }
    let when = |name: &str| {
        let time = question.get(name).and_then(|property| When::read(property, question, &asked));
        time.map(|time| time.timestamp()).ok_or_else(|| message("Its times are not understood."))
    };
    let (from, to) = (when("DTSTART")?, when("DTEND")?);
    let state = call.http.shared.store.lock();
    let mut xml = begin();
    xml.within_with("c:schedule-response", &SPACES, |xml| {
        for attendee in question.all("ATTENDEE").take(MOST) {
            let user = state.user(&attendee.address()).map(|user| user.name.clone());
            xml.within("c:response", |xml| {
                xml.within("c:recipient", |xml| xml.leaf("d:href", &attendee.value));
                let Some(user) = user else {
                    xml.leaf("c:request-status", "3.7;Invalid Calendar User");
                    return;
                };
                let mut busy = busy(call, &state, &user, from, to);
                for name in ["UID", "DTSTAMP", "ORGANIZER"] {
                    if let Some(property) = question.get(name) {
                        busy.set(property.clone());
                    }
                }
                busy.set(attendee.clone());
                xml.leaf("c:request-status", "2.0;Success");
                xml.leaf("c:calendar-data", &object("REPLY", busy).write());
            });
        }
    });
    Ok(Reply::new(200, XML, xml.finish()))
}
