//! The envelope of Exchange Web Services (MS-OXWSCORE, section 2.2; SOAP 1.1), and the four layers of failure in an answer:
//! HTTP status, SOAP fault, ResponseClass, ResponseCode.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use roxmltree::{Document, Node};

use crate::catalogue::Reason;
use crate::net::http::Answer;
use crate::outcome::Fault;
pub(super) use crate::protocol::xml::{below, document, escape, parse, word};
use crate::protocol::{says, web};

/// A server that asks for a longer rest is asked again after this.
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// A request's whole body. The version is the oldest that knows all that is asked here.
pub(super) fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">\
         <soap:Header><t:RequestServerVersion Version=\"Exchange2010_SP2\"/></soap:Header>\
         <soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// What XML 1.0 forbids and Exchange writes all the same, out of a stranger's subject line (`&#x1;`), becomes question
/// marks: one such item must not cost all the others.
pub(super) fn mend(body: Bytes) -> Bytes {
    let bad = forbidden(&body);
    if bad.is_empty() {
        return body;
    }
    let mut mended = BytesMut::from(body);
    bad.into_iter().for_each(|at| mended[at].fill(b'?'));
    mended.freeze()
}

/// Where a control character stands, or a reference to a character that is none (XML 1.0, section 2.2).
fn forbidden(body: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, byte) in body.iter().enumerate() {
        match byte {
            b'\t' | b'\n' | b'\r' => {}
            0..=0x1f => found.push(at..at + 1),
            b'&' => found.extend(forbidden_reference(&body[at..]).map(|length| at..at + length)),
            _ => {}
        }
    }
    found
}

fn forbidden_reference(text: &[u8]) -> Option<usize> {
    let digits = text.strip_prefix(b"&#")?;
    let end = digits.iter().take(10).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    let is_allowed = match char::from_u32(number) {
        Some('\t' | '\n' | '\r') => true,
        Some(c) => c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'),
        None => false,
    };
    (!is_allowed).then_some(end + 3)
}

/// The response messages of an operation, each still to be judged.
///
/// # Errors
/// The HTTP status, a SOAP fault; `protocol_violation` for the answer to another request.
pub(super) fn messages<'a, 'd>(
    answer: &Answer,
    document: &'a Document<'d>,
    operation: &str,
) -> Result<Vec<Node<'a, 'd>>, Fault> {
    let body = response(answer, document, operation)?;
    let messages = below(body, "ResponseMessages");
    let messages: Vec<_> =
        messages.map(|of| of.children().filter(Node::is_element).collect()).unwrap_or_default();
    if messages.is_empty() {
        return Err(Fault::new(Reason::ProtocolViolation, &format!("{operation}Response without a message")));
    }
    Ok(messages)
}

/// The response element of an operation.
pub(super) fn response<'a, 'd>(
    answer: &Answer,
    document: &'a Document<'d>,
    operation: &str,
) -> Result<Node<'a, 'd>, Fault> {
    let root = document.root_element();
    let body = root.children().find(|at| at.tag_name().name() == "Body");
    let first = body.and_then(|body| body.children().find(Node::is_element));
    let Some(first) = first.filter(|_| root.tag_name().name() == "Envelope") else {
        return Err(web::fault_of(answer).unwrap_or_else(|| {
            let words = format!("the answer is no SOAP: its first element is {}", root.tag_name().name());
            Fault::new(Reason::ProtocolViolation, &words)
        }));
    };
    if first.tag_name().name() == "Fault" {
        return Err(soap_fault(answer, first));
    }
    if let Some(fault) = web::fault_of(answer) {
        return Err(fault);
    }
    let found = first.tag_name().name();
    if found.strip_suffix("Response") != Some(operation) {
        let words = format!("asked for {operation}, the answer is {found}");
        return Err(Fault::new(Reason::ProtocolViolation, &words));
    }
    Ok(first)
}

/// What an older server, or one that is not Exchange, answers to an operation that it does not know.
pub(super) fn is_unable(fault: &Fault) -> bool {
    matches!(
        fault.server_code.as_str(),
        "ErrorInvalidRequest"
            | "ErrorSchemaValidation"
            | "ErrorInvalidOperation"
            | "ErrorNotSupported"
            | "ErrorInvalidServerVersion"
            | "ErrorIncorrectSchemaVersion"
            | "ErrorInvalidPullSubscriptionId"
            | "Client"
            | "501"
    )
}

