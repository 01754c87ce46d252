//! Sign-in, TLS, limits.

use super::Standard;
use super::site::Concat as _;
use crate::case::Case;
use crate::scenario::{Lane, lane};

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "LoginFailing" => login(),
        "CredentialPaused" => reason('z', "site=\"s1\",mail_service=\"hq\",mailbox=\"alice\""),
        "SecretExpiring" => secret(),
        "CertificateExpiring" => certificate(),
        "TlsIntercepted" => reason('i', "site=\"s1\",mail_service=\"hq\""),
        "BlockedByPolicy" => reason('p', "mail_service=\"hq\",protocol=\"imap\""),
        "Throttled" => throttled(),
        "SendingLimitNear" => limit(),
        "EndpointPartlyDown" => partly_down(),
        _ => return None,
    })
}

const IMAP: &str = "site=\"s1\",mail_service=\"hq\",protocol=\"imap\"";
const ALICE: &str = "site=\"s1\",mail_service=\"hq\",mailbox=\"alice\"";

fn login() -> Vec<Case> {
    let standard = Standard::new(vec![lane("s1", "login", "check", "imap")], IMAP);
    let fires = &[IMAP][..];
    let flaky = vec![
        standard.case("every other run of a slow check", 600, &".f".repeat(20)).quiet(&[25]).fires(90, fires),
        standard
            .case("every other run of a very slow check", 1800, &".f".repeat(10))
            .quiet(&[80])
            .fires(280, fires),
        standard.case("two blips in half an hour", 60, "..f.........ff.......").quiet(&[13, 16, 20, 28]),
    ];
    [standard.cases(), flaky].concat_cases()
}

/// An alert about one reason, whatever the kind of check.
fn reason(letter: char, labels: &'static str) -> Vec<Case> {
    let login = lane("s1", "login", "check", "imap");
    let standard = Standard { letter, flaky: false, policy: true, ..Standard::new(vec![login], labels) };
    let other = standard.case("another reason", 60, ".....t").quiet(&[8, 14]);
    let limit = standard.case("a sending limit is another matter", 60, ".....q").quiet(&[8, 14]);
    [standard.cases(), vec![other, limit]].concat_cases()
}

fn secret() -> Vec<Case> {
    let series = |pod: &str| {
        format!("mailprobe_secret_expiry_timestamp_seconds{{site=\"s1\",mailbox=\"alice\",pod=\"{pod}\"}}")
    };
    let case = |name: &str| Case::new(name).sites(&["s1"], "");
    vec![
        case("in 13 days").series(&series("a"), "1123200x*").fires(5, &["site=\"s1\",mailbox=\"alice\""]),
        case("two pods")
            .series(&series("a"), "1123200x*")
            .series(&series("b"), "1123200x*")
            .fires(5, &["site=\"s1\",mailbox=\"alice\""]),
        case("in 15 days").series(&series("a"), "1296000x*").quiet(&[5, 10]),
    ]
}

fn certificate() -> Vec<Case> {
    let series = |site: &str| {
        format!(
            "mailprobe_certificate_expiry_timestamp_seconds{{site=\"{site}\",mail_service=\"hq\",protocol=\"imap\",server=\"mail:993\",pod=\"a\"}}"
        )
    };
    let fires = &["mail_service=\"hq\",protocol=\"imap\",server=\"mail:993\""][..];
    let case = |name: &str| Case::new(name).sites(&["s1", "s2"], "");
    vec![
        case("in 13 days, as one of two sites sees it")
            .series(&series("s1"), "1123200x*")
            .series(&series("s2"), "9999999x*")
            .fires(5, fires),
        case("in 15 days").series(&series("s1"), "1296000x*").quiet(&[5, 10]),
        case("it is renewed").series(&series("s1"), "1123200x9 9999999x*").fires(4, fires).quiet(&[14]),
    ]
}

