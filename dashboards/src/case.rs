//! Unit tests of alerts, as promtool reads them.

use crate::alert::Area;
use crate::alert::{Alert, Severity, full};
use crate::records;
use crate::scenario::{Lane, Series, series};

/// One test: what the sites send, and what fires when.
pub struct Case {
    pub name: String,
    sites: Vec<Series>,
    lanes: Vec<Lane>,
    more: Vec<Series>,
    looks: Vec<Look>,
    values: Vec<Value>,
}

/// What an expression is at a time, in minutes.
struct Value {
    at: u32,
    expr: String,
    labels: String,
    value: u32,
}

/// What fires at a time, in minutes.
struct Look {
    at: u32,
    /// The labels of each, without the alert's name.
    fires: Vec<String>,
}

impl Case {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sites: Vec::new(),
            lanes: Vec::new(),
            more: Vec::new(),
            looks: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Probes that send data all the time; `labels` are those of the site.
    pub fn sites(mut self, sites: &[&str], labels: &str) -> Self {
        for site in sites {
            let labels = if labels.is_empty() { String::new() } else { format!(",{labels}") };
            self.sites.push((
                format!("mailprobe_build_info{{site=\"{site}\",version=\"1.0.0\",pod=\"a\"}}"),
                "1x*".to_owned(),
            ));
            self.sites.push((
                format!("mailprobe_site_info{{site=\"{site}\",pod=\"a\"{labels}}}"),
                "1x*".to_owned(),
            ));
        }
        self
    }

    pub fn lane(mut self, lane: Lane) -> Self {
        self.lanes.push(lane);
        self
    }

    pub fn lanes(mut self, lanes: impl IntoIterator<Item = Lane>) -> Self {
        self.lanes.extend(lanes);
        self
    }

    /// Any series; `*` in its values stands for the number of scrapes.
    pub fn series(mut self, selector: &str, values: &str) -> Self {
        self.more.push((selector.to_owned(), values.to_owned()));
        self
    }

    /// The only series of an expression, to the nearest whole number.
    pub fn value(mut self, at: u32, expr: &str, labels: &str, value: u32) -> Self {
        let expr = format!("round({expr})");
        self.values.push(Value { at, expr, labels: labels.to_owned(), value });
        self
    }

    pub fn quiet(mut self, minutes: &[u32]) -> Self {
        self.looks.extend(minutes.iter().map(|at| Look { at: *at, fires: Vec::new() }));
        self
    }

    pub fn fires(mut self, at: u32, labels: &[&str]) -> Self {
        self.looks.push(Look { at, fires: labels.iter().map(|labels| (*labels).to_owned()).collect() });
        self
    }

    /// The case whose texts are worth reading: the one called so, else the first that fires.
    pub fn told(cases: &[Self]) -> Option<&Self> {
        let named = cases.iter().find(|case| case.name == "what it says");
        named.or_else(|| cases.iter().find(|case| case.first().is_some()))
    }

    /// When it first fires, in minutes.
    pub fn first(&self) -> Option<u32> {
        self.looks.iter().filter(|look| !look.fires.is_empty()).map(|look| look.at).min()
    }

    /// How long it lasts.
    pub fn seconds(&self) -> u32 {
        let looks = self.looks.iter().map(|look| look.at);
        looks.chain(self.values.iter().map(|value| value.at)).max().unwrap_or_default() * 60
    }

    /// As one entry of `tests`, without the looks.
    pub fn setting(&self) -> String {
        let seconds = self.seconds();
        let samples = (seconds / crate::scenario::STEP).to_string();
        let mut out = format!("  - name: {}\n    interval: 30s\n    input_series:\n", self.name);
        let lanes = self.lanes.iter().flat_map(|lane| series(lane, seconds));
        for (selector, values) in self.sites.iter().chain(&self.more).cloned().chain(lanes) {
            let values = values.replace('*', &samples);
            out += &format!("      - {{series: '{selector}', values: '{values}'}}\n");
        }
        out
    }

    fn yaml(&self, alert: &Alert) -> String {
        let name = full(alert.name);
        let mut out = self.setting() + "    promql_expr_test:\n";
        for Value { at, expr, labels, value } in &self.values {
            out += &format!(
                "      - expr: '{expr}'\n        eval_time: {at}m\n        exp_samples: [{{labels: '{{{labels}}}', value: {value}}}]\n"
            );
        }
        for look in &self.looks {
            out += &format!(
                "      - expr: 'ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}'\n        eval_time: {}m\n        exp_samples:",
                look.at
            );
            if look.fires.is_empty() {
                out += " []\n";
                continue;
            }
            out += "\n";
            for labels in &look.fires {
                let severity = match alert.severity {
                    Severity::BySite => "",
                    severity => &format!(",severity=\"{}\"", severity.name()),
                };
                let labels = if labels.is_empty() { String::new() } else { format!(",{labels}") };
                out += &format!(
                    "          - {{labels: 'ALERTS{{alertname=\"{name}\",alertstate=\"firing\"{severity}{labels}}}', value: 1}}\n"
                );
            }
        }
        out
    }
}

/// What stands before the cases of a file.
pub fn head(rules: &[&str], alert: &Alert) -> String {
    let groups: Vec<_> = records::groups()
        .iter()
        .map(|group| group.name)
        .chain(Area::ALL.iter().map(|area| area.group()))
        .collect();
    format!(
        "rule_files: [{}]\nevaluation_interval: {}\ngroup_eval_order: [{}]\ntests:\n",
        rules.join(", "),
        // What takes hours is looked at less often.
        if alert.hold.ends_with('h') { "5m" } else { "30s" },
        groups.join(", ")
    )
}

/// The file of unit tests of an alert.
pub fn file(alert: &Alert, cases: &[Case]) -> String {
    let mut out =
        crate::MADE.to_owned() + &head(&["../mailprobe-records.yaml", "../mailprobe-alerts.yaml"], alert);
    for case in cases {
        out += &case.yaml(alert);
    }
    out
}
