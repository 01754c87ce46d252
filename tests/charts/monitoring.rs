//! The central chart: the rules and dashboards of `dashboards/`, with the values in them.
//!
//! `BLESS=1 cargo test -p mailprobe-tests --test charts` writes its files anew.

use std::collections::BTreeMap;
use std::process::Command;

use mailprobe_dashboards::files;
use mailprobe_dashboards::knobs::{KNOBS, Values};
use mailprobe_tests::repository;
use serde_json::{Value, json};

use crate::helm::{self, Case, ask, chart, list, of_monitoring, render, text};

/// What the chart takes of what the tables make, with words in the place of the knobs' values: its path and text.
fn taken() -> BTreeMap<String, String> {
    let mut values = Values::default();
    for knob in KNOBS {
        values.set(knob.name, &format!("__{}__", knob.name)).expect("a knob");
    }
    let place = |name: &str| match name.split_once('/') {
        Some(("grafana", board)) if board.ends_with(".json") => Some(format!("files/dashboards/{board}")),
        Some(("rules", "mailprobe-records.yaml" | "mailprobe-alerts.yaml")) => Some(format!("files/{name}")),
        None if name == "alertmanager.yml" => Some("files/alertmanager.yml".to_owned()),
        _ => None,
    };
    files(&values).into_iter().filter_map(|(name, text)| Some((place(&name)?, text))).collect()
}

#[test]
fn its_files_are_made_from_the_tables() {
    let folder = chart("mailprobe-monitoring");
    let taken = taken();
    let mut there = Vec::new();
    for part in ["files", "files/rules", "files/dashboards"] {
        let inside = std::fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        let names = inside.filter(|entry| entry.path().is_file());
        there.extend(names.map(|entry| format!("{part}/{}", entry.file_name().to_string_lossy())));
    }
    let wrong = |name: &String| std::fs::read_to_string(folder.join(name)).ok().as_ref() != taken.get(name);
    let stale: Vec<_> = taken.keys().chain(&there).filter(|name| wrong(name)).collect();
    if std::env::var_os("BLESS").is_some() {
        for name in &stale {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
            match taken.get(*name) {
                Some(text) => std::fs::write(&path, text).expect("the file is written"),
                None => std::fs::remove_file(&path).expect("the file is removed"),
            }
        }
    } else {
        assert!(stale.is_empty(), "stale: {stale:?}; BLESS=1 cargo test -p mailprobe-tests --test charts");
    }
}

#[test]
fn its_values_are_the_knobs() {
    let values =
        ask(&json!({ "ask": "read", "file": chart("mailprobe-monitoring").join("values.yaml") }))[0].clone();
    let others = [
        ("runbook_base", "runbookBase"),
        ("dashboard_base", "dashboardBase"),
        ("region_label", "regionLabel"),
    ];
    let mut count = 0;
    for knob in KNOBS {
        let value = match others.iter().find(|(name, _)| *name == knob.name) {
            Some((_, key)) => &values[key],
            None => {
                count += 1;
                &values["thresholds"][knob.name]
            }
        };
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(shown, knob.default, "{}", knob.name);
    }
    assert_eq!(values["thresholds"].as_object().expect("thresholds").len(), count);
}

/// The rule files of a case: by name, their groups.
fn rules(case: &Case) -> BTreeMap<String, Value> {
    let short = |name: &str| name.rsplit('-').next().unwrap_or_default().to_owned();
    let mut found: BTreeMap<String, Value> = case
        .of("PrometheusRule")
        .map(|rule| (short(text(&rule["metadata"], "name")), rule["spec"].clone()))
        .collect();
    for map in case.of("ConfigMap").filter(|map| text(&map["metadata"], "name").ends_with("-rules")) {
        for (name, content) in map["data"].as_object().expect("files") {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), content.as_str().expect("a text")).expect("it is written");
            let read = ask(&json!({ "ask": "read", "file": file.path() }))[0].clone();
            found.insert(short(name.trim_end_matches(".yaml")), read);
        }
    }
    found
}

fn case(name: &str) -> &'static Case {
    of_monitoring().iter().find(|case| case.name == format!("{name}-values.yaml")).expect("a file of values")
}

#[test]
fn without_values_the_rules_are_those_of_the_dashboards_folder() {
    for name in ["minimal", "plain"] {
        let rules = rules(case(name));
        for part in ["records", "alerts"] {
            let file = repository().join(format!("dashboards/rules/mailprobe-{part}.yaml"));
            let expected = ask(&json!({ "ask": "read", "file": file }))[0].clone();
            assert!(rules[part] == expected, "{name}: {part} differ");
        }
    }
    for map in case("minimal").of("ConfigMap") {
        let (name, board) = map["data"].as_object().expect("data").iter().next().expect("a dashboard");
        let file = name.strip_prefix("mailprobe-").expect("a name");
        let expected = std::fs::read_to_string(repository().join("dashboards/grafana").join(file));
        assert_eq!(board.as_str().expect("a text"), expected.expect("a dashboard").trim(), "{name}");
    }
}

