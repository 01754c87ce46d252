//! Calendars where clients seldom go: refusals, faults, invitations that come by mail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use mailprobe_sandbox::{Fault, Listener, Protocol};
use support::{
    World,
    dav::{CALENDAR, QUERY, found, meeting},
    talk::Talk,
    web::{ALICE, Answer, envelope},
};

/// The name and the password of bob, as Basic has them.
const BOB: &str = "Authorization: Basic Ym9iOnMzY3JldCB3b3Jk\r\n";

async fn talk(world: &World) -> Talk {
    Talk::connect(world, Listener::Https).await.unwrap()
}

async fn dav(world: &World, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    talk(world).await.ask(method, path, headers, body).await.unwrap()
}

async fn ews(world: &World, who: &str, operation: &str) -> Answer {
    let body = envelope(operation);
    talk(world).await.ask("POST", "/EWS/Exchange.asmx", who, &body).await.unwrap()
}

/// A meeting that alice invites bob to, by EWS.
fn create(more: &str) -> String {
    format!(
        "<m:CreateItem SendMeetingInvitations=\"SendToAllAndSaveCopy\"><m:Items><t:CalendarItem>\
         <t:Subject>meeting</t:Subject><t:Start>2026-12-01T10:00:00Z</t:Start><t:End>2026-12-01T11:00:00Z</t:End>\
         <t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>bob@sandbox.test</t:EmailAddress></t:Mailbox>\
         </t:Attendee></t:RequiredAttendees>{more}</t:CalendarItem></m:Items></m:CreateItem>"
    )
}

const VIEW: &str = "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>\
    <m:CalendarView StartDate=\"2026-11-01T00:00:00Z\" EndDate=\"2026-12-31T00:00:00Z\"/>\
    <m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds></m:FindItem>";

/// How many entries EWS shows, and when the first begins.
async fn shown_by_ews(world: &World, who: &str) -> String {
    let answer = ews(world, who, VIEW).await;
    format!("{} {}", answer.attribute("TotalItemsInView"), answer.between("Start")).trim().to_owned()
}

async fn shown_by_dav(world: &World, who: &str) -> String {
    let path = if who == ALICE { CALENDAR } else { "/dav/calendars/bob/calendar/" };
    found(&dav(world, "REPORT", path, who, QUERY).await)
}

async fn invite(world: &World, protocol: Protocol) {
    if protocol == Protocol::Ews {
        assert_eq!(ews(world, ALICE, &create("")).await.code(), "NoError");
    } else {
        let body = meeting("1", "20261201T100000Z", "");
        assert_eq!(dav(world, "PUT", &format!("{CALENDAR}1.ics"), ALICE, &body).await.status, 201);
    }
}

