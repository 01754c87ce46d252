//! Debian's Prometheus with the rules as they are shipped, at the made-up sites.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mailprobe_dashboards::{files, knobs::Values, rules};
use mailprobe_tests::{free_port, get, request, secs, wait_until};
use serde_json::Value;

use crate::fleet::Fleet;

/// A running Prometheus. Dropped, it is killed, and its data go with the folder.
pub(crate) struct Prometheus {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
}

/// What it scrapes.
pub(crate) struct Asked<'a> {
    pub(crate) sites: usize,
    /// Seconds between two scrapes, and two evaluations.
    pub(crate) every: u32,
    /// Names of what is kept of the sites' series; none: all.
    pub(crate) kept: Option<&'a BTreeSet<String>>,
}

/// Where its files are to lie.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

impl Prometheus {
    /// In a folder that may have blocks in `data`.
    pub(crate) fn start(folder: tempfile::TempDir, server: SocketAddr, asked: &Asked<'_>) -> Self {
        configure(folder.path(), server, asked);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--query.timeout=10m")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's prometheus is installed");
        let this = Self { child, address, folder };
        wait_until("Prometheus is ready", secs(60), || {
            get(address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
        this
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        let answer = request(self.address, "GET", path, None, secs(600)).expect("an answer");
        let json: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(json["status"], "success", "{path}: {}", answer.body);
        json["data"].clone()
    }

    /// The series that an expression has now: their labels and values.
    pub(crate) fn ask(&self, expr: &str) -> Vec<(Value, f64)> {
        let data = self.api(&format!("/api/v1/query?query={}", encoded(expr)));
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok());
        series.iter().filter_map(|one| Some((one["metric"].clone(), value(one)?))).collect()
    }

    /// The only number of an expression; 0 where there is none.
    pub(crate) fn number(&self, expr: &str) -> f64 {
        self.ask(expr).first().map_or(0.0, |(_, value)| *value)
    }

    /// Recorded series by name.
    pub(crate) fn recorded(&self) -> BTreeMap<String, f64> {
        self.ask("count by (__name__) ({__name__=~\".+:mailprobe_.+\"})")
            .into_iter()
            .map(|(labels, count)| (labels["__name__"].as_str().unwrap_or_default().to_owned(), count))
            .collect()
    }

    /// How long each group took the last time.
    pub(crate) fn groups(&self) -> Vec<(String, f64, Vec<Value>)> {
        let data = self.api("/api/v1/rules");
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let one = |group: &Value| {
            let rules = group["rules"].as_array().cloned().unwrap_or_default();
            let name = group["name"].as_str().unwrap_or_default().to_owned();
            (name, group["evaluationTime"].as_f64().unwrap_or_default(), rules)
        };
        groups.iter().map(one).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            _ => entry.metadata().map_or(0, |of| of.len()),
        })
        .sum()
}

fn configure(folder: &Path, server: SocketAddr, asked: &Asked<'_>) {
    let every = asked.every;
    let made = files(&Values::default());
    let rule = |name: &str| {
        let file = made.iter().find(|(of, _)| of.ends_with(&format!("rules/mailprobe-{name}")));
        file.expect("the rules").1.clone()
    };
    let names: Vec<_> = (0..asked.sites).map(Fleet::name).collect();
    let expected: Vec<_> = names.iter().map(|name| (name.as_str(), true)).collect();
    let mut config = format!(
        "global: {{ scrape_interval: {every}s, scrape_timeout: {every}s, evaluation_interval: {every}s }}\n\
         rule_files: [records.yaml, alerts.yaml, sites.yaml]\nscrape_configs:\n  - job_name: mailprobe\n"
    );
    if let Some(kept) = asked.kept {
        let names: Vec<_> = kept.iter().map(String::as_str).collect();
        let keep = format!("source_labels: [__name__], regex: \"{}\", action: keep", names.join("|"));
        writeln!(config, "    metric_relabel_configs: [{{ {keep} }}]").expect("a String takes it");
    }
    config.push_str("    static_configs:\n");
    for (number, name) in names.iter().enumerate() {
        writeln!(
            config,
            "      - {{ targets: [\"{server}\"], labels: {{ __metrics_path__: /site/{number}, instance: \"{name}:9725\" }} }}"
        )
        .expect("a String takes it");
    }
    for (name, text) in [
        ("records.yaml", rule("records.yaml")),
        ("alerts.yaml", rule("alerts.yaml")),
        ("sites.yaml", rules::sites(&expected)),
        ("prometheus.yml", config),
    ] {
        std::fs::write(folder.join(name), text).expect("a file is written");
    }
}

/// Makes blocks of what `write` writes as OpenMetrics; answers the bytes on disk.
pub(crate) fn blocks(
    folder: &Path,
    write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> u64 {
    let text = folder.join("history");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&text).expect("a file"));
    write(&mut file).and_then(|()| std::io::Write::flush(&mut file)).expect("the history is written");
    let output = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet", "history", "data"])
        .current_dir(folder)
        .output()
        .expect("Debian's prometheus is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(text).expect("it was there");
    size(&folder.join("data"))
}

/// As a part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte.is_ascii_alphanumeric() {
            true => out.push(char::from(byte)),
            false => write!(out, "%{byte:02X}").expect("a String takes it"),
        }
        out
    })
}
