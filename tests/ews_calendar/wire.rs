//! Every layer of failure has a reason; none of it is success, none of it is without end.

use std::time::{Duration, SystemTime};

use jiff::ToSpan as _;
use mailprobe::catalogue::Protocol;
use mailprobe::outcome::{Fault, Recorder};
use mailprobe::protocol::calendar::{Answer, EntryId, Repeat, Written};
use mailprobe_tests::{Asked, Reply, WebScript};

use crate::cases::{Act, CASES, Case, End};
use crate::client::{Client, MARK, draft, opened};
use crate::script::{asked_for, good, held, shown, view, well};

/// More than any of this takes.
const MOST_ASKED: usize = 100;

async fn session(server: &WebScript) -> Result<Client, Fault> {
    let url = format!("http://{}/EWS/Exchange.asmx", server.address());
    let session = opened(Protocol::Ews, &url, None, "alice", "alice@lab.test", "pw-of-alice").await?;
    Ok(Client { session, zone: "UTC", rec: Recorder::default() })
}

fn year() -> std::ops::Range<SystemTime> {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_801_000_000);
    begin..begin + Duration::from_secs(366 * 86_400)
}

async fn act(case: &Case, server: &WebScript) -> Result<Option<Written>, Fault> {
    let mut client = session(server).await?;
    let id = EntryId { id: "1".to_owned(), mark: "k1".to_owned() };
    let mut new = draft("new", "UTC", "2027-02-03T10:00", 60);
    match case.act {
        Act::List => {
            let found = client.calendar().0.list(year(), "UTC", MARK, &Recorder::default()).await?;
            assert_eq!(found.len(), 1, "{}", case.name);
            return Ok(None);
        }
        Act::Notices => {
            assert_eq!(client.calendar().0.notices(MARK, &Recorder::default()).await?, []);
            return Ok(None);
        }
        Act::Elsewhere => new.time.zone = "America/New_York".into(),
        Act::Series => {
            new.repeat =
                Some(Repeat { days: 3, moved: Some((1, new.time.nth_day(1).saturating_add(1.hour()))) });
        }
        _ => {}
    }
    match case.act {
        Act::Update => client.try_update(&id, &new).await,
        Act::Delete => client.try_delete(&id).await,
        Act::Answer => client.try_answer(&id, Answer::Accepted).await,
        _ => client.try_create(&new).await,
    }
    .map(Some)
}

