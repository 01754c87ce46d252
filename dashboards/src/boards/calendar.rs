//! Calendars, meetings, free/busy times, the directory, Autodiscover.

use super::parts::{LANE, annotations, chosen, failing, states, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Panel, View, panel};

pub(super) fn board() -> Board {
    let of = chosen(LANE);
    let kinds = format!("{of},kind=~\"@diary@\"");
    Board {
        is: Dashboard::Calendar,
        title: "mailprobe / Calendar",
        description: "Do changes of calendars show everywhere, in time and at the right hour? Do invitations and answers arrive?",
        from: "now-6h",
        variables: variables(LANE),
        rows: vec![
            ("Lanes", lanes(&kinds)),
            ("How long until a change shows", delays(&of)),
            ("What went wrong", wrong(&kinds)),
        ],
        annotations: annotations(true),
    }
}

fn lanes(kinds: &str) -> Vec<Panel> {
    vec![
        panel(View::Stat, "Lanes that fail", "How much of what has to do with calendars, the directory and Autodiscover fails?")
            .ask(format!("sum(lane:mailprobe_bad:bool{{{kinds}}})"), "")
            .from("1", Colour::Bad),
        panel(View::Stat, "Lanes judged", "Of how many of them is it known whether they are well?")
            .ask(format!("count(lane:mailprobe_failed_runs:max{{{kinds}}})"), "")
            .base(Colour::Plain),
        panel(View::Stat, "Damaged now", "Does an entry just now show lost, moved to another time, or doubled? Once is enough for CalendarDamaged. 0: none of what is judged.")
            .ask(
                format!(
                    "count(lane:mailprobe_failing:max{{{kinds},reason=~\"calendar_lost|calendar_shifted|calendar_duplicated\"}}) or count(lane:mailprobe_failed_runs:max{{{kinds}}}) * 0"
                ),
                "",
            )
            .from("1", Colour::Bad),
        states(
            "Calendars, meetings, free/busy, directory, Autodiscover",
            "What of it fails at which site, since when? Only one side red: who sees it, not who writes it.",
            "site, kind, check, role, mail_service, mailbox, protocol",
            kinds,
            "{{site}} · {{kind}} · {{role}} · {{mailbox}} · {{protocol}}",
        )
        .size(24, 12)
        .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"]),
    ]
}

fn delays(of: &str) -> Vec<Panel> {
    let quantile = |q: &str, by: &str| {
        format!(
            "histogram_quantile({q}, sum by (le, {by}) (rate(mailprobe_calendar_seconds_bucket{{{of}}}[$__rate_interval])))"
        )
    };
    vec![
        panel(View::Series, "95 of 100 changes show within, by view", "Does one protocol show changes late? What was seen in time only: what was not is a failure above.")
            .ask(quantile("0.95", "mail_service, write, protocol"), "{{mail_service}} · {{write}} → {{protocol}}")
            .unit("s"),
        panel(View::Series, "95 of 100 changes show within, by action", "Which change takes long: an entry made, moved, deleted, an invitation, an answer?")
            .ask(quantile("0.95", "action"), "{{action}}")
            .unit("s"),
    ]
}

fn wrong(kinds: &str) -> Vec<Panel> {
    vec![
        panel(View::Stacked, "Lanes that fail, by reason", "What is wrong? calendar_stale: a change is not seen in time. calendar_lost, calendar_shifted, calendar_duplicated: entries are damaged. A gap: nothing failed.")
            .ask(format!("count by (kind, reason) (lane:mailprobe_failing:max{{{kinds}}})"), "{{kind}} · {{reason}}")
            .nothing("nothing fails"),
        panel(View::Series, "Failed runs, by kind", "How many runs failed, also where those between are good?")
            .ask(format!("sum by (kind) (increase(mailprobe_check_failures_total{{{kinds}}}[$__rate_interval]))"), "{{kind}}"),
        failing(kinds),
    ]
}
