//! GetUserAvailability (MS-OXWAVLS, section 3.1.4.1): when somebody is busy. All times in UTC.

use std::ops::Range;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Ews, soap};
use crate::catalogue::{Reason, Step};
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Busy, FreeBusy, Status};

/// A zone without summer time, at Greenwich: both changes have no bias, so their dates do not matter.
const UTC: &str = "<t:TimeZone><t:Bias>0</t:Bias>\
    <t:StandardTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>1</t:Month>\
    <t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>\
    <t:DaylightTime><t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>7</t:Month>\
    <t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>";

impl Ews {
    async fn get_user_availability(
        &mut self,
        of: &str,
        span: Range<SystemTime>,
        rec: &Recorder,
    ) -> Result<Vec<Busy>, Fault> {
        let body = format!(
            "<m:GetUserAvailabilityRequest>{UTC}<m:MailboxDataArray><t:MailboxData><t:Email><t:Address>{}</t:Address>\
             </t:Email><t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>false</t:ExcludeConflicts>\
             </t:MailboxData></m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>{}</t:StartTime>\
             <t:EndTime>{}</t:EndTime></t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>30\
             </t:MergedFreeBusyIntervalInMinutes><t:RequestedView>FreeBusy</t:RequestedView></t:FreeBusyViewOptions>\
             </m:GetUserAvailabilityRequest>",
            soap::escape(of),
            written(span.start)?,
            written(span.end)?,
        );
        let answer = self.ask(&body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let response = soap::response(&answer, &document, "GetUserAvailability")?;
        let message =
            soap::below(response, "FreeBusyResponse").and_then(|of| soap::below(of, "ResponseMessage"));
        let message =
            message.ok_or_else(|| Fault::new(Reason::ProtocolViolation, "an answer about nobody's time"))?;
        soap::judge(message)?;
        if matches!(soap::word(response, "FreeBusyViewType"), "" | "None") {
            return Err(Fault::new(Reason::FreeBusyWrong, "the server shows no free/busy times"));
        }
        response.descendants().filter(|at| at.tag_name().name() == "CalendarEvent").map(busy).collect()
    }
}

/// LegacyFreeBusyType; the last is known since Exchange 2013.
const STATUSES: [(&str, Status); 5] = [
    ("Free", Status::Free),
    ("Tentative", Status::Tentative),
    ("Busy", Status::Busy),
    ("OOF", Status::Away),
    ("WorkingElsewhere", Status::Elsewhere),
];

/// What is not known is taken for busy.
pub(super) fn status(word: &str) -> Status {
    STATUSES.iter().find(|(known, _)| *known == word).map_or(Status::Busy, |(_, status)| *status)
}

pub(super) fn word(status: Status) -> &'static str {
    STATUSES.iter().find(|(_, known)| *known == status).map_or("Busy", |(word, _)| *word)
}

fn written(at: SystemTime) -> Result<String, Fault> {
    let at =
        Timestamp::try_from(at).map_err(|error| Fault::new(Reason::InternalError, &error.to_string()))?;
    Ok(at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

/// With or without a zone, with any number of fractional digits; without one it is in the zone that was asked for.
pub(super) fn time(text: &str) -> Option<SystemTime> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(at.into())
}

fn busy(event: roxmltree::Node<'_, '_>) -> Result<Busy, Fault> {
    let at = |name| {
        let text = soap::word(event, name);
        time(text).ok_or_else(|| Fault::new(Reason::ProtocolViolation, &format!("{name} is no time: {text}")))
    };
    let status = status(soap::word(event, "BusyType"));
    Ok(Busy { span: at("StartTime")?..at("EndTime")?, status })
}

impl FreeBusy for Ews {
    fn look_up<'a>(
        &'a mut self,
        of: &'a str,
        span: Range<SystemTime>,
        rec: &'a Recorder,
    ) -> Fut<'a, Vec<Busy>> {
        Box::pin(rec.time(Step::FreeBusy, self.get_user_availability(of, span, rec)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_any_fraction_and_with_or_without_a_zone() {
        let expected = time("2026-11-22T10:00:00Z").unwrap();
        for text in [
            "2026-11-22T10:00:00",
            "2026-11-22T10:00:00.0000000",
            "2026-11-22T12:00:00+02:00",
            "2026-11-22T10:00:00.000000000Z",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        assert_eq!(time("soon"), None);
    }
}
