//! CalDAV against servers that others wrote, Radicale and Cyrus: entries are made, moved, seen and deleted, invitations go
//! from one user to the other, and nothing stays.

#[path = "calendar/client.rs"]
mod client;
#[path = "calendar/seen.rs"]
mod seen;
#[path = "calendar/user.rs"]
mod user;

use std::net::Ipv4Addr;
use std::time::Duration;

use client::{Client, draft};
use jiff::ToSpan as _;
use mailprobe::catalogue::Reason;
use mailprobe::protocol::Status;
use mailprobe::protocol::calendar::{Answer, Draft, Repeat};
use mailprobe_tests::{Calendars, NameServer, PASSWORD, Record, Reply, Scene, WebScript, secs};
use seen::{accepted, around, is};
use user::User;

/// What both servers have to do.
const SERVERS: &[fn() -> Calendars] = &[Calendars::radicale, Calendars::cyrus];

fn user<'a>(server: &'a Calendars, name: &'a str) -> User<'a> {
    let address = if name == "alice" { "alice@probe.test" } else { "bob@probe.test" };
    User { server, name, address, path: "/" }
}

/// Created, seen, made what the second draft says, seen, deleted, gone.
async fn lives(client: &mut Client, first: &Draft, then: &Draft) {
    client.create(first).await;
    let entry = client.only(first).await;
    is(&entry, first);
    accepted(client.try_update(&entry.id, then).await);
    let changed = client.only(then).await;
    is(&changed, then);
    assert_eq!(changed.id.id, entry.id.id);
    assert_ne!(changed.id.mark, entry.id.mark);
    accepted(client.try_delete(&changed.id).await);
    assert_eq!(client.list(around(then)).await, []);
    // What is gone already is no fault.
    accepted(client.try_delete(&changed.id).await);
}

#[tokio::test]
async fn entries_are_made_moved_and_deleted_whatever_the_day_and_the_zone() {
    let starts = [
        ("Europe/Lisbon", "2027-02-03T10:00"),
        ("America/New_York", "2027-02-03T20:00"),
        ("UTC", "2027-02-03T00:00"),
        // The days when clocks change.
        ("Europe/Lisbon", "2027-03-28T00:30"),
        ("Europe/Lisbon", "2027-10-31T00:30"),
        ("Europe/Lisbon", "2027-10-31T02:30"),
        ("America/New_York", "2027-03-14T01:30"),
        ("America/New_York", "2027-03-14T03:30"),
        ("America/New_York", "2027-11-07T00:30"),
        ("America/New_York", "2027-11-07T03:30"),
    ];
    for start in SERVERS {
        let server = start();
        let mut client = user(&server, "alice").open().await;
        for (n, (zone, start)) in starts.into_iter().enumerate() {
            client.zone = zone;
            let first = draft(&format!("entry-{n}"), zone, start, 45);
            let mut then = Draft { place: "Sala 2".into(), status: Status::Busy, ..first.clone() };
            then.time.start = first.time.start.saturating_add(30.minutes());
            lives(&mut client, &first, &then).await;

            // Three days, the clock change among them; one of them begins later then.
            let mut series = Draft { uid: format!("series-{n}@probe.test").into(), ..first };
            series.time.start = series.time.start.saturating_sub(1.day());
            series.repeat = Some(Repeat { days: 3, moved: None });
            let mut moved = series.clone();
            moved.repeat =
                Some(Repeat { days: 3, moved: Some((2, series.time.nth_day(2).saturating_add(2.hours()))) });
            lives(&mut client, &series, &moved).await;

            let mut whole = series.clone();
            whole.uid = format!("whole-{n}@probe.test").into();
            whole.time.start = whole.time.start.date().to_datetime(jiff::civil::Time::midnight());
            whole.time.length = Duration::from_secs(2 * 86_400);
            whole.time.all_day = true;
            whole.repeat = None;
            let mut later = whole.clone();
            later.time.start = later.time.nth_day(1);
            lives(&mut client, &whole, &later).await;
        }
    }
}

