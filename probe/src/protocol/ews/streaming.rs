//! Subscribe and GetStreamingEvents (MS-OXWSNTIF, sections 3.1.4.4 and 3.1.4.3): the server tells of changes on a
//! connection of its own, envelope after envelope in one answer that does not end for half an hour.

use bytes::{Buf as _, BytesMut};

use super::{Ews, refuse_forbidden, request, soap};
use crate::catalogue::Reason;
use crate::net::http::Stream;
use crate::outcome::{Fault, Recorder};
use crate::protocol::web::{self, Web};

/// How long the server keeps the answer open, in minutes: the most that it takes.
const MINUTES: u32 = 30;
/// One envelope of notifications.
const LARGEST: usize = 1 << 20;
const END: &[u8] = b"Envelope>";

/// The open answer. Its connection lives as long.
pub(super) struct Subscription {
    stream: Stream,
    buffer: BytesMut,
    _web: Web,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Change,
    /// The server is there, and nothing has changed.
    Nothing,
    /// The time that was asked for is over.
    End,
}

impl Ews {
    /// Opens the second connection. A server that knows no streaming is asked again and again instead.
    pub(super) async fn subscribe(&mut self) -> Result<(), Fault> {
        let rec = Recorder::default();
        let opened = self.open_stream(&rec).await;
        match opened {
            Ok(told) => self.told = Some(told),
            Err(fault) if is_unable(&fault) => self.untold = true,
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    async fn open_stream(&mut self, rec: &Recorder) -> Result<Subscription, Fault> {
        let body = "<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>\
                    <t:DistinguishedFolderId Id=\"inbox\"/></t:FolderIds><t:EventTypes>\
                    <t:EventType>NewMailEvent</t:EventType><t:EventType>CreatedEvent</t:EventType>\
                    <t:EventType>MovedEvent</t:EventType></t:EventTypes>\
                    </m:StreamingSubscriptionRequest></m:Subscribe>";
        let answer = self.ask(body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "Subscribe")?[0];
        soap::judge(message)?;
        let id = soap::word(message, "SubscriptionId");
        if id.is_empty() {
            return Err(Fault::new(Reason::ProtocolViolation, "a subscription without an id"));
        }
        let body = format!(
            "<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>{}</t:SubscriptionId></m:SubscriptionIds>\
             <m:ConnectionTimeout>{MINUTES}</m:ConnectionTimeout></m:GetStreamingEvents>",
            soap::escape(id)
        );
        // The same client, so that a balancer sends it to the server that holds the subscription.
        let mut web = self.web.another(rec).await?;
        let ask = request(&web, &self.anchor, &body)?;
        let stream = web.begin(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        if !stream.status.is_success() {
            let answer = stream.whole().await?;
            refuse_forbidden(&answer)?;
            let document = soap::document(&answer)?;
            soap::messages(&answer, &document, "GetStreamingEvents")?;
            let otherwise = Fault::new(Reason::ProtocolViolation, "an error without a fault");
            return Err(web::fault_of(&answer).unwrap_or(otherwise));
        }
        Ok(Subscription { stream, buffer: BytesMut::new(), _web: web })
    }
}

/// What an older server, or one that is not Exchange, answers to a request for streaming.
fn is_unable(fault: &Fault) -> bool {
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

impl Subscription {
    /// The next word of the server. Safe to cancel: what has come stays.
    pub(super) async fn hear(&mut self) -> Result<Heard, Fault> {
        loop {
            if let Some(text) = self.envelope()? {
                return heard(&text);
            }
            match self.stream.piece().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => return Ok(Heard::End),
            }
        }
    }

    /// One whole envelope of what has come.
    fn envelope(&mut self) -> Result<Option<String>, Fault> {
        // `</soap:Envelope>`: the prefix is the server's to choose.
        let end = self
            .buffer
            .windows(END.len())
            .enumerate()
            .filter(|(_, window)| *window == END)
            .find(|(at, _)| closes(&self.buffer[..*at]))
            .map(|(at, _)| at + END.len());
        match end {
            Some(end) => {
                let whole = self.buffer.split_to(end);
                let rest = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                self.buffer.advance(rest);
                String::from_utf8(whole.to_vec())
                    .map(Some)
                    .map_err(|_| Fault::new(Reason::ProtocolViolation, "a notification is not in UTF-8"))
            }
            None if self.buffer.len() > LARGEST => {
                let words = format!("a notification of more than {LARGEST} bytes");
                Err(Fault::new(Reason::ProtocolViolation, &words))
            }
            None => Ok(None),
        }
    }
}

/// Whether what stands before `Envelope>` opens a closing tag.
fn closes(before: &[u8]) -> bool {
    let name =
        before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(byte)).count();
    before[..before.len() - name].ends_with(b"</")
}

fn heard(text: &str) -> Result<Heard, Fault> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let document = soap::parse(text)?;
    let root = document.root_element();
    if let Some(message) = soap::below(root, "GetStreamingEventsResponseMessage") {
        soap::judge(message)?;
    } else if soap::below(root, "Fault").is_some() {
        let words = format!("instead of notifications: {}", soap::word(root, "faultstring"));
        return Err(Fault::new(Reason::ServerError, &words).coded(soap::word(root, "ResponseCode")));
    }
    let has = |name| soap::below(root, name).is_some();
    if ["NewMailEvent", "CreatedEvent", "MovedEvent"].into_iter().any(has) {
        return Ok(Heard::Change);
    }
    let closed = soap::word(root, "ConnectionStatus") == "Closed";
    Ok(if closed { Heard::End } else { Heard::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_told_from_a_sign_of_life_and_from_the_end() {
        let message = |class: &str, inner: &str| {
            format!(
                "<?xml version='1.0'?><x:Envelope xmlns:x='http://schemas.xmlsoap.org/soap/envelope/'><x:Body>\
                 <m:GetStreamingEventsResponse xmlns:m='m'><m:ResponseMessages>\
                 <m:GetStreamingEventsResponseMessage ResponseClass='{class}'>{inner}</m:GetStreamingEventsResponseMessage>\
                 </m:ResponseMessages></m:GetStreamingEventsResponse></x:Body></x:Envelope>"
            )
        };
        let well = "<m:ResponseCode>NoError</m:ResponseCode>";
        let cases = [
            ("Success", format!("{well}<m:ConnectionStatus>OK</m:ConnectionStatus>"), Ok(Heard::Nothing)),
            (
                "Success",
                format!("{well}<m:Notifications><t:StatusEvent xmlns:t='t'/></m:Notifications>"),
                Ok(Heard::Nothing),
            ),
            (
                "Success",
                format!("{well}<m:Notifications><t:NewMailEvent xmlns:t='t'/></m:Notifications>"),
                Ok(Heard::Change),
            ),
            ("Success", format!("{well}<m:ConnectionStatus>Closed</m:ConnectionStatus>"), Ok(Heard::End)),
            ("Error", "<m:ResponseCode>ErrorServerBusy</m:ResponseCode>".to_owned(), Err(Reason::Throttled)),
        ];
        for (class, inner, expected) in cases {
            assert_eq!(heard(&message(class, &inner)).map_err(|fault| fault.reason), expected, "{inner}");
        }
        assert!(closes(b"...</soap:") && closes(b"</") && !closes(b"<soap:"));
    }
}