/// The counter of skipped slots.
pub(super) fn skipped(lane: &Lane, why: &str) -> String {
    format!(
        "mailprobe_checks_skipped_total{{site=\"{}\",check=\"{}\",kind=\"{}\",mail_service=\"hq\",mailbox=\"{}\",protocol=\"{}\",role=\"{}\",send=\"{}\",why=\"{why}\",pod=\"{}\"}}",
        lane.site, lane.kind, lane.kind, lane.mailbox, lane.protocol, lane.role, lane.send, lane.pod
    )
}

fn throttled() -> Vec<Case> {
    let login = lane("s1", "login", "check", "imap");
    let standard = Standard { letter: 'h', flaky: false, ..Standard::new(vec![login.clone()], ALICE) };
    let rests = |name: &str, every: u32, values: &str| {
        let login = login.clone().every(every).runs(".....______");
        let counter = skipped(&login, "resting");
        Case::new(name).sites(&["s1"], "").lane(login).series(&counter, values)
    };
    [
        standard.cases(),
        vec![
            standard.case("another reason", 60, ".....t").quiet(&[8, 14]),
            rests("it rests for an hour", 60, "0x9 0+0.5x*").quiet(&[20]).fires(45, &[ALICE]),
            rests("it rests for an hour, a slow check", 900, "0x119 1x29 2x29 3x29 4x*")
                .quiet(&[50])
                .fires(130, &[ALICE]),
            rests("it rests for five minutes", 60, "0x9 1x1 2x1 3x1 4x1 5x*").quiet(&[12, 20, 40]),
        ],
    ]
    .concat_cases()
}

fn limit() -> Vec<Case> {
    let labels = "site=\"s1\",mail_service=\"hq\"";
    let send = lane("s1", "roundtrip", "send", "smtp");
    let standard =
        Standard { letter: 'q', flaky: false, policy: true, ..Standard::new(vec![send.clone()], labels) };
    let counter = skipped(&send, "limited");
    let limited = |name: &str| Case::new(name).sites(&["s1"], "").lane(send.clone().runs("....._"));
    [
        standard.cases(),
        vec![
            standard.case("another reason", 60, ".....t").quiet(&[8, 14]),
            limited("the configured limit")
                .series(&counter, "0x9 1x1 2x1 3x*")
                .quiet(&[5])
                .fires(12, &[labels]),
            limited("one slot").series(&counter, "0x9 1x*").quiet(&[8, 14]),
        ],
    ]
    .concat_cases()
}

fn partly_down() -> Vec<Case> {
    let fires = &["mail_service=\"hq\",protocol=\"imap\""][..];
    let case = |name: &str, runs: &str, every: u32, all: &str, failing: &str| {
        let lane = lane("s1", "endpoint", "check", "imap").every(every).runs(runs);
        let place = "site=\"s1\",mail_service=\"hq\",protocol=\"imap\",pod=\"a\"";
        Case::new(name)
            .sites(&["s1"], "")
            .lane(lane)
            .series(&format!("mailprobe_endpoint_addresses{{{place}}}"), all)
            .series(&format!("mailprobe_endpoint_addresses_failing{{{place}}}"), failing)
    };
    vec![
        case("one of two", ".....t", 60, "2x*", "0x9 1x*").quiet(&[6]).fires(12, fires),
        case("reasons in turn", ".....tdtdtdtd", 60, "2x*", "0x9 1x*").fires(12, fires),
        case("all of them", ".....t", 60, "2x*", "0x9 2x*").quiet(&[12, 16]),
        case("none now", ".....t", 60, "2x*", "0x*").quiet(&[12, 16]),
        case("a blip", ".....t.....", 60, "2x*", "0x9 1x1 0x*").quiet(&[6, 8, 12]),
        case("a switchover", ".....tt.....", 60, "2x*", "0x9 1x3 0x*").quiet(&[6, 8, 12]),
        case("a slow check, once", "..t..", 900, "2x*", "0x59 1x29 0x*").quiet(&[32, 40, 50]),
    ]
}
