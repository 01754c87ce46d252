//! The rules: what stands in them, what they fire on, and what Alertmanager makes of it. promtool and alertmanager judge.

mod alertmanager;
mod mutant;
mod promtool;
mod texts;

use std::collections::BTreeSet;

use mailprobe::catalogue::{Cause, Kind, Protocol, Reason, Role, metric};
use mailprobe_dashboards::alert::{Area, Severity};
use mailprobe_dashboards::knobs::Values;
use mailprobe_dashboards::{alerts, cases, files, records, routes, rules, words};
use mailprobe_tests::repository;

/// Metrics of the design that the probe does not have yet, with their labels; alerts on them are ready.
const PLANNED: &[(&str, &[&str])] = &[
    ("mailprobe_secret_expiry_timestamp_seconds", &["mailbox"]),
    ("mailprobe_service_health", &["mail_service", "workload", "state"]),
];
/// Reasons of the design that the probe does not have yet.
const PLANNED_REASONS: &[&str] = &[];
/// What the list of expected sites makes.
const LISTED: &str = "mailprobe_site_expected";

#[test]
fn nothing_below_dashboards_is_stale() {
    let folder = repository().join("dashboards");
    let all = files(&Values::default());
    for (name, text) in &all {
        let found = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(found == *text, "{name} is stale: cargo run -p mailprobe-dashboards -- --write");
    }
    for made in ["rules/tests", "grafana"] {
        for found in std::fs::read_dir(folder.join(made)).expect("a folder of what is made") {
            let name = format!("{made}/{}", found.expect("an entry").file_name().to_string_lossy());
            assert!(
                name.ends_with("texts.txt") || all.iter().any(|(of, _)| *of == name),
                "{name} is made from no table: remove it"
            );
        }
    }
}

