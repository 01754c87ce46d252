//! The table: what a server answers to a sign-in, and what that is called.

use mailprobe::catalogue::Reason;
use mailprobe_tests::{Asked, Reply};

pub struct Case {
    pub name: &'static str,
    pub reason: Reason,
    /// In the log.
    pub words: &'static str,
    pub answer: fn(&Asked) -> Reply,
}

const fn case(name: &'static str, reason: Reason, words: &'static str, answer: fn(&Asked) -> Reply) -> Case {
    Case { name, reason, words, answer }
}

pub fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <s:Header/><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn folder(class: &str, inner: &str) -> String {
    folders(1, class, inner)
}

fn folders(count: usize, class: &str, inner: &str) -> String {
    let message =
        format!("<m:GetFolderResponseMessage ResponseClass=\"{class}\">{inner}</m:GetFolderResponseMessage>");
    envelope(&format!(
        "<m:GetFolderResponse xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><m:ResponseMessages>{}\
         </m:ResponseMessages></m:GetFolderResponse>",
        message.repeat(count)
    ))
}

fn error(code: &str, more: &str) -> Reply {
    Reply::ok(folder(
        "Error",
        &format!(
            "<m:MessageText>words of the server</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>\
             <m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{more}"
        ),
    ))
}

pub fn fault(status: u16, code: &str) -> Reply {
    let body = envelope(&format!(
        "<s:Fault><faultcode xmlns:a=\"x\">a:{code}</faultcode><faultstring xml:lang=\"en-US\">words of the fault</faultstring>\
         <detail><e:ResponseCode xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">{code}</e:ResponseCode>\
         </detail></s:Fault>"
    ));
    Reply::Whole(status, "content-type: text/xml".to_owned(), body)
}

fn status(status: u16, headers: &str) -> Reply {
    Reply::Whole(status, headers.to_owned(), "<html><body>a page of the server</body></html>".to_owned())
}

/// An inbox with three messages, or whatever folder is asked for.
pub fn good(asked: &Asked) -> Reply {
    Reply::ok(folders(
        asked.body.matches("<t:DistinguishedFolderId ").count(),
        "Success",
        "<m:ResponseCode>NoError</m:ResponseCode><m:Folders><t:Folder><t:FolderId Id=\"a\" ChangeKey=\"b\"/>\
         <t:DisplayName>Inbox</t:DisplayName><t:TotalCount>3</t:TotalCount></t:Folder></m:Folders>",
    ))
}

