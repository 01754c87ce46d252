//! What several dashboards share: what is chosen, states, links, annotations.

use crate::alert::Dashboard;
use crate::grafana::{Annotation, Colour, Name, Panel, Variable, View, panel};

/// What a square of a status history shows: the worst of all lanes in it.
pub(super) const STATES: &[Name] = &[
    Name { value: 3, text: "FAILS", colour: Colour::Bad },
    Name { value: 2, text: "policy or probe", colour: Colour::Excused },
    Name { value: 1, text: "failed last", colour: Colour::Soft },
    Name { value: 0, text: "well", colour: Colour::Good },
    Name { value: -1, text: "not judged", colour: Colour::Unjudged },
    Name { value: -2, text: "no data", colour: Colour::Unknown },
];

/// The states in words, for the descriptions.
pub(super) const LEGEND: &str = "FAILS: the alerts call it failing. failed last: the newest run failed, which may be a blip. \
policy or probe: it fails for a reason that is not held against the mail service. not judged: the probe lives but \
said neither well nor failed (resting, paused by a limit, nothing sent). no data: it was there within a day and nothing \
is heard of it now, which is neither well nor failed.";

/// Selectors for what is chosen: `site=~"$site",protocol=~"$protocol"`.
pub(super) fn chosen(names: &[&str]) -> String {
    let parts: Vec<_> = names.iter().map(|name| format!("{name}=~\"${name}\"")).collect();
    parts.join(",")
}

/// All that a lane can be chosen by.
pub(super) const LANE: &[&str] = &["site", "mail_service", "mailbox", "protocol", "check"];

/// The variables of these names.
pub(super) fn variables(names: &[&'static str]) -> Vec<Variable> {
    let of = |name: &&'static str| {
        let lanes = "lane:mailprobe_interval_seconds:max";
        // A site that is silent has no lanes.
        let (label, from, all) = match *name {
            "site" => ("Site", "site:mailprobe_expected:group", ".+"),
            "mail_service" => ("Mail service", lanes, ".+"),
            // An endpoint has no mailbox.
            "mailbox" => ("Mailbox", lanes, ".*"),
            "check" => ("Check", lanes, ".+"),
            _ => ("Protocol", lanes, ".+"),
        };
        Variable { name, label, query: format!("label_values({from}, {name})"), all }
    };
    names.iter().map(of).collect()
}

/// A number for each of the states, the worst lane of those that `by` puts together.
pub(super) fn state(by: &str, of: &str) -> String {
    format!(
        "group by ({by}) ((lane:mailprobe_down:max{{{of}}} or lane:mailprobe_flaky:group{{{of}}}) unless lane:mailprobe_excused:group) * 3\n\
         or group by ({by}) (lane:mailprobe_excused:group{{{of}}}) * 2\n\
         or group by ({by}) (lane:mailprobe_failed_runs:max{{{of}}} > 0)\n\
         or group by ({by}) (lane:mailprobe_failed_runs:max{{{of}}}) * 0\n\
         or group by ({by}) (lane:mailprobe_interval_seconds:max{{{of}}}) * -1\n\
         or group by ({by}) (last_over_time(lane:mailprobe_interval_seconds:max{{{of}}}[1d])) * -2"
    )
}

/// A status history of lanes.
pub(super) fn states(title: &'static str, answers: &str, by: &str, of: &str, legend: &'static str) -> Panel {
    panel(View::States, title, &format!("{answers} {LEGEND}")).ask(state(by, of), legend).names(STATES)
}

/// What fails at this moment, and why.
pub(super) fn failing(of: &str) -> Panel {
    panel(
        View::Table,
        "Failing now, and why",
        "Which lanes failed in their newest run, at which step, for which reason, and which code a person at Outlook sees? \
         The reason's page in docs/reasons.md says what to do. Empty: nothing fails.",
    )
    .ask(
        format!("sum by (site, mail_service, mailbox, protocol, check, role, step, reason, cause, outlook_code) (lane:mailprobe_failing:max{{{of}}})"),
        "",
    )
    .columns(
        &["site", "mail_service", "protocol", "mailbox", "check", "role", "step", "reason", "cause", "outlook_code"],
        None,
    )
    .nothing("nothing fails")
    .size(24, 8)
    .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"])
}

/// Alerts, incidents of the vendor, and other builds, as marks in time.
pub(super) fn annotations(by_site: bool) -> Vec<Annotation> {
    // The fleet's alerts have no site.
    let site = if by_site { ",site=~\"$site|\"" } else { "" };
    vec![
        Annotation {
            name: "Alerts",
            colour: Colour::Bad,
            expr: format!("ALERTS{{alertname=~\"Mailprobe.+\",alertname!=\"MailprobeWatchdog\",alertstate=\"firing\"{site}}}"),
            title: "{{alertname}}",
            text: "{{severity}} {{site}} {{mail_service}} {{protocol}}",
        },
        Annotation {
            name: "Vendor's incidents",
            colour: Colour::Warn,
            expr: "service:mailprobe_vendor_state:group".to_owned(),
            title: "{{workload}}: {{state}}",
            text: "the vendor's page about {{mail_service}}",
        },
        Annotation {
            name: "Other builds of the servers",
            colour: Colour::Excused,
            expr: "group by (mail_service, version) (mailprobe_backend_info{version!=\"\"})\n\
                   unless group by (mail_service, version) (last_over_time(mailprobe_backend_info[1d] offset 5m))"
                .to_owned(),
            title: "{{mail_service}}: {{version}}",
            text: "a server says that it is of this build, which was not seen for a day",
        },
        Annotation {
            name: "Other builds of the probes",
            colour: Colour::Plain,
            expr: "group by (version) (site:mailprobe_version:group)\n\
                   unless group by (version) (last_over_time(site:mailprobe_version:group[1d] offset 5m))"
                .to_owned(),
            title: "mailprobe {{version}}",
            text: "a probe of this version, which was not seen for a day",
        },
    ]
}
