//! Each change, written by one protocol and seen by both.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use mailprobe::catalogue::{Protocol, Reason};
use mailprobe::outcome::Recorder;
use mailprobe::protocol::Status;
use mailprobe::protocol::calendar::{Draft, Repeat};
use mailprobe_sandbox::Listener;
use mailprobe_tests::{PASSWORD, Service};

use crate::client::{Client, draft, opened};
use crate::seen::{accepted, around};

pub const PROTOCOLS: [Protocol; 2] = [Protocol::Ews, Protocol::Caldav];

/// A session of a user of the sandbox.
pub async fn client(service: &Service, protocol: Protocol, name: &str) -> Client {
    let port = service.sandbox().address(Listener::Https).port();
    let path = if protocol == Protocol::Ews { "/EWS/Exchange.asmx" } else { "/" };
    let url = format!("https://localhost:{port}{path}");
    let address = format!("{name}@sandbox.test");
    let authority = service.sandbox().ca_pem();
    let session = opened(protocol, &url, Some(&authority), name, &address, PASSWORD).await;
    let session = session.unwrap_or_else(|fault| panic!("{}: {fault}", protocol.name()));
    Client { session, zone: "Europe/Lisbon", rec: Recorder::default() }
}

/// The Sundays on which clocks change, in both halves of the year.
const DAYS: [(&str, [&str; 2]); 2] =
    [("Europe/Lisbon", ["2027-03-28", "2027-10-31"]), ("America/New_York", ["2027-03-14", "2027-11-07"])];
/// In the hour that is left out or comes twice, beside it, and at noon.
const TIMES: [Time; 3] =
    [jiff::civil::time(0, 30, 0, 0), jiff::civil::time(1, 30, 0, 0), jiff::civil::time(12, 0, 0, 0)];
const KINDS: [&str; 3] = ["single", "all-day", "series"];

fn of_kind(kind: &str, zone: &str, start: DateTime) -> Draft {
    let mut draft = draft(&format!("{kind}-{start}"), zone, &start.to_string(), 45);
    match kind {
        "all-day" => {
            draft.time.start = start.date().to_datetime(Time::midnight());
            draft.time.length = Duration::from_secs(2 * 86_400);
            draft.time.all_day = true;
        }
        "series" => {
            let moved = start.saturating_add(2.days()).saturating_add(2.hours());
            draft.repeat = Some(Repeat { days: 4, moved: Some((2, moved)) });
        }
        _ => {}
    }
    draft
}

/// What is seen of it, or what is wrong with that.
async fn look(client: &mut Client, draft: &Draft) -> Result<(), String> {
    let found = client.list(around(draft)).await;
    let [entry] = found.as_slice() else { return Err(format!("{} entries: {found:?}", found.len())) };
    let expected = (draft.spans().expect("times"), &*draft.uid, &*draft.subject, &*draft.place, draft.status);
    let shown = (entry.spans.clone(), &*entry.uid, &*entry.subject, &*entry.place, entry.status);
    if entry.cancelled || shown != expected {
        return Err(format!("{shown:?} and not {expected:?}"));
    }
    Ok(())
}

async fn gone(client: &mut Client, draft: &Draft) -> Result<(), String> {
    let found = client.list(around(draft)).await;
    if found.is_empty() { Ok(()) } else { Err(format!("still there: {found:?}")) }
}

/// A series that begins at a time which its zone leaves out is not written through EWS.
fn is_refused(protocol: Protocol, draft: &Draft) -> bool {
    let begins = draft.time.shown(draft.time.span().expect("a time").start).expect("a zone");
    protocol == Protocol::Ews && draft.repeat.is_some() && begins != draft.time.start
}

/// What a change came to: refused, or as both protocols show it.
type Told = (&'static str, Option<[Result<(), String>; 2]>);

/// The life of one entry.
async fn live(clients: &mut [Client; 2], writer: usize, first: &Draft) -> Vec<Told> {
    let mut moved = first.clone();
    let shift = if first.time.all_day { 1.day() } else { 30.minutes() };
    moved.time.start = first.time.start.saturating_add(shift);
    let elsewhere = Draft { place: "Sala 2".into(), status: Status::Busy, ..moved.clone() };
    let (mut told, mut id) = (Vec::new(), None);
    for (change, draft) in [("created", first), ("moved", &moved), ("elsewhere", &elsewhere)] {
        let client = &mut clients[writer];
        let written = match &id {
            None => client.try_create(draft).await,
            Some(id) => client.try_update(id, draft).await,
        };
        if is_refused(PROTOCOLS[writer], draft) {
            let reason = written.err().map(|fault| fault.reason);
            assert_eq!(reason, Some(Reason::InternalError), "{change} {}", draft.uid);
            told.push((change, None));
            continue;
        }
        accepted(written);
        told.push((change, Some([look(&mut clients[0], draft).await, look(&mut clients[1], draft).await])));
        id = clients[writer].list(around(draft)).await.into_iter().next().map(|entry| entry.id);
    }
    accepted(clients[writer].try_delete(&id.expect("an entry")).await);
    told.push(("deleted", Some([gone(&mut clients[0], first).await, gone(&mut clients[1], first).await])));
    told
}

/// Kind, zone, and when it begins: before, on, and after the days on which clocks change.
fn all() -> Vec<(&'static str, &'static str, DateTime)> {
    let mut all = Vec::new();
    for kind in KINDS {
        for (zone, days) in DAYS {
            for day in days {
                let day: Date = day.parse().expect("a day");
                for day in [-1, 0, 1].map(|days| day.saturating_add(days.days())) {
                    let times = if kind == "all-day" { &TIMES[..1] } else { &TIMES };
                    all.extend(times.iter().map(|time| (kind, zone, day.to_datetime(*time))));
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn what_one_protocol_writes_both_show_whatever_the_day_and_the_zone() {
    let service = Service::start();
    let mut clients =
        [client(&service, PROTOCOLS[0], "alice").await, client(&service, PROTOCOLS[1], "alice").await];
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for (kind, zone, start) in all() {
        clients.iter_mut().for_each(|client| client.zone = zone);
        for (writer, protocol) in PROTOCOLS.into_iter().enumerate() {
            let mut line = format!("{kind:8} {zone:16} {start} by {:6}", protocol.name());
            for (change, seen) in live(&mut clients, writer, &of_kind(kind, zone, start)).await {
                let Some(seen) = seen else {
                    write!(line, "  {change}: refused").expect("a String takes it");
                    continue;
                };
                let words = seen.map(|seen| {
                    cells += 1;
                    let word = if seen.is_ok() { "yes" } else { "NO" };
                    wrong.extend(seen.err().map(|words| format!("{line} {change}: {words}")));
                    word
                });
                write!(line, "  {change}: ews {}, caldav {}", words[0], words[1]).expect("a String takes it");
            }
            println!("{line}");
        }
    }
    println!("{cells} cells, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(service.sandbox().calendar("alice").is_empty());
}
