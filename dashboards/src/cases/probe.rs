//! The probe itself.

use super::Standard;
use super::access::skipped;
use crate::case::Case;
use crate::scenario::lane;

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "ChecksStale" => stale(),
        "ProbeFailing" => failing(),
        "ReloadFailed" => reload(),
        "ClockSkewed" => gauge(
            "mailprobe_clock_skew_seconds{site=\"s1\",mail_service=\"hq\"",
            "site=\"s1\"",
            &["31", "-31"],
            &["29", "-29", "0"],
        ),
        "TwoProbes" => gauge(
            "mailprobe_rival_probe{site=\"s1\",mailbox=\"bob\"",
            "site=\"s1\",mailbox=\"bob\"",
            &["1"],
            &["0"],
        ),
        "MailboxFilling" => filling(),
        "CleanupFailing" => cleanup(),
        "ProbeVersionsDiffer" => versions(),
        "VendorIncident" => vendor(),
        "Watchdog" => vec![
            Case::new("always").sites(&["s1"], "").fires(1, &[""]),
            Case::new("without any site").fires(5, &[""]),
        ],
        _ => return None,
    })
}

const S1: &str = "site=\"s1\"";

/// A gauge that is wrong or well; a blip of one scrape, a restart, two pods.
fn gauge(selector: &str, labels: &'static str, wrong: &[&str], well: &[&str]) -> Vec<Case> {
    let pod = |pod: &str| format!("{selector},pod=\"{pod}\"}}");
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    let mut cases = Vec::new();
    for value in wrong {
        cases.push(
            case("it fires, and goes")
                .series(&pod("a"), &format!("0x9 {value}x9 0x*"))
                .quiet(&[4])
                .fires(9, &[labels])
                .quiet(&[18]),
        );
        cases.push(case("one scrape").series(&pod("a"), &format!("0x9 {value} 0x*")).quiet(&[5, 6, 8]));
        cases.push(
            case("two pods")
                .series(&pod("a"), &format!("{value}x*"))
                .series(&pod("b"), &format!("{value}x*"))
                .fires(9, &[labels]),
        );
    }
    for value in well {
        cases.push(case("it is well").series(&pod("a"), &format!("{value}x*")).quiet(&[5, 9]));
    }
    cases
}

fn stale() -> Vec<Case> {
    let login = lane("s1", "login", "check", "imap");
    let overdue = |pod: &str| {
        skipped(&login.clone().pod(if pod == "a" { "a" } else { "b" }), "")
            .replace("why=\"\",", "")
            .replace("mailprobe_checks_skipped_total", "mailprobe_check_overdue_seconds")
    };
    let case = |name: &str, every: u32| Case::new(name).sites(&["s1"], "").lane(login.clone().every(every));
    vec![
        case("overdue by more than two intervals", 60)
            .series(&overdue("a"), "0x9 0+30x*")
            .quiet(&[5, 7])
            .fires(12, &[S1]),
        case("a slow check, overdue by less", 900).series(&overdue("a"), "0x9 0+30x*").quiet(&[12, 30]),
        case("one late result", 60).series(&overdue("a"), "0x9 30 60 90 0x*").quiet(&[6, 7, 12]),
        case("a restart", 60).series(&overdue("a"), "0x9 0+30x5 0x*").quiet(&[10, 14]),
        case("it rests", 60)
            .series(&overdue("a"), "0x9 0+30x*")
            .series(&skipped(&login, "resting"), "0x9 0+0.5x*")
            .quiet(&[12, 30]),
        case("two pods", 60)
            .series(&overdue("a"), "0x9 0+30x*")
            .series(&overdue("b"), "0x9 0+30x*")
            .fires(12, &[S1]),
    ]
}

fn failing() -> Vec<Case> {
    let standard = Standard {
        letter: 's',
        other: 'o',
        flaky: false,
        policy: true,
        ..Standard::new(vec![lane("s1", "login", "check", "imap")], S1)
    };
    let errors = "mailprobe_internal_errors_total{site=\"s1\",pod=\"a\"}";
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    let mut cases = standard.cases();
    cases.push(standard.case("a switchover of 90 s", 60, "......oo.....").quiet(&[7, 8, 9, 10, 14]));
    cases.push(standard.case("the server's fault", 60, ".....t").quiet(&[8, 14]));
    cases.push(standard.case("late because the server hangs", 60, ".....totototo").quiet(&[8, 14]));
    cases.push(case("a fault of its own").series(errors, "0x9 1x*").quiet(&[4]).fires(8, &[S1]));
    cases.push(case("a counter that begins anew").series(errors, "5x9 0x*").quiet(&[8]));
    cases
}