fn soap_fault(answer: &Answer, fault: Node<'_, '_>) -> Fault {
    let code = [word(fault, "ResponseCode"), word(fault, "ErrorCode"), word(fault, "faultcode")];
    let code = code.into_iter().find(|code| !code.is_empty()).unwrap_or_default();
    let code = code.rsplit(':').next().unwrap_or(code);
    let said = [word(fault, "faultstring"), word(fault, "Message")];
    let said = said.into_iter().find(|said| !said.is_empty()).unwrap_or_default();
    let mut made = coded(code, said, rest(fault));
    if made.reason == Reason::ServerError
        && let Some(by_status) = web::fault_of(answer).filter(|of| of.reason == Reason::Throttled)
    {
        made.reason = by_status.reason;
        made.rest = made.rest.or(by_status.rest);
    }
    made
}

/// `BackOffMilliseconds`, which comes with ErrorServerBusy.
fn rest(node: Node<'_, '_>) -> Option<Duration> {
    let value = node.descendants().find(|at| {
        at.tag_name().name() == "Value"
            && at.attribute("Name").is_some_and(|name| name.eq_ignore_ascii_case("BackOffMilliseconds"))
    })?;
    let milliseconds = value.text()?.trim().parse().ok()?;
    Some(Duration::from_millis(milliseconds).min(LONGEST_REST))
}

/// One response message: good, or a fault. A warning says that the request was not processed; what is meant by a name
/// being several people is none.
pub(super) fn judge(message: Node<'_, '_>) -> Result<(), Fault> {
    let class = message.attribute("ResponseClass").unwrap_or_default();
    let code = word(message, "ResponseCode");
    match class {
        "Success" if matches!(code, "NoError" | "") => Ok(()),
        "Warning" if code == "ErrorNameResolutionMultipleResults" => Ok(()),
        _ if class.is_empty() && code == "NoError" => Ok(()),
        _ => Err(coded(code, word(message, "MessageText"), rest(message))),
    }
}

/// What a code means. An unknown one survives as text.
fn coded(code: &str, said: &str, rest: Option<Duration>) -> Fault {
    let known = CODES.iter().find(|(names, _)| names.contains(&code)).map(|(_, reason)| *reason);
    let blocked = ["blocked", "disabled", "not allowed", "ews is not"];
    let reason = match known {
        Some(Reason::AccessDenied) if says(said, &blocked) => Reason::BlockedByPolicy,
        Some(reason) => reason,
        None => Reason::ServerError,
    };
    let words = if said.is_empty() { code.to_owned() } else { format!("{code}: {said}") };
    let mut fault = Fault::new(reason, &words).coded(code);
    fault.rest = rest;
    fault
}

