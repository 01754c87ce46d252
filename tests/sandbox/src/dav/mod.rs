//! CalDAV (RFC 4791) with scheduling (RFC 6638) and syncing (RFC 6578), over the same calendars as EWS.
//!
//! `/dav/principals/USER/` is who one is, `/dav/calendars/USER/` where the calendars lie: one calendar,
//! the inbox and the outbox of scheduling.

mod filter;
mod object;
mod outbox;
mod property;
mod propfind;
mod report;

use std::sync::Arc;

use hyper::{Method, http::request::Parts};

use crate::{
    calendar::{Calendar, Message, Stored, schedule::Actor},
    fault::{Fault, Protocol},
    http::{Gone, Http, Reply},
    store::State,
    xml::Xml,
};

const DAV: &str = "DAV:";
const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
const CALENDARSERVER: &str = "http://calendarserver.org/ns/";
const XML: &str = "application/xml; charset=utf-8";
const ICALENDAR: &str = "text/calendar; charset=utf-8";
const COMPLIANCE: &str = "1, 3, access-control, calendar-access, calendar-auto-schedule";
const METHODS: &str = "OPTIONS, GET, HEAD, PUT, DELETE, POST, PROPFIND, REPORT";

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Resource {
    Root,
    Principal,
    Home,
    Calendar,
    Entry(String),
    Inbox,
    Message(String),
    Outbox,
}

/// A request that is being answered.
struct Call<'a> {
    http: &'a Http,
    head: &'a Parts,
    user: &'a str,
    resource: Resource,
}

/// Why a request is refused: the status, and the condition that was not met.
struct Refusal(u16, Option<(&'static str, &'static str)>, String);

impl Refusal {
    fn plain(status: u16, text: &str) -> Self {
        Self(status, None, text.to_owned())
    }

    fn condition(space: &'static str, name: &'static str, text: impl Into<String>) -> Self {
        Self(403, Some((space, name)), text.into())
    }

    fn reply(self) -> Reply {
        let Self(status, condition, text) = self;
        let Some((space, name)) = condition else { return Reply::text(status, &format!("{text}\r\n")) };
        let mut xml = begin();
        xml.within_with("d:error", &SPACES, |xml| {
            xml.empty(&format!("{}:{name}", prefix(space)), &[]);
            xml.leaf("d:responsedescription", &text);
        });
        Reply::new(status, XML, xml.finish()).noting(name)
    }
}

const SPACES: [(&str, &str); 3] = [("xmlns:d", DAV), ("xmlns:c", CALDAV), ("xmlns:cs", CALENDARSERVER)];

fn prefix(space: &str) -> &'static str {
    match space {
        DAV => "d",
        CALDAV => "c",
        _ => "cs",
    }
}

fn begin() -> Xml {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml
}

/// A path without its `%XX`.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A name as it may stand in a path.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~@".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl Resource {
    /// What a path stands for, for that user.
    fn parse(path: &str, user: &str) -> Result<Self, Refusal> {
        let missing = || Refusal::plain(404, "There is nothing of that name.");
        let path = decoded(path).ok_or_else(missing)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let own = |name: &str| name.eq_ignore_ascii_case(user);
        match parts.get(2) {
            Some(name) if !own(name) => return Err(Refusal::plain(403, "It is somebody else's.")),
            _ => {}
        }
        match parts.get(1..).unwrap_or_default() {
            [] => Ok(Self::Root),
            ["principals", _] => Ok(Self::Principal),
            ["calendars", _] => Ok(Self::Home),
            ["calendars", _, "calendar"] => Ok(Self::Calendar),
            ["calendars", _, "calendar", name] => Ok(Self::Entry((*name).to_owned())),
            ["calendars", _, "inbox"] => Ok(Self::Inbox),
            ["calendars", _, "inbox", name] => Ok(Self::Message((*name).to_owned())),
            ["calendars", _, "outbox"] => Ok(Self::Outbox),
            _ => Err(missing()),
        }
    }

    fn href(&self, user: &str) -> String {
        let user = encoded(user);
        match self {
            Self::Root => "/dav/".to_owned(),
            Self::Principal => format!("/dav/principals/{user}/"),
            Self::Home => format!("/dav/calendars/{user}/"),
            Self::Calendar => format!("/dav/calendars/{user}/calendar/"),
            Self::Entry(name) => format!("/dav/calendars/{user}/calendar/{}", encoded(name)),
            Self::Inbox => format!("/dav/calendars/{user}/inbox/"),
            Self::Message(name) => format!("/dav/calendars/{user}/inbox/{}", encoded(name)),
            Self::Outbox => format!("/dav/calendars/{user}/outbox/"),
        }
    }
}

