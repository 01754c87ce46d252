//! Exchange Web Services: the envelope, the operations' table, and the faults that are felt here.
//!
//! The elements are those of the schema of Exchange 2013 SP1 and later
//! (<https://learn.microsoft.com/exchange/client-developer/web-service-reference/>).

mod address;
mod calendar;
mod compose;
mod convert_id;
mod create_item;
mod delete_item;
mod events;
mod fields;
mod find_folder;
mod find_item;
mod folders;
mod get_events;
mod get_folder;
mod get_item;
mod get_server_time_zones;
mod get_streaming_events;
mod get_user_availability;
mod get_user_oof_settings;
mod ids;
mod item;
mod move_item;
mod resolve_names;
mod restriction;
mod send_item;
mod subscribe;
mod sync_folder_hierarchy;
mod sync_folder_items;
pub(crate) mod text;
mod unsubscribe;
mod update_item;

use hyper::{Method, http::request::Parts};
use roxmltree::Node;

pub(crate) use events::Subscriptions;

use crate::{
    fault::{Fault, Protocol},
    http::{Gone, Http, RETRY_AFTER, Reply, XML},
    xml::{self, Xml},
};

/// The server's version: major, minor, major build, minor build.
pub(crate) const VERSION: [&str; 4] = ["15", "2", "1544", "4"];

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A request that is being answered.
struct Call<'a> {
    http: &'a Http,
    /// Who is signed in, by the local name.
    user: &'a str,
    /// The operation's element.
    request: Node<'a, 'a>,
}

/// Why there is no answer of the operation's own.
enum Trouble {
    /// A SOAP fault: the request as a whole cannot be answered.
    Fault(&'static str, String),
    /// The connection ends without an answer.
    Gone(&'static str),
}

/// Why one thing that was asked for is refused: a response code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal(&'static str, &'static str);

type Operation = fn(&Call<'_>) -> Result<String, Trouble>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("ConvertId", convert_id::answer),
    ("CopyItem", move_item::answer),
    ("CreateItem", create_item::answer),
    ("DeleteItem", delete_item::answer),
    ("FindFolder", find_folder::answer),
    ("FindItem", find_item::answer),
    ("GetEvents", get_events::answer),
    ("GetFolder", get_folder::answer),
    ("GetItem", get_item::answer),
    ("GetServerTimeZones", get_server_time_zones::answer),
    ("GetUserAvailabilityRequest", get_user_availability::answer),
    ("GetUserOofSettingsRequest", get_user_oof_settings::answer),
    ("MoveItem", move_item::answer),
    ("ResolveNames", resolve_names::answer),
    ("SendItem", send_item::answer),
    ("Subscribe", subscribe::answer),
    ("SyncFolderHierarchy", sync_folder_hierarchy::answer),
    ("SyncFolderItems", sync_folder_items::answer),
    ("Unsubscribe", unsubscribe::answer),
    ("UpdateItem", update_item::answer),
];

impl Call<'_> {
    fn fault(&self) -> Option<Fault> {
        self.http.shared.fault(Protocol::Ews)
    }

    fn has(&self, fault: &Fault) -> bool {
        self.fault().as_ref() == Some(fault)
    }

    /// The address of whoever is signed in.
    fn address(&self) -> String {
        format!("{}@{}", self.user, self.http.shared.options.domain)
    }

    /// That element of the request, which the schema wants.
    fn need(&self, name: &str) -> Result<Node<'_, '_>, Trouble> {
        xml::child(self.request, name).ok_or_else(|| invalid(&format!("The element '{name}' is missing.")))
    }
}

fn invalid(violation: &str) -> Trouble {
    Trouble::Fault("ErrorSchemaValidation", violation.to_owned())
}

/// The response messages of an operation, one for each thing that was asked for.
struct Responses {
    operation: &'static str,
    xml: Xml,
}

impl Responses {
    fn new(operation: &'static str) -> Self {
        let mut xml = Xml::new();
        let spaces = [("xmlns:m", MESSAGES), ("xmlns:t", TYPES), ("xmlns:xsi", INSTANCE)];
        xml.open(&format!("m:{operation}Response"), &spaces);
        xml.open("m:ResponseMessages", &[]);
        Self { operation, xml }
    }