/// MS-OXWSCDATA, section 2.2.5.24 (ResponseCodeType). What is not listed is `server_error`.
const CODES: &[(&[&str], Reason)] = &[
    (&["ErrorServerBusy", "ErrorExceededQuota", "ErrorInsufficientResources"], Reason::Throttled),
    (
        &["ErrorExceededConnectionCount", "ErrorExceededSubscriptionCount", "ErrorTooManyObjectsOpened"],
        Reason::TooManySessions,
    ),
    (
        &[
            "ErrorAccessDenied",
            "ErrorImpersonateUserDenied",
            "ErrorImpersonationDenied",
            "ErrorAccessModeSpecified",
        ],
        Reason::AccessDenied,
    ),
    (&["ErrorBlockedByPolicy", "ErrorClientNotAllowed", "ErrorEwsBlocked"], Reason::BlockedByPolicy),
    (
        &[
            "ErrorNonExistentMailbox",
            "ErrorNonPrimarySmtpAddress",
            "ErrorMissingEmailAddress",
            "ErrorInvalidSmtpAddress",
        ],
        Reason::MailboxUnknown,
    ),
    (&["ErrorAccountDisabled", "ErrorMailboxConfiguration"], Reason::MailboxDisabled),
    (&["ErrorPasswordExpired", "ErrorPasswordChangeRequired"], Reason::PasswordExpired),
    (
        &[
            "ErrorMailboxStoreUnavailable",
            "ErrorMailboxFailover",
            "ErrorMailboxMoveInProgress",
            "ErrorMailboxLogonFailed",
        ],
        Reason::MailboxOffline,
    ),
    (
        &[
            "ErrorMailboxSiteFailover",
            "ErrorWrongServerVersion",
            "ErrorWrongServerVersionDelegate",
            "ErrorIncorrectUpdatePropertyCount",
        ],
        Reason::ServerError,
    ),
    (&["ErrorMailboxMoved", "ErrorDestinationMailboxMoved"], Reason::MailboxMoved),
    (&["ErrorQuotaExceeded"], Reason::MailboxFull),
    (&["ErrorFolderNotFound", "ErrorInvalidFolderId", "ErrorManagedFolderNotFound"], Reason::FolderMissing),
    (&["ErrorSendAsDenied"], Reason::SenderRefused),
    (
        &["ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorRecipientNotFound"],
        Reason::RecipientRefused,
    ),
    (
        &["ErrorMessageSizeExceeded", "ErrorMessageTransientError", "ErrorMimeContentInvalid"],
        Reason::MessageRefused,
    ),
    (
        &[
            "ErrorSubmissionQuotaExceeded",
            "ErrorRecipientLimitExceeded",
            "ErrorMessageSubmissionQuotaExceeded",
        ],
        Reason::SendingLimitReached,
    ),
    (&["ErrorMessagePerFolderCountReceiveQuotaExceeded"], Reason::MailboxFull),
    (
        &[
            "ErrorADUnavailable",
            "ErrorADOperation",
            "ErrorNoRespondingCASInDestinationSite",
            "ErrorProxyRequestNotAllowed",
            "ErrorProxyRequestProcessingFailed",
            "ErrorProxyServiceDiscoveryFailed",
            "ErrorConnectionFailed",
        ],
        Reason::ServerUnavailable,
    ),
    (
        &[
            "ErrorIrresolvableConflict",
            "ErrorStaleObject",
            "ErrorCalendarIsCancelledForAccept",
            "ErrorCalendarIsCancelledForDecline",
            "ErrorCalendarIsCancelledForTentative",
            "ErrorCalendarIsCancelledForRemove",
            "ErrorCalendarIsNotOrganizer",
            "ErrorCalendarIsOrganizerForAccept",
            "ErrorCalendarIsOrganizerForDecline",
            "ErrorCalendarIsOrganizerForTentative",
            "ErrorCalendarIsOrganizerForRemove",
            "ErrorCalendarMeetingRequestIsOutOfDate",
            "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
            "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
        ],
        Reason::CalendarConflict,
    ),
    (
        &[
            "ErrorTimeZone",
            "ErrorInvalidPropertySet",
            "ErrorInvalidPropertyUpdateSentMessage",
            "ErrorRequiredPropertyMissing",
            "ErrorOccurrenceCrossingBoundary",
            "ErrorOccurrenceTimeSpanTooBig",
            "ErrorRecurrenceEndDateTooBig",
            "ErrorRecurrenceHasNoOccurrence",
            "ErrorCalendarDurationIsTooLong",
            "ErrorCalendarEndDateIsEarlierThanStartDate",
            "ErrorCalendarInvalidDayForTimeChangePattern",
            "ErrorCalendarInvalidPropertyState",
            "ErrorCalendarInvalidPropertyValue",
            "ErrorCalendarInvalidRecurrence",
            "ErrorCalendarInvalidTimeZone",
            "ErrorCalendarOutOfRange",
        ],
        Reason::MessageRefused,
    ),
    (&["ErrorCalendarFolderIsInvalidForCalendarView"], Reason::FolderMissing),
    (&["ErrorTokenSerializationDenied", "ErrorInvalidToken"], Reason::TokenRefused),
];

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{HeaderMap, StatusCode};

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn judged(status: u16, body: &str) -> Result<usize, Fault> {
        let answer = answer(status, body);
        let document = document(&answer)?;
        let messages = messages(&answer, &document, "GetFolder")?;
        for message in &messages {
            judge(*message)?;
        }
        Ok(messages.len())
    }

    fn message(class: &str, inner: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><m:GetFolderResponse xmlns:m='m'>\
             <m:ResponseMessages><m:GetFolderResponseMessage ResponseClass='{class}'>{inner}\
             </m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse></s:Body></s:Envelope>"
        )
    }

    #[test]
    fn every_layer_of_failure_is_seen() {
        let busy = "<m:MessageText>Busy.</m:MessageText><m:ResponseCode>ErrorServerBusy</m:ResponseCode><m:MessageXml>\
                    <t:Value xmlns:t='t' Name='BackOffMilliseconds'>2500</t:Value></m:MessageXml>";
        let fault = |code: &str| {
            format!(
                "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault><faultcode>s:Client</faultcode>\
                 <faultstring>No.</faultstring><detail><e:ResponseCode xmlns:e='e'>{code}</e:ResponseCode></detail>\
                 </s:Fault></s:Body></s:Envelope>"
            )
        };
        let other = message("Success", "<m:ResponseCode>NoError</m:ResponseCode>")
            .replace("GetFolderResponse", "GetItemResponse");
        let cases: &[(u16, String, Result<usize, Reason>)] = &[
            (200, message("Success", "<m:ResponseCode>NoError</m:ResponseCode>"), Ok(1)),
            (200, message("Error", busy), Err(Reason::Throttled)),
            (
                200,
                message("Error", "<m:ResponseCode>ErrorOfTheFuture</m:ResponseCode>"),
                Err(Reason::ServerError),
            ),
            (
                200,
                message("Success", "<m:ResponseCode>ErrorAccessDenied</m:ResponseCode>"),
                Err(Reason::AccessDenied),
            ),
            (200, message("", ""), Err(Reason::ServerError)),
            (
                200,
                message("Warning", "<m:ResponseCode>ErrorQuotaExceeded</m:ResponseCode>"),
                Err(Reason::MailboxFull),
            ),
            (200, fault("ErrorMailboxStoreUnavailable"), Err(Reason::MailboxOffline)),
            (500, fault("ErrorSchemaValidation"), Err(Reason::ServerError)),
            (500, "<html><body>Runtime Error</body></html>".into(), Err(Reason::ServerError)),
            (500, message("Success", "<m:ResponseCode>NoError</m:ResponseCode>"), Err(Reason::ServerError)),
            (200, "<html><body>Welcome to the hotel</body></html>".into(), Err(Reason::ProtocolViolation)),
            (200, "not XML".into(), Err(Reason::ProtocolViolation)),
            (200, other, Err(Reason::ProtocolViolation)),
            (200, "<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>".into(), Err(Reason::ProtocolViolation)),
            (503, "<html>Service Unavailable</html>".into(), Err(Reason::ServerUnavailable)),
            (404, "no such<br>path".into(), Err(Reason::EndpointNotFound)),
            (200, "<a>".repeat(300_000), Err(Reason::ProtocolViolation)),
        ];
        for (status, body, expected) in cases {
            let found = judged(*status, body).map_err(|fault| fault.reason);
            assert_eq!(&found, expected, "{status} {body:.80}");
        }
        let rest = judged(200, &message("Error", busy)).unwrap_err().rest;
        assert_eq!(rest, Some(Duration::from_millis(2500)));
        let unknown =
            judged(200, &message("Error", "<m:ResponseCode>ErrorOfTheFuture</m:ResponseCode>")).unwrap_err();
        assert_eq!(unknown.server_code.as_str(), "ErrorOfTheFuture");
    }

    #[test]
    fn what_xml_forbids_does_not_cost_the_rest_of_an_answer() {
        let cases: &[(&str, &str)] = &[
            ("<a>plain &amp; &#65;&#x20AC;&#9; ünal</a>", "<a>plain &amp; &#65;&#x20AC;&#9; ünal</a>"),
            ("<a>&#x1;b&#31;</a>", "<a>?????b?????</a>"),
            ("<a>&#xD800;&#xFFFF;&#x110000;</a>", "<a>??????????????????????????</a>"),
            ("<a>\u{1}\u{0}\t</a>", "<a>??\t</a>"),
            ("<a>&#x;&#;&#x1 &#xFFFFFFFFFF;</a>", "<a>&#x;&#;&#x1 &#xFFFFFFFFFF;</a>"),
        ];
        for (given, expected) in cases {
            let mended = mend(Bytes::copy_from_slice(given.as_bytes()));
            assert_eq!(std::str::from_utf8(&mended).unwrap(), *expected);
        }
        assert!(parse(cases[1].0).is_err() && parse(cases[1].1).is_ok());
    }
}
