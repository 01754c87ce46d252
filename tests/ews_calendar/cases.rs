//! The table: what a server answers to one kind of request, and what that comes to.

use mailprobe::catalogue::Reason;
use mailprobe_tests::Reply;

use crate::client::MARK;
use crate::script::{fault, held, item, messages, page, refused, shown, soap, view, well};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    List,
    Create,
    /// With an occurrence that begins at another time.
    Series,
    /// In a zone that the server does not know.
    Elsewhere,
    Update,
    Delete,
    Answer,
    Notices,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Well,
    Fault(Reason),
    /// Perhaps it was done.
    Unknown,
}

pub struct Case {
    pub name: &'static str,
    pub act: Act,
    /// What the answer is to.
    pub to: &'static str,
    pub end: End,
    pub answer: fn() -> Reply,
}

const fn case(name: &'static str, act: Act, to: &'static str, end: End, answer: fn() -> Reply) -> Case {
    Case { name, act, to, end, answer }
}

use Act::{Answer, Create, Delete, Elsewhere, List, Notices, Series, Update};
use End::{Fault, Unknown, Well};

const BAD: End = Fault(Reason::ProtocolViolation);
const CONFLICT: End = Fault(Reason::CalendarConflict);
const REFUSED: End = Fault(Reason::MessageRefused);
const AT: (&str, &str) = ("2027-02-03T10:00:00Z", "2027-02-03T11:00:00Z");

fn one(id: &str, subject: &str, kind: &str) -> String {
    shown(id, subject, kind, AT.0, AT.1)
}

fn cut() -> Reply {
    Reply::Bytes(b"HTTP/1.1 200 x\r\ncontent-length: 500\r\n\r\n<s:Envelope".to_vec())
}