#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // HTTP's own words
    case("unauthorized", Reason::CredentialsRejected, "401 to the sign-in by Basic", |_| status(401, "www-authenticate: Basic realm=\"x\"")),
    case("bare-401", Reason::CredentialsRejected, "401 without a challenge to the sign-in by Basic", |_| status(401, "")),
    case("echo-in-head", Reason::CredentialsRejected, "realm=x, <hidden>", |_| status(401, "www-authenticate: Basic realm=x, error=TlRMTVNTUAADAAAAGAAYAHAAAAA=")),
    case("clock", Reason::CredentialsRejected, "s ahead of the server's", |_| status(401, "www-authenticate: Basic realm=\"x\"\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT")),
    case("other-scheme", Reason::MechanismUnavailable, "the server offers Negotiate NTLM; configured is Basic", |_| status(401, "www-authenticate: Negotiate\r\nwww-authenticate: NTLM")),
    case("forbidden", Reason::BlockedByPolicy, "403 Forbidden", |_| status(403, "")),
    case("not-found", Reason::EndpointNotFound, "404 Not Found a page of the server", |_| status(404, "")),
    case("moved", Reason::MailboxMoved, "https://elsewhere.test/EWS/", |_| status(302, "location: https://elsewhere.test/EWS/")),
    case("too-many", Reason::Throttled, "429", |_| status(429, "retry-after: 30")),
    case("busy-page", Reason::Throttled, "503", |_| status(503, "retry-after: 30")),
    case("echo", Reason::ProtocolViolation, "400 Bad Request Basic <hidden>", |asked| Reply::Whole(400, String::new(), asked.header("authorization").to_owned())),
    case("unavailable", Reason::ServerUnavailable, "503", |_| status(503, "")),
    case("bad-gateway", Reason::ServerUnavailable, "502", |_| status(502, "")),
    case("server-error", Reason::ServerError, "500", |_| status(500, "")),
    case("no-page", Reason::EndpointNotFound, "404 Not Found no path", |_| Reply::Whole(404, String::new(), "no<br>path".to_owned())),
    // SOAP faults, in a 500 and in a 200
    case("soap-fault", Reason::MailboxOffline, "words of the fault", |_| fault(500, "ErrorMailboxStoreUnavailable")),
    case("soap-fault-in-200", Reason::AccessDenied, "words of the fault", |_| fault(200, "ErrorAccessDenied")),
    case("schema", Reason::ServerError, "ErrorSchemaValidation", |_| fault(500, "ErrorSchemaValidation")),
    // ResponseClass and ResponseCode
    case("busy", Reason::Throttled, "ErrorServerBusy", |_| error("ErrorServerBusy", "<m:MessageXml><t:Value Name=\"BackOffMilliseconds\">297749</t:Value></m:MessageXml>")),
    case("connections", Reason::TooManySessions, "ErrorExceededConnectionCount", |_| error("ErrorExceededConnectionCount", "")),
    case("no-mailbox", Reason::MailboxUnknown, "ErrorNonExistentMailbox", |_| error("ErrorNonExistentMailbox", "")),
    case("disabled", Reason::MailboxDisabled, "ErrorAccountDisabled", |_| error("ErrorAccountDisabled", "")),
    case("expired", Reason::PasswordExpired, "ErrorPasswordExpired", |_| error("ErrorPasswordExpired", "")),
    case("no-folder", Reason::FolderMissing, "ErrorFolderNotFound", |_| error("ErrorFolderNotFound", "")),
    case("unknown-code", Reason::ServerError, "ErrorOfNextYear", |_| error("ErrorOfNextYear", "")),
    case("class-lies", Reason::AccessDenied, "ErrorAccessDenied", |_| Reply::ok(folder("Success", "<m:ResponseCode>ErrorAccessDenied</m:ResponseCode>"))),
    // Answers that are none
    case("other-answer", Reason::ProtocolViolation, "asked for GetFolder, the answer is FindItemResponse", |_| Reply::ok(envelope("<m:FindItemResponse xmlns:m=\"m\"/>"))),
    case("stale", Reason::ProtocolViolation, "the answer is for the request 1234", |asked| match good(asked) {
        Reply::Whole(status, headers, body) => Reply::Whole(status, format!("{headers}\r\nclient-request-id: 1234"), body),
        other => other,
    }),
    case("empty", Reason::ProtocolViolation, "no XML", |_| Reply::ok("")),
    case("portal", Reason::ProtocolViolation, "", |_| Reply::ok("<html><body>Welcome to the hotel</body></html>")),
    case("truncated", Reason::ProtocolViolation, "no XML", |asked| match good(asked) {
        Reply::Whole(status, headers, body) => Reply::Whole(status, headers, body.chars().take(body.len() / 2).collect()),
        other => other,
    }),
    case("entities", Reason::ProtocolViolation, "DTD", |_| Reply::ok("<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><s>&b;</s>")),
    case("deep", Reason::ProtocolViolation, "no XML", |_| Reply::ok("<a>".repeat(1_000_000))),
    case("wide", Reason::ProtocolViolation, "no XML", |_| Reply::ok(format!("<a>{}</a>", "<b/>".repeat(1_000_000)))),
    case("huge", Reason::ProtocolViolation, "more than", |_| Reply::Endless("<a>0123456789012345678901234567890123456789012345678901234567890123456789</a>")),
    case("no-http", Reason::ProtocolViolation, "no HTTP", |_| Reply::Bytes(b"* OK IMAP4rev1 ready\r\n".to_vec())),
    case("long-head", Reason::ProtocolViolation, "no HTTP", |_| Reply::Bytes([&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'y'; 200_000]].concat())),
    case("cut", Reason::ConnectionDropped, "", |_| Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n<a>".to_vec())),
    case("closed", Reason::ConnectionDropped, "", |_| Reply::Bytes(Vec::new())),
    case("stalled", Reason::ServerTimeout, "no answer in time at auth", |_| Reply::Stall),
];