/// The same span again and again: what has changed since is asked for, not all of it.
#[tokio::test]
async fn each_look_shows_what_another_has_done_since() {
    for start in SERVERS {
        let server = start();
        let (mut one, mut other) = (user(&server, "alice").open().await, user(&server, "alice").open().await);
        let first = draft("seen", "Europe/Lisbon", "2027-02-03T10:00", 30);
        let second = draft("too", "Europe/Lisbon", "2027-02-09T10:00", 30);
        let mut then = first.clone();
        then.time.start = first.time.start.saturating_add(30.minutes());
        let span = around(&first).start..around(&second).end;
        let mut looks = Vec::new();
        let mut look = async || {
            let found = other.list(span.clone()).await;
            looks
                .push(found.iter().map(|entry| (entry.uid.clone(), entry.spans.clone())).collect::<Vec<_>>());
        };
        look().await;
        one.create(&first).await;
        look().await;
        one.create(&second).await;
        look().await;
        let id = one.only(&first).await.id;
        accepted(one.try_update(&id, &then).await);
        look().await;
        let id = one.only(&then).await.id;
        accepted(one.try_delete(&id).await);
        look().await;
        look().await;
        let shown = |drafts: &[&Draft]| {
            drafts.iter().map(|of| (of.uid.to_string(), of.spans().expect("times"))).collect::<Vec<_>>()
        };
        let expected = [
            shown(&[]),
            shown(&[&first]),
            shown(&[&first, &second]),
            shown(&[&then, &second]),
            shown(&[&second]),
            shown(&[&second]),
        ];
        assert_eq!(looks, expected);
        let id = one.only(&second).await.id;
        accepted(one.try_delete(&id).await);
    }
}

#[tokio::test]
async fn what_was_changed_by_another_since_is_not_overwritten() {
    for start in SERVERS {
        let server = start();
        let (mut one, mut other) = (user(&server, "alice").open().await, user(&server, "alice").open().await);
        let first = draft("conflict", "Europe/Lisbon", "2027-02-03T10:00", 30);
        one.create(&first).await;
        let conflict = |result: Result<_, mailprobe::outcome::Fault>| {
            let reason = result.map_err(|fault| fault.reason);
            assert!(matches!(reason, Err(Reason::CalendarConflict)), "{reason:?}");
        };
        conflict(one.try_create(&first).await);

        let seen = one.only(&first).await;
        let mut then = first.clone();
        then.time.start = first.time.start.saturating_add(30.minutes());
        let stale = other.only(&first).await;
        accepted(one.try_update(&seen.id, &then).await);
        conflict(other.try_update(&stale.id, &first).await);
        conflict(other.try_delete(&stale.id).await);
        is(&other.only(&then).await, &then);

        // Also where nothing was listed before, so that the entry has to be read first.
        let fresh = other.only(&then).await;
        let mut third = user(&server, "alice").open().await;
        conflict(third.try_update(&stale.id, &first).await);
        accepted(third.try_update(&fresh.id, &first).await);
        let gone = third.only(&first).await;
        accepted(third.try_delete(&gone.id).await);
        conflict(other.try_update(&fresh.id, &first).await);
        assert_eq!(other.list(around(&first)).await, []);
    }
}

#[tokio::test]
async fn a_wrong_password_is_one_refusal() {
    for start in SERVERS {
        let server = start();
        let refused = user(&server, "alice").try_open("not it").await.err().expect("a refusal");
        assert_eq!(refused.reason, Reason::CredentialsRejected, "{refused}");
    }
    let server = Calendars::radicale();
    user(&server, "bob").try_open("not it").await.err().expect("a refusal");
    assert_eq!((server.refusals("bob"), server.refusals("alice")), (1, 0));
}

#[tokio::test]
async fn a_calendar_is_found_wherever_one_begins() {
    let (radicale, cyrus) = (Calendars::radicale(), Calendars::cyrus());
    let cases = [
        (&radicale, "/", None),
        (&radicale, "/.well-known/caldav", None),
        (&radicale, "/alice/", None),
        (&radicale, "/alice/calendar/", None),
        (&radicale, "/bob/calendar/", Some(Reason::AccessDenied)),
        (&cyrus, "/", None),
        (&cyrus, "/dav/calendars", None),
        (&cyrus, "/dav/calendars/user/alice/", None),
        (&cyrus, "/dav/principals/user/alice/", None),
        (&cyrus, "/dav/calendars/user/alice/Default/", None),
        (&cyrus, "/nowhere/", Some(Reason::EndpointNotFound)),
    ];
    for (server, path, expected) in cases {
        let opened = User { path, ..user(server, "alice") }.try_open(PASSWORD).await;
        let found = opened.err();
        assert_eq!(found.as_ref().map(|fault| fault.reason), expected, "{path}: {found:?}");
    }
}

