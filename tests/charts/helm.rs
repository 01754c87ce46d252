//! What Helm makes of the charts: asked once, looked at by all tests.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use mailprobe_tests::{python, repository};
use serde_json::{Value, json};

/// A chart's folder.
pub(crate) fn chart(name: &str) -> PathBuf {
    repository().join("charts").join(name)
}

/// Asks judge.py.
pub(crate) fn ask(question: &Value) -> Value {
    let mut child = python()
        .arg(repository().join("tests/charts/judge.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("judge.py starts");
    let text = question.to_string();
    child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "judge.py fails at {text}");
    serde_json::from_slice(&output.stdout).expect("judge.py answers JSON")
}

/// One set of values and what became of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) values: Value,
    pub(crate) objects: Vec<Value>,
    pub(crate) notes: String,
    pub(crate) refused: Option<String>,
}

impl Case {
    /// The only object of that kind.
    pub(crate) fn one<'a>(&'a self, kind: &'a str) -> &'a Value {
        let found: Vec<_> = self.of(kind).collect();
        assert_eq!(found.len(), 1, "{}: {kind}", self.name);
        found[0]
    }

    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The Deployment or the StatefulSet.
    pub(crate) fn workload(&self) -> &Value {
        self.of("Deployment").chain(self.of("StatefulSet")).next().expect("a workload")
    }

    /// The specs of all pods, with a name for each.
    pub(crate) fn pods(&self) -> Vec<(String, &Value)> {
        let mut pods =
            vec![(format!("{}: the workload", self.name), &self.workload()["spec"]["template"]["spec"])];
        pods.extend(self.of("Pod").map(|pod| (format!("{}: the test", self.name), &pod["spec"])));
        pods
    }
}

/// Renders named sets of values, each a file (`{"file": …}`) or given (`{"values": …}`).
pub(crate) fn render(chart_name: &str, cases: &[(String, Value)]) -> Vec<Case> {
    let questions: Vec<_> = cases.iter().map(|(_, question)| question).collect();
    let answers = ask(&json!({ "ask": "render", "chart": chart(chart_name), "cases": questions }));
    let answers = answers.as_array().expect("a list of answers");
    assert_eq!(answers.len(), cases.len());
    let case = |(name, _): &(String, Value), answer: &Value| Case {
        name: name.clone(),
        values: answer["values"].clone(),
        objects: answer["objects"].as_array().expect("objects").clone(),
        notes: answer["notes"].as_str().expect("notes").to_owned(),
        refused: answer["refused"].as_str().map(str::to_owned),
    };
    cases.iter().zip(answers).map(|(asked, answer)| case(asked, answer)).collect()
}

/// The chart's own sets of values: ci/NAME-values.yaml.
pub(crate) fn files(chart_name: &str) -> Vec<(String, Value)> {
    let folder = chart(chart_name).join("ci");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the chart's ci folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (path.file_name().expect("a name").to_string_lossy().into_owned(), json!({ "file": path }))
        })
        .collect();
    files.sort_by(|left, right| left.0.cmp(&right.0));
    files
}

/// The rendered ci files of the site's chart.
pub(crate) fn of_site() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| well(render("mailprobe", &files("mailprobe"))))
}

/// The rendered ci files of the central chart.
pub(crate) fn of_monitoring() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| well(render("mailprobe-monitoring", &files("mailprobe-monitoring"))))
}

/// None is refused.
pub(crate) fn well(cases: Vec<Case>) -> Vec<Case> {
    let refused: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, case.refused.as_ref()?))).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    cases
}

/// The list below a key; none where there is nothing.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
