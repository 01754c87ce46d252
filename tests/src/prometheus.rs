//! Debian's Prometheus as a process: what it scrapes, by which rules, and what it answers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::http::{get, request};
use crate::ports::free_port;
use crate::wait::{secs, wait_until};

/// A running Prometheus that scrapes each second. Dropped, it is killed.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// One series of an answer: its labels, and its times and values.
pub struct Series {
    pub labels: Value,
    pub values: Vec<(f64, f64)>,
}

impl Prometheus {
    /// With these rule files, by name, and these probes, each of which is that site whatever it says itself.
    pub fn start(rules: &[(&str, String)], probes: &[(&str, SocketAddr)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let names: Vec<_> = rules.iter().map(|(name, _)| *name).collect();
        let mut config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\n\
             scrape_configs:\n  - job_name: mailprobe\n    metric_relabel_configs:\n      \
             - {{ source_labels: [at], target_label: site }}\n      - {{ regex: at, action: labeldrop }}\n    static_configs:\n",
            names.join(", ")
        );
        for (site, address) in probes {
            writeln!(config, "      - {{ targets: [\"{address}\"], labels: {{ at: {site} }} }}")
                .expect("a String takes it");
        }
        let config = ("prometheus.yml", config);
        for (name, text) in rules.iter().chain([&config]) {
            std::fs::write(folder.path().join(name), text).expect("a file is written");
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's prometheus is installed");
        let this = Self { child, address, _folder: folder };
        wait_until("Prometheus is ready", secs(30), || {
            get(address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
        this
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// # Errors
    /// What it answered instead.
    fn api(&self, path: &str) -> Result<Value, String> {
        let answer = request(self.address, "GET", path, None, secs(30)).map_err(|error| error.to_string())?;
        let json: Value = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
        match json["status"] == "success" {
            true => Ok(json["data"]["result"].clone()),
            false => Err(answer.body),
        }
    }

    /// Its own clock.
    pub fn now(&self) -> f64 {
        let answer = self.api("/api/v1/query?query=time()").expect("the time");
        answer[0].as_f64().expect("seconds")
    }

    /// A query, now.
    ///
    /// # Errors
    /// What it answered instead.
    pub fn ask(&self, expr: &str) -> Result<Vec<Series>, String> {
        self.series(&format!("/api/v1/query?query={}", encoded(expr)))
    }

    /// A query at that time; panics when it is refused.
    pub fn at(&self, expr: &str, time: f64) -> Vec<Series> {
        let path = format!("/api/v1/query?query={}&time={time}", encoded(expr));
        self.series(&path).unwrap_or_else(|why| panic!("{expr}: {why}"))
    }

    /// A query for the seconds before that time; panics when it is refused.
    pub fn over(&self, expr: &str, end: f64, seconds: f64, step: f64) -> Vec<Series> {
        let (expr_, start) = (encoded(expr), end - seconds);
        let path = format!("/api/v1/query_range?query={expr_}&start={start}&end={end}&step={step}");
        self.series(&path).unwrap_or_else(|why| panic!("{expr}: {why}"))
    }

    fn series(&self, path: &str) -> Result<Vec<Series>, String> {
        let answer = self.api(path)?;
        let pair = |pair: &Value| -> Option<(f64, f64)> {
            Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?))
        };
        let one = |series: &Value| Series {
            labels: series["metric"].clone(),
            values: match series["values"].as_array() {
                Some(values) => values.iter().filter_map(pair).collect(),
                None => pair(&series["value"]).into_iter().collect(),
            },
        };
        Ok(answer.as_array().ok_or("a scalar")?.iter().map(one).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte.is_ascii_alphanumeric() {
            true => out.push(char::from(byte)),
            false => write!(out, "%{byte:02X}").expect("a String takes it"),
        }
        out
    })
}