#[tokio::test]
async fn an_invitation_goes_round_and_time_is_taken() {
    let server = Calendars::cyrus();
    let (mut alice, mut bob) = (user(&server, "alice").open().await, user(&server, "bob").open().await);
    let mut meeting = draft("meeting", "Europe/Lisbon", "2027-02-03T10:00", 60);
    meeting.invited = Some("bob@probe.test".into());
    meeting.status = Status::Busy;
    alice.create(&meeting).await;

    let invitation = bob.only(&meeting).await;
    is(&invitation, &meeting);
    assert_eq!(invitation.answers.get("bob@probe.test"), Some(&Answer::Nothing));
    accepted(bob.try_answer(&invitation.id, Answer::Accepted).await);
    assert_eq!(alice.only(&meeting).await.answers.get("bob@probe.test"), Some(&Answer::Accepted));

    // Another's time is told by the outbox, one's own by the calendar.
    for (client, of) in [(&mut alice, "bob@probe.test"), (&mut bob, "bob@probe.test")] {
        let busy = client.try_busy(of, around(&meeting)).await.expect("busy times");
        let spans: Vec<_> = busy.iter().map(|busy| (busy.span.clone(), busy.status)).collect();
        assert_eq!(spans, [(meeting.time.span().expect("a time"), Status::Busy)]);
    }
    // Cyrus says "5.1;Service unavailable" of one whom it does not know.
    let nobody = alice.try_busy("nobody@probe.test", around(&meeting)).await;
    let fault = nobody.expect_err("nobody has no time");
    assert_eq!((fault.reason, fault.server_code.as_str()), (Reason::ServerUnavailable, "5.1"));

    let mut moved = meeting.clone();
    moved.time.start = meeting.time.start.saturating_add(1.hour());
    let id = alice.only(&meeting).await.id;
    accepted(alice.try_update(&id, &moved).await);
    is(&bob.only(&moved).await, &moved);
    let id = alice.only(&moved).await.id;
    accepted(alice.try_delete(&id).await);
    assert_eq!(alice.list(around(&moved)).await, []);
    for entry in bob.list(around(&moved)).await {
        assert!(entry.cancelled, "{entry:?}");
        accepted(bob.try_delete(&entry.id).await);
    }

    // What was laid into the inboxes on the way is ours, and goes.
    for client in [&mut alice, &mut bob] {
        let notices = client.notices().await;
        assert!(!notices.is_empty());
        for notice in notices {
            assert_eq!(notice.uid, *meeting.uid);
            accepted(client.try_delete(&notice.id).await);
        }
        assert_eq!(client.notices().await, []);
        assert_eq!(client.list(around(&moved)).await, []);
    }
}

#[tokio::test]
async fn where_nobody_sends_answers_and_tells_busy_times_it_is_said() {
    let server = Calendars::radicale();
    let mut alice = user(&server, "alice").open().await;
    let first = draft("plain", "Europe/Lisbon", "2027-02-03T10:00", 60);
    alice.create(&first).await;
    let id = alice.only(&first).await.id;
    let answered = alice.try_answer(&id, Answer::Accepted).await;
    assert_eq!(answered.err().map(|fault| fault.reason), Some(Reason::InternalError));
    let busy = alice.try_busy("bob@probe.test", around(&first)).await;
    assert_eq!(busy.err().map(|fault| fault.reason), Some(Reason::FreeBusyWrong));
}

