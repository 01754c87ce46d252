//! values.yaml, its schema and the table in README.md say the same.
//!
//! `BLESS=1 cargo test -p mailprobe-tests --test charts` writes the tables anew.

use std::collections::BTreeSet;
use std::process::Command;

use mailprobe_tests::repository;
use serde_json::{Value, json};

use crate::helm::{ask, chart};

pub(crate) const CHARTS: &[&str] = &["mailprobe", "mailprobe-monitoring"];

const BEGIN: &str = "<!-- Made from values.yaml by the tests; changes here are lost. -->\n";
const END: &str = "<!-- end -->\n";

/// A value with its comment, in the order of the file.
struct Row {
    path: String,
    meaning: String,
}

/// The keys of values.yaml that have a comment `# --`.
fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut comment = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(meaning) = line.strip_prefix("# -- ") {
            comment = Some(meaning.to_owned());
            continue;
        }
        let Some((key, _)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        above.retain(|(of, _)| *of < indent);
        above.push((indent, key.to_owned()));
        if let Some(meaning) = comment.take() {
            let path = above.iter().map(|(_, key)| &**key).collect::<Vec<_>>().join(".");
            rows.push(Row { path, meaning });
        }
    }
    rows
}

fn at<'a>(values: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(values, |value, key| &value[key])
}

fn table(rows: &[Row], values: &Value) -> String {
    let mut out = "| key | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for Row { path, meaning } in rows {
        let default = at(values, path).to_string().replace('|', "\\|");
        let meaning = meaning.replace('|', "\\|");
        out += &format!("| `{path}` | `{default}` | {meaning} |\n");
    }
    out
}

#[test]
fn the_tables_of_values_are_up_to_date() {
    let mut stale = Vec::new();
    for name in CHARTS {
        let folder = chart(name);
        let text = std::fs::read_to_string(folder.join("values.yaml")).expect("values.yaml");
        let values = ask(&json!({ "ask": "read", "file": folder.join("values.yaml") }))[0].clone();
        let readme = folder.join("README.md");
        let page = std::fs::read_to_string(&readme).expect("README.md");
        let (head, rest) = page.split_once(BEGIN).expect("where the table begins");
        let (_, tail) = rest.split_once(END).expect("where it ends");
        let right = format!("{head}{BEGIN}{}{END}{tail}", table(&rows(&text), &values));
        if page != right && std::env::var_os("BLESS").is_some() {
            std::fs::write(&readme, &right).expect("README.md is written");
        } else if page != right {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "the tables of {stale:?} are stale: BLESS=1 cargo test -p mailprobe-tests --test charts"
    );
}

/// The paths that a schema lists; where anything is allowed, the path itself.
fn listed(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            let is_open = schema["additionalProperties"] != false;
            assert!(!is_open || path == "global", "{path} takes any key");
            for (key, below) in properties {
                listed(below, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        None => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn schemas_list_the_keys_that_values_have_and_no_others() {
    for name in CHARTS {
        let folder = chart(name);
        let text = std::fs::read_to_string(folder.join("values.schema.json")).expect("the schema");
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{name}");
        let mut known = BTreeSet::new();
        listed(&schema, "", &mut known);
        let values = std::fs::read_to_string(folder.join("values.yaml")).expect("values.yaml");
        let told: BTreeSet<_> = rows(&values).into_iter().map(|row| row.path).collect();
        // What is a map of its own keys in the schema may have one line in the table.
        let is_told = |path: &&String| {
            told.contains(*path) || told.iter().any(|above| path.starts_with(&format!("{above}.")))
        };
        let untold: Vec<_> = known.iter().filter(|path| !is_told(path)).collect();
        assert!(untold.is_empty(), "{name}: in the schema, and without a comment in values.yaml: {untold:?}");
        let is_known = |path: &&String| {
            known.contains(*path) || known.iter().any(|below| below.starts_with(&format!("{path}.")))
        };
        let unknown: Vec<_> = told.iter().filter(|path| !is_known(path)).collect();
        assert!(unknown.is_empty(), "{name}: in values.yaml, and not in the schema: {unknown:?}");
    }
}

#[test]
fn charts_and_program_are_of_one_version() {
    for name in CHARTS {
        let chart = ask(&json!({ "ask": "read", "file": chart(name).join("Chart.yaml") }))[0].clone();
        let version = json!(mailprobe::app::VERSION);
        assert_eq!([&chart["version"], &chart["appVersion"]], [&version, &version], "{name}");
    }
}

#[test]
fn yaml_that_is_no_template_is_clean() {
    let output = Command::new("yamllint")
        .args(["--strict", "--config-file", "tests/charts/yamllint.yaml", "charts", "examples"])
        .current_dir(repository())
        .output()
        .expect("Debian's yamllint is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
