//! GET, PUT, DELETE of one object (RFC 4791, section 5.3): only in the state that it was seen in.

use hyper::Method;
use tokio::time::Instant;

use super::Caldav;
use super::multistatus::{self, refusal};
use super::report::Resource;
use crate::catalogue::Reason;
use crate::net::http::{Answer, Ask};
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::{EntryId, Written};

const CALENDAR: &str = "text/calendar; charset=utf-8";

/// In which state the object has to be.
pub(super) enum If<'a> {
    New,
    As(&'a str),
}

impl Caldav {
    pub(super) async fn get(&mut self, id: &EntryId, rec: &Recorder) -> Result<Resource, Fault> {
        let answer = self.ask(Ask::get(&id.id).with("accept", "text/calendar"), rec).await?;
        if answer.status.as_u16() != 200 {
            return Err(gone(&answer).unwrap_or_else(|| refusal(&answer)));
        }
        let etag = answer.header("etag").to_owned();
        if etag != id.mark {
            let words = format!("{} is at {etag} by now, and was at {}", id.id, id.mark);
            return Err(Fault::new(Reason::CalendarConflict, &words));
        }
        let text = std::str::from_utf8(&answer.body)
            .map_err(|_| Fault::new(Reason::ProtocolViolation, "an entry that is not in UTF-8"))?;
        Ok(Resource { path: id.id.clone(), etag, text: text.to_owned() })
    }

    pub(super) async fn put(
        &mut self,
        path: &str,
        condition: If<'_>,
        text: String,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let ask = Ask { method: Method::PUT, ..Ask::post(path, CALENDAR, text) };
        let ask = match condition {
            If::New => ask.with("if-none-match", "*"),
            If::As(etag) => ask.with("if-match", etag),
        };
        self.write(ask, |answer| answer.status.as_u16() == 201, rec).await
    }

    /// What is gone already is no fault.
    pub(super) async fn remove(&mut self, id: &EntryId, rec: &Recorder) -> Result<Written, Fault> {
        let ask = Ask { method: Method::DELETE, ..Ask::get(&id.id) }.with("if-match", &id.mark);
        self.write(ask, |answer| matches!(answer.status.as_u16(), 404 | 410), rec).await
    }

    async fn write(
        &mut self,
        ask: Ask,
        well: impl Fn(&Answer) -> bool,
        rec: &Recorder,
    ) -> Result<Written, Fault> {
        let answer = match self.try_ask(ask, rec).await {
            Ok(answer) => answer,
            Err(unanswered) if unanswered.unsent || is_answer(&unanswered.fault) => {
                return Err(unanswered.fault);
            }
            // Written, and the answer never came.
            Err(unanswered) => return Ok(Written::Unknown(unanswered.fault)),
        };
        let at = Instant::now();
        match answer.status.as_u16() {
            204 => Ok(Written::Accepted(at)),
            _ if well(&answer) => Ok(Written::Accepted(at)),
            200 if !is_page(&answer) => Ok(Written::Accepted(at)),
            // A yes that is none to this, or a front end that gave up: what stands behind it may have accepted.
            200..=299 | 502 | 504 => Ok(Written::Unknown(refusal(&answer))),
            _ => Err(gone(&answer).unwrap_or_else(|| refusal(&answer))),
        }
    }
}

/// The collection is there, since it was found: it is the object that is not.
fn gone(answer: &Answer) -> Option<Fault> {
    let is_gone = matches!(answer.status.as_u16(), 404 | 410);
    is_gone.then(|| Fault { reason: Reason::CalendarConflict, ..refusal(answer) })
}

/// Something else than a yes: a page of a portal. Radicale says its yes to DELETE in a multistatus.
fn is_page(answer: &Answer) -> bool {
    let kind = answer.header("content-type").to_ascii_lowercase();
    let is_markup = !answer.body.is_empty() && (kind.contains("html") || kind.contains("xml"));
    is_markup && !multistatus::is_yes(&answer.body)
}

/// The server spoke, or we did not: nothing is unknown.
fn is_answer(fault: &Fault) -> bool {
    !fault.server_code.is_empty() || fault.reason == Reason::InternalError
}
