//! The probes themselves: do they live, keep time, clean up?

use super::parts::{annotations, chosen, variables};
use crate::alert::Dashboard;
use crate::grafana::{Board, Colour, Name, Panel, View, panel};

const UP: &[Name] = &[
    Name { value: 1, text: "sends data", colour: Colour::Good },
    Name { value: 0, text: "no data", colour: Colour::Unknown },
];
const RELOAD: &[Name] = &[
    Name { value: 1, text: "taken", colour: Colour::Good },
    Name { value: 0, text: "REFUSED", colour: Colour::Bad },
];
const SITE: &str = "site=~\"$site\"";

pub(super) fn board() -> Board {
    Board {
        is: Dashboard::Probes,
        title: "mailprobe / The probes",
        description: "Can what the other dashboards say be believed? Do the probes run, keep time, know the hour, and clean up?",
        from: "now-6h",
        variables: variables(&["site", "mail_service"]),
        rows: vec![
            ("Do they live", alive()),
            ("Do they keep time", timing()),
            ("Their mailboxes", mailboxes()),
            ("Their processes", processes()),
        ],
        annotations: annotations(true),
    }
}

fn alive() -> Vec<Panel> {
    vec![
        panel(View::States, "Data", "Which site's probe sends data? no data is grey: whether mail works there is unknown.")
            .ask(format!("site:mailprobe_up:group{{{SITE}}} or site:mailprobe_silent:group{{{SITE}}} * 0"), "{{site}}")
            .names(UP)
            .size(12, 8)
            .link("This site", Dashboard::Site, &["site"]),
        panel(View::States, "Newest configuration", "Was the newest configuration taken? REFUSED: the old one goes on, and the log says why.")
            .ask(format!("min by (site) (mailprobe_config_last_reload_successful{{{SITE}}})"), "{{site}}")
            .names(RELOAD)
            .size(12, 8),
        panel(View::Table, "Versions", "Which version and revision runs at how many sites?")
            .ask(format!("count by (version, revision) (group by (site, version, revision) (mailprobe_build_info{{{SITE}}}))"), "")
            .columns(&["version", "revision"], Some("sites"))
            .base(Colour::Plain)
            .size(8, 8),
        panel(View::Bars, "Since the last reload", "When was a configuration last taken?")
            .ask(format!("topk(20, time() - max by (site) (mailprobe_config_last_reload_success_timestamp_seconds{{{SITE}}}))"), "{{site}}")
            .unit("s")
            .base(Colour::Plain)
            .size(8, 8),
        panel(View::Series, "Faults of their own", "Did a probe meet a fault of its own? Anything above 0 is a bug or a broken host.")
            .ask(format!("site:mailprobe_internal_errors:increase1h{{{SITE}}}"), "{{site}}")
            .from("1", Colour::Bad)
            .size(8, 8),
    ]
}

fn timing() -> Vec<Panel> {
    vec![
        panel(View::Series, "Results overdue by", "Does a probe fail to come to its checks? 0: all are on time. Two intervals make ChecksStale, unless a rest, a limit or a sender that fails explains it.")
            .ask(format!("max by (site) (lane:mailprobe_overdue_seconds:max{{{SITE}}})"), "{{site}}")
            .unit("s"),
        panel(View::Series, "Slots start late by: 99 of 100 by less", "Has a probe enough processor? Whole seconds are too much.")
            .ask(format!("histogram_quantile(0.99, sum by (le, site) (rate(mailprobe_schedule_delay_seconds_bucket{{{SITE}}}[$__rate_interval])))"), "{{site}}")
            .unit("s"),
        panel(View::Series, "Clock wrong by", "Does a site's clock differ from the servers'? Delays and zones would be wrong then.")
            .ask(format!("max by (site, mail_service) (site_service:mailprobe_skew:max{{{SITE}}})"), "{{site}} · {{mail_service}}")
            .unit("s")
            .from("[[skew_seconds]]", Colour::Bad)
            .nothing("nothing tells"),
        panel(View::Stacked, "Slots that were not run or judged, by why", "How much is not measured, and why?")
            .ask(format!("sum by (why) (increase(mailprobe_checks_skipped_total{{{SITE}}}[$__rate_interval]))"), "{{why}}"),
    ]
}

fn mailboxes() -> Vec<Panel> {
    let legend = "{{site}} · {{mailbox}}";
    let of = chosen(&["site", "mail_service"]);
    vec![
        panel(View::Series, "Messages in the inboxes", "Do test mailboxes fill? MailboxFilling begins at [[mailbox_items]].")
            .ask(format!("max by (site, mailbox) (mailbox:mailprobe_items:max{{{of}}})"), legend),
        panel(View::Series, "How full they are", "How much of its allowed size does a test mailbox use? Empty where no protocol tells.")
            .ask(format!("max by (site, mailbox) (mailbox:mailprobe_filled:ratio{{{of}}})"), legend)
            .unit("percentunit")
            .from("[[mailbox_share]]", Colour::Bad)
            .nothing("no protocol tells"),
        panel(View::Series, "Failed to clean up", "Can a probe not delete its own messages and entries?")
            .ask(format!("sum by (site, mailbox) (increase(mailprobe_cleanup_failures_total{{{of}}}[$__rate_interval]))"), legend),
        panel(View::Series, "Swept, by why", "Who left messages behind: a probe before (predecessor), another that is at work (rival), or nobody knows (expired)?")
            .ask(format!("sum by (why) (increase(mailprobe_messages_swept_total{{{of}}}[$__rate_interval]))"), "{{why}}"),
        panel(View::Table, "Two probes on a mailbox", "Is another probe at work on a mailbox? Then what both say is worth little. Empty: no.")
            .ask(format!("sum by (site, mailbox) (site:mailprobe_rival:group{{{SITE}}})"), "")
            .columns(&["site", "mailbox"], None)
            .nothing("no"),
    ]
}

fn processes() -> Vec<Panel> {
    vec![
        panel(View::Series, "Memory", "Does a probe grow?")
            .ask(format!("max by (site) (process_resident_memory_bytes{{{SITE}}})"), "{{site}}")
            .unit("bytes")
            .size(8, 8),
        panel(View::Series, "Processor", "How much of one processor does a probe use?")
            .ask(
                format!("max by (site) (rate(process_cpu_seconds_total{{{SITE}}}[$__rate_interval]))"),
                "{{site}}",
            )
            .unit("percentunit")
            .size(8, 8),
        panel(View::Series, "Open files, of those allowed", "Does a probe leak connections?")
            .ask(
                format!("max by (site) (process_open_fds{{{SITE}}} / process_max_fds{{{SITE}}})"),
                "{{site}}",
            )
            .unit("percentunit")
            .from("0.8", Colour::Bad)
            .size(8, 8),
    ]
}
