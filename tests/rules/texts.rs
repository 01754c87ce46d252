//! What each alert says, in one case of its tests: read from promtool, and kept beside the tests.
//!
//! `BLESS=1` writes it anew.

use std::fmt::Write as _;

use mailprobe_dashboards::{alerts, case, cases, words};
use mailprobe_tests::repository;

use crate::promtool::{each, run};

#[test]
fn every_text_reads_as_it_should() {
    let told = each(&alerts::all(), |alert| {
        let cases = cases::of(alert.name);
        let case = case::Case::told(&cases).expect("a case that fires");
        let name = alert.full();
        // Nothing is expected, so that promtool shows what there is.
        let tests = case::head(&[], alert)
            + &case.setting()
            + &format!(
                "    alert_rule_test:\n      - {{eval_time: {}m, alertname: {name}, exp_alerts: []}}\n",
                case.first().expect("it fires")
            );
        let texts: String = alert
            .rules()
            .iter()
            .flat_map(|rule| rule.annotations.clone())
            .map(|(_, text)| words::fill(&text) + "\n")
            .collect();
        let said = run(alert, &tests, &texts).said;
        let found = annotations(&said);
        assert!(found.len() == 1, "{name}: {said}");
        let mut out = format!("{name}, {}\n", case.name);
        for (key, text) in &found[0] {
            for bad in ["<error", "<no value>", "%!", "{{"] {
                assert!(!text.contains(bad), "{name}, {key}: {text}");
            }
            writeln!(out, "  {key}: {text}").expect("a string takes all");
        }
        out
    });
    let text = told.join("\n");
    let path = repository().join("dashboards/rules/tests/texts.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).expect("the texts are written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (kept, told) in kept.lines().zip(text.lines()) {
        assert_eq!(kept, told, "the texts have changed: BLESS=1 cargo test -p mailprobe-tests --test rules");
    }
    assert_eq!(kept.lines().count(), text.lines().count());
}

/// `Annotations:{a="…", b="…"}` of what fired.
fn annotations(said: &str) -> Vec<Vec<(String, String)>> {
    let got = said.split_once("got:").map_or("", |(_, got)| got);
    got.lines().filter_map(|line| line.trim().strip_prefix("Annotations:{")).map(pairs).collect()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((key, more)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = more.char_indices();
        let mut end = more.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|(_, c)| c)),
                '"' => {
                    end = at + 1;
                    break;
                }
                c => value.push(c),
            }
        }
        all.push((key.trim_start_matches(", ").to_owned(), value));
        rest = more.get(end..).unwrap_or_default();
    }
    all
}
