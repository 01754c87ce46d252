//! The fleet.

use super::Standard;
use super::site::Concat as _;
use crate::case::Case;
use crate::scenario::{Lane, lane};

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "ServiceOutage" => [outage().cases(), outage_more()].concat_cases(),
        "ServiceDegraded" => [degraded().cases(), degraded_more()].concat_cases(),
        "ClassicOutlookOutage" => [classic().cases(), classic_more()].concat_cases(),
        "FallbackDown" => [fallback().cases(), fallback_more()].concat_cases(),
        "SignInOutage" => [sign_in().cases(), sign_in_more()].concat_cases(),
        "MailLost" => super::mail::event("lost", 1),
        "FleetBlind" => blind(),
        _ => return None,
    })
}

const FOUR: &[&str] = &["s1", "s2", "s3", "s4"];
const EIGHT: &[&str] = &["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];
const ROUNDTRIP_VIEW: &str = "mail_service=\"hq\",kind=\"roundtrip\",role=\"view\"";

fn views(sites: &[&'static str], protocol: &'static str) -> Vec<Lane> {
    sites.iter().map(|site| lane(site, "roundtrip", "view", protocol)).collect()
}

fn logins(sites: &[&'static str], protocol: &'static str) -> Vec<Lane> {
    sites.iter().map(|site| lane(site, "login", "check", protocol)).collect()
}

fn outage() -> Standard {
    let rest = [views(&["s3", "s4"], "imap"), logins(&["s1", "s2"], "owa")].concat();
    Standard { sites: FOUR, rest, ..Standard::new(views(&["s1", "s2"], "imap"), ROUNDTRIP_VIEW) }
}

/// Two sites of a region and with a backend of their own, one that is well, one that says nothing.
fn told(labels: &str) -> Case {
    let backend = |site: &str, protocol: &str, backend: &str| {
        format!(
            "mailprobe_backend_info{{site=\"{site}\",mail_service=\"hq\",mailbox=\"bob\",protocol=\"{protocol}\",backend=\"{backend}\",pod=\"a\"}}"
        )
    };
    let case = Case::new("what it says")
        .sites(&["s1", "s2"], "region=\"emea\"")
        .sites(&["s3"], "region=\"apac\"")
        .sites(&["s4"], "");
    let all = [("s1", "MBX1"), ("s2", "MBX1"), ("s3", "MBX2")];
    all.iter()
        .flat_map(|(site, name)| ["imap", "ews"].map(|protocol| backend(site, protocol, name)))
        .fold(case, |case, series| case.series(&series, "1x*"))
        .fires(12, &[labels])
}

fn outage_more() -> Vec<Case> {
    let four = |name: &str| Case::new(name).sites(FOUR, "");
    let hit = |sites: &[&'static str]| views(sites, "imap").into_iter().map(|lane| lane.runs(".....t"));
    vec![
        four("one site of one that is watched, of four").lanes(hit(&["s1"])).quiet(&[10, 14]),
        four("one of four").lanes(hit(&["s1"])).lanes(views(&["s2", "s3", "s4"], "imap")).quiet(&[10, 14]),
        told(ROUNDTRIP_VIEW)
            .lanes(hit(&["s1", "s2"]))
            .lanes(views(&["s3"], "imap"))
            .lanes(logins(&["s1", "s2", "s3"], "owa")),
        Case::new("the only site").sites(&["s1"], "").lanes(hit(&["s1"])).fires(12, &[ROUNDTRIP_VIEW]),
        four("half of the mailboxes, at two of the sites of eight")
            .sites(&["s5", "s6", "s7", "s8"], "")
            .lanes(hit(&["s1", "s2"]))
            .lanes(hit(&["s1", "s2"]).map(|lane| lane.mailbox("carol")))
            .lanes(hit(&["s1", "s2"]).map(|lane| lane.mailbox("dave")))
            .lanes(views(&["s3", "s4", "s5", "s6", "s7", "s8"], "imap"))
            .fires(12, &[ROUNDTRIP_VIEW]),
        four("half of the sites, for half of their mailboxes")
            .lanes(hit(&["s1", "s2"]))
            .lanes(views(&["s3", "s4"], "imap"))
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.mailbox("carol")))
            .fires(12, &[ROUNDTRIP_VIEW]),
        four("all sites, for a third of their mailboxes")
            .lanes(hit(FOUR))
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.mailbox("carol")))
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.mailbox("dave")))
            .quiet(&[10, 14]),
        four("classic Outlook's outage has a name")
            .lanes(views(FOUR, "ews").into_iter().map(|lane| lane.runs(".....t")))
            .lanes(views(FOUR, "imap"))
            .quiet(&[10, 14]),
        four("IMAP beside EWS is more than classic Outlook's outage")
            .lanes(views(FOUR, "ews").into_iter().map(|lane| lane.runs(".....t")))
            .lanes(hit(FOUR))
            .fires(12, &[ROUNDTRIP_VIEW]),
        four("a sign-in outage has a name")
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.runs(".....z")))
            .quiet(&[10, 14]),
        four("a server that is down says now and then that nobody can be signed in")
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.runs(".....ttttttattttttatttttta")))
            .fires(12, &[ROUNDTRIP_VIEW])
            .fires(24, &[ROUNDTRIP_VIEW]),
        partly("one address of two is down", 1).quiet(&[10, 14]),
        partly("both addresses are down", 2)
            .fires(12, &["mail_service=\"hq\",kind=\"endpoint\",role=\"check\""]),
        Case::new("EWS alone at two sites, all at the others")
            .sites(EIGHT, "")
            .lanes(views(EIGHT, "ews").into_iter().map(|lane| lane.runs(".....t")))
            .lanes(logins(&["s1", "s2"], "owa"))
            .lanes(views(&EIGHT[2..], "imap").into_iter().map(|lane| lane.runs(".....t")))
            .fires(12, &[ROUNDTRIP_VIEW]),
        Case::new("one site of two says nothing")
            .sites(&["s1"], "")
            .series("mailprobe_site_expected{site=\"s1\"}", "1x*")
            .series("mailprobe_site_expected{site=\"s2\"}", "1x*")
            .lanes(hit(&["s1"]))
            .fires(12, &[ROUNDTRIP_VIEW]),
        four("what fails beside the signing in")
            .lanes(logins(FOUR, "imap").into_iter().map(|lane| lane.runs(".....z")))
            .lanes(hit(FOUR))
            .fires(12, &[ROUNDTRIP_VIEW]),
        four("sites that are cut off are no outage")
            .lanes(views(&["s1", "s2"], "imap").into_iter().map(|lane| lane.runs(".....n")))
            .lanes(views(&["s3", "s4"], "imap"))
            .series("mailprobe_reference_up{site=\"s1\",target=\"dns\"}", "0x*")
            .series("mailprobe_reference_up{site=\"s2\",target=\"dns\"}", "0x*")
            .quiet(&[10, 14]),
    ]
}

