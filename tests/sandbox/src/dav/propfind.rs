//! PROPFIND, and the answers that tell of many resources at once.

use roxmltree::Node;

use super::{Call, Refusal, Resource, SPACES, XML, begin, prefix, property};
use crate::{
    fault::Fault,
    http::Reply,
    store::State,
    xml::{self, Xml},
};

/// The properties that are asked for, by namespace and name.
pub(super) struct Wanted {
    pub(super) names: Vec<(String, String)>,
}

impl Wanted {
    /// Reads what stands within `prop`; without one, the usual properties.
    pub(super) fn read(root: Option<Node<'_, '_>>) -> Self {
        let names = match root.and_then(|root| xml::child(root, "prop")) {
            Some(prop) => xml::children(prop)
                .map(|node| {
                    let name = node.tag_name();
                    (name.namespace().unwrap_or_default().to_owned(), name.name().to_owned())
                })
                .collect(),
            None => {
                property::ALL.iter().map(|(space, name)| ((*space).to_owned(), (*name).to_owned())).collect()
            }
        };
        Self { names }
    }

    /// Tells of a resource; `more` knows properties that only a report has.
    pub(super) fn write(
        &self,
        xml: &mut Xml,
        call: &Call<'_>,
        state: &State,
        resource: &Resource,
        more: &dyn Fn(&str, &str) -> Option<String>,
    ) {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for (space, name) in &self.names {
            let value = more(space, name).or_else(|| property::value(call, state, resource, space, name));
            match value {
                Some(value) => found.push((space, name, value)),
                None => missing.push((space, name, String::new())),
            }
        }
        xml.within("d:response", |xml| {
            xml.leaf("d:href", &resource.href(call.user));
            for (values, status) in [(found, "HTTP/1.1 200 OK"), (missing, "HTTP/1.1 404 Not Found")] {
                if values.is_empty() {
                    continue;
                }
                xml.within("d:propstat", |xml| {
                    xml.within("d:prop", |xml| {
                        for (space, name, value) in &values {
                            element(xml, space, name, value);
                        }
                    });
                    xml.leaf("d:status", status);
                });
            }
        });
    }
}

fn element(xml: &mut Xml, space: &str, name: &str, value: &str) {
    let known = SPACES.iter().any(|(_, known)| *known == space);
    if known {
        xml.within(&format!("{}:{name}", prefix(space)), |xml| xml.raw(value));
    } else {
        xml.within_with(&format!("x:{name}"), &[("xmlns:x", space)], |xml| xml.raw(value));
    }
}

/// An answer that tells of resources.
pub(super) fn multistatus(call: &Call<'_>, write: impl FnOnce(&mut Xml)) -> Reply {
    let mut xml = begin();
    // What answers another request has another root.
    let root = if call.fault() == Some(Fault::BadTag) { "d:prop" } else { "d:multistatus" };
    xml.within_with(root, &SPACES, write);
    Reply::new(207, XML, xml.finish())
}

pub(super) fn answer(call: &Call<'_>, text: &str) -> Result<Reply, Refusal> {
    let document = match text.trim() {
        "" => None,
        text => Some(xml::parse(text).map_err(|error| Refusal::plain(400, &error))?),
    };
    let wanted = Wanted::read(document.as_ref().map(roxmltree::Document::root_element));
    let state = call.http.shared.store.lock();
    let there = match &call.resource {
        Resource::Entry(name) => call.entry(&state, name).is_some(),
        Resource::Message(name) => call.message(&state, name).is_some(),
        _ => true,
    };
    if !there {
        return Err(Refusal::plain(404, "There is nothing of that name."));
    }
    let mut resources = vec![call.resource.clone()];
    if call.depth() > 0 {
        resources.extend(children(call, &state));
    }
    Ok(multistatus(call, |xml| {
        for resource in &resources {
            wanted.write(xml, call, &state, resource, &|_, _| None);
        }
    }))
}

/// What lies in a collection.
pub(super) fn children(call: &Call<'_>, state: &State) -> Vec<Resource> {
    let calendar = call.calendar(state);
    match &call.resource {
        Resource::Root => vec![Resource::Principal, Resource::Home],
        Resource::Home => vec![Resource::Calendar, Resource::Inbox, Resource::Outbox],
        Resource::Calendar => {
            let entries = calendar.into_iter().flat_map(|calendar| calendar.entries());
            entries.map(|entry| Resource::Entry(entry.name.clone())).collect()
        }
        Resource::Inbox => {
            let messages = calendar.into_iter().flat_map(|calendar| calendar.messages());
            messages.map(|message| Resource::Message(message.name.clone())).collect()
        }
        _ => Vec::new(),
    }
}
