//! Subscribe and GetStreamingEvents (MS-OXWSNTIF, sections 3.1.4.4 and 3.1.4.3): the server tells of changes on a
//! connection of its own, envelope after envelope in one answer that does not end for half an hour.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::soap::is_unable;
use super::{Ews, refuse_forbidden, request, soap};
use crate::auth::gate;
use crate::catalogue::Reason;
use crate::net::http::{Answer, Stream};
use crate::outcome::{Fault, Recorder};
use crate::protocol::web::{self, Web};

/// How long the server keeps the answer open, in minutes: the most that it takes.
const MINUTES: u32 = 30;
/// For each of the two requests, up to the head of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Exchange gives a sign of life every half a minute or so. What is silent for longer is cut somewhere between.
const SILENCE: Duration = Duration::from_secs(3 * 60);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// One envelope of notifications.
const LARGEST: usize = 1 << 20;
const END: &[u8] = b"Envelope>";

/// What the server tells, heard by a task of its own: whatever becomes of its connection, looking goes on.
pub(super) struct Told {
    state: watch::Receiver<State>,
    /// Changes that were reported on.
    seen: u64,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Changes that were told, and beginnings: what came before one is for a look to see.
    changes: u64,
    /// The subscription that the server holds.
    subscription: Option<String>,
    mode: Mode,
}

#[derive(Clone, Debug, Default)]
enum Mode {
    #[default]
    Opening,
    /// Promised by a subscription; also while the answer is held back, or broke and is opened anew.
    Telling,
    /// A server that knows no streaming.
    Unable,
    /// The session is over: refused, or asked to rest.
    Over(Fault),
}

impl Told {
    /// Over a connection like that one: the same client, so that a balancer sends it to the server that holds the
    /// subscription.
    pub(super) fn by(web: &Web, anchor: &Arc<str>) -> Self {
        let (tell, state) = watch::channel(State::default());
        let teller = Teller { like: web.twin(), anchor: Arc::clone(anchor), tell };
        Self { state, seen: 0, _task: AbortOnDropHandle::new(tokio::spawn(teller.tell())) }
    }

    pub(super) fn is_promised(&self) -> bool {
        matches!(self.state.borrow().mode, Mode::Telling)
    }

    pub(super) fn subscription(&self) -> Option<String> {
        self.state.borrow().subscription.clone()
    }

