//! The unit tests of every alert, and each once more with the alert's condition broken.
//!
//! An alert runs beside the recording rules that it stands on and no others: the same texts, in a third of the time.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mailprobe_dashboards::alert::Alert;
use mailprobe_dashboards::knobs::Values;
use mailprobe_dashboards::{alerts, case, cases, rules, words};

use crate::mutant::mutants;

/// What promtool came to.
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    pub(crate) said: String,
}

/// Runs these tests on the rules of this alert, and on what it and `more` stand on.
pub(crate) fn run(alert: &Alert, tests: &str, more: &str) -> Outcome {
    run_on(alert, tests, &rules::needs(&(condition(alert) + more)))
}

fn condition(alert: &Alert) -> String {
    alert.rules().iter().map(|rule| words::fill(&rule.expr) + "\n").collect()
}

fn run_on(alert: &Alert, tests: &str, needs: &BTreeSet<String>) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let values = Values::default();
    let records = rules::records(&values, Some(needs));
    // A file without a group would be refused.
    let names = match needs.is_empty() {
        true => "rule_files: [alerts.yaml]",
        false => "rule_files: [records.yaml, alerts.yaml]",
    };
    let (_, rest) = tests.split_once("rule_files: ").expect("a file of tests");
    let (_, rest) = rest.split_once('\n').expect("its other lines");
    for (name, text) in [
        ("records.yaml", records),
        ("alerts.yaml", rules::alerts(std::slice::from_ref(alert), &values)),
        ("tests.yaml", format!("{names}\n{rest}")),
    ] {
        std::fs::write(folder.path().join(name), text).expect("a file is written");
    }
    let output = Command::new("promtool")
        .args(["test", "rules", "tests.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("Debian's prometheus is installed");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Outcome { passed: output.status.success(), said }
}

/// Each on one of as many threads as there are processors; what it answers.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
                {
                    let result = work(item);
                    done.lock().expect("no thread has panicked").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread has panicked");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Cases in one run on a broken rule.
const AT_ONCE: usize = 4;

#[test]
fn every_alert_fires_when_it_should_and_is_quiet_otherwise() {
    let failed: Vec<_> =
        each(&alerts::all(), |alert| run(alert, &case::file(alert, &cases::of(alert.name)), ""))
            .into_iter()
            .filter(|outcome| !outcome.passed)
            .map(|outcome| outcome.said)
            .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Whether some case goes wrong on these rules; the short ones are tried first, as they mostly do.
fn is_noticed(alert: &Alert, needs: &BTreeSet<String>) -> bool {
    let mut rest = cases::of(alert.name);
    rest.sort_by_key(case::Case::seconds);
    while !rest.is_empty() {
        let some: Vec<_> = rest.drain(..rest.len().min(AT_ONCE)).collect();
        let outcome = run_on(alert, &case::file(alert, &some), needs);
        // A rule that cannot be read fails too, and shows nothing.
        if !outcome.passed && outcome.said.contains("got:") {
            return true;
        }
        assert!(outcome.passed, "{}: {}", alert.name, outcome.said);
    }
    false
}

#[test]
fn a_broken_condition_is_noticed() {
    let all: Vec<_> = alerts::all().into_iter().flat_map(|alert| mutants(&alert)).collect();
    let survived: Vec<_> = each(&all, |(what, alert)| {
        let noticed = is_noticed(alert, &rules::needs(&condition(alert)));
        (!noticed).then(|| format!("{}, {what}", alert.name))
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(survived.is_empty(), "{} of {} survived:\n{}", survived.len(), all.len(), survived.join("\n"));
}

/// What only texts look up is seen there.
#[test]
fn a_missing_recording_rule_is_noticed() {
    let table = alerts::all();
    let all: BTreeSet<_> = table.iter().flat_map(|alert| rules::needs(&condition(alert))).collect();
    let all: Vec<_> = all.into_iter().collect();
    let survived: Vec<_> = each(&all, |record| {
        let noticed = table.iter().any(|alert| {
            let mut needs = rules::needs(&condition(alert));
            needs.remove(record) && is_noticed(alert, &needs)
        });
        (!noticed).then(|| record.clone())
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(survived.is_empty(), "{} of {} survived: {}", survived.len(), all.len(), survived.join(" "));
}
