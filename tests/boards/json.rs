//! A dashboard's file, as Grafana and its linter read it.

use std::collections::BTreeMap;

use mailprobe_tests::repository;
use serde_json::Value;

/// One file.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) json: Value,
}

/// One query of a panel.
pub(crate) struct Query {
    /// `fleet.json, Sites judged, A`
    pub(crate) place: String,
    pub(crate) expr: String,
    pub(crate) legend: String,
    pub(crate) instant: bool,
}

/// The committed files.
pub(crate) fn all() -> Vec<File> {
    let folder = repository().join("dashboards/grafana");
    let mut out: Vec<_> = std::fs::read_dir(&folder)
        .expect("the dashboards")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a dashboard");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            File { json: serde_json::from_str(&text).expect("JSON"), name }
        })
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(out.len(), 7, "the dashboards");
    out
}

/// The text there, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The list there, empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

impl File {
    pub(crate) fn uid(&self) -> &str {
        text(&self.json, "uid")
    }

    /// The panels that show something.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json, "panels").iter().filter(|panel| panel["type"] != "row")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        list(&self.json["templating"], "list")
    }

    /// What stands for each variable when all is chosen.
    pub(crate) fn chosen(&self) -> BTreeMap<&str, &str> {
        let queried = self.variables().iter().filter(|variable| variable["type"] == "query");
        queried.map(|variable| (text(variable, "name"), text(variable, "allValue"))).collect()
    }

    pub(crate) fn queries_of(&self, panel: &Value) -> Vec<Query> {
        let of = |target: &Value| Query {
            place: format!("{}, {}, {}", self.name, text(panel, "title"), text(target, "refId")),
            expr: text(target, "expr").to_owned(),
            legend: text(target, "legendFormat").to_owned(),
            instant: target["instant"] == true,
        };
        list(panel, "targets").iter().map(of).collect()
    }

    /// Those of the panels, and of the annotations.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let marks = list(&self.json["annotations"], "list").iter().map(|mark| Query {
            place: format!("{}, annotation {}", self.name, text(mark, "name")),
            expr: text(mark, "expr").to_owned(),
            legend: text(mark, "titleFormat").to_owned() + text(mark, "textFormat"),
            instant: false,
        });
        self.panels().flat_map(|panel| self.queries_of(panel)).chain(marks).collect()
    }

    /// The query as it is sent when all is chosen.
    pub(crate) fn filled(&self, expr: &str, range: &str) -> String {
        let mut out = expr.replace("$__rate_interval", "30s").replace("$__range", range);
        for (name, all) in self.chosen() {
            out = out.replace(&format!("\"${name}\""), &format!("\"{all}\""));
            out = out.replace(&format!("\"${name}|\""), &format!("\"{all}|\""));
        }
        assert!(!out.contains('$'), "{}: {out}: a variable that it does not have", self.name);
        out
    }
}
