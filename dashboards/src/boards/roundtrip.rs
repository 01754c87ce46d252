//! Mail: how long it takes until it is seen, in which view, and what is late, lost or doubled.

use super::parts::{annotations, chosen, failing, states, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Panel, View, panel};

const PICK: &[&str] = &["site", "mail_service", "mailbox", "protocol", "check"];

pub(super) fn board() -> Board {
    let of = chosen(PICK);
    Board {
        is: Dashboard::RoundTrip,
        title: "mailprobe / Mail round trip",
        description: "Does mail that was accepted become visible, where, and how soon?",
        from: "now-3h",
        variables: variables(PICK),
        rows: vec![
            ("In the time shown", sums(&of)),
            ("Sending and the views", lanes(&of)),
            ("How long until it is seen", delays(&of)),
            ("Late, lost, doubled", events(&of)),
        ],
        annotations: annotations(true),
    }
}

fn sums(of: &str) -> Vec<Panel> {
    // What is counted over a time is extrapolated to its ends.
    let sum = |what: &str| format!("round(sum(increase(mailprobe_messages_{what}_total{{{of}}}[$__range])))");
    let number = |title, answers: &str, what: &str, colour| {
        panel(View::Stat, title, answers).ask(sum(what), "").from("1", colour).size(3, 4)
    };
    vec![
        panel(View::Stat, "95 of 100 seen within", "How soon are 95 of 100 messages visible, in whatever view?")
            .ask(format!("histogram_quantile(0.95, sum by (le) (increase(mailprobe_roundtrip_seconds_bucket{{{of}}}[$__range])))"), "")
            .unit("s")
            .base(Colour::Plain),
        panel(View::Stat, "Awaited", "How many messages were to be seen, each counted once for each view? One that could not be sent is in none of these numbers: see Sending.")
            .ask(sum("expected"), "")
            .base(Colour::Plain)
            .size(3, 4),
        panel(View::Stat, "Not there in time", "What share of those awaited was not visible at late_after?")
            .ask(format!("{} / ({} > 0)", sum("late"), sum("expected")), "")
            .unit("percentunit")
            .from("0.005", Colour::Warn)
            .from("0.05", Colour::Bad)
            .nothing("none awaited")
            .size(3, 4),
        number("Lost", "How many were accepted and not there at lost_after?", "lost", Colour::Bad),
        number("Doubled", "How many arrived more than once?", "duplicated", Colour::Warn),
        number("Damaged", "How many arrived with another payload?", "corrupted", Colour::Bad),
        number("Junked", "How many were found in the junk folder?", "junked", Colour::Warn),
        number("Bounced", "How many came back as undeliverable?", "bounced", Colour::Warn).size(2, 4),
    ]
}

fn delays(of: &str) -> Vec<Panel> {
    let quantile = |q: &str| {
        format!(
            "histogram_quantile({q}, sum by (le, mail_service, protocol) (rate(mailprobe_roundtrip_seconds_bucket{{{of}}}[$__rate_interval])))"
        )
    };
    let mean = format!(
        "sum by (mail_service, protocol) (rate(mailprobe_roundtrip_seconds_sum{{{of}}}[$__rate_interval])) / (sum by (mail_service, protocol) (rate(mailprobe_roundtrip_seconds_count{{{of}}}[$__rate_interval])) > 0)"
    );
    let slow = |title, answers: &str, q: &str| {
        panel(View::Series, title, answers).ask(quantile(q), "{{mail_service}} · {{protocol}}").unit("s")
    };
    vec![
        slow("Half of the messages are seen within", "What is usual, in each view? Arrivals only: what never came is below, under lost.", "0.5"),
        slow("95 of 100 are seen within", "What do people complain about? From a histogram: at best as exact as its buckets.", "0.95"),
        slow("99 of 100 are seen within", "How bad is the worst of it? Few messages make this jump.", "0.99"),
        panel(View::Series, "How much later than in the fastest view", "Does one protocol show late what others show at once? All equal: delivery is slow. One apart: that protocol is.")
            .ask(format!("{mean}\n- on (mail_service) group_left () min by (mail_service) ({mean})"), "{{mail_service}} · {{protocol}}")
            .unit("s"),
    ]
}

fn events(of: &str) -> Vec<Panel> {
    let mut what = panel(View::Series, "Late, lost, doubled and the like", "What went wrong with messages that were accepted, and when? Late may still come; resurfaced came after it was called lost; abandoned were awaited when a probe ended.")
        .size(12, 9);
    for (of_metric, legend) in [
        ("late", "late"),
        ("lost", "lost"),
        ("duplicated", "doubled"),
        ("corrupted", "damaged"),
        ("junked", "junked"),
        ("bounced", "bounced"),
        ("resurfaced", "resurfaced"),
        ("abandoned", "abandoned"),
    ] {
        what = what.ask(
            format!("sum(increase(mailprobe_messages_{of_metric}_total{{{of}}}[$__rate_interval]))"),
            legend,
        );
    }
    let by = "mail_service, protocol";
    vec![
        what,
        panel(
            View::Series,
            "Late or lost, by view",
            "In which view is mail missing? In one: the protocol. In all: delivery.",
        )
        .ask(
            format!("sum by ({by}) (increase(mailprobe_messages_late_total{{{of}}}[$__rate_interval]))"),
            "late · {{mail_service}} · {{protocol}}",
        )
        .ask(
            format!("sum by ({by}) (increase(mailprobe_messages_lost_total{{{of}}}[$__rate_interval]))"),
            "lost · {{mail_service}} · {{protocol}}",
        )
        .size(12, 9)
        .link("This protocol at each site", Dashboard::Overview, &["mail_service", "protocol"]),
        panel(
            View::Series,
            "In flight",
            "How many messages are awaited? A queue that grows is mail that does not come.",
        )
        .ask(
            format!("sum by ({by}) (mailprobe_messages_in_flight{{{of}}})"),
            "{{mail_service}} · {{protocol}}",
        ),
        panel(
            View::Series,
            "The oldest in flight",
            "How long has the message been awaited that is awaited for longest? 0: none is.",
        )
        .ask(
            format!("max by ({by}) (view:mailprobe_oldest_in_flight_seconds:max{{{of}}})"),
            "{{mail_service}} · {{protocol}}",
        )
        .unit("s")
        .from("[[delay_page_seconds]]", Colour::Bad),
    ]
}

fn lanes(of: &str) -> Vec<Panel> {
    let trips = format!("{of},kind=\"roundtrip\"");
    vec![
        states(
            "Sending",
            "Can mail be sent, by which protocol?",
            "site, check, mail_service, mailbox, protocol",
            &format!("{trips},role=\"send\""),
            "{{site}} · {{check}} · {{protocol}}",
        )
        .size(12, 10)
        .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"]),
        states(
            "Views",
            "Is mail seen, in which view?",
            "site, check, mail_service, mailbox, protocol",
            &format!("{trips},role=\"view\""),
            "{{site}} · {{check}} · {{protocol}}",
        )
        .size(12, 10)
        .link("This site", Dashboard::Site, &["site", "mail_service", "protocol"]),
        failing(&trips),
    ]
}