fn reload() -> Vec<Case> {
    let series = |pod: &str| format!("mailprobe_config_last_reload_successful{{site=\"s1\",pod=\"{pod}\"}}");
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    vec![
        case("it fires, and goes")
            .series(&series("a"), "1x9 0x9 1x*")
            .quiet(&[4])
            .fires(9, &[S1])
            .quiet(&[18]),
        case("one scrape").series(&series("a"), "1x9 0 1x*").quiet(&[5, 6, 8]),
        case("two pods").series(&series("a"), "1x*").series(&series("b"), "0x*").fires(9, &[S1]),
        case("a restart").series(&series("a"), "1x9 stale _x3 1x*").quiet(&[5, 9]),
    ]
}

fn filling() -> Vec<Case> {
    let place = "site=\"s1\",mail_service=\"hq\",mailbox=\"bob\",pod=\"a\"";
    let labels = "site=\"s1\",mail_service=\"hq\",mailbox=\"bob\"";
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    let bytes = format!("mailprobe_mailbox_bytes{{{place}}}");
    let quota = format!("mailprobe_mailbox_quota_bytes{{{place}}}");
    let items = format!("mailprobe_mailbox_items{{{place}}}");
    vec![
        case("four fifths").series(&bytes, "81x*").series(&quota, "100x*").fires(5, &[labels]),
        case("less").series(&bytes, "79x*").series(&quota, "100x*").quiet(&[5, 9]),
        case("no quota").series(&bytes, "81x*").series(&quota, "0x*").quiet(&[5, 9]),
        case("many messages").series(&items, "5001x*").fires(5, &[labels]),
        case("not so many").series(&items, "4999x*").quiet(&[5, 9]),
        case("two pods")
            .series(&items, "5001x*")
            .series(&items.replace("\"a\"", "\"b\""), "5001x*")
            .fires(5, &[labels]),
        case("one scrape").series(&items, "1x9 5001 1x*").quiet(&[5, 6, 8]),
    ]
}

fn cleanup() -> Vec<Case> {
    let series = |pod: &str| {
        format!(
            "mailprobe_cleanup_failures_total{{site=\"s1\",mail_service=\"hq\",mailbox=\"bob\",protocol=\"imap\",role=\"view\",pod=\"{pod}\"}}"
        )
    };
    let labels = "site=\"s1\",mail_service=\"hq\",mailbox=\"bob\"";
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    vec![
        case("five").series(&series("a"), "0x9 1x1 2x1 3x1 4x1 5x*").quiet(&[6]).fires(14, &[labels]),
        case("four").series(&series("a"), "0x9 1x1 2x1 3x1 4x*").quiet(&[14, 30]),
        case("one blip").series(&series("a"), "0x9 1x*").quiet(&[14, 30]),
        case("a counter that begins anew, under a new pod")
            .series(&series("a"), "7x9 0x*")
            .series(&series("b"), "_x10 0x*")
            .quiet(&[14]),
    ]
}

fn versions() -> Vec<Case> {
    let up = |site: &str, version: &str| {
        format!("mailprobe_build_info{{site=\"{site}\",version=\"{version}\",pod=\"{version}\"}}")
    };
    vec![
        Case::new("for six hours")
            .series(&up("s1", "1.0.0"), "1x*")
            .series(&up("s2", "1.1.0"), "1x*")
            .quiet(&[300])
            .fires(370, &[""]),
        Case::new("a rollout")
            .series(&up("s1", "1.0.0"), "1x*")
            .series(&up("s2", "1.1.0"), "1x200 stale")
            .series(&up("s2", "1.0.0"), "_x201 1x*")
            .quiet(&[370]),
        Case::new("all the same").sites(&["s1", "s2"], "").quiet(&[370]),
    ]
}

fn vendor() -> Vec<Case> {
    let series = |state: &str| {
        format!(
            "mailprobe_service_health{{site=\"s1\",mail_service=\"m365\",workload=\"Exchange\",state=\"{state}\",pod=\"a\"}}"
        )
    };
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    vec![
        case("an incident")
            .series(&series("serviceDegradation"), "1x*")
            .fires(5, &["mail_service=\"m365\",workload=\"Exchange\",state=\"serviceDegradation\""]),
        case("all well").series(&series("serviceOperational"), "1x*").quiet(&[5, 9]),
        case("one scrape").series(&series("serviceDegradation"), "_x9 1 stale").quiet(&[5, 6, 8]),
    ]
}
