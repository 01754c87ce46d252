//! Every refusal of a configuration, word for word: tests/config/NAME.yaml → NAME.txt.
//!
//! `BLESS=1 cargo test -p mailprobe --test config` writes the texts anew; read the difference before it is committed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mailprobe::config::{self, Problems};

fn load(path: &Path) -> Result<config::Plan, Problems> {
    config::load(&[path.to_owned()], &BTreeMap::new())
}

fn fixtures() -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|end| ["yaml", "toml", "json"].iter().any(|of| end == *of))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn each_fixture_is_refused_word_for_word() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in fixtures() {
        let got = match load(&path) {
            Ok(_) => "accepted\n".to_owned(),
            Err(problems) => format!("{problems}\n"),
        };
        // What is refused otherwise in a build without Kerberos has a text of its own for that.
        let mut expected_path = path.with_extension(format!("{}.txt", path.extension().unwrap().display()));
        let without = path.with_extension("yaml.without.txt");
        if !mailprobe::auth::negotiate::IS_BUILT && without.exists() {
            expected_path = without;
        }
        if bless {
            std::fs::write(&expected_path, &got).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if got != expected || got == "accepted\n" {
            wrong.push(format!("{}\nexpected:\n{expected}got:\n{got}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_refusal_holds_a_secret() {
    for path in fixtures() {
        let Err(problems) = load(&path) else { continue };
        let text = format!("{problems} {problems:?}");
        for secret in ["hunter2", "geheim", "12345", "s3cret", "0123456789abcdef", "pa$"] {
            assert!(!text.contains(secret), "{}: {text}", path.display());
        }
    }
}

#[test]
fn a_path_that_is_not_there_and_an_empty_folder_are_named() {
    let problems = config::load(&[PathBuf::from("tests/nowhere.yaml")], &BTreeMap::new()).unwrap_err();
    let text = problems.to_string();
    assert!(text.starts_with("tests/nowhere.yaml: found a file that cannot be read"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let problems = load(dir.path()).unwrap_err();
    assert!(problems.to_string().contains("found a folder without configuration"), "{problems}");
}

#[test]
fn a_wrong_variable_is_named_by_its_key() {
    let env = [("MAILPROBE__LOG__LEVL".to_owned(), "info".to_owned())].into();
    let problems = config::load(&[PathBuf::from("tests/config/no_checks.yaml")], &env).unwrap_err();
    let expected = "environment: log.levl: found the unknown key \"levl\", expected one of format, level; did you mean level?";
    assert!(problems.to_string().contains(expected), "{problems}");
}
