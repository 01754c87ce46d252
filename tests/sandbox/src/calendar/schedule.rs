//! Scheduling: who has to be told of a change (RFC 6638), and what becomes of what one is told (RFC 5546).
//!
//! Everything goes by mail, as RFC 6047 has it; what comes into an inbox finds its way into the calendar
//! there, as Exchange's attendant does it. So there is one way, whoever writes and whoever reads.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Calendar, Meaning, event, file_name,
    ical::{Component, Property},
    mail, when,
};
use crate::{fault::Fault, fault::Protocol, mime, shared::Shared};

/// Someone who changes an entry of the own calendar.
pub(crate) struct Actor<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) protocol: Protocol,
    pub(crate) user: &'a str,
}

/// What is said, to whom.
pub(crate) struct Notice {
    pub(crate) method: &'static str,
    pub(crate) to: Vec<String>,
    pub(crate) object: Component,
}

/// The part that a user plays in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nobody else takes part.
    Alone,
    Organizer,
    Attendee,
}

/// The methods that tell of invitations; the others are answers.
const INVITING: [&str; 2] = ["REQUEST", "CANCEL"];

impl Actor<'_> {
    pub(crate) fn address(&self) -> String {
        format!("{}@{}", self.user, self.shared.options.domain).to_ascii_lowercase()
    }

    pub(crate) fn is_me(&self, address: &str) -> bool {
        is_user(&self.shared.options.domain, self.user, address)
    }

    pub(crate) fn role(&self, object: &Component) -> Role {
        match event::organizer(object) {
            None => Role::Alone,
            Some(organizer) if self.is_me(&organizer) => Role::Organizer,
            Some(_) => Role::Attendee,
        }
    }

    fn others(&self, object: Option<&Component>) -> Vec<String> {
        let served = |address: &String| {
            let object = object.map(|object| object.within("VEVENT").flat_map(|event| event.all("ATTENDEE")));
            let mut mine = object.into_iter().flatten().filter(|attendee| attendee.address() == *address);
            !mine.any(|attendee| matches!(attendee.parameter("SCHEDULE-AGENT"), Some("CLIENT" | "NONE")))
        };
        let all = object.map(event::attendees).unwrap_or_default();
        all.into_iter().filter(|address| !self.is_me(address)).filter(served).collect()
    }

    /// Makes what an organizer writes fit what was there: a new time takes answers back and counts.
    pub(crate) fn prepare(&self, old: Option<&Component>, new: &mut Component) {
        if self.role(new) == Role::Attendee {
            self.settle(new);
        }
        let Some(old) = old.filter(|_| self.role(new) == Role::Organizer) else { return };
        let moved = timing(old) != timing(new);
        let before = sequence(old);
        for event in new.components.iter_mut().filter(|part| part.name == "VEVENT") {
            if moved && sequence_of(event) <= before {
                event.set(Property::new("SEQUENCE", (before + 1).to_string()));
            }
            for attendee in event.all_mut("ATTENDEE") {
                let address = attendee.address();
                if self.is_me(&address) {
                    continue;
                }
                if moved {
                    attendee.set("PARTSTAT", "NEEDS-ACTION");
                } else if let Some(answer) = answer(old, &address)
                    && attendee.parameter("PARTSTAT").is_none_or(|given| given == "NEEDS-ACTION")
                {
                    // What was answered meanwhile is kept.
                    attendee.set("PARTSTAT", &answer);
                }
            }
        }
    }

    /// Makes the time as busy as the own answer has it.
    fn settle(&self, object: &mut Component) {
        for event in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
            let intended = event.value("X-MICROSOFT-CDO-INTENDEDSTATUS").map(str::to_owned);
            let (Some(intended), Some(answer)) = (intended, self.own(event)) else { continue };
            let status = match answer.as_str() {
                "ACCEPTED" => intended.as_str(),
                "DECLINED" => "FREE",
                _ if intended == "FREE" => "FREE",
                _ => "TENTATIVE",
            };
            event.set(Property::new("X-MICROSOFT-CDO-BUSYSTATUS", status));
        }
    }

    /// Those who take part and have a mailbox here.
    pub(crate) fn reached(&self, object: &Component) -> Vec<String> {
        let state = self.shared.store.lock();
        event::attendees(object).into_iter().filter(|address| state.user(address).is_some()).collect()
    }

    /// Notes at those who are invited whether the invitation can reach them.
    pub(crate) fn mark(&self, object: &mut Component, reached: &[String]) {
        if self.role(object) != Role::Organizer {
            return;
        }
        for event in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
            for attendee in event.all_mut("ATTENDEE") {
                let address = attendee.address();
                let served = !matches!(attendee.parameter("SCHEDULE-AGENT"), Some("CLIENT" | "NONE"));
                let answered = attendee.parameter("SCHEDULE-STATUS") == Some("2.0");
                if served && !answered && !self.is_me(&address) {
                    attendee.set("SCHEDULE-STATUS", if reached.contains(&address) { "1.2" } else { "3.7" });
                }
            }
        }
    }

    /// Who has to be told that an entry has changed, has come or is gone.
    pub(crate) fn notices(&self, old: Option<&Component>, new: Option<&Component>) -> Vec<Notice> {
        let Some(object) = new.or(old) else { return Vec::new() };
        match self.role(object) {
            Role::Alone => Vec::new(),
            Role::Organizer => self.invitations(old, new),
            Role::Attendee => self.answers(old, new),
        }
    }

    fn invitations(&self, old: Option<&Component>, new: Option<&Component>) -> Vec<Notice> {
        let (before, after) = (self.others(old), self.others(new));
        let off = |object: &Component| event::main(object).is_some_and(event::is_cancelled);
        let mut notices = Vec::new();
        let Some(object) = new.filter(|object| !off(object)) else {
            let object = new.or(old).cloned().unwrap_or_default();
            let to = if new.is_some() { after } else { before };
            let told = old.is_some_and(off);
            return if told {
                Vec::new()
            } else {
                vec![Notice { method: "CANCEL", to, object: cancelled(object) }]
            };
        };
        let removed: Vec<String> =
            before.iter().filter(|address| !after.contains(address)).cloned().collect();
        if let Some(old) = old.filter(|_| !removed.is_empty()) {
            notices.push(Notice { method: "CANCEL", to: removed, object: cancelled(old.clone()) });
        }
        let changed = old.is_none_or(|old| meaning(old) != meaning(object));
        let to: Vec<String> =
            after.into_iter().filter(|address| changed || !before.contains(address)).collect();
        notices.push(Notice { method: "REQUEST", to, object: object.clone() });
        notices
    }

    fn answers(&self, old: Option<&Component>, new: Option<&Component>) -> Vec<Notice> {
        let Some(mut object) = new.or(old).cloned() else { return Vec::new() };
        let Some(organizer) = event::organizer(&object) else { return Vec::new() };
        if new.is_none() {
            if event::main(&object).is_some_and(event::is_cancelled) {
                return Vec::new();
            }
            self.answer_with(&mut object, "DECLINED");
        }
        let was = |event: &Component| {
            let old = old?;
            let same = event::original(event, &object);
            let known = old.within("VEVENT").find(|known| event::original(known, old) == same);
            self.own(known.or_else(|| event::master(old))?)
        };
        let mut reply = object.clone();
        reply.components.retain(|part| {
            let now = self.own(part);
            part.name == "VEVENT"
                && now.as_deref().is_some_and(|now| now != "NEEDS-ACTION")
                && now != was(part)
        });
        for event in &mut reply.components {
            event.components.clear();
            event.properties.retain(|p| p.name != "ATTENDEE" || self.is_me(&p.address()));
            event.set(Property::new("DTSTAMP", when::utc(Timestamp::now())));
        }
        if reply.components.is_empty() {
            return Vec::new();
        }
        vec![Notice { method: "REPLY", to: vec![organizer], object: reply }]
    }

    /// The own answer.
    pub(crate) fn own(&self, event: &Component) -> Option<String> {
        let own = event.all("ATTENDEE").find(|attendee| self.is_me(&attendee.address()))?;
        Some(own.parameter("PARTSTAT").unwrap_or("NEEDS-ACTION").to_owned())
    }

    /// Puts the own answer into every event of an object.
    pub(crate) fn answer_with(&self, object: &mut Component, answer: &str) {
        for event in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
            for attendee in event.all_mut("ATTENDEE").filter(|attendee| self.is_me(&attendee.address())) {
                attendee.set("PARTSTAT", answer);
                attendee.unset("RSVP");
            }
            event.set(Property::new("X-MICROSOFT-CDO-REPLYTIME", when::utc(Timestamp::now())));
        }
    }

    /// Sends what has to be said, and returns the mails.
    pub(crate) fn tell(&self, notices: Vec<Notice>) -> Vec<Vec<u8>> {
        let fault = self.shared.fault(self.protocol);
        let mut mails = Vec::new();
        for notice in notices.into_iter().filter(|notice| !notice.to.is_empty()) {
            let raw = mail::compose(self, &notice);
            let lost = match fault {
                Some(Fault::LoseInvitation) => INVITING.contains(&notice.method),
                Some(Fault::LoseAnswer) => notice.method == "REPLY",
                _ => false,
            };
            if lost {
                self.shared.count(|counts| counts.lost += 1);
            } else {
                mail::send(self, &notice, &raw, fault.as_ref());
            }
            mails.push(raw);
        }
        mails
    }
}