fn etag(entry: &Stored) -> String {
    format!("\"{}-{}\"", entry.number, entry.change)
}

fn schedule_tag(entry: &Stored) -> String {
    format!("\"s{}-{}\"", entry.number, entry.schedule)
}

impl Call<'_> {
    fn actor(&self) -> Actor<'_> {
        Actor { shared: &self.http.shared, protocol: Protocol::Caldav, user: self.user }
    }

    fn fault(&self) -> Option<Fault> {
        self.http.shared.fault(Protocol::Caldav)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    /// The calendar as it is shown.
    fn calendar<'s>(&self, state: &'s State) -> Option<&'s Calendar> {
        state.calendar(Protocol::Caldav, self.user)
    }

    fn entry(&self, state: &State, name: &str) -> Option<Arc<Stored>> {
        self.calendar(state)?.by_name(name).cloned()
    }

    fn message(&self, state: &State, name: &str) -> Option<Arc<Message>> {
        self.calendar(state)?.messages().find(|message| message.name == name).cloned()
    }

    fn depth(&self) -> u8 {
        u8::from(self.header("depth").is_none_or(|depth| depth != "0"))
    }
}

/// Answers what is asked for under `/dav` and at the well-known address.
pub(crate) async fn answer(http: &Http, head: &Parts, body: Vec<u8>) -> Result<Reply, Gone> {
    let path = head.uri.path();
    if path.starts_with("/.well-known/") {
        return Ok(Reply::text(301, "").with("Location", http.url("/dav/")));
    }
    let user = match crate::http::signed_in(http, Protocol::Caldav, head).await? {
        Ok(user) => user,
        Err(reply) => return Ok(*reply),
    };
    let answered = match Resource::parse(path, &user) {
        Ok(resource) => {
            let call = Call { http, head, user: &user, resource };
            dispatch(&call, body)
        }
        Err(refusal) => Err(refusal),
    };
    let reply = answered.unwrap_or_else(Refusal::reply);
    Ok(reply.with("DAV", COMPLIANCE))
}

fn dispatch(call: &Call<'_>, body: Vec<u8>) -> Result<Reply, Refusal> {
    let text = String::from_utf8(body).map_err(|_| Refusal::plain(400, "It is not UTF-8."))?;
    match call.head.method.as_str() {
        "OPTIONS" => Ok(Reply::text(200, "").with("Allow", METHODS)),
        "PROPFIND" => propfind::answer(call, &text),
        "REPORT" => report::answer(call, &text),
        "PUT" => object::put(call, &text),
        "DELETE" => object::delete(call),
        "POST" => outbox::answer(call, &text),
        _ if [Method::GET, Method::HEAD].contains(&call.head.method) => object::get(call),
        _ => Err(Refusal::plain(405, "That is not done here.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_for_resources() {
        for resource in [
            Resource::Root,
            Resource::Principal,
            Resource::Home,
            Resource::Calendar,
            Resource::Entry("a b/\u{e9}.ics".replace('/', "-")),
            Resource::Inbox,
            Resource::Message("x.ics".to_owned()),
            Resource::Outbox,
        ] {
            let href = resource.href("alice");
            assert_eq!(Resource::parse(&href, "alice").ok(), Some(resource), "{href}");
        }
        for (path, status) in [
            ("/dav/principals/bob/", 403),
            ("/dav/calendars/bob/calendar/", 403),
            ("/dav/other/", 404),
            ("/dav/calendars/alice/other/", 404),
            ("/dav/calendars/alice/%zz", 404),
        ] {
            assert_eq!(Resource::parse(path, "alice").err().map(|refusal| refusal.0), Some(status), "{path}");
        }
    }
}
