//! CalDAV at the wire: every layer of failure, and what no server should do; none of it is success, none of it is without
//! end, and no credential goes to another host.

#[path = "../real/calendar/client.rs"]
mod client;

mod cases;

use std::time::{Duration, SystemTime};

use cases::{Act, CASES, Case, ENTRY, End, good};
use client::{Client, draft, opened};
use mailprobe::catalogue::Protocol;
use mailprobe::outcome::{Fault, Recorder};
use mailprobe::protocol::calendar::{EntryId, Written};
use mailprobe_tests::{Asked, Reply, WebScript};

fn elsewhere(reply: Reply, evil: &str) -> Reply {
    match reply {
        Reply::Whole(status, headers, body) => Reply::Whole(
            status,
            headers.replace("EVIL", evil),
            body.replace("EVIL", evil).replace("MARK", client::MARK),
        ),
        other => other,
    }
}

async fn act(case: &Case, url: &str) -> Result<Option<Written>, Fault> {
    let session = opened(Protocol::Caldav, url, None, "alice", "alice@lab.test", "pw-of-alice").await?;
    let mut client = Client { session, zone: "UTC", rec: Recorder::default() };
    let id = EntryId { id: "/c/1.ics".to_owned(), mark: "\"1\"".to_owned() };
    let new = draft("new", "UTC", "2027-02-03T10:00", 60);
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_801_000_000);
    let year = begin..begin + Duration::from_secs(366 * 86_400);
    match case.act {
        Act::Login => Ok(None),
        Act::List => {
            let zone = client.zone;
            let (calendar, rec) = client.calendar();
            let found = calendar.list(year, zone, client::MARK, rec).await?;
            assert_eq!(found.len(), 1, "{}", case.name);
            Ok(None)
        }
        Act::Create => client.try_create(&new).await.map(Some),
        Act::Delete => client.try_delete(&id).await.map(Some),
        Act::Busy => {
            let found = client.try_busy("bob@lab.test", year).await?;
            assert_eq!(found, []);
            Ok(None)
        }
    }
}

