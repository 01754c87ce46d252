//! REPORT: what is looked for, what is named, what has changed, and when one is busy.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use roxmltree::Node;

use super::{
    CALDAV, Call, DAV, ICALENDAR, Refusal, Resource, filter, outbox, property,
    propfind::{Wanted, multistatus},
};
use crate::{
    calendar::{
        Stored, event,
        ical::{Component, Property},
        when::{self, When},
    },
    fault::Fault,
    http::Reply,
    store::State,
    xml::{self, Xml},
};

pub(super) fn answer(call: &Call<'_>, text: &str) -> Result<Reply, Refusal> {
    let document = xml::parse(text).map_err(|error| Refusal::plain(400, &error))?;
    let root = document.root_element();
    match (root.tag_name().name(), &call.resource) {
        ("calendar-query", Resource::Calendar | Resource::Inbox | Resource::Entry(_)) => query(call, root),
        ("calendar-multiget", Resource::Calendar | Resource::Inbox | Resource::Home) => multiget(call, root),
        ("sync-collection", Resource::Calendar) => sync(call, root),
        ("free-busy-query", Resource::Calendar | Resource::Home) => free_busy(call, root),
        _ => Err(Refusal::condition(DAV, "supported-report", "There is no such report here.")),
    }
}

/// How entries are wanted: as they are, or a series taken apart.
struct Data {
    expand: Option<(Timestamp, Timestamp)>,
    fault: Option<Fault>,
}

impl Data {
    fn read(call: &Call<'_>, root: Node<'_, '_>) -> Result<Self, Refusal> {
        let data = xml::child(root, "prop").and_then(|prop| xml::child(prop, "calendar-data"));
        let expand = data.and_then(|data| xml::child(data, "expand")).map(filter::range).transpose()?;
        Ok(Self { expand, fault: call.fault() })
    }

    fn text(&self, entry: &Stored) -> String {
        let object = entry.shown(self.fault.as_ref());
        match self.expand {
            Some((from, to)) => expanded(&object, from, to).write(),
            None => object.write(),
        }
    }
}

/// A series as single events, in UTC.
fn expanded(object: &Component, from: Timestamp, to: Timestamp) -> Component {
    let mut whole = object.clone();
    whole.components.clear();
    for instance in event::instances(object, from, to) {
        let mut event = instance.event.clone();
        for name in ["RRULE", "EXDATE", "RDATE", "DURATION"] {
            event.remove(name);
        }
        let plain = |when: &When| {
            if when.day { when.clone() } else { When::at(when.timestamp(), &TimeZone::UTC, false) }
        };
        event.set(plain(&instance.start).property("DTSTART"));
        event.set(plain(&instance.end).property("DTEND"));
        if instance.kind != event::Kind::Single {
            let original = When::at(instance.original, &instance.start.zone, instance.start.day);
            event.set(plain(&original).property("RECURRENCE-ID"));
        }
        whole.components.push(event);
    }
    whole
}

fn tell(xml: &mut Xml, call: &Call<'_>, state: &State, wanted: &Wanted, data: &Data, resource: &Resource) {
    let content = |space: &str, name: &str| {
        if (space, name) != (CALDAV, "calendar-data") {
            return None;
        }
        let text = match resource {
            Resource::Entry(name) => data.text(&*call.entry(state, name)?),
            Resource::Message(name) => call.message(state, name)?.object.write(),
            _ => return None,
        };
        Some(xml::escape(&text))
    };
    wanted.write(xml, call, state, resource, &content);
}

fn query(call: &Call<'_>, root: Node<'_, '_>) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(Some(root));
    let data = Data::read(call, root)?;
    let filter = xml::child(root, "filter")
        .ok_or_else(|| Refusal::condition(CALDAV, "valid-filter", "The filter is missing."))?;
    let state = call.http.shared.store.lock();
    let mut found = Vec::new();
    let candidates = match &call.resource {
        Resource::Entry(_) => vec![call.resource.clone()],
        _ => super::propfind::children(call, &state),
    };
    for resource in candidates {
        let fits = match &resource {
            Resource::Entry(name) => match call.entry(&state, name) {
                Some(entry) => filter::matches(filter, &entry.shown(call.fault().as_ref()))?,
                None => false,
            },
            Resource::Message(name) => match call.message(&state, name) {
                Some(message) => filter::matches(filter, &message.object)?,
                None => false,
            },
            _ => false,
        };
        if fits {
            found.push(resource);
        }
    }
    Ok(multistatus(call, |xml| {
        for resource in &found {
            tell(xml, call, &state, &wanted, &data, resource);
        }
    }))
}

fn gone(xml: &mut Xml, href: &str) {
    xml.within("d:response", |xml| {
        xml.leaf("d:href", href);
        xml.leaf("d:status", "HTTP/1.1 404 Not Found");
    });
}

fn multiget(call: &Call<'_>, root: Node<'_, '_>) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(Some(root));
    let data = Data::read(call, root)?;
    let hrefs = xml::children(root).filter(|node| node.tag_name().name() == "href");
    let hrefs: Vec<&str> = hrefs.map(|node| node.text().unwrap_or_default().trim()).collect();
    let state = call.http.shared.store.lock();
    Ok(multistatus(call, |xml| {
        for href in hrefs {
            let path = href
                .split_once("://")
                .map_or(href, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(href));
            let resource = Resource::parse(path, call.user).ok();
            let there = match &resource {
                Some(Resource::Entry(name)) => call.entry(&state, name).is_some(),
                Some(Resource::Message(name)) => call.message(&state, name).is_some(),
                _ => false,
            };
            match resource.filter(|_| there) {
                Some(resource) => tell(xml, call, &state, &wanted, &data, &resource),
                None => gone(xml, href),
            }
        }
    }))
}

fn sync(call: &Call<'_>, root: Node<'_, '_>) -> Result<Reply, Refusal> {
    let wanted = Wanted::read(Some(root));
    let data = Data::read(call, root)?;
    let token = xml::text(root, "sync-token").unwrap_or_default();
    let invalid =
        || Refusal::condition(DAV, "valid-sync-token", "The sync token is none of this calendar's.");
    let state = call.http.shared.store.lock();
    let calendar = call.calendar(&state).ok_or_else(invalid)?;
    let (changed, removed): (Vec<&Arc<Stored>>, Vec<&str>) = if token.is_empty() {
        (calendar.entries().collect(), Vec::new())
    } else {
        property::counter(token).and_then(|counter| calendar.since(counter)).ok_or_else(invalid)?
    };
    Ok(multistatus(call, |xml| {
        for entry in &changed {
            tell(xml, call, &state, &wanted, &data, &Resource::Entry(entry.name.clone()));
        }
        for name in &removed {
            gone(xml, &Resource::Entry((*name).to_owned()).href(call.user));
        }
        xml.leaf("d:sync-token", &property::token(calendar.counter));
    }))
}

fn free_busy(call: &Call<'_>, root: Node<'_, '_>) -> Result<Reply, Refusal> {
    let node = xml::child(root, "time-range").ok_or_else(|| Refusal::plain(400, "The time is missing."))?;
    let (from, to) = filter::range(node)?;
    let state = call.http.shared.store.lock();
    let mut busy = outbox::busy(call, &state, call.user, from, to);
    busy.set(Property::new("DTSTAMP", when::utc(Timestamp::now())));
    let object = outbox::object("", busy);
    Ok(Reply::new(200, ICALENDAR, object.write()))
}
