//! When somebody is busy: another one by a question to the schedule outbox (RFC 6638, section 5), oneself by REPORT
//! free-busy-query (RFC 4791, section 7.10).

use std::ops::Range;
use std::time::SystemTime;

use super::multistatus::refusal;
use super::propfind::NAMES;
use super::{Caldav, report};
use crate::catalogue::{Reason, Step};
use crate::clock;
use crate::message::ical;
use crate::net::http::{Answer, Ask};
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Busy, FreeBusy, web, xml};

/// What the server says of a recipient (RFC 5546, section 3.6; RFC 6638, section 3.2.10).
const STATES: &[(&str, Reason)] =
    &[("3.7", Reason::MailboxUnknown), ("3.8", Reason::AccessDenied), ("5.1", Reason::ServerUnavailable)];

impl Caldav {
    async fn look_up_busy(
        &mut self,
        of: &str,
        span: Range<SystemTime>,
        rec: &Recorder,
    ) -> Result<Vec<Busy>, Fault> {
        let of = &of.to_lowercase();
        let found = self.find(rec).await?;
        let mut busy = match found.outbox {
            _ if **of == *self.address || found.addresses.contains(of) => {
                self.own_busy(&found.calendar, &span, rec).await?
            }
            Some(outbox) => self.ask_outbox(&outbox, of, &span, rec).await?,
            None => {
                let words = "the server has no schedule outbox: it tells nobody's time but one's own";
                return Err(Fault::new(Reason::FreeBusyWrong, words));
            }
        };
        busy.retain(|busy| busy.span.start < span.end && busy.span.end > span.start);
        Ok(busy)
    }

    async fn own_busy(
        &mut self,
        calendar: &str,
        span: &Range<SystemTime>,
        rec: &Recorder,
    ) -> Result<Vec<Busy>, Fault> {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><C:free-busy-query {NAMES}><C:time-range start=\"{}\" \
             end=\"{}\"/></C:free-busy-query>",
            report::time(span.start)?,
            report::time(span.end)?
        );
        let answer = self.ask(report::ask(calendar, "1", body), rec).await?;
        if answer.status.as_u16() != 200 {
            return Err(refusal(&answer));
        }
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        ical::read_busy(text).map_err(|error| unread(&error, &answer))
    }

    async fn ask_outbox(
        &mut self,
        outbox: &str,
        of: &str,
        span: &Range<SystemTime>,
        rec: &Recorder,
    ) -> Result<Vec<Busy>, Fault> {
        let own = self.own_address();
        let uid = format!("{:x}-{:x}", clock::since_epoch(clock::wall()).as_nanos(), std::process::id());
        let question = ical::busy_request(&uid, &own, of, span, clock::wall())?;
        let answer = self.ask(Ask::post(outbox, "text/calendar; charset=utf-8", question), rec).await?;
        if answer.status.as_u16() != 200 {
            return Err(refusal(&answer));
        }
        let document = xml::document(&answer)?;
        let root = document.root_element();
        if root.tag_name().name() != "schedule-response" {
            return Err(refusal(&answer));
        }
        let about = root.children().filter(|at| at.tag_name().name() == "response").find(|at| {
            let recipient = xml::below(*at, "recipient").map(|who| xml::word(who, "href").to_lowercase());
            recipient.is_some_and(|who| who.strip_prefix("mailto:") == Some(of))
        });
        let about = about
            .ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an answer about somebody else's time"))?;
        let state = xml::word(about, "request-status");
        if !state.starts_with("2.") {
            let known = STATES.iter().find(|(code, _)| state.starts_with(code));
            let code = state.split(';').next().unwrap_or_default();
            return Err(
                Fault::new(known.map_or(Reason::FreeBusyWrong, |(_, reason)| *reason), state).coded(code)
            );
        }
        ical::read_busy(xml::word(about, "calendar-data")).map_err(|error| unread(&error, &answer))
    }
}

fn unread(error: &str, answer: &Answer) -> Fault {
    let words = format!("busy times that cannot be read: {error}; {}", web::plain(&answer.body));
    Fault::new(Reason::ProtocolViolation, &words)
}

impl FreeBusy for Caldav {
    fn look_up<'a>(
        &'a mut self,
        of: &'a str,
        span: Range<SystemTime>,
        rec: &'a Recorder,
    ) -> Fut<'a, Vec<Busy>> {
        Box::pin(rec.time(Step::FreeBusy, self.look_up_busy(of, span, rec)))
    }
}
