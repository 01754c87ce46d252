//! Three sites, each a demo of its own, and Debian's Prometheus with the rules, all in a hurry.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use mailprobe_dashboards::{files, knobs::Values};
use mailprobe_tests::{Demo, Prometheus};
use tokio::time::Instant;

pub(crate) use mailprobe_tests::Series;

/// The demos' sites.
pub(crate) const SITES: [&str; 3] = ["faro", "lisbon", "porto"];

/// What makes a test of minutes one of seconds; the demo's checks run each 5 s and more.
const HURRY: &[(&str, &str)] =
    &[("blip_seconds", "5"), ("hold", "1s"), ("site_hold", "1s"), ("silent_for", "2s")];

pub(crate) struct Stage {
    demos: Vec<Option<Demo>>,
    prometheus: Prometheus,
    started: Instant,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let demos: Vec<_> = SITES.iter().map(|_| Some(Demo::start("healthy"))).collect();
        let mut values = Values::default();
        for (knob, value) in HURRY {
            values.set(knob, value).expect("a knob");
        }
        let made = files(&values);
        let rules = ["records.yaml", "alerts.yaml"].map(|name| {
            let file = made.iter().find(|(of, _)| of.ends_with(&format!("rules/mailprobe-{name}")));
            (name, file.expect("the rules").1.clone())
        });
        let probes: Vec<_> = SITES
            .into_iter()
            .zip(demos.iter().flatten())
            .map(|(site, demo)| (site, demo.address()))
            .collect();
        let prometheus = Prometheus::start(&rules, &probes);
        Self { demos, prometheus, started: Instant::now() }
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

    /// Prometheus's own clock.
    pub(crate) fn now(&self) -> f64 {
        self.prometheus.now()
    }

    /// A query at that time, or for the seconds before it.
    pub(crate) fn ask(&self, expr: &str, instant: bool, now: f64, seconds: f64, step: f64) -> Vec<Series> {
        match instant {
            true => self.prometheus.at(expr, now),
            false => self.prometheus.over(expr, now, seconds, step),
        }
    }
}

/// The page's own switch is a form, and answers by leading back to the page.
fn post_form(address: SocketAddr, path: &str, form: &str) {
    let url = format!("http://{address}{path}");
    let output = Command::new("curl").args(["-sS", "-f", "-m", "10", "-d", form, &url]).output();
    let output = output.expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
