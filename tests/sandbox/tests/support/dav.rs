//! CalDAV by hand.

#![allow(dead_code, reason = "each test file uses what it needs")]

use super::{
    talk::{Talk, Told},
    web::{ALICE, Answer},
};

pub const CALENDAR: &str = "/dav/calendars/alice/calendar/";

/// A meeting that alice invites bob to.
pub fn meeting(uid: &str, start: &str, more: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n\
         DTSTART:{start}\r\nDURATION:PT1H\r\nSUMMARY:meeting\r\nORGANIZER:mailto:alice@sandbox.test\r\n\
         ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@sandbox.test\r\nATTENDEE:mailto:bob@sandbox.test\r\n\
         {more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// All entries of a calendar.
pub const QUERY: &str = "<c:calendar-query xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">\
    <d:prop><d:getetag/><c:calendar-data/></d:prop><c:filter><c:comp-filter name=\"VCALENDAR\">\
    <c:comp-filter name=\"VEVENT\"/></c:comp-filter></c:filter></c:calendar-query>";

const HOME: &str = "<d:propfind xmlns:d=\"DAV:\"><d:prop>\
    <c:calendar-home-set xmlns:c=\"urn:ietf:params:xml:ns:caldav\"/></d:prop></d:propfind>";

/// How many entries an answer tells of, and when the first begins.
pub fn found(answer: &Answer) -> String {
    let start = answer.body.split("DTSTART:").nth(1).and_then(|rest| rest.get(9..13));
    let count = answer.body.matches("<d:response>").count();
    format!("{} {count} {}", answer.status, start.unwrap_or_default()).trim().to_owned()
}

/// Looks for the calendar, puts an entry into it, looks for it and deletes it.
pub async fn tell(talk: &mut Talk) -> Told<()> {
    for headers in ["", ALICE] {
        let answer = talk.ask("PROPFIND", "/dav/principals/alice/", headers, HOME).await?;
        talk.told.push(answer.status.to_string());
        if answer.status == 207 && !answer.body.contains("<d:multistatus ") {
            talk.told.pop();
            return Err("another answer".to_owned());
        }
        if answer.status == 200 {
            return Err("another page".to_owned());
        }
    }
    if talk.told.last().is_some_and(|told| told != "207") {
        return Err("gave up".to_owned());
    }
    let path = format!("{CALENDAR}1.ics");
    let put = talk.ask("PUT", &path, ALICE, &meeting("1", "20261201T100000Z", "")).await?;
    talk.told.push(put.status.to_string());
    let listed = talk.ask("REPORT", CALENDAR, ALICE, QUERY).await?;
    talk.told.push(found(&listed));
    let deleted = talk.ask("DELETE", &path, ALICE, "").await?;
    talk.told.push(deleted.status.to_string());
    Ok(())
}
