//! The runbooks: whole, each in words of its own, and every command in them run.

mod commands;
mod rows;
mod site;

use std::collections::{BTreeMap, BTreeSet};

use mailprobe::catalogue::metric;
use mailprobe_dashboards::knobs::Values;
use mailprobe_dashboards::{alerts, records, rules, runbooks};
use mailprobe_tests::repository;

/// A run of words that long is a sentence's; where it stands twice, the second was not written for its alert.
const RUN: usize = 8;
/// What can be read at night, and says enough.
const WORDS: std::ops::RangeInclusive<usize> = 120..=300;

/// The runbooks as they lie there, by the alert's name, and the index.
pub(crate) fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(runbooks::folder()).expect("docs/runbooks") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        pages.insert(name, std::fs::read_to_string(&path).expect("a page"));
    }
    pages
}

/// What was written by hand, without the blocks of code.
fn prose() -> Vec<(String, String)> {
    let hand = |text: &str| {
        let hand = runbooks::written(text).unwrap_or_default();
        hand.split("```").step_by(2).collect::<Vec<_>>().join("\n")
    };
    let pages = pages().into_iter().filter(|(name, _)| name != "README.md");
    pages.map(|(name, text)| (name, hand(&text))).collect()
}

#[test]
fn each_alert_has_one_and_no_frame_is_stale() {
    let there = pages();
    let made = runbooks::files(&Values::default(), |name| there.get(name).cloned());
    for (name, text) in &made {
        let found = there.get(name).map(String::as_str).unwrap_or_default();
        assert!(found == text, "{name} is missing or stale: cargo run -p mailprobe-dashboards -- --write");
    }
    assert_eq!(made.len(), alerts::all().len() + 1, "one for each alert, and the index");
    let made: BTreeSet<_> = made.into_iter().map(|(name, _)| name).collect();
    for name in there.keys() {
        assert!(made.contains(name), "{name} is of no alert: remove it");
    }
}

#[test]
fn each_section_is_there_and_says_something() {
    for (name, text) in pages().into_iter().filter(|(name, _)| name != "README.md") {
        let hand = runbooks::written(&text).unwrap_or_else(|| panic!("{name}: the marks are gone"));
        let sections = runbooks::sections(hand);
        let headings: Vec<_> = sections.iter().map(|(heading, _)| *heading).collect();
        assert_eq!(headings, runbooks::HEADINGS, "{name}");
        for (heading, text) in sections {
            assert!(text.split_whitespace().count() >= 5, "{name}: {heading:?} is empty");
        }
        assert!(hand.contains("```sh") || hand.contains("```promql"), "{name} has nothing to run");
    }
}

#[test]
fn each_can_be_read_at_night() {
    for (name, text) in prose() {
        let count = words(&text).len();
        assert!(WORDS.contains(&count), "{name} has {count} words");
    }
}

fn words(text: &str) -> Vec<String> {
    let headings = |line: &&str| !line.starts_with("## ");
    let lines = text.lines().filter(headings).collect::<Vec<_>>().join("\n");
    let part = |c: char| !c.is_alphanumeric() && c != '_';
    lines.to_lowercase().split(part).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_sentence_stands_in_two_of_them() {
    let mut seen: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for (name, text) in prose() {
        for run in words(&text).windows(RUN) {
            match seen.get(run) {
                Some(other) if *other != name => twice.push(format!("{other}, {name}: {}", run.join(" "))),
                _ => drop(seen.insert(run.to_vec(), name.clone())),
            }
        }
    }
    assert!(seen.len() > 3000, "{}", seen.len());
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mut found = 0;
    for (name, text) in pages() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name.as_str() } else { file };
            let other = std::fs::read_to_string(runbooks::folder().join(file).join("README.md"))
                .or_else(|_| std::fs::read_to_string(runbooks::folder().join(file)))
                .unwrap_or_else(|error| panic!("{name}: {target}: {error}"));
            let anchored = |line: &str| {
                line.starts_with('#')
                    && line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-") == anchor
            };
            assert!(anchor.is_empty() || other.lines().any(anchored), "{name}: {target} is not there");
            found += 1;
        }
    }
    assert!(found > 200, "{found}");
}

/// Reasons, steps, keys, fields, metrics: what is written as a name is one.
#[test]
fn names_are_those_of_the_product() {
    let docs = ["docs/reasons.md", "docs/metrics.md", "docs/configuration.md", "dashboards/README.md"];
    let docs = docs.map(|name| std::fs::read_to_string(repository().join(name)).expect("a page"));
    let index = pages().remove("README.md").expect("the index");
    let known: BTreeSet<_> = docs.iter().chain([&index]).flat_map(|text| names(text)).collect();
    let mut found = 0;
    for (name, text) in prose() {
        for code in text.split('`').skip(1).step_by(2) {
            for word in names(code).into_iter().filter(|word| word.contains('_')) {
                let series = word.starts_with("mailprobe_") && is_series(word);
                assert!(series || known.contains(word), "{name}: {word} is nothing of ours");
                found += 1;
            }
        }
    }
    assert!(found > 80, "{found}");
}

fn names(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// A metric of the catalogue.
pub(crate) fn is_series(name: &str) -> bool {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    metric::find(name).or_else(|| metric::find(base?)).is_some()
}

/// A metric, or a series that is recorded; nothing else is asked for.
pub(crate) fn unknown_series(expr: &str) -> Option<String> {
    let recorded: BTreeSet<_> =
        records::groups().into_iter().flat_map(|group| group.records).map(|record| record.name).collect();
    rules::metrics(expr).into_iter().find(|name| !is_series(name) && !recorded.contains(name))
}
