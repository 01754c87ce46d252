//! The table: what a server answers to one kind of request, and what that comes to.

use mailprobe::catalogue::Reason;
use mailprobe_tests::{Asked, Reply};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Login,
    List,
    Create,
    Delete,
    Busy,
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
    pub method: &'static str,
    pub end: End,
    /// `EVIL` stands for another host.
    pub answer: fn() -> Reply,
}

const fn case(name: &'static str, act: Act, method: &'static str, end: End, answer: fn() -> Reply) -> Case {
    Case { name, act, method, end, answer }
}

const BAD: End = Fault(Reason::ProtocolViolation);
const XML: &str = "content-type: application/xml; charset=utf-8";
/// What the calendar holds; `MARK` is in its subject.
pub const ENTRY: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:MARK\r\nDTSTART:20270203T100000Z\r\n\
                         DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn xml(status: u16, body: &str) -> Reply {
    Reply::Whole(status, XML.to_owned(), format!("<?xml version=\"1.0\"?>{body}"))
}

fn multistatus(inner: &str) -> Reply {
    let names = "xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"";
    xml(207, &format!("<multistatus {names}>{inner}</multistatus>"))
}

fn response(path: &str, status: &str, properties: &str) -> String {
    format!(
        "<response><href>{path}</href><propstat><prop>{properties}</prop><status>{status}</status></propstat></response>"
    )
}

const OK: &str = "HTTP/1.1 200 OK";
const CALENDAR: &str = "<resourcetype><collection/><C:calendar/></resourcetype>\
    <current-user-principal><href>/p/</href></current-user-principal>\
    <C:schedule-outbox-URL><href>/out/</href></C:schedule-outbox-URL>\
    <C:calendar-user-address-set><href>mailto:alice@lab.test</href></C:calendar-user-address-set>";

fn resource(text: &str) -> Reply {
    multistatus(&response(
        "/c/1.ics",
        OK,
        &format!("<getetag>\"1\"</getetag><C:calendar-data>{text}</C:calendar-data>"),
    ))
}

