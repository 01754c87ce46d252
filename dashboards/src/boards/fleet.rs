//! All sites at a glance: is it bad, where, and is it us, them or the vendor?

use super::parts::{annotations, chosen, states, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Panel, View, panel};

const PICK: &[&str] = &["site", "mail_service", "protocol"];

pub(super) fn board() -> Board {
    let of = chosen(PICK);
    Board {
        is: Dashboard::Overview,
        title: "mailprobe / Fleet",
        description: "Where does mail fail, for how many, and since when? Red is what the alerts call failing.",
        from: "now-3h",
        variables: variables(PICK),
        rows: vec![
            ("Now", now(&of)),
            ("Where, and since when", places(&of)),
            ("Vendor and builds", builds()),
        ],
        annotations: annotations(false),
    }
}

fn now(of: &str) -> Vec<Panel> {
    let bad = format!("max by (site) (lane:mailprobe_bad:bool{{{of}}})");
    let expected = "site:mailprobe_expected:group{site=~\"$site\"}";
    let firing = "ALERTS{alertname=~\"Mailprobe.+\",alertname!=\"MailprobeWatchdog\",alertstate=\"firing\"}";
    vec![
        panel(View::Stat, "Sites that fail", "At how many sites does something fail that people use? A site that is cut off is not counted here, but under the alerts.")
            .ask(format!("sum({bad})"), "")
            .from("1", Colour::Bad),
        panel(View::Stat, "Share that fails", "What share of the judged sites fails? From the share that makes a ServiceDegraded and a ServiceOutage on.")
            .ask(format!("avg({bad})"), "")
            .unit("percentunit")
            .from("[[degraded_share]]", Colour::Warn)
            .from("[[outage_share]]", Colour::Bad),
        panel(View::Stat, "Sites judged", "How many sites said whether something is well or fails? Compare with those expected.")
            .ask(format!("count({bad})"), "")
            .base(Colour::Plain),
        panel(View::Stat, "Sites without data", "Of how many expected sites is nothing known? Grey, since it is neither well nor failed.")
            .ask(format!("count({expected}) - (count(site:mailprobe_up:group and {expected}) or count({expected}) * 0)"), "")
            .from("1", Colour::Unknown),
        panel(View::Stat, "Pages", "How many critical alerts fire? 0 is said only where the rules are loaded: the Watchdog fires.")
            .ask(firing_of(firing, "critical"), "")
            .from("1", Colour::Bad),
        panel(View::Stat, "Tickets", "How many warnings fire? 0 is said only where the rules are loaded: the Watchdog fires.")
            .ask(firing_of(firing, "warning"), "")
            .from("1", Colour::Warn),
    ]
}

fn firing_of(firing: &str, severity: &str) -> String {
    let some = firing.replace('}', &format!(",severity=\"{severity}\"}}"));
    format!("count({some}) or count(ALERTS{{alertname=\"MailprobeWatchdog\",alertstate=\"firing\"}}) * 0")
}

fn places(of: &str) -> Vec<Panel> {
    vec![
        states(
            "Sites, mail services, protocols",
            "Which protocol of which mail service fails at which site, and since when? A row that is red across sites is the mail \
             service; all rows of one site, its network. A click leads to the site.",
            "site, mail_service, protocol",
            of,
            "{{site}} · {{mail_service}} · {{protocol}}",
        )
        .size(24, 14)
        .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"]),
        panel(View::Series, "Share of the sites that fail, by protocol", "Which protocol breaks, and which does not? MAPI and EWS alone: classic Outlook. All: the server or the way to it.")
            .ask(format!("avg by (mail_service, protocol) (max by (site, mail_service, protocol) (lane:mailprobe_bad:bool{{{of}}}))"), "{{mail_service}} · {{protocol}}")
            .unit("percentunit")
            .from("[[degraded_share]]", Colour::Warn)
            .from("[[outage_share]]", Colour::Bad)
            .link("Round trips", Dashboard::RoundTrip, &["mail_service", "protocol"]),
        panel(View::Stacked, "Lanes that fail, by cause", "Whose door to knock on first: network, authentication, client, server, policy, or the probe itself? A gap: nothing failed.")
            .ask(format!("count by (cause) (lane:mailprobe_failing:max{{{of}}})"), "{{cause}}")
            .nothing("nothing fails")
            .link("Sign-in and TLS", Dashboard::Access, &[]),
        reasons(of),
    ]
}

/// One row for a reason, not for a lane: an outage of 300 sites is to be read at once.
fn reasons(of: &str) -> Panel {
    let by = "mail_service, protocol, kind, step, reason, cause, outlook_code";
    panel(
        View::Table,
        "What fails now, why, and at how many sites",
        "What is the same everywhere? The reason's page in docs/reasons.md says what to do; the code is what a person at Outlook sees. Empty: nothing fails.",
    )
    .ask(format!("sort_desc(count by ({by}) (group by (site, {by}) (lane:mailprobe_failing:max{{{of}}})))"), "")
    .columns(&["mail_service", "protocol", "kind", "step", "reason", "cause", "outlook_code"], Some("sites"))
    .base(Colour::Bad)
    .nothing("nothing fails")
    .size(24, 8)
    .link("Its round trips", Dashboard::RoundTrip, &["mail_service", "protocol"])
}

fn builds() -> Vec<Panel> {
    vec![
        panel(View::Table, "Open incidents of the vendor", "Does the vendor's own page tell of an incident? It silences nothing. Empty where there is none, and as long as no probe has mailprobe_service_health, which this release has not.")
            .ask("sum by (mail_service, workload, state) (service:mailprobe_vendor_state:group)", "")
            .columns(&["mail_service", "workload", "state"], None)
            .nothing("none is told")
            .size(8, 6),
        panel(View::Table, "Builds of the servers", "What do the servers call themselves, and at how many sites is it seen? Two builds of one protocol: a change is under way, or the servers differ.")
            .ask("count by (mail_service, protocol, version) (group by (site, mail_service, protocol, version) (mailprobe_backend_info{mail_service=~\"$mail_service\",protocol=~\"$protocol\"}))", "")
            .columns(&["mail_service", "protocol", "version"], Some("sites"))
            .base(Colour::Plain)
            .size(8, 6),
        panel(View::Table, "Versions of the probes", "Which version runs at how many sites? ProbeVersionsDiffer tells when two have run for long.")
            .ask("count by (version) (site:mailprobe_version:group{site=~\"$site\"})", "")
            .columns(&["version"], Some("sites"))
            .base(Colour::Plain)
            .size(8, 6)
            .link("The probes", Dashboard::Probes, &[]),
    ]
}