#[tokio::test]
async fn every_layer_of_failure_has_a_reason_and_none_is_success() {
    let mut wrong = Vec::new();
    for case in CASES {
        let server =
            WebScript::start(
                move |asked: &Asked| {
                    if asked_for(asked) == case.to { (case.answer)() } else { good(asked) }
                },
            );
        let result = tokio::time::timeout(Duration::from_secs(20), act(case, &server)).await;
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
        assert!(server.asked().len() < MOST_ASKED, "{}: {}", case.name, server.asked().len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of an attribute of a request.
fn attribute<'a>(asked: &'a Asked, name: &str) -> &'a str {
    let rest = asked.body.split(&format!(" {name}=\"")).nth(1).expect("the attribute");
    rest.split('"').next().unwrap_or_default()
}

/// Twelve entries and a series of twelve days, of which an answer shows two at most: by saying so, or by refusing more.
fn crowded(asked: &Asked, refuses: bool) -> Reply {
    let time = |name| attribute(asked, name).parse::<jiff::Timestamp>().expect("a time");
    let span = time("StartDate")..time("EndDate");
    let mut shows = Vec::new();
    for day in 1..=12 {
        let (start, end) = (format!("2027-03-{day:02}T10:00:00Z"), format!("2027-03-{day:02}T11:00:00Z"));
        let begins = start.parse().expect("a time");
        if span.contains(&begins) {
            shows.push(shown(&format!("s{day}"), MARK, "Single", &start, &end));
            shows.push(shown(&format!("o{day}"), MARK, "Occurrence", &start, &end));
        }
    }
    match shows.len() {
        0..=2 => view("true", &shows.concat()),
        _ if refuses => crate::script::refused("FindItem", "ErrorExceededFindCountLimit"),
        _ => view("false", &shows[..2].concat()),
    }
}

/// The entries that are asked for, each with the hour of its day.
fn read(asked: &Asked) -> Reply {
    let ids = asked.body.split("<m:ItemIds>").nth(1).expect("ids");
    let each: Vec<_> =
        ids.split("Id=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
    let inner: Vec<_> = each
        .iter()
        .map(|id| match id.strip_prefix('s') {
            Some(day) => held(id, "Single", "").replace("2027-02-03", &format!("2027-03-{day:0>2}")),
            None => held("series", "RecurringMaster", ""),
        })
        .map(|item| format!("<m:ResponseCode>NoError</m:ResponseCode>{item}"))
        .collect();
    let inner: Vec<_> = inner.iter().map(String::as_str).collect();
    crate::script::messages("GetItem", "Success", &inner)
}

#[tokio::test]
async fn an_answer_that_is_not_all_is_gone_on_with() {
    for refuses in [false, true] {
        let server = WebScript::start(move |asked: &Asked| match asked_for(asked) {
            "View" => crowded(asked, refuses),
            "GetItem" => read(asked),
            _ => good(asked),
        });
        let mut client = session(&server).await.expect("a session");
        let found =
            client.calendar().0.list(year(), "UTC", MARK, &Recorder::default()).await.expect("entries");
        let (series, single): (Vec<_>, Vec<_>) = found.iter().partition(|entry| entry.uid == "u-series");
        assert_eq!((single.len(), series.len()), (12, 1), "{found:?}");
        assert_eq!(series[0].spans.len(), 12);
        let mut ids: Vec<_> = single.iter().map(|entry| &entry.id.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 12);
        assert!(server.asked().len() < MOST_ASKED);
    }
}

/// What is gone between two questions is not there, and no fault.
#[tokio::test]
async fn what_goes_while_one_looks_is_not_there() {
    let server = WebScript::start(|asked: &Asked| match asked_for(asked) {
        "GetItem" => crate::script::refused("GetItem", "ErrorItemNotFound"),
        _ => good(asked),
    });
    let mut client = session(&server).await.expect("a session");
    let found = client.calendar().0.list(year(), "UTC", MARK, &Recorder::default()).await.expect("entries");
    assert_eq!(found, []);
}

/// Who is told of what: of an invitation all, of an entry of one's own nobody, and never is a copy kept.
#[tokio::test]
async fn who_is_told_is_said_in_every_change() {
    let kinds = [
        ("", "SendToNone", "SendToNone"),
        (
            "<t:IsMeeting>true</t:IsMeeting><t:MyResponseType>Organizer</t:MyResponseType>",
            "SendOnlyToAll",
            "SendOnlyToAll",
        ),
        // To who is invited it is not theirs to call off.
        (
            "<t:IsMeeting>true</t:IsMeeting><t:MyResponseType>Accept</t:MyResponseType>",
            "SendToNone",
            "SendToNone",
        ),
    ];
    for (more, changed, deleted) in kinds {
        let server = WebScript::start(move |asked: &Asked| match asked_for(asked) {
            "GetItem" => well("GetItem", &held("1", "Single", more)),
            _ => good(asked),
        });
        let mut client = session(&server).await.expect("a session");
        let id = EntryId { id: "1".to_owned(), mark: "k1".to_owned() };
        let mut new = draft("new", "UTC", "2027-02-03T10:00", 60);
        client.try_update(&id, &new).await.expect("a change");
        client.try_delete(&id).await.expect("a deletion");
        new.invited = Some("bob@lab.test".into());
        client.create(&new).await;
        let asked = server.asked();
        let said = |to: &str, name: &str| {
            let asked = asked.iter().find(|asked| asked_for(asked) == to).expect("a request");
            attribute(asked, name).to_owned()
        };
        let all = [
            said("UpdateItem", "SendMeetingInvitationsOrCancellations"),
            said("DeleteItem", "SendMeetingCancellations"),
            said("CreateItem", "SendMeetingInvitations"),
            said("UpdateItem", "ConflictResolution"),
            said("DeleteItem", "DeleteType"),
        ];
        assert_eq!(all, [changed, deleted, "SendOnlyToAll", "NeverOverwrite", "HardDelete"], "{more}");
    }
}