/// Bob accepts what alice invited him to.
async fn accept(world: &World, protocol: Protocol) {
    if protocol == Protocol::Ews {
        let listed = ews(world, BOB, VIEW).await;
        let accept = format!(
            "<m:CreateItem MessageDisposition=\"SendAndSaveCopy\"><m:Items><t:AcceptItem><t:ReferenceItemId Id=\"{}\"/>\
             </t:AcceptItem></m:Items></m:CreateItem>",
            listed.attribute("Id")
        );
        assert_eq!(ews(world, BOB, &accept).await.code(), "NoError");
    } else {
        let body = meeting("1", "20261201T100000Z", "");
        let body = body.replace("ATTENDEE:mailto:bob", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob");
        assert_eq!(dav(world, "PUT", "/dav/calendars/bob/calendar/1.ics", BOB, &body).await.status, 204);
    }
}

fn answer(world: &World) -> String {
    let entries = world.sandbox.calendar("alice");
    let bob = entries[0].attendees.iter().find(|(address, _)| address == "bob@sandbox.test");
    bob.unwrap().1.clone()
}

#[tokio::test]
async fn calendars_feel_their_faults() {
    for protocol in [Protocol::Ews, Protocol::Caldav] {
        for (fault, entries, invited, answered, one_view) in [
            (None, 1, 1, "ACCEPTED", true),
            (Some(Fault::LoseInvitation), 1, 0, "", true),
            (Some(Fault::LoseAnswer), 1, 1, "NEEDS-ACTION", true),
            (Some(Fault::DoubleEntry), 2, 1, "ACCEPTED", true),
            (Some(Fault::ShiftHour), 1, 1, "ACCEPTED", false),
            (Some(Fault::Stale), 1, 1, "", false),
        ] {
            let world = World::start().await;
            let name = format!("{protocol} {fault:?}");
            world.sandbox.set_fault(protocol, fault.clone());
            invite(&world, protocol).await;
            assert_eq!(world.sandbox.calendar("alice").len(), entries, "{name}");
            assert_eq!(world.sandbox.calendar("bob").len(), invited, "{name}");
            assert_eq!(world.sandbox.messages("bob", "INBOX").len(), invited, "{name}");
            let by_ews = shown_by_ews(&world, ALICE).await == format!("{entries} 2026-12-01T10:00:00Z");
            let by_dav = shown_by_dav(&world, ALICE).await == format!("207 {entries} 1000");
            let (own, other) = if protocol == Protocol::Ews { (by_ews, by_dav) } else { (by_dav, by_ews) };
            assert_eq!((own, other), (one_view, true), "{name}");
            if fault == Some(Fault::Stale) {
                let empty = if protocol == Protocol::Ews {
                    shown_by_ews(&world, ALICE).await
                } else {
                    shown_by_dav(&world, ALICE).await
                };
                assert!(["0", "207 0"].contains(&empty.as_str()), "{name}: {empty}");
            } else if invited > 0 {
                accept(&world, protocol).await;
                assert_eq!(answer(&world), answered, "{name}");
                assert_eq!(world.sandbox.calendar("bob")[0].busy, "Busy", "{name}");
            }
            world.sandbox.set_fault(protocol, None);
            assert_eq!(
                shown_by_ews(&world, ALICE).await,
                format!("{entries} 2026-12-01T10:00:00Z"),
                "{name}"
            );
            assert_eq!(shown_by_dav(&world, ALICE).await, format!("207 {entries} 1000"), "{name}");
        }
    }
}

#[tokio::test]
async fn what_was_there_stays_in_a_stale_view() {
    let world = World::start().await;
    let start = "2026-12-01T10:00:00Z".parse().unwrap();
    world.sandbox.put_entry("alice", "old", start, "2026-12-01T11:00:00Z".parse().unwrap());
    for protocol in [Protocol::Ews, Protocol::Caldav] {
        world.sandbox.set_fault(protocol, Some(Fault::Stale));
    }
    assert_eq!(world.sandbox.remove_entries("alice"), 1);
    assert_eq!(shown_by_ews(&world, ALICE).await, "1 2026-12-01T10:00:00Z");
    assert_eq!(shown_by_dav(&world, ALICE).await, "207 1 1000");
    for protocol in [Protocol::Ews, Protocol::Caldav] {
        world.sandbox.set_fault(protocol, None);
    }
    assert_eq!(
        (shown_by_ews(&world, ALICE).await, shown_by_dav(&world, ALICE).await),
        ("0".to_owned(), "207 0".to_owned())
    );
}

#[tokio::test]
async fn entries_are_told_to_tests() {
    let world = World::start().await;
    let text = meeting(
        "u-1",
        "20261201T100000Z",
        "LOCATION:here\\, there\r\nRRULE:FREQ=DAILY;COUNT=2\r\nX-OWN:7\r\nCLASS:PRIVATE\r\n",
    );
    assert_eq!(world.sandbox.put_ical("alice", &text), Ok("u-1".to_owned()));
    assert!(
        world.sandbox.put_ical("alice", "nonsense").is_err() && world.sandbox.put_ical("zed", &text).is_err()
    );
    let [entry] = &world.sandbox.calendar("alice")[..] else { panic!("one entry") };
    assert_eq!(
        (entry.subject.as_str(), entry.location.as_str(), entry.class.as_str()),
        ("meeting", "here, there", "PRIVATE")
    );
    let starts: Vec<String> = entry.occurrences.iter().map(ToString::to_string).collect();
    assert_eq!(starts, ["2026-12-01T10:00:00Z", "2026-12-02T10:00:00Z"]);
    assert_eq!(entry.extra, [("X-OWN".to_owned(), "7".to_owned())]);
    assert_eq!(entry.organizer, "alice@sandbox.test");
    assert!(world.sandbox.messages("bob", "INBOX").is_empty(), "nobody is told");
}

#[tokio::test]
async fn invitations_come_by_mail() {
    let world = World::start().await;
    let mail = |method: &str, sequence: u32, start: &str| {
        let object = meeting("far-1", start, &format!("SEQUENCE:{sequence}\r\n"))
            .replace("alice@sandbox.test", "carol@elsewhere.test")
            .replace("VERSION:2.0", &format!("VERSION:2.0\r\nMETHOD:{method}"));
        format!(
            "From: <carol@elsewhere.test>\r\nTo: <bob@sandbox.test>\r\nSubject: meeting\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/calendar; method={method}; charset=utf-8\r\n\r\n{object}"
        )
    };
    let told = || {
        let entries = world.sandbox.calendar("bob");
        entries
            .iter()
            .map(|e| format!("{} {} {}", e.start, e.busy, e.cancelled))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (method, sequence, start, wanted) in [
        ("REQUEST", 1, "20261201T100000Z", "2026-12-01T10:00:00Z Tentative false"),
        ("REQUEST", 2, "20261201T103000Z", "2026-12-01T10:30:00Z Tentative false"),
        // What was overtaken changes nothing.
        ("REQUEST", 1, "20261201T100000Z", "2026-12-01T10:30:00Z Tentative false"),
        ("CANCEL", 3, "20261201T103000Z", "2026-12-01T10:30:00Z Free true"),
    ] {
        world.sandbox.deliver("bob", "INBOX", mail(method, sequence, start).as_bytes());
        assert_eq!(told(), wanted, "{method} {sequence}");
    }
    world.sandbox.deliver("alice", "INBOX", mail("REQUEST", 1, "20261201T100000Z").as_bytes());
    world.sandbox.deliver("bob", "Junk", mail("REQUEST", 9, "20261201T110000Z").as_bytes());
    assert!(world.sandbox.calendar("alice").is_empty(), "she is not invited");
    assert_eq!(told(), "2026-12-01T10:30:00Z Free true", "nobody looks into Junk");
}

#[tokio::test]
async fn caldav_says_why_it_refuses() {
    let world = World::start().await;
    let path = format!("{CALENDAR}1.ics");
    let entry = meeting("1", "20261201T100000Z", "");
    let made = dav(&world, "PUT", &path, &format!("{ALICE}If-None-Match: *\r\n"), &entry).await;
    assert_eq!((made.status, made.header("dav").contains("calendar-auto-schedule")), (201, true));
    assert!(made.header("etag").is_empty(), "the server has noted whom the invitation reached");
    let got = dav(&world, "GET", &path, ALICE, "").await;
    assert!(got.body.contains("SCHEDULE-STATUS=1.2"), "{}", got.body);
    let fresh = format!("{ALICE}If-Match: {}\r\n", got.header("etag"));
    let tagged = format!("{ALICE}If-Schedule-Tag-Match: {}\r\n", got.header("schedule-tag"));
    let none = format!("{ALICE}If-None-Match: *\r\n");
    let old = format!("{ALICE}If-Match: \"0-0\"\r\n");
    let other = format!("{CALENDAR}2.ics");
    let todo = entry.replace("VEVENT", "VTODO");
    let method = entry.replace("VERSION:2.0", "METHOD:REQUEST\r\nVERSION:2.0");
    let hourly = entry.replace("SUMMARY", "RRULE:FREQ=HOURLY\r\nSUMMARY");
    let sync =
        "<d:sync-collection xmlns:d=\"DAV:\"><d:sync-token>urn:x</d:sync-token><d:prop/></d:sync-collection>";
    for (method, path, headers, body, status, condition) in [
        ("PUT", &path, none.as_str(), entry.as_str(), 412, ""),
        ("PUT", &path, &old, &entry, 412, ""),
        ("DELETE", &path, &old, "", 412, ""),
        ("PUT", &other, ALICE, &entry, 403, "no-uid-conflict"),
        ("PUT", &other, ALICE, "nonsense", 403, "valid-calendar-data"),
        ("PUT", &other, ALICE, &todo, 403, "supported-calendar-component"),
        ("PUT", &other, ALICE, &method, 403, "valid-calendar-object-resource"),
        ("PUT", &other, ALICE, &hourly, 403, "valid-calendar-object-resource"),
        ("GET", &other, ALICE, "", 404, ""),
        ("DELETE", &other, ALICE, "", 404, ""),
        ("REPORT", &CALENDAR.to_owned(), ALICE, sync, 403, "valid-sync-token"),
        ("REPORT", &CALENDAR.to_owned(), ALICE, "<x/>", 403, "supported-report"),
        ("REPORT", &CALENDAR.to_owned(), ALICE, "<x>", 400, ""),
        ("DELETE", &CALENDAR.to_owned(), ALICE, "", 403, ""),
        ("MKCALENDAR", &other, ALICE, "", 405, ""),
        ("PROPFIND", &CALENDAR.to_owned(), BOB, "", 403, ""),
        ("PROPFIND", &CALENDAR.to_owned(), "", "", 401, ""),
        ("PROPFIND", &CALENDAR.to_owned(), "Authorization: Bearer t0ken\r\n", "", 207, ""),
        ("PUT", &path, &tagged, &entry, 204, ""),
        ("DELETE", &path, &fresh, "", 412, ""),
    ] {
        let answer = dav(&world, method, path, headers, body).await;
        assert_eq!(answer.status, status, "{method} {path} {headers} {}", answer.body);
        assert!(answer.body.contains(condition), "{condition} in {}", answer.body);
    }
}

#[tokio::test]
async fn ews_says_why_it_refuses() {
    let world = World::start().await;
    let plain = create("");
    let zone = |element: &str, attributes: &str| create(&format!("<t:{element} {attributes}/>"));
    let rule = "<t:Recurrence><t:HourlyRecurrence/><t:NoEndRecurrence/></t:Recurrence>";
    for (operation, status, code) in [
        (
            plain.replace(" SendMeetingInvitations=\"SendToAllAndSaveCopy\"", ""),
            500,
            "ErrorSendMeetingInvitationsRequired",
        ),
        (plain.replace("SendToAllAndSaveCopy", "SendToSome"), 500, "ErrorSchemaValidation"),
        (plain.replace("T11:00", "T09:00"), 200, "ErrorCalendarEndDateIsEarlierThanStartDate"),
        (plain.replace("<t:Start>2026-12-01T10:00:00Z</t:Start>", ""), 200, "ErrorRequiredPropertyMissing"),
        (zone("StartTimeZone", "Id=\"Nowhere Standard Time\""), 200, "ErrorTimeZone"),
        (create(rule), 200, "ErrorCalendarInvalidRecurrence"),
        (create("<t:LegacyFreeBusyStatus>Asleep</t:LegacyFreeBusyStatus>"), 200, "ErrorInvalidPropertySet"),
        (VIEW.replace("2026-12-31", "2026-10-31"), 200, "ErrorCalendarEndDateIsEarlierThanStartDate"),
        (VIEW.replace("2026-12-31", "2029-12-31"), 200, "ErrorCalendarViewRangeTooBig"),
        (zone("MeetingTimeZone", "TimeZoneName=\"GMT Standard Time\""), 200, "NoError"),
    ] {
        let answer = ews(&world, ALICE, &operation).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{operation}\n{}", answer.body);
    }
    let local = plain
        .replace(":00Z<", ":00<")
        .replace("</t:CalendarItem>", "<t:StartTimeZone Id=\"Eastern Standard Time\"/></t:CalendarItem>");
    assert_eq!(ews(&world, ALICE, &local).await.code(), "NoError");
    let entries = world.sandbox.calendar("alice");
    assert_eq!(entries[0].zone, "Europe/London");
    assert_eq!(
        entries[1].start.to_string(),
        "2026-12-01T15:00:00Z",
        "a time without an offset is one of its zone"
    );
    let delete = |cancellations: &str| {
        let id = "<m:ItemIds><t:ItemId Id=\"ID\"/></m:ItemIds>";
        format!("<m:DeleteItem DeleteType=\"HardDelete\"{cancellations}>{id}</m:DeleteItem>")
    };
    let id = ews(&world, ALICE, VIEW).await.attribute("Id").to_owned();
    world.sandbox.set_fault(Protocol::Ews, Some(Fault::NoDelete));
    for (cancellations, status, code) in [
        ("", 500, "ErrorSendMeetingCancellationsRequired"),
        (" SendMeetingCancellations=\"SendToNone\"", 200, "ErrorCannotDeleteObject"),
    ] {
        let answer = ews(&world, ALICE, &delete(cancellations).replace("ID", &id)).await;
        assert_eq!((answer.status, answer.code()), (status, code));
    }
}

#[tokio::test]
async fn single_occurrences_come_go_and_are_answered_by_mail() {
    let world = World::start().await;
    let mail = |to: &str, method: &str, organizer: &str, start: &str, more: &str| {
        let object = meeting("s-1", start, more)
            .replace("alice@sandbox.test", organizer)
            .replace("VERSION:2.0", &format!("VERSION:2.0\r\nMETHOD:{method}"));
        let raw = format!(
            "From: <x@elsewhere.test>\r\nSubject: meeting\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; \
             method={method}; charset=utf-8\r\n\r\n{object}"
        );
        world.sandbox.deliver(to, "INBOX", raw.as_bytes());
    };
    let starts = || {
        let entries = world.sandbox.calendar("bob");
        let starts = entries.iter().flat_map(|entry| &entry.occurrences);
        starts.map(|start| start.strftime("%d %H").to_string()).collect::<Vec<_>>().join(", ")
    };
    let carol = "carol@elsewhere.test";
    mail("bob", "REQUEST", carol, "20261201T100000Z", "RRULE:FREQ=DAILY;COUNT=3\r\n");
    assert_eq!(starts(), "01 10, 02 10, 03 10");
    mail("bob", "REQUEST", carol, "20261202T120000Z", "RECURRENCE-ID:20261202T100000Z\r\n");
    assert_eq!(starts(), "01 10, 02 12, 03 10");
    mail("bob", "CANCEL", carol, "20261203T100000Z", "RECURRENCE-ID:20261203T100000Z\r\n");
    assert_eq!(starts(), "01 10, 02 12");
    // Alice organizes, and bob declines one occurrence.
    let series = meeting("s-1", "20261201T100000Z", "RRULE:FREQ=DAILY;COUNT=3\r\n");
    world.sandbox.put_ical("alice", &series).unwrap();
    let declined = "RECURRENCE-ID:20261202T100000Z\r\n";
    let reply = meeting("s-1", "20261202T100000Z", declined)
        .replace("ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@sandbox.test\r\n", "")
        .replace("ATTENDEE:", "ATTENDEE;PARTSTAT=DECLINED:")
        .replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REPLY");
    let raw = format!("Subject: no\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n{reply}");
    world.sandbox.deliver("alice", "INBOX", raw.as_bytes());
    assert_eq!(answer(&world), "NEEDS-ACTION", "of the series nothing was said");
    let ical = &world.sandbox.calendar("alice")[0].ical;
    let differing = ical.split("BEGIN:VEVENT").find(|event| event.contains("RECURRENCE-ID:20261202T100000Z"));
    assert!(differing.unwrap().contains("PARTSTAT=DECLINED"), "{ical}");
}
