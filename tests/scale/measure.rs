//! What a Prometheus takes: time, memory, disk.

use std::process::Command;

use mailprobe_tests::{get, secs, wait_until};

use crate::prometheus::{Prometheus, encoded};

/// What an expression took: seconds in the engine, samples that it read, series that it answered.
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) samples: f64,
    pub(crate) series: usize,
}

impl Prometheus {
    /// Ends scrapes and rules, so that a question has the machine for itself; answers the last time that has all.
    pub(crate) fn rest(&self) -> f64 {
        let last = crate::fleet::now();
        std::fs::write(self.folder.path().join("prometheus.yml"), "global: {}\n")
            .expect("the file is written");
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs");
        assert!(status.success(), "{status}");
        wait_until("no rule is left", secs(300), || self.groups().is_empty());
        last
    }

    /// What it costs to ask that once, or over so many seconds before in so many steps.
    pub(crate) fn cost(&self, expr: &str, now: f64, range: Option<(f64, f64)>) -> Cost {
        let expr = encoded(expr);
        let path = match range {
            None => format!("/api/v1/query?query={expr}&time={now}&stats=all"),
            Some((seconds, step)) => {
                format!(
                    "/api/v1/query_range?query={expr}&start={}&end={now}&step={step}&stats=all",
                    now - seconds
                )
            }
        };
        let data = self.api(&path);
        let stats = &data["stats"];
        Cost {
            seconds: stats["timings"]["evalTotalTime"].as_f64().unwrap_or_default(),
            samples: stats["samples"]["totalQueryableSamples"].as_f64().unwrap_or_default(),
            series: data["result"].as_array().map_or(0, Vec::len),
        }
    }

    /// Its own numbers, by name; the first of several.
    pub(crate) fn own(&self, name: &str) -> f64 {
        let text = get(self.address, "/metrics").expect("its metrics").body;
        let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
        line.and_then(|line| line.rsplit_once(' '))
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or_default()
    }
}
