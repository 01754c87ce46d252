//! Properties of resources (RFC 4918 and those that build on it).

use super::{CALDAV, CALENDARSERVER, Call, DAV, ICALENDAR, Resource, etag, schedule_tag};
use crate::{calendar::MAX_OBJECT, mangle, store::State, xml::Xml};

/// Those that are told when all are asked for.
pub(super) const ALL: &[(&str, &str)] = &[
    (DAV, "resourcetype"),
    (DAV, "displayname"),
    (DAV, "getetag"),
    (DAV, "getcontenttype"),
    (DAV, "getlastmodified"),
    (DAV, "current-user-principal"),
    (DAV, "sync-token"),
    (CALENDARSERVER, "getctag"),
];

const REPORTS: [&str; 4] =
    ["c:calendar-query", "c:calendar-multiget", "c:free-busy-query", "d:sync-collection"];

fn href(resource: &Resource, user: &str) -> String {
    let mut xml = Xml::new();
    xml.leaf("d:href", &resource.href(user));
    xml.finish()
}

/// The name of the sync state that a counter stands for.
pub(super) fn token(counter: u64) -> String {
    format!("urn:mailprobe:sync:{counter}")
}

/// The counter that a sync state stands for.
pub(super) fn counter(token: &str) -> Option<u64> {
    token.strip_prefix("urn:mailprobe:sync:")?.parse().ok()
}

/// A property's content as XML; nothing if the resource has none of that name.
pub(super) fn value(
    call: &Call<'_>,
    state: &State,
    resource: &Resource,
    space: &str,
    name: &str,
) -> Option<String> {
    match space {
        DAV => dav(call, state, resource, name),
        CALDAV => caldav(call, state, resource, name),
        CALENDARSERVER if name == "getctag" && is_listed(resource) => {
            Some(crate::xml::escape(&token(call.calendar(state)?.counter)))
        }
        _ => None,
    }
}

/// Whether it holds what changes.
const fn is_listed(resource: &Resource) -> bool {
    matches!(resource, Resource::Calendar | Resource::Inbox)
}

fn dav(call: &Call<'_>, state: &State, resource: &Resource, name: &str) -> Option<String> {
    let text = |text: &str| Some(crate::xml::escape(text));
    match (name, resource) {
        ("resourcetype", _) => Some(kinds(resource)),
        ("displayname", Resource::Calendar) => text("Calendar"),
        ("displayname", Resource::Principal | Resource::Home) => text(call.user),
        ("displayname", Resource::Inbox) => text("Inbox"),
        ("displayname", Resource::Outbox) => text("Outbox"),
        ("getetag", Resource::Entry(entry)) => text(&etag(&*call.entry(state, entry)?)),
        ("getetag", Resource::Message(message)) => {
            text(&format!("\"m{}\"", call.message(state, message)?.change))
        }
        ("getcontenttype", Resource::Entry(_) | Resource::Message(_)) => text(ICALENDAR),
        ("getcontentlength", Resource::Entry(entry)) => {
            text(&call.entry(state, entry)?.shown(call.fault().as_ref()).write().len().to_string())
        }
        ("getlastmodified", Resource::Entry(entry)) => {
            text(&mangle::date(call.entry(state, entry)?.changed).replace("+0000", "GMT"))
        }
        ("current-user-principal" | "owner", _) => Some(href(&Resource::Principal, call.user)),
        ("principal-URL", Resource::Principal) => Some(href(&Resource::Principal, call.user)),
        ("principal-collection-set", _) => Some("<d:href>/dav/principals/</d:href>".to_owned()),
        ("current-user-privilege-set", _) => Some(
            ["read", "write", "write-content", "bind", "unbind", "read-current-user-privilege-set"]
                .map(|name| format!("<d:privilege><d:{name}/></d:privilege>"))
                .concat(),
        ),
        ("supported-report-set", Resource::Calendar | Resource::Inbox) => Some(
            REPORTS
                .map(|name| {
                    format!("<d:supported-report><d:report><{name}/></d:report></d:supported-report>")
                })
                .concat(),
        ),
        ("sync-token", Resource::Calendar) => text(&token(call.calendar(state)?.counter)),
        _ => None,
    }
}

fn kinds(resource: &Resource) -> String {
    let kinds: &[&str] = match resource {
        Resource::Root | Resource::Home => &["d:collection"],
        Resource::Principal => &["d:collection", "d:principal"],
        Resource::Calendar => &["d:collection", "c:calendar"],
        Resource::Inbox => &["d:collection", "c:schedule-inbox"],
        Resource::Outbox => &["d:collection", "c:schedule-outbox"],
        Resource::Entry(_) | Resource::Message(_) => &[],
    };
    kinds.iter().map(|kind| format!("<{kind}/>")).collect()
}

fn caldav(call: &Call<'_>, state: &State, resource: &Resource, name: &str) -> Option<String> {
    let user = call.user;
    let text = |text: &str| Some(crate::xml::escape(text));
    match (name, resource) {
        ("calendar-home-set", Resource::Principal) => Some(href(&Resource::Home, user)),
        ("calendar-user-address-set", Resource::Principal) => {
            let address = crate::xml::escape(&call.actor().address());
            Some(format!("<d:href>mailto:{address}</d:href>") + &href(&Resource::Principal, user))
        }
        ("calendar-user-type", Resource::Principal) => text("INDIVIDUAL"),
        ("schedule-inbox-URL", Resource::Principal) => Some(href(&Resource::Inbox, user)),
        ("schedule-outbox-URL", Resource::Principal) => Some(href(&Resource::Outbox, user)),
        ("schedule-default-calendar-URL", Resource::Inbox) => Some(href(&Resource::Calendar, user)),
        ("supported-calendar-component-set", Resource::Calendar | Resource::Inbox) => {
            Some("<c:comp name=\"VEVENT\"/>".to_owned())
        }
        ("supported-calendar-data", Resource::Calendar) => {
            Some("<c:calendar-data content-type=\"text/calendar\" version=\"2.0\"/>".to_owned())
        }
        ("max-resource-size", Resource::Calendar) => text(&MAX_OBJECT.to_string()),
        ("schedule-calendar-transp", Resource::Calendar) => Some("<c:opaque/>".to_owned()),
        ("schedule-tag", Resource::Entry(entry)) => {
            let entry = call.entry(state, entry)?;
            crate::calendar::event::organizer(&entry.object)?;
            text(&schedule_tag(&entry))
        }
        _ => None,
    }
}
