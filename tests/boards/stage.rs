//! Three sites, each a demo of its own, and Debian's Prometheus with the rules, all in a hurry.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mailprobe_dashboards::{files, knobs::Values};
use mailprobe_tests::{Demo, free_port, get, request, secs, wait_until};
use serde_json::Value;
use tokio::time::Instant;

/// The demos' sites.
pub(crate) const SITES: [&str; 3] = ["faro", "lisbon", "porto"];

/// What makes a test of minutes one of seconds; the demo's checks run each 5 s and more.
const HURRY: &[(&str, &str)] =
    &[("blip_seconds", "5"), ("hold", "1s"), ("site_hold", "1s"), ("silent_for", "2s")];

pub(crate) struct Stage {
    demos: Vec<Option<Demo>>,
    prometheus: Child,
    address: SocketAddr,
    started: Instant,
    _folder: tempfile::TempDir,
}

/// One series of an answer: its labels, and its times and values.
pub(crate) struct Series {
    pub(crate) labels: Value,
    pub(crate) values: Vec<(f64, f64)>,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let demos: Vec<_> = SITES.iter().map(|_| Some(Demo::start("healthy"))).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let mut values = Values::default();
        for (knob, value) in HURRY {
            values.set(knob, value).expect("a knob");
        }
        let mut config = "global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [records.yaml, alerts.yaml]\n\
             scrape_configs:\n  - job_name: mailprobe\n    metric_relabel_configs:\n      \
             - { source_labels: [at], target_label: site }\n      - { regex: at, action: labeldrop }\n    static_configs:\n"
            .to_owned();
        for (site, demo) in SITES.iter().zip(demos.iter().flatten()) {
            let address = demo.address();
            writeln!(config, "      - {{ targets: [\"{address}\"], labels: {{ at: {site} }} }}")
                .expect("a String takes it");
        }
        let made = files(&values);
        let rules = |name: &str| {
            let file = made.iter().find(|(of, _)| of.ends_with(&format!("rules/mailprobe-{name}")));
            file.expect("the rules").1.clone()
        };
        for (name, text) in [
            ("records.yaml", rules("records.yaml")),
            ("alerts.yaml", rules("alerts.yaml")),
            ("prometheus.yml", config),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a file is written");
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let prometheus = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's prometheus is installed");
        let this = Self { demos, prometheus, address, started: Instant::now(), _folder: folder };
        wait_until("Prometheus is ready", secs(30), || {
            get(address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
        this
    }

    /// Since when it measures.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn demo(&self, site: &str) -> &Demo {
        let at = SITES.iter().position(|of| *of == site).expect("a site");
        self.demos[at].as_ref().expect("it runs")
    }

    /// Another scenario at a site.
    pub(crate) fn play(&self, site: &str, scenario: &str) {
        post_form(self.demo(site).address(), "/demo/scenario", &format!("scenario={scenario}"));
    }

    /// The site's probe is gone.
    pub(crate) fn kill(&mut self, site: &str) {
        let at = SITES.iter().position(|of| *of == site).expect("a site");
        self.demos[at] = None;
    }

    fn api(&self, path: &str) -> Result<Value, String> {
        let answer = request(self.address, "GET", path, None, secs(30)).map_err(|error| error.to_string())?;
        let json: Value = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
        match json["status"] == "success" {
            true => Ok(json["data"]["result"].clone()),
            false => Err(answer.body),
        }
    }

    /// Prometheus's own clock.
    pub(crate) fn now(&self) -> f64 {
        let answer = self.api("/api/v1/query?query=time()").expect("the time");
        answer[0].as_f64().expect("seconds")
    }

    /// A query at that time, or for the seconds before it.
    pub(crate) fn ask(&self, expr: &str, instant: bool, now: f64, seconds: f64, step: f64) -> Vec<Series> {
        let expr = encoded(expr);
        let path = match instant {
            true => format!("/api/v1/query?query={expr}&time={now}"),
            false => {
                format!("/api/v1/query_range?query={expr}&start={}&end={now}&step={step}", now - seconds)
            }
        };
        let answer = self.api(&path).unwrap_or_else(|why| panic!("{expr}: {why}"));
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
        answer.as_array().expect("series").iter().map(one).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.prometheus.kill().ok();
        self.prometheus.wait().ok();
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

/// The page's own switch is a form, and answers by leading back to the page.
fn post_form(address: SocketAddr, path: &str, form: &str) {
    let url = format!("http://{address}{path}");
    let output = Command::new("curl").args(["-sS", "-f", "-m", "10", "-d", form, &url]).output();
    let output = output.expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