/// The whole probe: what is configured is checked.
#[test]
fn the_checks_of_a_configuration_are_green_and_tell_what_breaks() {
    let (radicale, cyrus) = (Calendars::radicale(), Calendars::cyrus());
    let mut scene = Scene::new();
    let services = [
        ("radicale", &radicale, "/alice/calendar/"),
        ("cyrus", &cyrus, ""),
        ("nowhere", &cyrus, "/nowhere/"),
    ];
    for (name, server, path) in services {
        let ca = scene.file(&format!("{name}.pem"), server.authority());
        let url = server.url(path);
        scene.mail_service(
            name,
            &format!(
                "caldav: {{ url: \"{url}\" }}, tls: {{ ca_file: \"{ca}\" }}, resolver: system, ip_family: v4"
            ),
        );
        let password = scene.file("password", PASSWORD);
        let auth = format!("method: password, username: alice, password_file: \"{password}\"");
        scene.mailbox_by(&format!("{name}-alice"), name, "alice@probe.test", &auth, "");
        scene.check(&format!(
            "login: {{ name: login-{name}, mailbox: {name}-alice, protocols: [caldav], every: 24h }}"
        ));
        scene.check(&format!("endpoint: {{ name: endpoint-{name}, mail_service: {name}, every: 24h }}"));
    }
    let password = scene.file("password", PASSWORD);
    let auth = format!("method: password, username: bob, password_file: \"{password}\"");
    scene.mailbox_by("cyrus-bob", "cyrus", "bob@probe.test", &auth, "");
    for check in [
        "free_busy: { name: busy, mailbox: cyrus-alice, of: cyrus-bob, protocol: caldav, every: 5s, zone: Europe/Lisbon }",
        "meeting: { name: meet, organizer: cyrus-alice, attendee: cyrus-bob, protocol: caldav, every: 5s, \
         zone: America/New_York }",
        "calendar: { name: at-cyrus, mailbox: cyrus-bob, write: caldav, views: [caldav], every: 5s, zone: Europe/Lisbon }",
        "calendar: { name: at-radicale, mailbox: radicale-alice, write: caldav, views: [caldav], every: 5s, \
         zone: Europe/Lisbon }",
        "calendar: { name: series-at-cyrus, mailbox: cyrus-alice, write: caldav, views: [caldav], recurring: true, every: 5s, \
         zone: America/New_York }",
        "calendar: { name: series-at-radicale, mailbox: radicale-alice, write: caldav, views: [caldav], recurring: true, \
         every: 5s }",
    ] {
        scene.check(check);
    }
    let mut probe = scene.start();
    let expected = [
        ("login-radicale", 1.0),
        ("login-cyrus", 1.0),
        ("login-nowhere", 0.0),
        ("endpoint-radicale", 1.0),
        ("endpoint-cyrus", 1.0),
        ("endpoint-nowhere", 0.0),
    ];
    let judged = |metrics: &mailprobe_tests::Metrics, check| {
        metrics.value("mailprobe_check_success", &[("check", check), ("protocol", "caldav")])
    };
    let changing = ["busy", "meet", "at-cyrus", "at-radicale", "series-at-cyrus", "series-at-radicale"];
    let metrics = probe.wait_until("all are judged, what recurs three times", secs(60), |metrics| {
        let runs = |check| metrics.sum("mailprobe_check_runs_total", &[("check", check)]);
        expected.iter().all(|(check, _)| judged(metrics, check).is_some())
            && changing.iter().all(|check| runs(check) >= 6.0)
    });
    for (check, success) in expected {
        assert_eq!(judged(&metrics, check), Some(success), "{check}\n{}", probe.log());
    }
    for check in changing {
        let failures = metrics.sum("mailprobe_check_failures_total", &[("check", check)]);
        assert_eq!(failures, 0.0, "{check}\n{}", probe.log());
    }
    let reason = [("check", "login-nowhere"), ("reason", "endpoint_not_found")];
    assert!(metrics.has("mailprobe_check_failing", &reason), "{}", probe.log());
    let (status, last) = probe.stop(secs(20));
    assert!(status.success(), "{status}");
    assert_eq!(last.sum("mailprobe_cleanup_failures_total", &[]), 0.0, "{}", probe.log());
    for (server, user) in [(&radicale, "alice"), (&cyrus, "alice"), (&cyrus, "bob")] {
        let left = entries(server, user);
        assert_eq!(left, [""; 0], "{user}\n{}", probe.log());
    }
}

