//! One site: what fails there, at which step, and what is still well.

use super::parts::{LANE, annotations, chosen, failing, states, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Name, Panel, View, panel};

const UP: &[Name] = &[
    Name { value: 1, text: "sends data", colour: Colour::Good },
    Name { value: 0, text: "no data", colour: Colour::Unknown },
];
const REFERENCE: &[Name] = &[
    Name { value: 1, text: "answer", colour: Colour::Good },
    Name { value: 0, text: "NO ANSWER", colour: Colour::Bad },
];
const SESSION: &[Name] = &[
    Name { value: 1, text: "up", colour: Colour::Good },
    Name { value: 0, text: "DOWN", colour: Colour::Bad },
];

pub(super) fn board() -> Board {
    let of = chosen(LANE);
    Board {
        is: Dashboard::Site,
        title: "mailprobe / Site",
        description: "What fails at a site, at which step and why, and what is well there meanwhile?",
        from: "now-3h",
        variables: variables(LANE),
        rows: vec![
            ("Now", now(&of)),
            ("Lanes", lanes(&of)),
            ("How long it takes", time(&of)),
            ("Staying connected", sessions()),
        ],
        annotations: annotations(true),
    }
}

fn now(of: &str) -> Vec<Panel> {
    let site = chosen(&["site"]);
    vec![
        panel(View::Stat, "Probe", "Does the probe of the site send data? no data is grey: whether mail works there is unknown.")
            .ask(
                format!("site:mailprobe_up:group{{{site}}} or site:mailprobe_silent:group{{{site}}} * 0"),
                "{{site}}",
            )
            .names(UP)
            .size(6, 4),
        panel(View::Stat, "Reference targets", "Do targets answer that are not mail? Where they do not and mail fails too, the site is cut off. no data: none are configured.")
            .ask(format!("site:mailprobe_reference_up:max{{{site}}}"), "{{site}}")
            .names(REFERENCE)
            .nothing("none configured")
            .size(6, 4),
        panel(View::Stat, "Lanes that fail", "How much of what is watched fails, as the alerts judge it?")
            .ask(format!("sum(lane:mailprobe_bad:bool{{{of}}})"), "")
            .from("1", Colour::Bad),
        panel(View::Stat, "Lanes judged", "Of how many lanes is it known whether they are well?")
            .ask(format!("count(lane:mailprobe_failed_runs:max{{{of}}})"), "")
            .base(Colour::Plain),
        panel(View::Stat, "Lanes not judged", "Of how many lanes is it not known: resting, limited, nothing sent, or their result is overdue? Grey: neither well nor failed.")
            .ask(
                format!(
                    "count(lane:mailprobe_interval_seconds:max{{{of}}}) - (count(lane:mailprobe_failed_runs:max{{{of}}}) or count(lane:mailprobe_interval_seconds:max{{{of}}}) * 0)"
                ),
                "",
            )
            .from("1", Colour::Unknown),
    ]
}

fn lanes(of: &str) -> Vec<Panel> {
    vec![
        states(
            "Every lane",
            "Which lane fails, since when, and which of its neighbours are well? The same mailbox well over another protocol: the \
             protocol, not the server.",
            "site, check, role, send, mail_service, mailbox, protocol",
            of,
            "{{site}} · {{check}} · {{role}} {{send}} · {{mailbox}} · {{protocol}}",
        )
        .size(24, 14)
        .link("Round trips", Dashboard::RoundTrip, &["site", "mail_service", "protocol"])
        .link("Sign-in and TLS", Dashboard::Access, &["site", "mail_service"]),
        failing(of),
        panel(View::Stacked, "Lanes that fail, by reason", "Did the reason change on the way? A gap: nothing failed.")
            .ask(format!("count by (reason) (lane:mailprobe_failing:max{{{of}}})"), "{{reason}}")
            .nothing("nothing fails"),
        panel(View::Series, "Failed runs, by cause", "How many runs failed, also where those between are good?")
            .ask(
                format!("sum by (cause) (increase(mailprobe_check_failures_total{{{of}}}[$__rate_interval]))"),
                "{{cause}}",
            ),
    ]
}

fn time(of: &str) -> Vec<Panel> {
    let some = chosen(&["site", "mail_service", "protocol", "check"]);
    vec![
        panel(View::Stacked, "Steps of the newest runs", "Where does the time go: the name, the connection, TLS, the sign-in, or the work? On average over what is chosen; a step that was not reached is not there.")
            .ask(format!("avg by (step) (mailprobe_step_duration_seconds{{{of}}})"), "{{step}}")
            .unit("s"),
        panel(View::Series, "Runs: 95 of 100 are faster", "Does a protocol get slower before it fails? From a histogram, so it is at best as exact as its buckets.")
            .ask(
                format!("histogram_quantile(0.95, sum by (le, kind, protocol, role) (rate(mailprobe_check_duration_seconds_bucket{{{some}}}[$__rate_interval])))"),
                "{{kind}} · {{protocol}} · {{role}}",
            )
            .unit("s"),
        panel(View::Series, "Slots that were not run or judged, by why", "Why is something not judged: resting, paused, limited, overrun, backlog, nothing sent?")
            .ask(format!("sum by (why) (increase(mailprobe_checks_skipped_total{{{of}}}[$__rate_interval]))"), "{{why}}"),
        panel(View::Bars, "Since the last good run", "What has not been well for longest? Compare with the interval of the check.")
            .ask(format!("topk(20, time() - max by (site, check, role, mailbox, protocol) (lane:mailprobe_last_success:max{{{of}}}))"), "{{site}} · {{check}} · {{role}} · {{protocol}}")
            .unit("s"),
    ]
}

fn sessions() -> Vec<Panel> {
    let seat = chosen(&["site", "mail_service", "mailbox", "protocol"]);
    let by = "site, mail_service, mailbox, protocol";
    let legend = "{{site}} · {{mailbox}} · {{protocol}}";
    vec![
        panel(View::States, "Kept sessions", "Is each mailbox that is watched connected, as Outlook would be? no data: no session of this kind.")
            .ask(format!("max by ({by}) (mailprobe_session_up{{{seat}}})"), legend)
            .names(SESSION)
            .size(12, 8),
        panel(View::Series, "Sessions that ended unplanned", "How often is somebody thrown out? Six within half an hour make SessionUnstable.")
            .ask(
                format!("sum by ({by}) (increase(mailprobe_session_ends_total{{{seat},planned=\"false\"}}[$__rate_interval]))"),
                legend,
            ),
    ]
}