    fn message(&mut self, class: &str, code: &str, text: Option<&str>, write: impl FnOnce(&mut Xml)) {
        let name = format!("m:{}ResponseMessage", self.operation);
        self.xml.within_with(&name, &[("ResponseClass", class)], |xml| {
            if let Some(text) = text {
                xml.leaf("m:MessageText", text);
            }
            xml.leaf("m:ResponseCode", code);
            if text.is_some() {
                xml.leaf("m:DescriptiveLinkKey", "0");
            }
            write(xml);
        });
    }

    fn good(&mut self, write: impl FnOnce(&mut Xml)) {
        self.message("Success", "NoError", None, write);
    }

    fn refused(&mut self, Refusal(code, text): &Refusal) {
        self.message("Error", code, Some(text), |_| {});
    }

    /// What came of one thing that was asked for.
    fn put<T>(&mut self, result: Result<T, Refusal>, write: impl FnOnce(&mut Xml, T)) {
        match result {
            Ok(value) => self.good(|xml| write(xml, value)),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn finish(mut self) -> String {
        self.xml.close("m:ResponseMessages");
        self.xml.close(&format!("m:{}Response", self.operation));
        self.xml.finish()
    }
}

/// An operation's answer in its envelope.
fn envelope(body: &str, strange: bool) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml.within_with("s:Envelope", &[("xmlns:s", SOAP)], |xml| {
        xml.within("s:Header", |xml| {
            let [major, minor, build, revision] = VERSION;
            let info = [
                ("MajorVersion", major),
                ("MinorVersion", minor),
                ("MajorBuildNumber", build),
                ("MinorBuildNumber", revision),
                ("Version", "V2017_07_11"),
                ("xmlns:h", TYPES),
            ];
            xml.empty("h:ServerVersionInfo", &info);
            if strange {
                xml.within_with("x:Weather", &[("xmlns:x", "urn:mailprobe:unknown")], |xml| {
                    xml.leaf("x:Sky", "blue");
                });
            }
        });
        xml.within("s:Body", |xml| xml.raw(body));
    });
    xml.finish()
}

fn fault_text(code: &str, text: &str) -> String {
    let mut xml = Xml::new();
    xml.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml.within_with("s:Envelope", &[("xmlns:s", SOAP)], |xml| {
        xml.within("s:Body", |xml| {
            xml.within("s:Fault", |xml| {
                xml.leaf_with("faultcode", &[("xmlns:a", TYPES)], &format!("a:{code}"));
                xml.leaf_with("faultstring", &[("xml:lang", "en-US")], text);
                xml.within("detail", |xml| {
                    xml.leaf_with("e:ResponseCode", &[("xmlns:e", ERRORS)], code);
                    xml.leaf_with("e:Message", &[("xmlns:e", ERRORS)], text);
                    if let Some(values) = fault_values(code, text) {
                        xml.within_with("t:MessageXml", &[("xmlns:t", TYPES)], |xml| xml.raw(&values));
                    }
                });
            });
        });
    });
    xml.finish()
}

/// What some faults tell besides.
fn fault_values(code: &str, text: &str) -> Option<String> {
    let mut xml = Xml::new();
    match code {
        "ErrorServerBusy" => {
            let milliseconds = format!("{RETRY_AFTER}000");
            xml.leaf_with("t:Value", &[("Name", "BackOffMilliseconds")], &milliseconds);
        }
        "ErrorSchemaValidation" => {
            xml.leaf("t:LineNumber", "1");
            xml.leaf("t:LinePosition", "1");
            xml.leaf("t:Violation", text);
        }
        _ => return None,
    }
    Some(xml.finish())
}

/// A SOAP fault, which comes with 500.
pub(crate) fn fault_reply(code: &'static str, text: &str) -> Reply {
    Reply::new(500, XML, fault_text(code, text)).noting(code)
}

/// Answers what is asked for under `/EWS`; the path is in lower case.
pub(crate) async fn answer(http: &Http, head: &Parts, path: &str, body: Vec<u8>) -> Result<Reply, Gone> {
    if path != "/ews/exchange.asmx" {
        return Ok(Reply::text(404, "There is no such page.\r\n"));
    }
    let user = match crate::http::signed_in(http, Protocol::Ews, head).await? {
        Ok(user) => user,
        Err(reply) => return Ok(*reply),
    };
    if let Some(reply) = turned_away(http) {
        return Ok(reply);
    }
    if head.method != Method::POST {
        return Ok(Reply::text(200, "Exchange Web Services: requests come by POST.\r\n"));
    }
    match String::from_utf8(body) {
        Ok(text) => operation(http, &user, &text),
        Err(_) => Ok(fault_reply("ErrorInvalidRequest", "The request is not UTF-8.")),
    }
}

fn turned_away(http: &Http) -> Option<Reply> {
    match http.shared.fault(Protocol::Ews)? {
        Fault::TooManySessions => Some(fault_reply(
            "ErrorExceededConnectionCount",
            "You have exceeded the available concurrent connections for your account. Try again once your other \
             requests have completed.",
        )),
        Fault::Defer => {
            let text = "The server cannot service this request right now. Try again later.";
            let mut reply = fault_reply("ErrorServerBusy", text);
            reply.status = 503;
            Some(reply.with("Retry-After", RETRY_AFTER))
        }
        _ => None,
    }
}

fn operation(http: &Http, user: &str, text: &str) -> Result<Reply, Gone> {
    let document = match xml::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let text = format!("The request failed schema validation: {error}");
            return Ok(fault_reply("ErrorSchemaValidation", &text));
        }
    };
    let root = document.root_element();
    let request = xml::child(root, "Body").and_then(|body| xml::children(body).next());
    let (Some(request), "Envelope") = (request, root.tag_name().name()) else {
        return Ok(fault_reply("ErrorInvalidRequest", "The request is invalid."));
    };
    if let Some(reply) = header(http, user, xml::child(root, "Header")) {
        return Ok(reply);
    }
    if http.shared.store.lock().user(user).is_some_and(|user| user.offline) {
        let Refusal(code, text) = folders::STORE_AWAY;
        return Ok(fault_reply(code, text));
    }
    let name = request.tag_name().name();
    let call = Call { http, user, request };
    let answered = match OPERATIONS.iter().find(|(known, _)| *known == name) {
        Some((_, operation)) => operation(&call),
        None if name == "GetStreamingEvents" => match get_streaming_events::answer(&call) {
            Ok(reply) => return Ok(reply),
            Err(trouble) => Err(trouble),
        },
        None => Err(invalid(&format!("The element '{name}' is not an operation."))),
    };
    match answered {
        Ok(body) => Ok(whole(&call, name, body)),
        Err(Trouble::Fault(code, text)) => {
            let text = if code == "ErrorSchemaValidation" {
                format!("The request failed schema validation: {text}")
            } else {
                text
            };
            Ok(fault_reply(code, &text))
        }
        Err(Trouble::Gone(why)) => Err(Gone(why)),
    }
}