/// Whether an address is that user's: `name@domain`, `name+tag@domain`.
fn is_user(domain: &str, user: &str, address: &str) -> bool {
    let Some((name, at)) = address.rsplit_once('@') else { return false };
    let base = name.split('+').next().unwrap_or_default();
    at.eq_ignore_ascii_case(domain) && [name, base].iter().any(|name| name.eq_ignore_ascii_case(user))
}

fn sequence_of(event: &Component) -> u32 {
    event.value("SEQUENCE").and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

fn sequence(object: &Component) -> u32 {
    object.within("VEVENT").map(sequence_of).max().unwrap_or_default()
}

/// What somebody answered to the entry as a whole.
fn answer(object: &Component, address: &str) -> Option<String> {
    let mut attendees = event::main(object)?.all("ATTENDEE");
    attendees.find(|attendee| attendee.address() == address)?.parameter("PARTSTAT").map(str::to_owned)
}

/// When an entry takes place, to be compared.
fn timing(object: &Component) -> Vec<String> {
    let of = |event: &Component| {
        let time = |when: Option<when::When>| when.map(|when| when.timestamp());
        let (start, end) = (time(event::start(event, object)), time(event::end(event, object)));
        format!("{:?} {start:?} {end:?} {:?}", event::original(event, object), event.value("RRULE"))
    };
    let mut timing: Vec<String> = object.within("VEVENT").map(of).collect();
    timing.sort();
    timing
}

/// What others have to be told of, to be compared.
fn meaning(object: &Component) -> Vec<String> {
    let of = |event: &Component| {
        let texts = ["SUMMARY", "LOCATION", "DESCRIPTION", "CLASS", "STATUS"].map(|name| event.text(name));
        let people: Vec<String> = event.all("ATTENDEE").map(Property::address).collect();
        format!("{texts:?} {people:?} {:?}", event::excluded(event, object))
    };
    let mut meaning: Vec<String> = object.within("VEVENT").map(of).collect();
    meaning.sort();
    meaning.extend(timing(object));
    meaning
}

fn cancelled(mut object: Component) -> Component {
    let next = sequence(&object) + 1;
    for event in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
        event.set(Property::new("STATUS", "CANCELLED"));
        event.set(Property::new("SEQUENCE", next.to_string()));
    }
    object
}