#[tokio::test]
async fn every_layer_of_failure_has_a_reason_and_none_is_success() {
    assert!(ENTRY.contains("MARK"));
    let evil = WebScript::start(|_| Reply::ok("welcome"));
    let mut wrong = Vec::new();
    for case in CASES {
        let at = evil.address().to_string();
        let server = WebScript::start(move |asked: &Asked| {
            let reply = if asked.method == case.method { (case.answer)() } else { good(asked) };
            elsewhere(reply, &at)
        });
        let url = format!("http://{}/c/", server.address());
        let result = tokio::time::timeout(Duration::from_secs(20), act(case, &url)).await;
        let found = match &result {
            Err(_) => panic!("{} has no end", case.name),
            Ok(Ok(None | Some(Written::Accepted(_)))) => End::Well,
            Ok(Ok(Some(Written::Unknown(_)))) => End::Unknown,
            Ok(Err(fault)) => End::Fault(fault.reason),
        };
        if found != case.end {
            wrong.push(format!("{}: {:?}, but {result:?}", case.name, case.end));
        }
        if let Ok(Err(fault)) = result {
            assert!(!fault.said.is_empty() && !fault.said.as_str().contains("pw-of-alice"), "{}", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(evil.asked().is_empty(), "{:?}", evil.asked());
}

/// A host alone is asked where its calendars are, by who has not signed in yet; from http nobody is sent to another host.
#[tokio::test]
async fn a_host_says_where_its_calendars_are_before_anybody_signs_in() {
    let evil = WebScript::start(|_| Reply::ok("welcome"));
    let to = [
        ("/c/".to_owned(), true),
        ("/.well-known/caldav/".to_owned(), true),
        (format!("http://{}/c/", evil.address()), false),
        ("ftp://else.test/".to_owned(), false),
        (String::new(), false),
    ];
    for (to, well) in to {
        let location = to.clone();
        let server = WebScript::start(move |asked: &Asked| match asked.path.as_str() {
            "/.well-known/caldav" => Reply::Whole(301, format!("location: {location}"), String::new()),
            _ => good(asked),
        });
        let opened = opened(
            Protocol::Caldav,
            &format!("http://{}/", server.address()),
            None,
            "alice",
            "alice@lab.test",
            "pw",
        )
        .await;
        assert_eq!(opened.is_ok(), well, "{to:?}: {:?}", opened.err());
        let asked = server.asked();
        let before: Vec<_> =
            asked.iter().take_while(|asked| asked.header("authorization").is_empty()).collect();
        assert!(before.iter().any(|asked| asked.path == "/.well-known/caldav"), "{asked:?}");
    }
    assert!(evil.asked().is_empty(), "{:?}", evil.asked());
}

/// Where the server tells of changes these are asked for; where it does not know the state any more, all of it.
#[tokio::test]
async fn a_second_look_asks_for_changes_alone_and_for_all_where_these_are_not_told() {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_801_000_000);
    let span = begin..begin + Duration::from_secs(366 * 86_400);
    let kinds = [
        // What a second look finds, and what was asked: a query, or changes.
        ("nothing new", 1, &["query", "sync"][..]),
        ("gone", 0, &["query", "sync"]),
        ("forgotten", 1, &["query", "sync", "query"]),
        ("cut short", 1, &["query", "sync", "query"]),
        ("no state", 1, &["query", "query"]),
    ];
    for (kind, count, expected) in kinds {
        let server = WebScript::start(move |asked: &Asked| {
            let names = "xmlns=\"DAV:\"";
            let changes = |inner: &str| {
                let body = format!("<multistatus {names}>{inner}<sync-token>s2</sync-token></multistatus>");
                Reply::Whole(207, "content-type: application/xml".to_owned(), body)
            };
            let status = |path: &str, status: &str| {
                changes(&format!(
                    "<response><href>{path}</href><status>HTTP/1.1 {status}</status></response>"
                ))
            };
            if asked.method == "PROPFIND" && asked.body.contains("<D:sync-token/>") && kind != "no state" {
                let body = format!(
                    "<multistatus {names}><response><href>/c/</href><propstat><prop><sync-token>s1</sync-token></prop>\
                     <status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
                );
                return Reply::Whole(207, "content-type: application/xml".to_owned(), body);
            }
            if !asked.body.contains("sync-collection") {
                return elsewhere(good(asked), "");
            }
            assert!(asked.body.contains("<D:sync-token>s1</D:sync-token>"), "{}", asked.body);
            match kind {
                "gone" => status("/c/1.ics", "404 Not Found"),
                "cut short" => status("/c/", "507 Insufficient Storage"),
                "forgotten" => {
                    let body = format!("<error {names}><valid-sync-token/></error>");
                    Reply::Whole(403, "content-type: application/xml".to_owned(), body)
                }
                _ => changes(""),
            }
        });
        let url = format!("http://{}/c/", server.address());
        let mut session =
            opened(Protocol::Caldav, &url, None, "alice", "alice@lab.test", "pw").await.expect("a session");
        let rec = Recorder::default();
        let calendar = session.calendar().expect("a calendar");
        let first = calendar.list(span.clone(), "UTC", client::MARK, &rec).await.expect("entries");
        let second = calendar.list(span.clone(), "UTC", client::MARK, &rec).await.expect("entries");
        assert_eq!((first.len(), second.len()), (1, count), "{kind}");
        let asked = server.asked();
        let reports = asked.iter().filter(|asked| asked.method == "REPORT");
        let reports: Vec<_> = reports
            .map(|asked| if asked.body.contains("sync-collection") { "sync" } else { "query" })
            .collect();
        assert_eq!(reports, expected, "{kind}");
    }
}
