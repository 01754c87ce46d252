//! What the queries name: promtool can read them, and each metric and label is one that there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use mailprobe::catalogue::{Cause, Kind, Reason, Role, metric, step};
use mailprobe_dashboards::{records, rules, words};

use crate::json::{File, all, text};

/// What the probe's process says of itself.
const PROCESS: &[&str] =
    &["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"];

/// All queries, as they are sent when all is chosen, with their places.
fn filled() -> Vec<(String, String)> {
    let files = all();
    let of = |file: &File| -> Vec<_> {
        let queries = file.queries();
        queries.into_iter().map(|query| (query.place, file.filled(&query.expr, "3h"))).collect()
    };
    files.iter().flat_map(of).collect()
}

#[test]
fn promtool_reads_every_query() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "groups:\n  - name: queries\n    rules:\n".to_owned();
    let queries = filled();
    for (at, (_, expr)) in queries.iter().enumerate() {
        let expr = expr.replace('\'', "''").replace('\n', "\n          ");
        writeln!(text, "      - record: query:n{at}\n        expr: '{expr}'").expect("a String takes it");
    }
    std::fs::write(folder.path().join("queries.yaml"), &text).expect("the file is written");
    let output = Command::new("promtool")
        .args(["check", "rules", "queries.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("Debian's prometheus is installed");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}

/// The labels that a recording rule can leave: those that it or what it stands on is made by.
fn labels_of_record(name: &str) -> Option<BTreeSet<String>> {
    let all: Vec<_> = records::groups().into_iter().flat_map(|group| group.records).collect();
    all.iter().find(|record| record.name == name)?;
    let texts = rules::needs(name);
    let mut out = BTreeSet::new();
    for record in all.iter().filter(|record| texts.contains(&record.name)) {
        for by in words::fill(&record.expr).split("by (").skip(1) {
            let list = by.split(')').next().unwrap_or_default();
            out.extend(list.split(',').map(|label| label.trim().to_owned()));
        }
    }
    Some(out)
}

/// The labels of a metric of the catalogue, of a histogram's parts too.
fn labels_of_metric(name: &str) -> Option<BTreeSet<String>> {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    let row = metric::find(name).or_else(|| metric::find(base?))?;
    let mut out: BTreeSet<_> = row.labels.iter().map(|label| (*label).to_owned()).collect();
    out.extend(["site".to_owned(), "le".to_owned()]);
    Some(out)
}

#[test]
fn every_metric_and_label_is_one_that_there_is() {
    let mut found = 0;
    let queried = all().into_iter().flat_map(|file| {
        let variables: Vec<_> = file
            .variables()
            .iter()
            .skip(1)
            .map(|it| (file.name.clone(), text(it, "query").trim_start_matches("label_values(").to_owned()))
            .collect();
        variables
    });
    for (place, expr) in filled().into_iter().chain(queried) {
        let names = rules::metrics(&expr);
        let other = expr.contains("ALERTS{") || PROCESS.iter().any(|name| expr.contains(name));
        assert!(!names.is_empty() || other, "{place}: {expr}: names nothing of ours");
        for name in names {
            let labels = labels_of_record(&name).or_else(|| labels_of_metric(&name));
            let labels = labels.unwrap_or_else(|| panic!("{place}: no metric is called {name}"));
            for selector in expr.split(&format!("{name}{{")).skip(1) {
                let inside = selector.split('}').next().unwrap_or_default();
                for pair in inside.split("\",") {
                    let label = pair.split(['=', '!']).next().unwrap_or_default();
                    assert!(labels.contains(label), "{place}: {name} has no label {label:?}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 300, "{found}");
}

#[test]
fn reasons_causes_kinds_and_steps_are_those_of_the_catalogue() {
    let kinds: Vec<_> = Kind::rows().iter().map(|row| row.name).collect();
    let causes: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    let steps: Vec<_> = step::STEPS.iter().map(|row| row.name).collect();
    let mut found = 0;
    for (place, expr) in filled() {
        for label in ["reason", "cause", "kind", "step", "role"] {
            for operator in ["=\"", "=~\"", "!=\"", "!~\""] {
                for rest in expr.split(&format!("{label}{operator}")).skip(1) {
                    for value in rest.split('"').next().unwrap_or_default().split('|') {
                        let known = match label {
                            "reason" => Reason::by_name(value).is_some(),
                            "cause" => causes.contains(&value),
                            "kind" => kinds.contains(&value),
                            "step" => steps.contains(&value),
                            _ => Role::ALL.iter().any(|role| role.name() == value),
                        };
                        assert!(known, "{place}: {label} {value} is not in the catalogue");
                        found += 1;
                    }
                }
            }
        }
    }
    assert!(found > 30, "{found}");
}