/// The calendar object in a mail, with its method.
pub(crate) fn carried(raw: &[u8], message: &mime::Part) -> Option<(String, Component)> {
    let part = calendar_part(message)?;
    let object = Component::parse(&mail::body(raw, part)).ok()?;
    event::check(&object).ok()?;
    let method = object.value("METHOD").unwrap_or_default().to_ascii_uppercase();
    Some((method, object))
}

fn calendar_part(part: &mime::Part) -> Option<&mime::Part> {
    if part.kind == "text" && part.subkind == "calendar" {
        return Some(part);
    }
    part.children.iter().find_map(calendar_part)
}

/// Does what a mail that came says about meetings.
pub(crate) fn attend(shared: &Shared, user: &str, raw: &[u8]) {
    let Some((method, mut object)) = carried(raw, &mime::parse(raw)) else { return };
    let domain = &shared.options.domain;
    let mine = |address: &String| is_user(domain, user, address);
    let organizer = event::organizer(&object).is_some_and(|organizer| mine(&organizer));
    let attendee = event::attendees(&object).iter().any(mine);
    let mut state = shared.store.lock();
    let Some(calendar) = state.calendar_mut(user) else { return };
    let taken = match method.as_str() {
        "REPLY" if organizer => reply(calendar, &object),
        "REQUEST" if attendee && !organizer => {
            object.remove("METHOD");
            let kept = request(calendar, object.clone(), &mine);
            object.set(Property::new("METHOD", "REQUEST"));
            kept
        }
        "CANCEL" if attendee && !organizer => cancel(calendar, &object),
        _ => None,
    };
    if taken.is_some() {
        calendar.receive(object);
    }
    drop(state);
    shared.store.ring();
}

