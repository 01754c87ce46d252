//! Runbooks: a frame from the table of alerts around what people have written.
//!
//! What is written lies where it is read, between two marks in `docs/runbooks/MailprobeNAME.md`; all around it is made anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::alert::{Alert, full};
use crate::knobs::{KNOBS, Knob, Values};
use crate::{alerts, boards, records, rules, words};

mod index;

/// What each runbook answers, in this order.
pub const HEADINGS: [&str; 6] = [
    "What people feel",
    "What it is likely to be",
    "Find out",
    "Until it is mended",
    "What to collect",
    "When it is over",
];

const BEGIN: &str = "<!-- Written by hand, down to the other mark; all else is made by `cargo run -p mailprobe-dashboards -- --write`. -->";
const END: &str = "<!-- Written by hand up to here. -->";

/// Where they are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/runbooks")
}

/// Every file below `docs/runbooks`; `found` answers what stands in one now.
pub fn files(values: &Values, found: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let table = alerts::all();
    let mut files = vec![("README.md".to_owned(), index::page(&table))];
    for alert in &table {
        let name = file(alert.name);
        let text = found(&name).unwrap_or_default();
        let hand = written(&text).map_or_else(skeleton, str::to_owned);
        files.push((name, page(&table, alert, values, &hand)));
    }
    files
}

/// What was written by hand in a runbook.
pub fn written(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(BEGIN)?;
    Some(rest.split_once(END)?.0)
}

/// The headings of what was written, each with what stands below it.
pub fn sections(hand: &str) -> Vec<(&str, &str)> {
    let parts = hand.split("\n## ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap_or((part, ""))).collect()
}

/// Of a new alert: what is to be written.
fn skeleton() -> String {
    HEADINGS.map(|heading| format!("\n\n## {heading}\n")).concat() + "\n"
}

fn file(name: &str) -> String {
    full(name) + ".md"
}

fn page(table: &[Alert], alert: &Alert, values: &Values, hand: &str) -> String {
    let mut out = format!("# {}\n", alert.full()) + &rows(top(alert)) + SHELL + BEGIN + hand + END;
    out += "\n\n## The rule\n";
    out += &rows(rule(table, alert, values));
    words::fill(&(out + "\n[All runbooks](README.md)\n"))
}

/// What has something in it, as a table.
fn rows<const N: usize>(rows: [(&str, String); N]) -> String {
    let rows = rows.into_iter().filter(|(_, text)| !text.is_empty());
    let rows: String = rows.map(|(what, text)| format!("| {what} | {text} |\n")).collect();
    format!("\n| | |\n| --- | --- |\n{rows}")
}

const SHELL: &str = "
`mailprobe …` runs in the probe's container at the site, which has no shell: write `kubectl -n NAMESPACE exec deploy/NAME --` or `docker exec NAME` before it.
All else runs on any machine of the site, and PromQL in your Prometheus.
What begins with `$` stands for a name or an address of yours: [README.md](README.md#names) says which, and how to get the log.

";

/// What somebody wants to know first.
fn top(alert: &Alert) -> [(&'static str, String); 5] {
    let not_yet =
        alert.waits_for.map(|metric| format!("it waits for `{metric}`, which this release may not have"));
    [
        ("fires when", alert.when.to_owned()),
        ("not yet", not_yet.unwrap_or_default()),
        ("tell people", alert.tell.to_owned()),
        ("look at", board(alert)),
        ("silenced by", links(alert.silenced_by)),
    ]
}

/// The rule itself.
fn rule(table: &[Alert], alert: &Alert, values: &Values) -> [(&'static str, String); 6] {
    let silences: Vec<_> =
        table.iter().filter(|of| of.silenced_by.contains(&alert.name)).map(|of| of.name).collect();
    let labels: Vec<_> = alert.labels.iter().map(|label| format!("`{label}`")).collect();
    let group = alert.area.group();
    [
        ("severity", alert.severity.name().to_owned()),
        ("labels", labels.join(" ")),
        ("waits, stays", times(alert, values)),
        ("silences", links(&silences)),
        ("numbers", numbers(alert, values)),
        (
            "file",
            format!(
                "group `{group}` of `mailprobe-alerts.yaml`, made from [dashboards](../../dashboards/README.md)"
            ),
        ),
    ]
}

fn links(names: &[&str]) -> String {
    let links: Vec<_> = names.iter().map(|name| format!("[{name}]({})", file(name))).collect();
    links.join(" ")
}

/// How long it must hold and how long it stays; times that are knobs are named.
fn times(alert: &Alert, values: &Values) -> String {
    let told = |text: &str| match knobs_in(text).first() {
        Some(knob) => format!("{} (`{}`)", values.get(knob), knob.name),
        None => text.to_owned(),
    };
    let stays = match alert.keep {
        "" => "it does not stay after that".to_owned(),
        keep => format!("it stays for {} after that", told(keep)),
    };
    format!("its condition must hold for {}; {stays}", told(alert.hold))
}

fn board(alert: &Alert) -> String {
    let is = alert.area.dashboard();
    let title = boards::all().into_iter().find(|board| board.is == is).map(|board| board.title);
    format!("the dashboard {} (the alert's `dashboard_url`; uid `{}`)", title.unwrap_or_default(), is.uid())
}

fn knobs_in(text: &str) -> Vec<&'static Knob> {
    KNOBS.iter().filter(|knob| text.contains(&format!("[[{}]]", knob.name))).collect()
}

/// The knobs of its own expression, and of the recording rules below it.
fn numbers(alert: &Alert, values: &Values) -> String {
    let needs: BTreeSet<String> = rules::needs(&alert.expr);
    let below: String = records::groups()
        .into_iter()
        .flat_map(|group| group.records)
        .filter(|record| needs.contains(&record.name))
        .map(|record| record.expr)
        .collect();
    let tell = |text: &str, without: &str| {
        let of = knobs_in(text)
            .into_iter()
            .filter(|knob| !knobs_in(without).iter().any(|it| it.name == knob.name));
        of.map(|knob| format!("`{}` {}", knob.name, values.get(knob))).collect::<Vec<_>>().join(", ")
    };
    match (tell(&alert.expr, ""), tell(&below, &alert.expr)) {
        (own, below) if below.is_empty() => own,
        (own, below) if own.is_empty() => format!("below it {below}"),
        (own, below) => format!("{own}; below it {below}"),
    }
}
