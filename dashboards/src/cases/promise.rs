//! Burn rates.

use super::site::Concat as _;
use crate::case::Case;
use crate::scenario::{Lane, lane};

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "PromiseBurningFast" => [
            fast(),
            pairs(&[("1h", "5m", "0.0721", "0.072"), ("6h", "30m", "0.0301", "0.03")]),
            windows(&["5m", "1h", "30m", "6h"]),
        ]
        .concat_cases(),
        "PromiseBurningSlow" => [
            slow(),
            pairs(&[("1d", "2h", "0.0151", "0.015"), ("3d", "6h", "0.0051", "0.005")]),
            windows(&["2h", "1d", "6h", "3d"]),
        ]
        .concat_cases(),
        _ => return None,
    })
}

const SITES: &[&str] = &["s1", "s2"];
const MAIL: &str = "kind=\"roundtrip\",mail_service=\"hq\",protocol=\"imap\"";

fn views(kind: &'static str, protocol: &'static str, sites: &[&'static str], runs: &str) -> Vec<Lane> {
    sites.iter().map(|site| lane(site, kind, "view", protocol).counted().runs(runs)).collect()
}

fn case(name: &str) -> Case {
    Case::new(name).sites(SITES, "")
}

fn fast() -> Vec<Case> {
    let half = "..........".to_owned() + &"..l".repeat(20);
    let mail = |runs: &str| views("roundtrip", "imap", SITES, runs);
    vec![
        case("a third is late at two sites").lanes(mail(&half)).quiet(&[9]).fires(25, &[MAIL]),
        case("reasons in turn").lanes(mail(&half.replace("..l..l", "..l..t"))).fires(25, &[MAIL]),
        case("calendars")
            .lanes(views("calendar", "ews", SITES, &half.replace('l', "k")))
            .fires(25, &["kind=\"calendar\",mail_service=\"hq\",protocol=\"ews\""]),
        case("at one site")
            .lanes(views("roundtrip", "imap", &["s1"], &half))
            .lanes(views("roundtrip", "imap", &["s2"], "."))
            .quiet(&[15, 25, 40]),
        case("one blip").lanes(mail("..........l.")).quiet(&[11, 13, 15, 25]),
        case("a switchover of 90 s").lanes(mail("..........ll.")).quiet(&[11, 13, 15, 25]),
        case("too few runs of a slow check")
            .lanes(mail("..l..l").into_iter().map(|lane| lane.every(900)))
            .quiet(&[32, 34, 40, 50]),
        case("a policy, the configuration, the probe").lanes(mail("..........pcopco")).quiet(&[15, 25, 40]),
        case("a pause after one refusal").lanes(mail("..........az")).quiet(&[13, 15, 25, 40]),
        case("a restart, and counters that begin anew")
            .lanes(mail("..........^....^."))
            .quiet(&[13, 15, 18, 25]),
        case("two pods of one site")
            .lanes(mail(&half))
            .lanes(mail(".").into_iter().map(|lane| lane.pod("b")))
            .fires(25, &[MAIL]),
    ]
}

/// Each pair of windows by itself: all of its conditions, and then all but one.
fn pairs(pairs: &[(&str, &str, &str, &str)]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (long, short, more, factor) in pairs {
        let all = [
            (format!("bad:ratio{long}"), (*more).to_owned(), (*factor).to_owned()),
            (format!("bad:ratio{short}"), (*more).to_owned(), (*factor).to_owned()),
            (format!("bad_events:sum{short}"), "5".to_owned(), "4".to_owned()),
            (format!("bad_sites:count{short}"), "2".to_owned(), "1".to_owned()),
        ];
        let with = |name: String, low: Option<usize>| {
            all.iter().enumerate().fold(Case::new(&name), |case, (at, (of, enough, less))| {
                let value = if low == Some(at) { less } else { enough };
                case.series(&format!("promise:mailprobe_{of}{{{MAIL}}}"), &format!("{value}x*"))
            })
        };
        cases.push(with(format!("{long} and {short}"), None).fires(3, &[MAIL]));
        for (at, (of, ..)) in all.iter().enumerate() {
            cases.push(with(format!("{long} and {short} without {of}"), Some(at)).quiet(&[3, 5]));
        }
    }
    cases
}

/// What windows hold, each short one before its long one: an hour well, an hour late, an hour well.
fn windows(of: &[&str]) -> Vec<Case> {
    let hour = |letter: &str| letter.repeat(60);
    let runs = hour(".") + &hour("l") + &hour(".");
    let mut case = case("what the windows hold").lanes(views("roundtrip", "imap", SITES, &runs));
    // In tenths, since five minutes blur the edges: at the end of the bad hour, and an hour later.
    let ratios = [
        ("5m", 10, 0),
        ("30m", 10, 0),
        ("1h", 10, 0),
        ("2h", 5, 5),
        ("6h", 5, 3),
        ("1d", 5, 3),
        ("3d", 5, 3),
    ];
    for (window, then, later) in ratios.into_iter().filter(|(window, ..)| of.contains(window)) {
        let ratio = format!("promise:mailprobe_bad:ratio{window} * 10");
        case = case.value(119, &ratio, MAIL, then).value(180, &ratio, MAIL, later);
    }
    let events = [("5m", 1), ("30m", 6), ("2h", 11), ("6h", 11)];
    let short: Vec<_> = of.iter().step_by(2).collect();
    for (window, tens) in events.into_iter().filter(|(window, _)| short.contains(&window)) {
        case = case.value(119, &format!("promise:mailprobe_bad_events:sum{window} / 10"), MAIL, tens);
    }
    for window in short {
        case = case.value(119, &format!("promise:mailprobe_bad_sites:count{window}"), MAIL, 2);
    }
    vec![case]
}

fn slow() -> Vec<Case> {
    // Once in 40 runs is five times too fast, and too slow for a page.
    let now_and_then = format!("{}l", ".".repeat(39)).repeat(4);
    let mail = |runs: &str| views("roundtrip", "imap", SITES, runs);
    vec![
        case("one in forty for hours").lanes(mail(&now_and_then)).quiet(&[30]).fires(135, &[MAIL]),
        case("calendars")
            .lanes(views("calendar", "ews", SITES, &now_and_then.replace('l', "k")))
            .fires(135, &["kind=\"calendar\",mail_service=\"hq\",protocol=\"ews\""]),
        case("at one site")
            .lanes(views("roundtrip", "imap", &["s1"], &now_and_then))
            .lanes(views("roundtrip", "imap", &["s2"], "."))
            .quiet(&[30, 135]),
        case("one blip").lanes(mail("..........l.")).quiet(&[15, 40]),
        case("a switchover of 90 s").lanes(mail("..........ll.")).quiet(&[15, 40]),
        case("a policy").lanes(mail("..........p")).quiet(&[40, 60]),
        case("too few runs").lanes(mail("..l..l..").into_iter().map(|lane| lane.every(900))).quiet(&[40, 60]),
        case("restarts").lanes(mail("..........^....^.")).quiet(&[15, 40]),
    ]
}