/// What lies in a user's calendar and schedule inbox, as curl sees it.
fn entries(server: &Calendars, user: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, server.authority()).expect("a file of the test's");
    let mut found = Vec::new();
    let mut asked = 0;
    for path in [
        format!("/{user}/calendar/"),
        format!("/dav/calendars/user/{user}/Default/"),
        format!("/dav/calendars/user/{user}/Inbox/"),
    ] {
        let output = std::process::Command::new("curl")
            .args([
                "-s",
                "-f",
                "-X",
                "PROPFIND",
                "-H",
                "Depth: 1",
                "-u",
                &format!("{user}:{PASSWORD}"),
                "--cacert",
            ])
            .arg(&ca)
            .arg(server.url(&path))
            .output()
            .expect("curl runs");
        asked += usize::from(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        found.extend(text.split(['<', '>']).filter(|word| word.ends_with(".ics")).map(str::to_owned));
    }
    assert!(asked > 0, "{user} has no calendar at {}", server.url("/"));
    found
}

/// Without a URL: by the domain of the address. Each is a place that the name server tells, and what comes of it.
#[test]
fn a_calendar_is_found_by_the_domain_of_an_address() {
    let server = Calendars::cyrus();
    let evil = WebScript::start(|_| Reply::ok("welcome"));
    let port = server.port();
    let service = |domain: &str, record| (format!("_caldavs._tcp.{domain}"), record);
    let known = [
        ("localhost".to_owned(), Record::Host(Ipv4Addr::LOCALHOST)),
        ("dav.probe.test".to_owned(), Record::Host(Ipv4Addr::LOCALHOST)),
        ("dav.path.test".to_owned(), Record::Host(Ipv4Addr::LOCALHOST)),
        ("dav.wrong.test".to_owned(), Record::Host(Ipv4Addr::LOCALHOST)),
        ("dav.evil.test".to_owned(), Record::Host(Ipv4Addr::LOCALHOST)),
        service("probe.test", Record::Service("dav.probe.test".to_owned(), port)),
        service(
            "path.test",
            Record::ServiceAt("dav.path.test".to_owned(), port, "/dav/calendars".to_owned()),
        ),
        service("wrong.test", Record::ServiceAt("dav.wrong.test".to_owned(), port, "/nowhere/".to_owned())),
        service("stolen.test", Record::Service("dav.evil.test".to_owned(), evil.address().port())),
    ];
    let names = NameServer::start(known.into());
    let mut scene = Scene::new();
    let ca = scene.file("ca.pem", server.authority());
    let password = scene.file("password", PASSWORD);
    let expected = [
        ("probe", None),
        ("path", None),
        ("wrong", Some("endpoint_not_found")),
        ("stolen", Some("endpoint_not_found")),
        // No record: the domain itself, which does not exist.
        ("nobody", Some("name_unknown")),
    ];
    scene.mail_service(
        "hq",
        &format!(
            "caldav: {{}}, tls: {{ ca_file: \"{ca}\" }}, ip_family: v4, \
             resolver: {{ servers: [\"{}\"] }}",
            names.address()
        ),
    );
    for (domain, _) in expected {
        let auth = format!("method: password, username: alice, password_file: \"{password}\"");
        scene.mailbox_by(domain, "hq", &format!("alice@{domain}.test"), &auth, "");
        scene.check(&format!(
            "login: {{ name: {domain}, mailbox: {domain}, protocols: [caldav], every: 24h }}"
        ));
    }
    let probe = scene.start();
    let judged = |metrics: &mailprobe_tests::Metrics, check| {
        metrics.value("mailprobe_check_success", &[("check", check)])
    };
    let metrics = probe.wait_until("all are judged", secs(30), |metrics| {
        expected.iter().all(|(check, _)| judged(metrics, check).is_some())
    });
    for (check, reason) in expected {
        assert_eq!(
            judged(&metrics, check),
            Some(f64::from(u8::from(reason.is_none()))),
            "{check}\n{}",
            probe.log()
        );
        let failing =
            |reason| metrics.has("mailprobe_check_failing", &[("check", check), ("reason", reason)]);
        assert!(reason.is_none_or(failing), "{check}\n{}", probe.log());
    }
    assert!(evil.asked().is_empty(), "{:?}", evil.asked());
}