    /// Until the server tells of something. Safe to cancel.
    pub(super) async fn change(&mut self) -> Result<(), Fault> {
        loop {
            let State { changes, mode, .. } = self.state.borrow_and_update().clone();
            if let Mode::Over(fault) = mode {
                return Err(fault);
            }
            if changes != self.seen {
                self.seen = changes;
                return Ok(());
            }
            if self.state.changed().await.is_err() {
                // Whoever does not tell is not heard.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Holds the subscription, and opens the answer anew whenever it ends.
struct Teller {
    like: Web,
    anchor: Arc<str>,
    tell: watch::Sender<State>,
}

impl Teller {
    async fn tell(self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let began = Instant::now();
            let last = match self.hold().await {
                Err(fault) if is_unable(&fault) => Some(Mode::Unable),
                Err(fault) if ends(&fault) => Some(Mode::Over(fault)),
                Err(fault) => {
                    tracing::debug!(%fault, "notifications through ews are interrupted");
                    self.tell.send_modify(|state| {
                        // Where not even that is to be had, nothing is promised.
                        if state.subscription.take().is_none() {
                            state.mode = Mode::Opening;
                        }
                    });
                    None
                }
                Ok(()) => None,
            };
            if let Some(mode) = last {
                return self.tell.send_modify(|state| state.mode = mode);
            }
            // Also where it ended in order: there may be something between that ends it at once.
            if began.elapsed() > LONGEST_BACKOFF {
                backoff = FIRST_BACKOFF;
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    /// One answer, until the time that was asked for is over.
    async fn hold(&self) -> Result<(), Fault> {
        let rec = Recorder::default();
        let mut web = self.like.twin();
        let held = self.tell.borrow().subscription.clone();
        let id = match held {
            Some(id) => id,
            None => rec.within(PATIENCE, self.subscribe(&mut web, &rec)).await?,
        };
        self.tell.send_modify(|state| {
            state.subscription = Some(id.clone());
            state.mode = Mode::Telling;
        });
        let stream = rec.within(PATIENCE, self.open(&mut web, &id, &rec)).await?;
        let mut stream = Envelopes { stream, buffer: BytesMut::new(), searched: 0 };
        self.tell.send_modify(|state| state.changes += 1);
        loop {
            match rec.within(SILENCE, stream.hear()).await? {
                Heard::Change => self.tell.send_modify(|state| state.changes += 1),
                Heard::Nothing => {}
                Heard::End => return Ok(()),
            }
        }
    }

    async fn subscribe(&self, web: &mut Web, rec: &Recorder) -> Result<String, Fault> {
        let body = "<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>\
                    <t:DistinguishedFolderId Id=\"inbox\"/></t:FolderIds><t:EventTypes>\
                    <t:EventType>NewMailEvent</t:EventType><t:EventType>CreatedEvent</t:EventType>\
                    <t:EventType>MovedEvent</t:EventType></t:EventTypes>\
                    </m:StreamingSubscriptionRequest></m:Subscribe>";
        let ask = request(web, &self.anchor, body)?;
        let answer = web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        refuse_forbidden(&answer)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "Subscribe")?[0];
        soap::judge(message)?;
        let id = soap::word(message, "SubscriptionId");
        if id.is_empty() {
            return Err(Fault::new(Reason::ProtocolViolation, "a subscription without an id"));
        }
        Ok(id.to_owned())
    }

    async fn open(&self, web: &mut Web, id: &str, rec: &Recorder) -> Result<Stream, Fault> {
        let body = format!(
            "<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>{}</t:SubscriptionId></m:SubscriptionIds>\
             <m:ConnectionTimeout>{MINUTES}</m:ConnectionTimeout></m:GetStreamingEvents>",
            soap::escape(id)
        );
        let ask = request(web, &self.anchor, &body)?;
        let stream = web.begin(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        if stream.status.is_success() {
            return Ok(stream);
        }
        let answer = stream.whole().await?;
        refuse_forbidden(&answer)?;
        let document = soap::document(&answer)?;
        soap::messages(&answer, &document, "GetStreamingEvents")?;
        let otherwise = Fault::new(Reason::ProtocolViolation, "an error without a fault");
        Err(web::fault_of(&answer).unwrap_or(otherwise))
    }
}

impl Ews {
    /// The server holds a subscription no longer than it is wanted.
    pub(super) async fn unsubscribe(&mut self, rec: &Recorder) -> Result<(), Fault> {
        let Some(id) = self.told.take().and_then(|told| told.subscription()) else { return Ok(()) };
        let id = soap::escape(&id);
        let body = format!("<m:Unsubscribe><m:SubscriptionId>{id}</m:SubscriptionId></m:Unsubscribe>");
        let answer: Answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        soap::judge(soap::messages(&answer, &document, "Unsubscribe")?[0])
    }
}

/// The open answer.
struct Envelopes {
    stream: Stream,
    buffer: BytesMut,
    /// So far there is no end of an envelope.
    searched: usize,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Change,
    /// The server is there, and nothing has changed.
    Nothing,
    /// The time that was asked for is over.
    End,
}

/// Refused, paused, or asked to rest: the whole session's matter.
fn ends(fault: &Fault) -> bool {
    gate::is_refusal(fault.reason) || fault.reason == Reason::CredentialPaused || fault.rest.is_some()
}

impl Envelopes {
    /// The next word of the server.
    async fn hear(&mut self) -> Result<Heard, Fault> {
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
        let end = (self.searched..self.buffer.len())
            .find(|at| self.buffer[*at..].starts_with(END) && closes(&self.buffer[..*at]))
            .map(|at| at + END.len());
        match end {
            Some(end) => {
                self.searched = 0;
                let whole = soap::mend(self.buffer.split_to(end).freeze());
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
            None => {
                self.searched = self.buffer.len().saturating_sub(END.len());
                Ok(None)
            }
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
    } else {
        let words = format!("instead of notifications: {}", root.tag_name().name());
        return Err(Fault::new(Reason::ProtocolViolation, &words));
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