#[test]
fn promtool_and_amtool_find_the_files_in_order() {
    let folder = repository().join("dashboards");
    let rules = ["records", "alerts", "sites.example"].map(|name| format!("rules/mailprobe-{name}.yaml"));
    let mut check = std::process::Command::new("promtool");
    check.args(["check", "rules", "--lint=all", "--lint-fatal"]).args(rules).current_dir(&folder);
    let mut routes = std::process::Command::new("amtool");
    routes.args(["check-config", "alertmanager.yml"]).current_dir(&folder);
    for mut command in [check, routes] {
        let output = command.output().expect("Debian's prometheus and prometheus-alertmanager are installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn alerts_read_recording_rules_alone() {
    let recorded: BTreeSet<_> =
        records::groups().into_iter().flat_map(|group| group.records).map(|record| record.name).collect();
    for alert in alerts::all() {
        for rule in alert.rules() {
            let texts = rule.annotations.iter().map(|(_, text)| text.as_str());
            for text in texts.chain([rule.expr.as_str()]) {
                for name in rules::metrics(&words::fill(text)) {
                    assert!(recorded.contains(&name), "{}: {name} is no recording rule", alert.name);
                }
            }
        }
    }
    for name in recorded {
        assert!(name.contains(':'), "{name}: a recording rule says at which level it is");
    }
}

#[test]
fn recording_rules_read_what_the_catalogue_has_and_drop_pods() {
    for record in records::groups().into_iter().flat_map(|group| group.records) {
        let raw: Vec<_> =
            rules::metrics(&record.expr).into_iter().filter(|name| name.starts_with("mailprobe_")).collect();
        for name in &raw {
            let known = metric::find(name).is_some() || PLANNED.iter().any(|(planned, _)| planned == name);
            assert!(known || name == LISTED, "{}: no metric is called {name}", record.name);
        }
        assert!(raw.is_empty() || record.expr.contains(" by ("), "{}: pods are not dropped", record.name);
        for word in ["pod", "instance", "job"] {
            assert!(!record.expr.contains(&format!("{word},")), "{}: {word}", record.name);
        }
    }
    for (name, labels) in PLANNED {
        if let Some(row) = metric::find(name) {
            assert!(labels.iter().all(|label| row.labels.contains(label)), "{name} has other labels now");
        }
    }
}

#[test]
fn reasons_causes_and_kinds_are_those_of_the_catalogue() {
    let kinds: Vec<_> = Kind::rows().iter().map(|row| row.name).collect();
    let causes: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    let known = |label: &str, value: &str| match label {
        "reason" => Reason::by_name(value).is_some() || PLANNED_REASONS.contains(&value),
        "cause" => causes.contains(&value),
        "kind" => kinds.contains(&value),
        "role" => Role::ALL.iter().any(|role| role.name() == value),
        _ => Protocol::by_name(value).is_some(),
    };
    let text = rules::records(&Values::default(), None) + &rules::alerts(&alerts::all(), &Values::default());
    let mut found = 0;
    for label in ["reason", "cause", "kind", "role", "protocol"] {
        for operator in ["=\"", "=~\"", "!=\"", "!~\""] {
            for (_, rest) in
                text.match_indices(&format!("{label}{operator}")).map(|(at, of)| text.split_at(at + of.len()))
            {
                let values = rest.split('"').next().unwrap_or_default();
                for value in values.split('|').filter(|value| !value.is_empty()) {
                    assert!(known(label, value), "{label} {value} is not in the catalogue");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 100, "{found}");
}

/// What a case says that a probe sends, a probe sends.
#[test]
fn series_of_the_tests_are_those_of_the_catalogue() {
    let recorded: BTreeSet<_> =
        records::groups().into_iter().flat_map(|group| group.records).map(|record| record.name).collect();
    let mut found = 0;
    for case in alerts::all().iter().flat_map(|alert| cases::of(alert.name)) {
        for series in case.setting().split("{series: '").skip(1) {
            let selector = series.split('\'').next().unwrap_or_default();
            let (name, rest) = selector.split_once('{').expect("labels");
            let labels: BTreeSet<_> =
                rest.split("\",").filter_map(|pair| pair.split_once('=')).map(|(label, _)| label).collect();
            if recorded.contains(name) || name == LISTED || name == "mailprobe_site_info" {
                continue;
            }
            let planned = PLANNED.iter().find(|(planned, _)| *planned == name).map(|(_, labels)| *labels);
            let known = metric::find(name).map(|row| row.labels).or(planned);
            let known = known.unwrap_or_else(|| panic!("{}: no metric is called {name}", case.name));
            let own = ["site", "pod"];
            let wrong: Vec<_> =
                labels.iter().filter(|label| !known.contains(label) && !own.contains(label)).collect();
            assert!(labels.contains("site") && wrong.is_empty(), "{}: {selector}", case.name);
            // A lane has all of its labels.
            let is_lane = known.contains(&"check") && known.contains(&"kind");
            assert!(
                !is_lane || known.iter().all(|label| labels.contains(label)),
                "{}: {selector}",
                case.name
            );
            found += 1;
        }
    }
    assert!(found > 1000, "{found}");
}

#[test]
fn every_alert_is_whole() {
    let table = alerts::all();
    let readme = std::fs::read_to_string(repository().join("dashboards/README.md")).expect("the README");
    let mut names = BTreeSet::new();
    for alert in &table {
        let name = alert.name;
        assert!(names.insert(name), "{name} stands twice");
        assert!(!alert.when.is_empty() && readme.contains(&format!("| `{name}` |")), "{name} is in no table");
        let cases = cases::of(name);
        assert!(cases.iter().any(|case| case.first().is_some()), "{name} is not seen to fire");
        assert!(
            name == "Watchdog" || cases.iter().any(|case| case.first().is_none()),
            "{name} is not seen quiet"
        );
        assert!(alert.labels.iter().all(|label| *label != "reason" && *label != "cause"), "{name}");
        for rule in alert.rules() {
            let texts: Vec<_> = rule.annotations.iter().map(|(key, text)| (*key, text.as_str())).collect();
            let keys: Vec<_> = texts.iter().map(|(key, _)| *key).collect();
            assert_eq!(keys, ["summary", "description", "runbook_url", "dashboard_url"], "{name}");
            assert!(texts.iter().all(|(_, text)| !text.is_empty()), "{name}");
            assert!(texts[0].1.ends_with('.'), "{name}: the summary is a sentence");
            assert!(["critical", "warning", "info"].contains(&rule.severity), "{name}");
        }
        let is_fleet = alert.area == Area::Fleet || alert.severity == Severity::Critical;
        assert!(
            !is_fleet || !alert.labels.contains(&"site"),
            "{name}: the fleet's alerts are not of one site"
        );
    }
    for (name, text) in files(&Values::default()).iter().filter(|(name, _)| name.ends_with(".yaml")) {
        for left in ["[[", "@lane@", "@lead@"] {
            assert!(!text.contains(left), "{name}: {left} is not filled in");
        }
    }
}

#[test]
fn what_silences_is_an_alert_that_fits() {
    let table = alerts::all();
    for target in &table {
        for name in target.silenced_by {
            let source = table.iter().find(|alert| alert.name == *name);
            let source = source.unwrap_or_else(|| panic!("{}: {name} is no alert", target.name));
            let equal = routes::equal(source, target);
            assert!(!equal.is_empty() || *name == "FleetBlind", "{name} silences all of {}", target.name);
            if let Some((label, _)) = routes::narrowed(name) {
                assert!(
                    target.labels.contains(&label),
                    "{} has no {label}, and {name} asks for it",
                    target.name
                );
            }
        }
    }
    for kept in ["MailLost", "MailDuplicated", "MailCorrupted"] {
        let alert = table.iter().find(|alert| alert.name == kept).expect("it is in the table");
        assert!(alert.silenced_by.is_empty(), "{kept} is never silenced");
    }
}

#[test]
fn a_knob_reaches_the_rules() {
    let mut values = Values::default();
    assert!(values.set("no_such_knob", "1").is_err());
    values.set("outage_share", "0.75").expect("a knob");
    let text =
        files(&values).into_iter().find(|(name, _)| name.ends_with("alerts.yaml")).expect("the alerts").1;
    assert!(text.contains(">= 0.75") && !text.contains(">= 0.5\n"));
}
