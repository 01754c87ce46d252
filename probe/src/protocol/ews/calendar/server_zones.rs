//! GetServerTimeZones (MS-OXWSGTZ, section 3.1.4.1): a server takes the names that Windows has for zones, and of these the
//! ones that it knows.

use std::ops::Range;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::Ews;
use crate::catalogue::Reason;
use crate::message::ical;
use crate::outcome::{Fault, Recorder};
use crate::protocol::calendar::Draft;
use crate::protocol::ews::soap;

impl Ews {
    /// The server's name for the zone of a draft: that very zone, else the first whose clocks show the same all the year
    /// around the entry. By names, and not by the rules that the server has for them: where those are wrong, entries that
    /// recur are shifted for everybody, and it is to be seen.
    pub(super) async fn server_zone(&mut self, draft: &Draft, rec: &Recorder) -> Result<String, Fault> {
        let internal = |error: jiff::Error| Fault::new(Reason::InternalError, &error.to_string());
        let name = &*draft.time.zone;
        let wanted = TimeZone::get(name).map_err(internal)?;
        let spans = draft.spans()?;
        let around = spans.first().map(|span| span.start).zip(spans.iter().map(|span| span.end).max());
        let (start, end) = around.unwrap_or((SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
        let year = 366 * 24.hours();
        let start = Timestamp::try_from(start).and_then(|at| at.checked_sub(year)).map_err(internal)?;
        let end = Timestamp::try_from(end).and_then(|at| at.checked_add(year)).map_err(internal)?;
        if self.calendar.zones.is_none() {
            self.calendar.zones = Some(self.get_server_zones(rec).await?);
        }
        let known = self.calendar.zones.as_deref().unwrap_or_default();
        let fits = |(_, zone): &&(String, TimeZone)| is_same(zone, &wanted, start..end);
        let very = |(id, zone): &&(String, TimeZone)| id == name || zone.iana_name() == wanted.iana_name();
        let found = known.iter().filter(fits).find(very).or_else(|| known.iter().find(fits));
        found.map(|(id, _)| id.clone()).ok_or_else(|| {
            let words = format!("none of the server's {} time zones is {name}", known.len());
            Fault::new(Reason::MessageRefused, &words)
        })
    }

    async fn get_server_zones(&mut self, rec: &Recorder) -> Result<Vec<(String, TimeZone)>, Fault> {
        let body = "<m:GetServerTimeZones ReturnFullTimeZoneData=\"false\"/>";
        let answer = self.ask(body, rec).await.map_err(|unanswered| unanswered.fault)?;
        let document = soap::document(&answer)?;
        let message = soap::messages(&answer, &document, "GetServerTimeZones")?[0];
        soap::judge(message)?;
        let all = message.descendants().filter(|at| at.tag_name().name() == "TimeZoneDefinition");
        let ids = all.filter_map(|zone| zone.attribute("Id"));
        let found: Vec<_> = ids.filter_map(|id| Some((id.to_owned(), ical::zone(id)?))).collect();
        if found.is_empty() {
            return Err(Fault::new(
                Reason::ProtocolViolation,
                "the server knows no time zone that anybody knows",
            ));
        }
        Ok(found)
    }
}

/// Whether the clocks of both show the same all the time.
fn is_same(one: &TimeZone, other: &TimeZone, within: Range<Timestamp>) -> bool {
    let changes = |zone: &TimeZone| {
        let changes = zone.following(within.start).map(|change| change.timestamp());
        changes.take_while(|at| *at < within.end).collect::<Vec<_>>()
    };
    let times = [vec![within.start], changes(one), changes(other)].concat();
    times.into_iter().all(|at| one.to_offset(at) == other.to_offset(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_the_same_where_their_clocks_are() {
        let cases = [
            ("GMT Standard Time", "Europe/Lisbon", true),
            ("GMT Standard Time", "Europe/London", true),
            ("GMT Standard Time", "UTC", false),
            ("Greenwich Standard Time", "UTC", true),
            ("W. Europe Standard Time", "Europe/Lisbon", false),
            ("Eastern Standard Time", "America/New_York", true),
            ("Eastern Standard Time", "America/Bogota", false),
            ("Romance Standard Time", "Europe/Berlin", true),
        ];
        for (windows, iana, expected) in cases {
            let at = |text: &str| text.parse::<Timestamp>().unwrap();
            let year = at("2026-06-01T00:00:00Z")..at("2027-06-01T00:00:00Z");
            let known = ical::zone(windows).unwrap();
            assert_eq!(is_same(&known, &TimeZone::get(iana).unwrap(), year), expected, "{windows} {iana}");
        }
        assert!(ical::zone("Olympus Standard Time").is_none());
    }
}
