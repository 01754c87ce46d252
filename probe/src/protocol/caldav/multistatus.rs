//! What WebDAV answers (RFC 4918, sections 13, 14 and 16), each layer of failure seen: the HTTP status, a response's status,
//! a propstat's status, and the preconditions that an error names.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use roxmltree::{Document, Node};

use crate::catalogue::Reason;
use crate::config::plan::Endpoint;
use crate::net::http::Answer;
use crate::outcome::{Fault, Said};
use crate::protocol::web::{self, path_on};
use crate::protocol::xml;

const DAV: &str = "DAV:";

/// Preconditions (RFC 4791, section 5.3; RFC 6638, section 10; RFC 4918, section 16; RFC 4331, section 6), and what it
/// means that one is not met.
const PRECONDITIONS: &[(&[&str], Reason)] = &[
    (
        &[
            "valid-calendar-data",
            "valid-calendar-object-resource",
            "supported-calendar-data",
            "supported-calendar-component",
            "max-resource-size",
            "min-date-time",
            "max-date-time",
            "max-instances",
            "max-attendees-per-instance",
            "valid-organizer",
            "organizer-allowed",
            "attendee-allowed",
            "same-organizer-in-all-components",
            "allowed-organizer-scheduling-object-change",
            "allowed-attendee-scheduling-object-change",
            "valid-scheduling-message",
        ],
        Reason::MessageRefused,
    ),
    (&["no-uid-conflict", "unique-scheduling-object-resource"], Reason::CalendarConflict),
    (&["need-privileges", "organizer-scheduling-denied", "recipient-permissions"], Reason::AccessDenied),
    (&["quota-not-exceeded", "sufficient-disk-space"], Reason::MailboxFull),
    (&["recipient-exists"], Reason::MailboxUnknown),
];

/// One resource's part of an answer.
pub(super) struct Response<'a, 'd> {
    /// On the host that was asked.
    pub(super) path: String,
    /// Of the resource as a whole; 200 where its properties have their own.
    pub(super) status: u16,
    node: Node<'a, 'd>,
}

impl<'a, 'd> Response<'a, 'd> {
    /// A property that the server shows.
    pub(super) fn property(&self, name: &str) -> Option<Node<'a, 'd>> {
        let shown =
            children(self.node, "propstat").filter(|of| status_of(*of).is_some_and(|of| of / 100 == 2));
        shown
            .flat_map(|of| children(of, "prop"))
            .flat_map(|of| of.children())
            .find(|of| of.tag_name().name() == name)
    }

    /// A property's text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.property(name).and_then(|of| of.text()).unwrap_or_default().trim()
    }

    /// The places that a property names.
    pub(super) fn hrefs(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.property(name).into_iter().flat_map(|of| of.descendants());
        named.filter(|at| at.tag_name().name() == "href").filter_map(|at| at.text()).map(str::trim)
    }

    /// Why the resource is not there, or is not shown.
    pub(super) fn refused(&self) -> Option<Fault> {
        let words = xml::word(self.node, "responsedescription");
        let fault = web::fault_of(&Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(format!("{} {words}", self.path).as_bytes()),
        })?;
        Some(
            children(self.node, "error")
                .next()
                .map_or_else(|| fault.clone(), |error| preconditions(error, fault.clone())),
        )
    }

    /// Why a property is not shown.
    pub(super) fn lacks(&self, name: &str) -> Fault {
        let stated = children(self.node, "propstat")
            .filter(|of| {
                children(*of, "prop").flat_map(|of| of.children()).any(|of| of.tag_name().name() == name)
            })
            .find_map(|of| status_of(of));
        let status = stated.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        let reason = if stated == Some(403) { Reason::AccessDenied } else { Reason::ProtocolViolation };
        Fault::new(reason, &format!("{} without {name}: {status}", self.path)).coded(&status)
    }
}

fn children<'a, 'd>(node: Node<'a, 'd>, name: &'a str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(move |at| at.has_tag_name((DAV, name)))
}

/// `HTTP/1.1 404 Not Found`.
fn status_of(node: Node<'_, '_>) -> Option<u16> {
    let line = children(node, "status").next()?.text()?;
    line.split_whitespace().nth(1)?.parse().ok().filter(|status| (100..600).contains(status))
}

/// The responses of a multistatus answer.
pub(super) fn read<'a, 'd>(
    answer: &Answer,
    document: &'a Document<'d>,
    endpoint: &Endpoint,
) -> Result<Vec<Response<'a, 'd>>, Fault> {
    let violation = |words: &str| Fault::new(Reason::ProtocolViolation, words);
    let root = document.root_element();
    if answer.status != StatusCode::MULTI_STATUS {
        return Err(refusal(answer));
    }
    if !root.has_tag_name((DAV, "multistatus")) {
        return Err(violation(&format!("207, and its first element is {}", root.tag_name().name())));
    }
    let mut found = Vec::new();
    for node in children(root, "response") {
        let href = children(node, "href").next().and_then(|href| href.text()).unwrap_or_default().trim();
        if href.is_empty() {
            return Err(violation("a response about no resource"));
        }
        let of_all = children(node, "status").next().map(|_| status_of(node));
        let mut stated = children(node, "propstat").map(status_of).chain(of_all).peekable();
        if stated.peek().is_none() || stated.any(|status| status.is_none()) {
            return Err(violation(&format!("the status of {href} is no status")));
        }
        let path =
            path_on(endpoint, href).map_err(|_| violation(&format!("a resource elsewhere: {href}")))?;
        found.push(Response { path, status: of_all.flatten().unwrap_or(200), node });
    }
    Ok(found)
}

/// A multistatus that says yes of all that it is about.
pub(super) fn is_yes(body: &[u8]) -> bool {
    let Ok(document) =
        std::str::from_utf8(body).map_err(drop).and_then(|text| xml::parse(text).map_err(drop))
    else {
        return false;
    };
    let root = document.root_element();
    let mut all = children(root, "response").map(status_of).peekable();
    root.has_tag_name((DAV, "multistatus"))
        && all.peek().is_some()
        && all.all(|status| status.is_some_and(|status| status / 100 == 2))
}

/// What an answer means that is not the one that was hoped for: by the preconditions that it names, else by its status.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let fault = match (answer.status.as_u16(), web::fault_of(answer)) {
        (412, Some(fault)) => Fault { reason: Reason::CalendarConflict, ..fault },
        (415, Some(fault)) => Fault { reason: Reason::MessageRefused, ..fault },
        (507, Some(fault)) => Fault { reason: Reason::MailboxFull, ..fault },
        (_, Some(fault)) => fault,
        (status, None) => {
            let start = Said::new(&web::plain(&answer.body));
            let words = format!("{status}, which is no answer to this: {start}");
            return Fault::new(Reason::ProtocolViolation, &words).coded(&status.to_string());
        }
    };
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    match xml::parse(text) {
        Ok(document) if document.root_element().has_tag_name((DAV, "error")) => {
            preconditions(document.root_element(), fault)
        }
        _ => fault,
    }
}

fn preconditions(error: Node<'_, '_>, fault: Fault) -> Fault {
    let named: Vec<_> = error.children().filter(Node::is_element).map(|at| at.tag_name().name()).collect();
    let known = PRECONDITIONS.iter().find(|(names, _)| named.iter().any(|name| names.contains(name)));
    let words = format!("{} {}", named.join(" "), fault.said);
    Fault {
        reason: known.map_or(fault.reason, |(_, reason)| *reason),
        said: Said::new(words.trim()),
        ..fault
    }
}
