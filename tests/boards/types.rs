//! The types of @grafana/schema, which tsc holds the dashboards against.

use std::path::PathBuf;
use std::process::Command;

use mailprobe_tests::repository;

/// Where tests/run puts what package.json names.
fn modules() -> PathBuf {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let node = folder("MAILPROBE_NODE").or_else(|| Some(cache()?.join("mailprobe/node")));
    let modules = node.expect("a home folder").join("node_modules");
    assert!(modules.is_dir(), "there is no {}: tests/run makes it", modules.display());
    modules
}

/// Whether the file is of the types, and what was said.
fn judge(files: &[PathBuf]) -> (bool, String) {
    let script = repository().join("tests/boards/types.mjs");
    let output = Command::new("node").arg(script).arg(modules()).args(files).output().expect("node runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[test]
fn the_types_of_grafana_s_schema_hold() {
    let folder = repository().join("dashboards/grafana");
    let names: Vec<_> = crate::json::all().into_iter().map(|file| folder.join(file.name)).collect();
    let (good, said) = judge(&names);
    assert!(good, "{said}");
}

/// The check notices a key that is written wrong, in each place that the types know.
#[test]
fn a_wrong_key_or_value_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(repository().join("dashboards/grafana/overview.json")).expect("it");
    for (right, wrong) in [
        ("\"graphTooltip\": 1", "\"graphTooltip\": 7"),
        ("\"multi\": true", "\"multiple\": true"),
        ("\"mode\": \"thresholds\"", "\"mode\": \"threshold\""),
        ("\"colorMode\"", "\"colourMode\""),
        ("\"rowHeight\"", "\"height\""),
        ("\"spanNulls\"", "\"spansNulls\""),
    ] {
        assert!(text.contains(right), "{right}");
        let file = folder.path().join("wrong.json");
        std::fs::write(&file, text.replace(right, wrong)).expect("the file is written");
        let (good, said) = judge(&[file]);
        assert!(!good && said.contains("error TS"), "{wrong}: {said}");
    }
}