/// An answer: it is noted in the organizer's entry.
fn reply(calendar: &mut Calendar, reply: &Component) -> Option<()> {
    let entry = Arc::clone(calendar.by_uid(event::uid(reply)?)?);
    // What was said of an earlier time is said no more.
    if sequence(reply) < sequence(&entry.object) {
        return None;
    }
    let mut object = entry.object.clone();
    for said in reply.within("VEVENT") {
        let attendee = said.get("ATTENDEE")?;
        let answer = attendee.parameter("PARTSTAT")?;
        let original = event::original(said, reply);
        if let Some(original) = original.filter(|_| event::master(&object).is_some()) {
            event::differ(&mut object, original)?;
        }
        let of = |event: &Component, object: &Component| event::original(event, object) == original;
        let at = object.components.iter().position(|part| part.name == "VEVENT" && of(part, &object))?;
        for known in object.components.get_mut(at)?.all_mut("ATTENDEE") {
            if known.address() == attendee.address() {
                known.set("PARTSTAT", answer);
                known.set("SCHEDULE-STATUS", "2.0");
                known.unset("RSVP");
            }
        }
    }
    calendar.replace(entry.number, object, Meaning::Answer).map(|_| ())
}

/// An invitation or an update: the entry is there, to be answered.
fn request(calendar: &mut Calendar, mut object: Component, mine: &dyn Fn(&String) -> bool) -> Option<()> {
    let uid = event::uid(&object)?.to_owned();
    let old = calendar.by_uid(&uid).cloned();
    if let Some(old) = &old {
        if sequence(&object) < sequence(&old.object) {
            return None;
        }
        if event::master(&object).is_none() {
            // One occurrence alone: what is known of the others stays.
            object = merged(old.object.clone(), object);
        }
    }
    let stays = old.as_ref().filter(|old| timing(&old.object) == timing(&object));
    let address = event::attendees(&object).into_iter().find(mine)?;
    let given = stays.and_then(|old| answer(&old.object, &address));
    let free = event::main(&object).map(event::busy) == Some("Free");
    for part in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
        part.components.clear();
        for own in part.all_mut("ATTENDEE").filter(|attendee| attendee.address() == address) {
            own.set("PARTSTAT", given.as_deref().unwrap_or("NEEDS-ACTION"));
        }
        let intended = event::busy(part);
        part.set(Property::new("X-MICROSOFT-CDO-INTENDEDSTATUS", intended.to_ascii_uppercase()));
        if !free && given.as_deref() != Some("ACCEPTED") {
            part.set(Property::new("X-MICROSOFT-CDO-BUSYSTATUS", "TENTATIVE"));
        }
    }
    match old {
        Some(old) => calendar.replace(old.number, object, Meaning::Entry).map(|_| ()),
        None => calendar.add(&file_name(&uid), object).map(|_| ()),
    }
}

/// Puts what is told of single occurrences in the place of what was known of them.
fn merged(mut known: Component, told: Component) -> Component {
    let originals: Vec<_> = told.within("VEVENT").map(|event| event::original(event, &told)).collect();
    let before = known.clone();
    known
        .components
        .retain(|part| part.name != "VEVENT" || !originals.contains(&event::original(part, &before)));
    known.components.extend(told.components.into_iter().filter(|part| part.name == "VEVENT"));
    known
}

/// A cancellation: the entry stays, marked, until its owner removes it; a single occurrence goes.
fn cancel(calendar: &mut Calendar, cancel: &Component) -> Option<()> {
    let entry = Arc::clone(calendar.by_uid(event::uid(cancel)?)?);
    let mut object = entry.object.clone();
    for said in cancel.within("VEVENT") {
        match event::original(said, cancel).filter(|_| event::master(cancel).is_none()) {
            Some(original) => event::exclude(&mut object, original)?,
            None => {
                for part in object.components.iter_mut().filter(|part| part.name == "VEVENT") {
                    part.set(Property::new("STATUS", "CANCELLED"));
                    part.set(Property::new("TRANSP", "TRANSPARENT"));
                    part.set(Property::new("SEQUENCE", sequence(cancel).to_string()));
                    part.remove("X-MICROSOFT-CDO-BUSYSTATUS");
                }
            }
        }
    }
    calendar.replace(entry.number, object, Meaning::Entry).map(|_| ())
}