/// Endpoints of two addresses, so many of which are down, at all sites.
fn partly(name: &str, down: u32) -> Case {
    FOUR.iter().fold(Case::new(name).sites(FOUR, ""), |case, site| {
        let place = format!("site=\"{site}\",mail_service=\"hq\",protocol=\"imap\",pod=\"a\"");
        case.lane(lane(site, "endpoint", "check", "imap").runs(".....t"))
            .series(&format!("mailprobe_endpoint_addresses{{{place}}}"), "2x*")
            .series(&format!("mailprobe_endpoint_addresses_failing{{{place}}}"), &format!("{down}x*"))
    })
}

fn degraded() -> Standard {
    let rest = views(&["s4", "s5", "s6", "s7", "s8"], "imap");
    Standard { sites: EIGHT, rest, ..Standard::new(views(&["s1", "s2", "s3"], "imap"), ROUNDTRIP_VIEW) }
}

fn degraded_more() -> Vec<Case> {
    let eight = |name: &str| Case::new(name).sites(EIGHT, "");
    let hit = |sites: &[&'static str]| views(sites, "imap").into_iter().map(|lane| lane.runs(".....t"));
    vec![
        eight("two of eight")
            .lanes(hit(&["s1", "s2"]))
            .lanes(views(&["s3", "s4", "s5", "s6", "s7", "s8"], "imap"))
            .quiet(&[10, 14]),
        eight("a third of the mailboxes, at all sites")
            .lanes(hit(EIGHT))
            .lanes(views(EIGHT, "imap").into_iter().map(|lane| lane.mailbox("carol")))
            .lanes(views(EIGHT, "imap").into_iter().map(|lane| lane.mailbox("dave")))
            .fires(12, &[ROUNDTRIP_VIEW]),
        eight("three mailboxes of one site")
            .lanes(hit(&["s1"]))
            .lanes(hit(&["s1"]).map(|lane| lane.mailbox("carol")))
            .lanes(hit(&["s1"]).map(|lane| lane.mailbox("dave")))
            .lanes(views(&["s2", "s3"], "imap"))
            .quiet(&[10, 14]),
    ]
}

const HQ: &str = "mail_service=\"hq\"";

fn classic() -> Standard {
    let rest = [logins(FOUR, "owa"), views(FOUR, "imap"), views(&["s3", "s4"], "ews")].concat();
    Standard { sites: FOUR, rest, ..Standard::new(views(&["s1", "s2"], "ews"), HQ) }
}

fn classic_more() -> Vec<Case> {
    let four = |name: &str| Case::new(name).sites(FOUR, "");
    let hit = |protocol| views(FOUR, protocol).into_iter().map(|lane| lane.runs(".....t"));
    let slow = logins(FOUR, "owa").into_iter().map(|lane| lane.every(900));
    vec![
        four("MAPI").lanes(hit("mapi")).lanes(logins(FOUR, "owa")).fires(12, &[HQ]),
        four("calendars of EWS")
            .lanes(FOUR.iter().map(|site| lane(site, "calendar", "write", "ews").runs(".....t")))
            .lanes(logins(FOUR, "owa"))
            .fires(12, &[HQ]),
        told(HQ)
            .lanes(hit("ews").filter(|lane| ["s1", "s2"].contains(&lane.site)))
            .lane(lane("s3", "roundtrip", "view", "ews"))
            .lanes(logins(&["s1", "s2", "s3"], "owa")),
        four("nothing to compare with").lanes(hit("ews")).fires(12, &[HQ]),
        four("all protocols").lanes(hit("ews")).lanes(hit("imap")).quiet(&[10, 14]),
        four("all protocols, and the web has not run since").lanes(hit("ews")).lanes(slow).quiet(&[10, 14]),
        four("some mailboxes, by every way to them")
            .lanes(hit("ews"))
            .lanes(hit("imap"))
            .lanes(views(FOUR, "imap").into_iter().map(|lane| lane.mailbox("carol")))
            .quiet(&[10, 14]),
        four("some mailboxes, by no other way")
            .lanes(hit("ews"))
            .lanes(views(FOUR, "imap"))
            .lanes(views(FOUR, "ews").into_iter().map(|lane| lane.mailbox("carol")))
            .fires(12, &[HQ]),
        four("one site")
            .lanes(views(&["s1"], "ews").into_iter().map(|lane| lane.runs(".....t")))
            .lanes(logins(FOUR, "owa"))
            .quiet(&[10, 14]),
        four("the configuration's fault")
            .lanes(views(FOUR, "ews").into_iter().map(|lane| lane.runs(".....c")))
            .lanes(logins(FOUR, "owa"))
            .quiet(&[10, 14]),
        four("one mail service only")
            .lanes(hit("ews").map(|lane| lane.service("m365")))
            .lanes(logins(FOUR, "owa").into_iter().map(|lane| lane.service("m365")))
            .lanes(views(FOUR, "ews"))
            .fires(12, &["mail_service=\"m365\""]),
        Case::new("the only site")
            .sites(&["s1"], "")
            .lanes(hit("ews").take(1))
            .lane(lane("s1", "login", "check", "owa"))
            .fires(12, &[HQ]),
    ]
}

fn fallback() -> Standard {
    let hit = [views(&["s1", "s2"], "ews"), logins(&["s1", "s2"], "owa")].concat();
    Standard { sites: FOUR, rest: logins(&["s3", "s4"], "owa"), ..Standard::new(hit, HQ) }
}

fn fallback_more() -> Vec<Case> {
    let four = |name: &str| Case::new(name).sites(FOUR, "");
    let hit = |lanes: Vec<Lane>| lanes.into_iter().map(|lane| lane.runs(".....t"));
    vec![
        four("the web is well").lanes(hit(views(FOUR, "ews"))).lanes(logins(FOUR, "owa")).quiet(&[10, 14]),
        four("nobody is signed in, by whatever way")
            .lanes(views(FOUR, "ews").into_iter().map(|lane| lane.runs(".....z")))
            .lanes(logins(FOUR, "owa").into_iter().map(|lane| lane.runs(".....z")))
            .quiet(&[10, 14]),
        four("the web alone").lanes(hit(logins(FOUR, "owa"))).lanes(views(FOUR, "ews")).quiet(&[10, 14]),
        four("at one site")
            .lanes(hit(views(&["s1"], "ews")))
            .lanes(hit(logins(&["s1"], "owa")))
            .quiet(&[10, 14]),
    ]
}

fn sign_in() -> Standard {
    let rest = [views(&["s1", "s2", "s3"], "imap"), logins(&["s4"], "imap")].concat();
    Standard {
        sites: FOUR,
        rest,
        letter: 'z',
        other: 'a',
        ..Standard::new(logins(&["s1", "s2", "s3"], "imap"), HQ)
    }
}

fn sign_in_more() -> Vec<Case> {
    let four = |name: &str| Case::new(name).sites(FOUR, "");
    let hit =
        |lanes: Vec<Lane>, runs: &str| lanes.into_iter().map(|lane| lane.runs(runs)).collect::<Vec<_>>();
    let one: Vec<_> = ["alice", "bob", "carol"]
        .iter()
        .map(|name| lane("s1", "login", "check", "imap").mailbox(name))
        .collect();
    vec![
        four("another cause").lanes(hit(logins(FOUR, "imap"), ".....t")).quiet(&[10, 14]),
        four("a server that is down says so now and then")
            .lanes(hit(logins(FOUR, "imap"), ".....ttttttattttttatttttta"))
            .quiet(&[12, 18, 24]),
        four("two mailboxes").lanes(hit(logins(&["s1", "s2"], "imap"), ".....az")).quiet(&[10, 14]),
        four("three mailboxes of one site").lanes(hit(one, ".....az")).quiet(&[10, 14]),
    ]
}

fn blind() -> Vec<Case> {
    let up = |site: &str| format!("mailprobe_build_info{{site=\"{site}\",version=\"1.0.0\",pod=\"a\"}}");
    let fleet = |name: &str, gone: &[&str]| {
        let with = EIGHT.iter().fold(Case::new(name), |case, site| {
            case.series(&format!("mailprobe_site_expected{{site=\"{site}\"}}"), "1x*")
        });
        EIGHT.iter().fold(with, |case, site| {
            case.series(&up(site), if gone.contains(site) { "1x9 stale" } else { "1x*" })
        })
    };
    vec![
        fleet("two of eight are gone", &["s1", "s2"]).quiet(&[4, 9]).fires(11, &[""]),
        fleet("one of eight is gone", &["s1"]).quiet(&[11, 20]),
        ["s1", "s2"]
            .iter()
            .fold(Case::new("one of two is gone"), |case, site| {
                case.series(&up(site), if *site == "s1" { "1x9 stale" } else { "1x*" })
            })
            .quiet(&[11, 20]),
        EIGHT
            .iter()
            .fold(Case::new("scrapes of all fail for two minutes"), |case, site| {
                case.series(&up(site), "1x9 stale _x3 1x*")
            })
            .quiet(&[6, 8, 11, 20]),
    ]
}