fn whole(call: &Call<'_>, name: &str, mut body: String) -> Reply {
    let codes = body.split("<m:ResponseCode>").skip(1).filter_map(|rest| rest.split('<').next());
    let note = format!("{name} {}", codes.take(3).collect::<Vec<_>>().join(" "));
    if call.has(&Fault::BadTag) {
        let name = name.trim_end_matches("Request");
        let other = if name == "GetFolder" { "FindItem" } else { "GetFolder" };
        body = body.replace(&format!("m:{name}Response"), &format!("m:{other}Response"));
    }
    let strange = call.has(&Fault::UnknownUntagged);
    Reply::new(200, XML, envelope(&body, strange)).noting(note)
}

/// Looks at the envelope's header: the version that is asked for, and impersonation.
fn header(http: &Http, user: &str, header: Option<Node<'_, '_>>) -> Option<Reply> {
    let header = header?;
    if let Some(version) = xml::child(header, "RequestServerVersion") {
        let version = version.attribute("Version").unwrap_or_default();
        if !version.starts_with("Exchange20") && !version.starts_with("V20") {
            let text = "The specified server version is invalid.";
            return Some(fault_reply("ErrorInvalidServerVersion", text));
        }
    }
    let other =
        xml::child(header, "ExchangeImpersonation").and_then(|node| xml::child(node, "ConnectingSID"));
    let other = other.and_then(|node| xml::children(node).next()).and_then(|node| node.text());
    if let Some(other) = other {
        let found = http.shared.store.lock().user(other.trim()).map(|user| user.name.clone());
        return match found {
            Some(found) if found == user => None,
            Some(_) => Some(fault_reply(
                "ErrorImpersonateUserDenied",
                "The account does not have permission to impersonate the requested user.",
            )),
            None => Some(fault_reply("ErrorNonExistentMailbox", NON_EXISTENT_MAILBOX)),
        };
    }
    None
}

const NON_EXISTENT_MAILBOX: &str = "The SMTP address has no mailbox associated with it.";