pub const CASES: &[Case] = &[
    // The layers, each of them at something that reads and at something that writes.
    case("listed", List, "-", Well, || page(404)),
    case("a portal", List, "View", BAD, || page(200)),
    case("no XML", List, "View", BAD, || Reply::ok("no XML")),
    case("another's answer", List, "View", BAD, || well("GetFolder", "")),
    case("no message", List, "View", BAD, || soap("<m:FindItemResponse/>")),
    case("deep", List, "View", BAD, || Reply::ok("<a>".repeat(300_000))),
    case("cut", List, "View", Fault(Reason::ConnectionDropped), cut),
    case("broken", List, "View", Fault(Reason::ServerError), || page(500)),
    case("away", List, "View", Fault(Reason::ServerUnavailable), || page(503)),
    case("not here", List, "View", Fault(Reason::EndpointNotFound), || page(404)),
    case("may not", List, "View", Fault(Reason::BlockedByPolicy), || page(403)),
    case("refused", List, "View", Fault(Reason::CredentialsRejected), || {
        Reply::Whole(401, "www-authenticate: Basic realm=\"x\"".to_owned(), String::new())
    }),
    case("a fault", List, "View", Fault(Reason::MailboxOffline), || fault("ErrorMailboxStoreUnavailable")),
    case("an error", List, "View", Fault(Reason::AccessDenied), || refused("FindItem", "ErrorAccessDenied")),
    case("no calendar", List, "View", Fault(Reason::FolderMissing), || {
        refused("FindItem", "ErrorFolderNotFound")
    }),
    case("an error of the future", List, "View", Fault(Reason::ServerError), || {
        refused("FindItem", "ErrorOfTheFuture")
    }),
    case("a success that is none", List, "View", Fault(Reason::Throttled), || {
        messages("FindItem", "Success", &["<m:ResponseCode>ErrorServerBusy</m:ResponseCode>"])
    }),
    case("a warning", List, "View", Fault(Reason::ServerError), || {
        messages("FindItem", "Warning", &["<m:ResponseCode>ErrorBatchProcessingStopped</m:ResponseCode>"])
    }),
    // Views.
    case("of no folder", List, "View", BAD, || well("FindItem", "")),
    case("never the last", List, "View", BAD, || view("false", &one("1", MARK, "Single"))),
    case("always full", List, "View", BAD, || view("true", &one("1", "a stranger's", "Single").repeat(1000))),
    case("always too long", List, "View", Fault(Reason::ServerError), || {
        refused("FindItem", "ErrorCalendarViewRangeTooBig")
    }),
    case("always too many", List, "View", Fault(Reason::ServerError), || {
        refused("FindItem", "ErrorExceededFindCountLimit")
    }),
    case("ours, without an id", List, "View", BAD, || view("true", &one("", MARK, "Single"))),
    case("ours, without a time", List, "View", BAD, || {
        view("true", &shown("1", MARK, "Single", "soon", "later"))
    }),
    case("a stranger's, without either", List, "View", Well, || {
        view("true", &(shown("", "hello", "", "", "") + &one("1", MARK, "Single")))
    }),
    // Entries.
    case("another entry", List, "GetItem", BAD, || well("GetItem", &held("2", "Single", ""))),
    case("no entry", List, "GetItem", BAD, || well("GetItem", "<m:Items/>")),
    case("two for one", List, "GetItem", BAD, || messages("GetItem", "Success", &["", ""])),
    case("not to be read", List, "GetItem", Fault(Reason::AccessDenied), || {
        refused("GetItem", "ErrorAccessDenied")
    }),
    case("an occurrence of nothing", List, "View", BAD, || view("true", &one("o", MARK, "Occurrence"))),
    // Making.
    case("created", Create, "-", Well, || page(404)),
    case("there is one", Create, "Uid", CONFLICT, || view("true", &one("1", "", ""))),
    case("not to be searched", Create, "Uid", Fault(Reason::ServerError), || {
        refused("FindItem", "ErrorUnsupportedPathForQuery")
    }),
    case("no zones", Create, "GetServerTimeZones", BAD, || well("GetServerTimeZones", "")),
    case("zones of nobody's", Create, "GetServerTimeZones", BAD, || {
        well("GetServerTimeZones", "<t:TimeZoneDefinition Id=\"Olympus Standard Time\"/>")
    }),
    case("a server without zones", Create, "GetServerTimeZones", Fault(Reason::ServerError), || {
        fault("ErrorInvalidServerVersion")
    }),
    case("a zone that is not there", Elsewhere, "-", REFUSED, || page(404)),
    case("full", Create, "CreateItem", Fault(Reason::MailboxFull), || {
        refused("CreateItem", "ErrorQuotaExceeded")
    }),
    case("no such zone", Create, "CreateItem", REFUSED, || refused("CreateItem", "ErrorTimeZone")),
    case("no such series", Create, "CreateItem", REFUSED, || {
        refused("CreateItem", "ErrorCalendarInvalidRecurrence")
    }),
    case("lacks something", Create, "CreateItem", REFUSED, || {
        refused("CreateItem", "ErrorRequiredPropertyMissing")
    }),
    case("nobody is invited", Create, "CreateItem", Fault(Reason::RecipientRefused), || {
        refused("CreateItem", "ErrorInvalidRecipients")
    }),
    case("the schema", Create, "CreateItem", Fault(Reason::ServerError), || fault("ErrorSchemaValidation")),
    case("wants rest", Create, "CreateItem", Fault(Reason::Throttled), || {
        Reply::Whole(503, "retry-after: 60".to_owned(), String::new())
    }),
    case("breaks", Create, "CreateItem", Fault(Reason::ServerError), || page(500)),
    case("a page for a yes", Create, "CreateItem", Unknown, || page(200)),
    case("another's yes", Create, "CreateItem", Unknown, || well("UpdateItem", &item("1"))),
    case("a yes to nothing", Create, "CreateItem", Unknown, || well("CreateItem", "<m:Items/>")),
    case("two for one, made", Create, "CreateItem", Unknown, || {
        messages("CreateItem", "Success", &[&item("1"), &item("2")])
    }),
    case("a gateway's time is over", Create, "CreateItem", Unknown, || page(504)),
    case("a gateway's server is gone", Create, "CreateItem", Unknown, || page(502)),
    case("no answer", Create, "CreateItem", Unknown, || Reply::Bytes(Vec::new())),
    case("half an answer", Create, "CreateItem", Unknown, cut),
    case("an answer without end", Create, "CreateItem", Unknown, || Reply::Endless("<a>never</a>")),
    case("a series", Series, "-", Well, || page(404)),
    case("a series, half made", Series, "Occurrence", CONFLICT, || {
        refused("UpdateItem", "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange")
    }),
    case("a series, perhaps half made", Series, "Occurrence", Unknown, || Reply::Bytes(Vec::new())),
    // Changing.
    case("changed", Update, "-", Well, || page(404)),
    case("changed since", Update, "UpdateItem", CONFLICT, || {
        refused("UpdateItem", "ErrorIrresolvableConflict")
    }),
    case("stale", Update, "UpdateItem", CONFLICT, || refused("UpdateItem", "ErrorStaleObject")),
    case("gone", Update, "UpdateItem", CONFLICT, || refused("UpdateItem", "ErrorItemNotFound")),
    case("gone before", Update, "GetItem", CONFLICT, || refused("GetItem", "ErrorItemNotFound")),
    case("may not be changed", Update, "UpdateItem", REFUSED, || {
        refused("UpdateItem", "ErrorInvalidPropertySet")
    }),
    case("another was changed", Update, "UpdateItem", Unknown, || well("UpdateItem", &item("2"))),
    case("no answer to a change", Update, "UpdateItem", Unknown, || Reply::Bytes(Vec::new())),
    // Deleting.
    case("deleted", Delete, "-", Well, || page(404)),
    case("gone already", Delete, "DeleteItem", Well, || refused("DeleteItem", "ErrorItemNotFound")),
    case("gone long ago", Delete, "GetItem", Well, || refused("GetItem", "ErrorItemNotFound")),
    case("not deleted", Delete, "DeleteItem", Fault(Reason::ServerError), || {
        refused("DeleteItem", "ErrorCannotDeleteObject")
    }),
    case("a folder that is gone", Delete, "DeleteItem", Fault(Reason::FolderMissing), || {
        refused("DeleteItem", "ErrorFolderNotFound")
    }),
    case("no answer to a deletion", Delete, "DeleteItem", Unknown, || Reply::Bytes(Vec::new())),
    // Answering.
    case("answered", Answer, "-", Well, || page(404)),
    case("answered, without a word", Answer, "CreateItem", Well, || well("CreateItem", "<m:Items/>")),
    case("called off", Answer, "CreateItem", CONFLICT, || {
        refused("CreateItem", "ErrorCalendarIsCancelledForAccept")
    }),
    case("one's own", Answer, "CreateItem", CONFLICT, || {
        refused("CreateItem", "ErrorCalendarIsOrganizerForAccept")
    }),
    case("an invitation that is gone", Answer, "CreateItem", CONFLICT, || {
        refused("CreateItem", "ErrorItemNotFound")
    }),
    case("no answer to an answer", Answer, "CreateItem", Unknown, || Reply::Bytes(Vec::new())),
    // What lies beside the calendar.
    case("nothing beside", Notices, "-", Well, || page(404)),
    case("an inbox that is not shown", Notices, "Notices", Fault(Reason::AccessDenied), || {
        refused("FindItem", "ErrorAccessDenied")
    }),
];
