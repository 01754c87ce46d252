//! The rule files.

use std::collections::BTreeSet;

use crate::alert::{Alert, Area, Rule};
use crate::knobs::Values;
use crate::records::{Group, Record, groups};
use crate::words;
use crate::yaml::{quoted, scalar};

/// The file of recording rules: all of them, or those alone.
pub fn records(values: &Values, only: Option<&BTreeSet<String>>) -> String {
    let mut out = crate::MADE.to_owned() + "groups:\n";
    for Group { name, records } in groups() {
        let wanted = |record: &Record| only.is_none_or(|only| only.contains(&record.name));
        let records: Vec<_> = records.into_iter().filter(wanted).collect();
        if records.is_empty() {
            continue;
        }
        out += &format!("  - name: {name}\n    rules:\n");
        for record in records {
            let expr = values.fill(&words::fill(&record.expr));
            out += &format!("      - record: {}\n        expr: {}\n", record.name, scalar(&expr, 10));
        }
    }
    out
}

/// The recording rules that an expression stands on, directly or not.
pub fn needs(expr: &str) -> BTreeSet<String> {
    let all: Vec<Record> = groups().into_iter().flat_map(|group| group.records).collect();
    let mut found = BTreeSet::new();
    let mut ask = vec![expr.to_owned()];
    while let Some(expr) = ask.pop() {
        for name in metrics(&expr) {
            let record = all.iter().find(|record| record.name == name);
            if let Some(record) = record.filter(|_| found.insert(name)) {
                ask.push(record.expr.clone());
            }
        }
    }
    found
}

/// The names of series in an expression or a text: of the probe, and of recording rules.
pub fn metrics(expr: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expr.split(|c: char| !part(c))
        .filter(|word| word.starts_with("mailprobe_") || word.contains(":mailprobe_"))
        .map(str::to_owned)
        .collect()
}

/// The file of alerts.
pub fn alerts(table: &[Alert], values: &Values) -> String {
    let mut out = crate::MADE.to_owned() + "groups:\n";
    for area in Area::ALL {
        let rules: Vec<_> = table.iter().filter(|alert| alert.area == *area).flat_map(Alert::rules).collect();
        if rules.is_empty() {
            continue;
        }
        out += &format!("  - name: {}\n    rules:\n", area.group());
        for rule in rules {
            out += &one(&rule, values);
        }
    }
    out
}

fn one(rule: &Rule, values: &Values) -> String {
    let fill = |text: &str| values.fill(&words::fill(text));
    let mut out = format!(
        "      - alert: {}\n        expr: {}\n        for: {}\n",
        rule.alert,
        scalar(&fill(&rule.expr), 10),
        fill(&rule.hold)
    );
    if !rule.keep.is_empty() {
        out += &format!("        keep_firing_for: {}\n", fill(&rule.keep));
    }
    out += &format!("        labels:\n          severity: {}\n        annotations:\n", rule.severity);
    for (name, text) in &rule.annotations {
        out += &format!("          {name}: {}\n", quoted(&fill(text)));
    }
    out
}

/// An example of the list of expected sites.
pub fn sites(sites: &[(&str, bool)]) -> String {
    let mut out = crate::MADE.to_owned()
        + "# An example: one rule for each site that there should be. `page` as in the site's own labels.\n\
           groups:\n  - name: mailprobe-sites\n    rules:\n";
    for (site, page) in sites {
        out += &format!(
            "      - record: mailprobe_site_expected\n        expr: vector(1)\n        labels:\n          site: {site}\n          page: \"{page}\"\n"
        );
    }
    out
}
