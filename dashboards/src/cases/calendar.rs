//! Calendars, meetings, the directory, Autodiscover.

use super::Standard;
use super::site::Concat as _;
use crate::case::Case;
use crate::scenario::lane;

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    let kind = |kind, role| Standard::new(vec![lane("s1", kind, role, "ews")], EWS);
    Some(match alert {
        "CalendarFailing" => {
            let role = |role| Standard { runs: 3, ..kind("calendar", role) };
            let write =
                Case::new("seeing them").sites(&["s1"], "").lane(role("view").hit[0].clone().runs(".....t"));
            let seen = |name: &str, runs: &str| {
                Case::new(name).sites(&["s1"], "").lane(role("view").hit[0].clone().runs(runs))
            };
            let more = vec![
                write.fires(14, &[EWS]),
                seen("late alone has an alert of its own", ".....k").quiet(&[10, 14]),
                seen("late and failing in turn", ".....ktktktktkt").fires(14, &[EWS]),
            ];
            [role("write").cases(), more].concat_cases()
        }
        "CalendarStale" => Standard { letter: 'k', ..kind("calendar", "view") }.cases(),
        "CalendarDamaged" => damaged(),
        "MeetingFailing" => {
            let view = Case::new("the attendee")
                .sites(&["s1"], "")
                .lane(lane("s1", "meeting", "view", "ews").runs(".....t"));
            [kind("meeting", "write").cases(), vec![view.fires(14, &[EWS])]].concat_cases()
        }
        "FreeBusyFailing" => kind("free_busy", "check").cases(),
        "DirectoryFailing" => kind("directory", "check").cases(),
        "AutodiscoverDrift" => Standard { letter: 'c', ..kind("autodiscover", "check") }.cases(),
        "MailboxMoved" => moved(),
        _ => return None,
    })
}

const EWS: &str = "site=\"s1\",mail_service=\"hq\",protocol=\"ews\"";

fn damaged() -> Vec<Case> {
    let hq = &["mail_service=\"hq\""][..];
    let case = |name: &str, every: u32, runs: &str| {
        Case::new(name).sites(&["s1"], "").lane(lane("s1", "calendar", "view", "ews").every(every).runs(runs))
    };
    vec![
        case("once is enough", 300, "...x....").quiet(&[10, 14]).fires(17, hq).fires(24, hq).quiet(&[39]),
        case("in turn with another reason", 60, "....xtxtxt").fires(10, hq),
        case("another reason", 300, "...ttt").quiet(&[17, 20, 28]),
        case("late is no damage", 300, "...kkk").quiet(&[17, 20, 28]),
        case("a policy", 300, "...ppp").quiet(&[17, 20, 28]),
        case("a restart", 300, "...^...").quiet(&[17, 20, 28]),
        case("two pods", 300, "...x")
            .lane(lane("s1", "calendar", "view", "ews").every(300).runs("...x").pod("b"))
            .fires(20, hq),
    ]
}

fn moved() -> Vec<Case> {
    let labels = "site=\"s1\",mail_service=\"hq\",mailbox=\"alice\"";
    let standard = Standard {
        letter: 'm',
        flaky: false,
        policy: true,
        ..Standard::new(vec![lane("s1", "login", "check", "ews")], labels)
    };
    let other = standard.case("another reason", 60, ".....t").quiet(&[8, 14]);
    [standard.cases(), vec![other]].concat_cases()
}