#[test]
fn promtool_accepts_the_rules() {
    for case in of_monitoring() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut names = Vec::new();
        for (name, content) in rules(case) {
            names.push(format!("{name}.yaml"));
            // JSON is YAML.
            std::fs::write(folder.path().join(format!("{name}.yaml")), content.to_string())
                .expect("it is written");
        }
        assert!(names.len() >= 2, "{}", case.name);
        let output = Command::new("promtool")
            .args(["check", "rules", "--lint=all", "--lint-fatal"])
            .args(&names)
            .current_dir(folder.path())
            .output()
            .expect("Debian's prometheus is installed");
        assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn values_reach_rules_and_dashboards() {
    let case = case("operator");
    let rules = rules(case);
    let text_of = |name: &str| rules[name].to_string();
    let alerts = text_of("alerts");
    for (words, is_there) in [
        (">= 0.75", true),
        (">= 0.5\\n", false),
        ("2592000", true),
        ("e+06", false),
        ("\"for\":\"90s\"", true),
        ("https://wiki.example.com/mail/MailprobeServiceOutage.md", true),
        ("https://grafana.example.com/d/", true),
        ("\"team\":\"messaging\"", true),
        // An alert's own labels stay.
        ("\"severity\":\"never\"", false),
        ("MailprobeVendorIncident", false),
        ("MailprobeWatchdog", false),
        ("MailprobeMailLost", true),
    ] {
        assert_eq!(alerts.contains(words), is_there, "{words}");
    }
    let site = |at: usize| rules["sites"]["groups"][0]["rules"][at]["labels"].clone();
    assert_eq!(site(0), json!({ "site": "lisbon", "page": "true", "country": "emea" }));
    assert_eq!(site(1), json!({ "site": "porto", "page": "false", "country": "emea" }));
    assert!(text_of("records").contains("country") || alerts.contains("country"));
    for object in of_monitoring().iter().flat_map(|case| &case.objects) {
        let whole = object.to_string();
        for knob in KNOBS {
            assert!(!whole.contains(&format!("__{}__", knob.name)), "{} is not filled in", knob.name);
        }
    }
    for map in case.of("ConfigMap") {
        let metadata = &map["metadata"];
        assert_eq!(metadata["labels"]["dashboards.example.com/load"], "yes");
        assert_eq!(
            (text(metadata, "namespace"), &metadata["annotations"]["grafana_folder"]),
            ("grafana", &json!("Mail"))
        );
        let board = map["data"].as_object().expect("data").values().next().expect("a dashboard");
        let board: Value =
            serde_json::from_str(board.as_str().expect("a text")).expect("a dashboard is JSON");
        assert!(text(&board, "uid").starts_with("mailprobe-"));
    }
}

#[test]
fn the_alertmanager_config_says_what_the_example_says() {
    let spec = &case("operator").one("AlertmanagerConfig")["spec"];
    let example =
        ask(&json!({ "ask": "read", "file": repository().join("dashboards/alertmanager.yml") }))[0].clone();
    let matchers = |of: &Value| -> Vec<String> {
        let one =
            |of: &Value| format!("{}{}\"{}\"", text(of, "name"), text(of, "matchType"), text(of, "value"));
        of.as_array().expect("matchers").iter().map(one).collect()
    };
    let rules = list(spec, "inhibitRules");
    let expected = list(&example, "inhibit_rules");
    assert_eq!(rules.len(), expected.len());
    for (rule, expected) in rules.iter().zip(expected) {
        assert_eq!(json!(matchers(&rule["sourceMatch"])), expected["source_matchers"]);
        assert_eq!(json!(matchers(&rule["targetMatch"])), expected["target_matchers"]);
        assert_eq!(rule["equal"], expected["equal"]);
    }
    let receivers: Vec<_> = list(spec, "receivers").iter().map(|of| text(of, "name")).collect();
    assert_eq!(receivers, ["dead-mans-switch", "notes", "pager", "tickets"]);
    let wanted = |route: &&Value| receivers.contains(&text(route, "receiver"));
    let expected: Vec<_> = list(&example["route"], "routes").iter().filter(wanted).collect();
    let routes = list(&spec["route"], "routes");
    assert_eq!(routes.len(), expected.len());
    for (route, expected) in routes.iter().zip(expected) {
        assert_eq!(route["receiver"], expected["receiver"]);
        assert_eq!(json!(matchers(&route["matchers"])), expected["matchers"]);
        assert_eq!(route["groupBy"], expected["group_by"]);
    }
}

#[test]
fn its_objects_are_those_that_kubernetes_and_the_operator_know() {
    let all: Vec<_> = of_monitoring().iter().flat_map(|case| &case.objects).collect();
    crate::kinds::valid(&all);
    for object in &all {
        // Larger is no ConfigMap.
        assert!(object.to_string().len() < 1 << 20);
    }
    let files = helm::files("mailprobe-monitoring");
    let cases: Vec<_> = files.iter().map(|(_, file)| file).collect();
    assert_eq!(
        ask(&json!({ "ask": "lint", "chart": chart("mailprobe-monitoring"), "cases": cases })),
        json!([])
    );
}

#[test]
fn its_wrong_values_are_refused() {
    let cases = [
        (json!({ "sites": [{ "nam": "lisbon" }] }), "nam"),
        (json!({ "sites": [{ "name": "lisbon", "page": "true" }] }), "page"),
        (json!({ "thresholds": { "outageShare": 0.5 } }), "outageShare"),
        (json!({ "thresholds": { "hold": "soon" } }), "hold"),
        (json!({ "thresholds": { "outage_share": "half" } }), "outage_share"),
        (json!({ "mode": "files" }), "mode"),
        (json!({ "runbookBase": "https://wiki.example.com/" }), "runbookBase"),
        (json!({ "rules": { "disabled": ["ServiceOutage"] } }), "disabled"),
    ];
    let asked: Vec<_> =
        cases.iter().map(|(values, words)| ((*words).to_owned(), json!({ "values": values }))).collect();
    for (case, (values, words)) in render("mailprobe-monitoring", &asked).iter().zip(&cases) {
        let refused = case.refused.as_ref().unwrap_or_else(|| panic!("accepted: {values}"));
        assert!(refused.contains(words), "{values}: {refused}");
    }
}