fn refused(status: u16, precondition: &str) -> Reply {
    xml(
        status,
        &format!("<error xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">{precondition}</error>"),
    )
}

fn page(status: u16) -> Reply {
    Reply::Whole(
        status,
        "content-type: text/html".to_owned(),
        "<html><body>Welcome to the hotel</body></html>".to_owned(),
    )
}

fn redirect(to: &str) -> Reply {
    Reply::Whole(302, format!("location: {to}"), String::new())
}

fn busy(recipient: &str, state: &str, data: &str) -> Reply {
    xml(
        200,
        &format!(
            "<C:schedule-response xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><C:response><C:recipient>\
             <href>mailto:{recipient}</href></C:recipient><C:request-status>{state}</C:request-status>\
             <C:calendar-data>{data}</C:calendar-data></C:response></C:schedule-response>"
        ),
    )
}

const FREE: &str = "BEGIN:VCALENDAR\nBEGIN:VFREEBUSY\nUID:1\nEND:VFREEBUSY\nEND:VCALENDAR\n";

/// A server that does as it should.
pub fn good(asked: &Asked) -> Reply {
    match asked.method.as_str() {
        "PROPFIND" => multistatus(&response(&asked.path, OK, CALENDAR)),
        "OPTIONS" => Reply::Whole(200, "dav: 1, calendar-access".to_owned(), String::new()),
        "REPORT" => resource(ENTRY),
        "PUT" => Reply::Whole(201, String::new(), String::new()),
        "DELETE" => Reply::Whole(204, String::new(), String::new()),
        "POST" => busy("bob@lab.test", "2.0;Success", FREE),
        _ => page(404),
    }
}

use Act::{Busy, Create, Delete, List, Login};
use End::{Fault, Unknown, Well};

pub const CASES: &[Case] = &[
    case("well", Login, "-", Well, || page(404)),
    case("200 and not 207", Login, "PROPFIND", BAD, || {
        xml(200, "<multistatus xmlns=\"DAV:\"><response><href>/c/</href></response></multistatus>")
    }),
    case("a portal", Login, "PROPFIND", BAD, || page(200)),
    case("a page with 207", Login, "PROPFIND", BAD, || page(207)),
    case("no XML", Login, "PROPFIND", BAD, || Reply::Whole(207, XML.to_owned(), "no XML".to_owned())),
    case("another element", Login, "PROPFIND", BAD, || xml(207, "<multistatus xmlns=\"else\"/>")),
    case("about nothing", Login, "PROPFIND", BAD, || multistatus("")),
    case("about no resource", Login, "PROPFIND", BAD, || multistatus(&response("", OK, CALENDAR))),
    case("about two", Login, "PROPFIND", BAD, || multistatus(&response("/c/", OK, CALENDAR).repeat(2))),
    case("about one elsewhere", Login, "PROPFIND", BAD, || {
        multistatus(&response("http://elsewhere.test/c/", OK, CALENDAR))
    }),
    case("no status", Login, "PROPFIND", BAD, || multistatus("<response><href>/c/</href></response>")),
    case("a status that is none", Login, "PROPFIND", BAD, || {
        multistatus(&response("/c/", "all is well", CALENDAR))
    }),
    case("the properties are refused", Login, "PROPFIND", Fault(Reason::EndpointNotFound), || {
        multistatus(&response("/c/", "HTTP/1.1 404 Not Found", CALENDAR))
    }),
    case("the resource is not there", Login, "PROPFIND", Fault(Reason::EndpointNotFound), || {
        multistatus("<response><href>/c/</href><status>HTTP/1.1 404 Not Found</status></response>")
    }),
    case("the resource is not ours", Login, "PROPFIND", Fault(Reason::AccessDenied), || {
        multistatus("<response><href>/c/</href><status>HTTP/1.1 403 Forbidden</status></response>")
    }),
    case("neither calendar nor principal", Login, "PROPFIND", Fault(Reason::EndpointNotFound), || {
        multistatus(&response("/c/", OK, "<resourcetype><collection/></resourcetype>"))
    }),
    case("an entity", Login, "PROPFIND", BAD, || {
        let text = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        Reply::Whole(207, XML.to_owned(), text.to_owned())
    }),
    case("deep", Login, "PROPFIND", BAD, || Reply::Whole(207, XML.to_owned(), "<a>".repeat(300_000))),
    case("endless", Login, "PROPFIND", BAD, || Reply::Endless("<a>never</a>")),
    case("cut", Login, "PROPFIND", Fault(Reason::ConnectionDropped), || {
        Reply::Bytes(b"HTTP/1.1 207 x\r\ncontent-length: 500\r\n\r\n<multistatus".to_vec())
    }),
    case("refused", Login, "PROPFIND", Fault(Reason::CredentialsRejected), || {
        Reply::Whole(401, "www-authenticate: Basic realm=\"x\"".to_owned(), String::new())
    }),
    case("wants rest", Login, "PROPFIND", Fault(Reason::Throttled), || {
        Reply::Whole(503, "retry-after: 60".to_owned(), String::new())
    }),
    case("elsewhere", Login, "PROPFIND", Fault(Reason::MailboxMoved), || redirect("http://EVIL/c/")),
    case("elsewhere by https", Login, "PROPFIND", Fault(Reason::MailboxMoved), || {
        redirect("https://EVIL/c/")
    }),
    case("round and round", Login, "PROPFIND", BAD, || redirect("/c/")),
    case("a principal elsewhere", Login, "PROPFIND", Fault(Reason::MailboxMoved), || {
        let told = "<current-user-principal><href>http://EVIL/p/</href></current-user-principal>";
        multistatus(&response("/c/", OK, told))
    }),
    case("no calendars at all", Login, "OPTIONS", Fault(Reason::EndpointNotFound), || {
        Reply::Whole(200, "dav: 1, 2".to_owned(), String::new())
    }),
    case("listed", List, "-", Well, || page(404)),
    case("a stranger's, unreadable", List, "REPORT", Well, || {
        let two = resource("BEGIN:NONSENSE");
        match (two, resource(ENTRY)) {
            (Reply::Whole(status, headers, one), Reply::Whole(_, _, other)) => {
                let (first, _) = one.rsplit_once("</multistatus>").expect("an end");
                let (_, second) = other.split_once("<response>").expect("a response");
                Reply::Whole(status, headers, format!("{first}<response>{second}"))
            }
            (two, _) => two,
        }
    }),
    case("ours, unreadable", List, "REPORT", BAD, || resource("BEGIN:NONSENSE MARK")),
    case("ours, cut", List, "REPORT", BAD, || resource(&ENTRY.replace("END:VCALENDAR\r\n", ""))),
    case("ours, deep", List, "REPORT", BAD, || {
        resource(&format!("BEGIN:VCALENDAR\r\n{}MARK", "BEGIN:VEVENT\r\n".repeat(50_000)))
    }),
    case("without its data", List, "REPORT", BAD, || {
        multistatus(&response("/c/1.ics", OK, "<getetag>\"1\"</getetag>"))
    }),
    case("its data is not ours", List, "REPORT", Fault(Reason::AccessDenied), || {
        multistatus(&response("/c/1.ics", "HTTP/1.1 403 Forbidden", "<getetag/><C:calendar-data/>"))
    }),
    case("too many", List, "REPORT", BAD, || {
        multistatus("<response><href>/c/</href><status>HTTP/1.1 418 x</status></response>")
    }),
    case("created", Create, "-", Well, || page(404)),
    case("no such calendar data", Create, "PUT", Fault(Reason::MessageRefused), || {
        refused(403, "<C:valid-calendar-data/>")
    }),
    case("too large", Create, "PUT", Fault(Reason::MessageRefused), || {
        refused(403, "<C:max-resource-size/>")
    }),
    case("there is one", Create, "PUT", Fault(Reason::CalendarConflict), || {
        refused(409, "<C:no-uid-conflict/>")
    }),
    case("there is one here", Create, "PUT", Fault(Reason::CalendarConflict), || {
        Reply::Whole(412, String::new(), String::new())
    }),
    case("may not", Create, "PUT", Fault(Reason::AccessDenied), || refused(403, "<need-privileges/>")),
    case("full", Create, "PUT", Fault(Reason::MailboxFull), || {
        Reply::Whole(507, String::new(), String::new())
    }),
    case("full by name", Create, "PUT", Fault(Reason::MailboxFull), || refused(403, "<quota-not-exceeded/>")),
    case("broken", Create, "PUT", Fault(Reason::ServerError), || page(500)),
    case("a page for a yes", Create, "PUT", Unknown, || page(200)),
    case("later", Create, "PUT", Unknown, || Reply::Whole(202, String::new(), String::new())),
    case("many answers", Create, "PUT", Unknown, || multistatus(&response("/c/1.ics", OK, ""))),
    case("a gateway's time is over", Create, "PUT", Unknown, || page(504)),
    case("no answer", Create, "PUT", Unknown, || Reply::Bytes(Vec::new())),
    case("half an answer", Create, "PUT", Unknown, || {
        Reply::Bytes(b"HTTP/1.1 201 x\r\ncontent-length: 5\r\n\r\n".to_vec())
    }),
    case("created elsewhere", Create, "PUT", Fault(Reason::MailboxMoved), || redirect("http://EVIL/c/")),
    case("deleted", Delete, "-", Well, || page(404)),
    case("gone already", Delete, "DELETE", Well, || page(404)),
    case("changed since", Delete, "DELETE", Fault(Reason::CalendarConflict), || {
        Reply::Whole(412, String::new(), String::new())
    }),
    case("deleted, in many words", Delete, "DELETE", Well, || {
        match multistatus("<response><href>/c/1.ics</href><status>HTTP/1.1 200 OK</status></response>") {
            Reply::Whole(_, headers, body) => Reply::Whole(200, headers, body),
            other => other,
        }
    }),
    case("not deleted, in many words", Delete, "DELETE", Unknown, || {
        match multistatus("<response><href>/c/1.ics</href><status>HTTP/1.1 423 Locked</status></response>") {
            Reply::Whole(_, headers, body) => Reply::Whole(200, headers, body),
            other => other,
        }
    }),
    case("no answer to a deletion", Delete, "DELETE", Unknown, || Reply::Bytes(Vec::new())),
    case("free", Busy, "-", Well, || page(404)),
    case("another one's time", Busy, "POST", BAD, || busy("carol@lab.test", "2.0;Success", FREE)),
    case("nobody's time", Busy, "POST", Fault(Reason::MailboxUnknown), || {
        busy("bob@lab.test", "3.7;Invalid calendar user", "")
    }),
    case("a time that is not told", Busy, "POST", Fault(Reason::AccessDenied), || {
        busy("bob@lab.test", "3.8;No authority", "")
    }),
    case("unreadable times", Busy, "POST", BAD, || busy("bob@lab.test", "2.0;Success", "nonsense")),
    case("no times", Busy, "POST", BAD, || page(200)),
];
