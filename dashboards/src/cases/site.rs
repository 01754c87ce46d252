//! One site.

use super::Standard;
use crate::case::Case;
use crate::scenario::{Lane, lane};

pub(super) fn of(alert: &str) -> Option<Vec<Case>> {
    Some(match alert {
        "SiteCutOff" => cut_off(),
        "ServiceUnreachableFromSite" => unreachable(),
        "SiteSilent" => silent(),
        "SendFailing" => [mail("send", "smtp").cases(), no_page()].concat_cases(),
        "ReceiveFailing" => [mail("view", "imap").cases(), late(), signed_out()].concat_cases(),
        _ => return None,
    })
}

/// Lists put together.
pub(super) trait Concat {
    fn concat_cases(self) -> Vec<Case>;
}

impl<const N: usize> Concat for [Vec<Case>; N] {
    fn concat_cases(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

fn mail(role: &'static str, protocol: &'static str) -> Standard {
    let labels = match role {
        "send" => "severity=\"critical\",site=\"s1\",mail_service=\"hq\",protocol=\"smtp\"",
        _ => "severity=\"critical\",site=\"s1\",mail_service=\"hq\",protocol=\"imap\"",
    };
    Standard {
        runs: 3,
        rest: vec![lane("s1", "login", "check", "ews")],
        ..Standard::new(vec![lane("s1", "roundtrip", role, protocol)], labels)
    }
}

fn signed_out() -> Vec<Case> {
    let sites = &["s1", "s2", "s3"];
    let views = |runs: &str| sites.map(|site| lane(site, "roundtrip", "view", "imap").runs(runs));
    vec![Case::new("a sign-in outage has a name").sites(sites, "").lanes(views(".....z")).quiet(&[10, 14])]
}

fn no_page() -> Vec<Case> {
    let labels = "severity=\"warning\",site=\"s1\",mail_service=\"hq\",protocol=\"smtp\"";
    let case = Case::new("a site that does not page").sites(&["s1"], "page=\"false\"");
    let failing = || lane("s1", "roundtrip", "send", "smtp").runs(".....t");
    let listed = Case::new("a site that pages by the list alone")
        .sites(&["s1"], "region=\"emea\"")
        .series("mailprobe_site_expected{site=\"s1\",page=\"true\"}", "1x*")
        .lane(failing())
        .fires(14, &[&labels.replace("warning", "critical")]);
    vec![case.lane(failing()).fires(14, &[labels]), listed]
}

fn late() -> Vec<Case> {
    let labels = "severity=\"critical\",site=\"s1\",mail_service=\"hq\",protocol=\"imap\"";
    let view = "site=\"s1\",check=\"roundtrip\",mail_service=\"hq\",mailbox=\"bob\",peer_mail_service=\"hq\",protocol=\"imap\",send=\"smtp\",pod=\"a\"";
    let oldest = format!("mailprobe_oldest_in_flight_seconds{{{view}}}");
    let case = |name: &str, values: &str| {
        Case::new(name)
            .sites(&["s1"], "page=\"true\"")
            .lane(lane("s1", "roundtrip", "view", "imap").runs(".....l"))
            .series(&oldest, values)
    };
    vec![
        case("mail that comes late is received", "40x*").quiet(&[12, 20]),
        case("mail that does not come is not", "0x10 0+30x*").quiet(&[9]).fires(20, &[labels]),
    ]
}

fn everything(runs: &str) -> Vec<Lane> {
    vec![
        lane("s1", "roundtrip", "send", "smtp").runs(runs),
        lane("s1", "login", "check", "imap").runs(runs),
        lane("s1", "login", "check", "imap").service("m365").runs(runs),
        // Slow: it was well before, and has not run since.
        lane("s1", "directory", "check", "ews").every(3600),
    ]
}

fn cut_off() -> Vec<Case> {
    let site = |name: &str| Case::new(name).sites(&["s1", "s2"], "page=\"true\"");
    let labels = "severity=\"critical\",site=\"s1\"";
    let down =
        |case: Case| case.series("mailprobe_reference_up{site=\"s1\",target=\"dns\",pod=\"a\"}", "1x10 0x*");
    vec![
        down(site("it fires").lanes(everything(".....n"))).quiet(&[4, 6]).fires(13, &[labels]),
        down(
            site("slow checks")
                .lanes(everything("..n").into_iter().map(|lane| Lane { every: lane.every.max(300), ..lane })),
        )
        .fires(19, &[labels]),
        site("what is not mail is well")
            .lanes(everything(".....n"))
            .series("mailprobe_reference_up{site=\"s1\",target=\"dns\",pod=\"a\"}", "1x*")
            .quiet(&[10, 14]),
        down(site("something is well").lanes(everything(".....n")).lane(lane("s1", "login", "check", "ews")))
            .quiet(&[10, 14]),
        down(site("a blip").lanes(everything("......n....."))).quiet(&[7, 8, 9, 12]),
        down(site("a switchover").lanes(everything("......nn....."))).quiet(&[7, 8, 9, 12]),
        down(site("a restart while it is cut off").lanes(everything("......nnn^n"))).fires(20, &[labels]),
        down(site("the server's cause").lanes(everything(".....t"))).quiet(&[10, 14]),
        down(
            site("two pods")
                .lanes(everything(".....n"))
                .lanes(everything(".....n").into_iter().map(|l| l.pod("b"))),
        )
        .fires(13, &[labels]),
        site("no reference targets").lanes(everything(".....n")).quiet(&[10, 14]),
    ]
}

fn unreachable() -> Vec<Case> {
    let labels = "severity=\"warning\",site=\"s1\",mail_service=\"hq\"";
    let site = |name: &str| {
        Case::new(name)
            .sites(&["s1", "s2"], "")
            .series("mailprobe_reference_up{site=\"s1\",target=\"dns\",pod=\"a\"}", "1x*")
    };
    let hq = |runs: &str| {
        [
            lane("s1", "roundtrip", "send", "smtp").runs(runs),
            lane("s1", "login", "check", "imap").runs(runs),
            lane("s1", "login", "check", "imap").service("m365"),
        ]
    };
    vec![
        site("it fires").lanes(hq(".....n")).quiet(&[4, 6]).fires(13, &[labels]),
        site("reasons of the network in turn").lanes(hq(".....ndndndnd")).fires(14, &[labels]),
        site("one protocol is reached")
            .lanes(hq(".....n"))
            .lane(lane("s1", "login", "check", "ews"))
            .quiet(&[10, 14]),
        site("the server's cause").lanes(hq(".....t")).quiet(&[10, 14]),
        site("a blip").lanes(hq("......n.....")).quiet(&[7, 8, 9, 12]),
        site("a switchover").lanes(hq("......nn.....")).quiet(&[7, 8, 9, 12]),
        site("a slow check").lanes(hq("..n...").map(|lane| lane.every(300))).quiet(&[11, 13, 16]),
        site("two pods")
            .lanes(hq(".....n"))
            .lanes(hq(".....n").map(|lane| lane.pod("b")))
            .fires(13, &[labels]),
        Case::new("the site is cut off")
            .sites(&["s1"], "")
            .series("mailprobe_reference_up{site=\"s1\",target=\"dns\",pod=\"a\"}", "0x*")
            .lanes(everything(".....n"))
            .quiet(&[10, 14]),
    ]
}

fn silent() -> Vec<Case> {
    let up = |site: &str| format!("mailprobe_build_info{{site=\"{site}\",version=\"1.0.0\",pod=\"a\"}}");
    let expected =
        |site: &str, page: &str| format!("mailprobe_site_expected{{site=\"{site}\",page=\"{page}\"}}");
    let list = |name: &str, sites: &[&str]| {
        sites.iter().fold(Case::new(name), |case, site| case.series(&expected(site, "true"), "1x*"))
    };
    vec![
        list("a site of the list goes", &["s1", "s2"])
            .series(&up("s1"), "1x*")
            .series(&up("s2"), "1x9 stale")
            .quiet(&[9])
            .fires(11, &["severity=\"critical\",site=\"s2\""]),
        list("a site of the list never came", &["s1", "s2"])
            .series(&up("s1"), "1x*")
            .fires(11, &["severity=\"critical\",site=\"s2\""]),
        Case::new("a site that does not page")
            .series(&expected("s1", "false"), "1x*")
            .fires(11, &["severity=\"warning\",site=\"s1\""]),
        Case::new("without a list, who was there in the last day")
            .series(&up("s1"), "1x*")
            .series(&up("s2"), "1x9 stale")
            .fires(11, &["severity=\"warning\",site=\"s2\""]),
        list("a restart under a new pod", &["s1"])
            .series(&up("s1"), "1x9 stale")
            .series("mailprobe_build_info{site=\"s1\",version=\"1.0.0\",pod=\"b\"}", "_x14 1x*")
            .quiet(&[6, 8, 11, 20]),
        list("scrapes that fail for two minutes", &["s1"])
            .series(&up("s1"), "1x9 stale _x3 1x*")
            .quiet(&[6, 8, 11]),
    ]
}
