//! Made-up sites: each exposes what the template's probe does, under a name and a label that say so, with values that move.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Write};

use jiff::Timestamp;
use mailprobe_tests::Metrics;

use crate::template::{SITE, Template};

/// Slots at a usual site, by kind of check: those of the kinds' examples.
const EVERY: &[(&str, u32)] = &[
    ("roundtrip", 60),
    ("login", 60),
    ("endpoint", 60),
    ("calendar", 300),
    ("meeting", 900),
    ("free_busy", 900),
    ("directory", 900),
    ("autodiscover", 900),
];
/// Of what belongs to no check.
const OTHERS: u32 = 60;
/// How long the sites have counted when they are first seen, and how long those that fail have failed.
const AGE: f64 = 7.0 * 86_400.0;
const FAILED_FOR: f64 = 900.0;

/// How a value moves.
enum Value {
    /// It does not.
    Fixed(String),
    /// A counter's steps for each slot, while all is well and since it fails.
    Grows {
        well: f64,
        failing: f64,
        whole: bool,
    },
    /// A duration: another one with each slot.
    Trembles(f64),
    LastRun,
    LastSuccess,
    FailedRuns,
    Interval,
}

/// A line of an exposition.
enum Line {
    Comment(String),
    /// What stands before the site's name and after it, up to the value; nothing after it where there is no site.
    Sample {
        name: String,
        before: String,
        after: String,
        every: u32,
        fails: bool,
        value: Value,
    },
}

/// What a history is to have; seconds are counted from now.
pub(crate) struct Past<'a> {
    /// Names of the probes' series; none: all.
    pub(crate) wanted: Option<&'a BTreeSet<String>>,
    pub(crate) raw_seconds: u32,
    /// Of each lane, always 0.
    pub(crate) recorded: &'a [&'a str],
    pub(crate) seconds: u32,
}

/// All sites.
pub(crate) struct Fleet {
    well: Vec<Line>,
    failing: Vec<Line>,
    pub(crate) sites: usize,
    /// The first so many fail, and have since then.
    broken: usize,
    since: f64,
    began: f64,
}

/// A number for each series, by its name and labels as they are written.
type Rates = HashMap<String, f64>;

fn values(metrics: &Metrics) -> Rates {
    let samples = metrics.text().lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?)))
        .collect()
}

fn rates(from: &Metrics, to: &Metrics, slots: f64) -> Rates {
    let from = values(from);
    let grown = |key: &str, value: f64| value - from.get(key).copied().unwrap_or_default();
    values(to).into_iter().map(|(key, value)| (key.clone(), grown(&key, value).max(0.0) / slots)).collect()
}

impl Fleet {
    /// So many of them fail, and have for a quarter of an hour.
    pub(crate) fn new(template: &Template, sites: usize, failing_sites: usize) -> Self {
        let well = rates(&template.earlier, &template.well, template.slots);
        let failing = rates(&template.well, &template.failing, template.slots_failing);
        let lanes = broken_lanes(&template.failing);
        Self {
            well: lines(&template.well, &well, &well, &[]),
            failing: lines(&template.failing, &well, &failing, &lanes),
            sites,
            broken: failing_sites,
            since: now() - FAILED_FOR,
            began: now() - AGE,
        }
    }

    pub(crate) fn name(site: usize) -> String {
        format!("synthetic-{site:04}")
    }

    /// What a site says at that time.
    pub(crate) fn exposition(&self, site: usize, at: f64) -> String {
        let fails = site < self.broken;
        let mut out = String::with_capacity(400_000);
        for line in if fails { &self.failing } else { &self.well } {
            match line {
                Line::Comment(text) => out.push_str(text),
                Line::Sample { before, after, .. } => {
                    out.push_str(before);
                    if !after.is_empty() {
                        write!(out, "{}\",synthetic=\"true{after}", Self::name(site))
                            .expect("a String takes it");
                    }
                    out.push(' ');
                    self.value(&mut out, line, site, at, fails);
                }
            }
            out.push('\n');
        }
        out
    }

    fn value(&self, out: &mut String, line: &Line, site: usize, at: f64, site_fails: bool) {
        let Line::Sample { name, after, every, fails, value, .. } = line else { return };
        let interval = f64::from(*every);
        let phase =
            f64::from(u32::try_from(hash(&(site, *every)) % u64::from(*every)).expect("below the interval"));
        let slot = |at: f64| ((at - phase) / interval).floor();
        let ended = slot(at) * interval + phase + 0.25;
        let since = if site_fails { self.since } else { at };
        let done = match value {
            Value::Fixed(text) => {
                out.push_str(text);
                return;
            }
            Value::Grows { well, failing, whole } => {
                // A counter goes on from where it was when the site was broken.
                let broke = if site_fails { since + FAILED_FOR } else { at };
                let count = well * (slot(broke) - slot(self.began)) + failing * (slot(at) - slot(broke));
                if *whole { count.floor() } else { count }
            }
            Value::Trembles(value) => {
                let part =
                    u32::try_from(hash(&(name, after, site, slot(at).to_bits())) % 1000).expect("below 1000");
                (value * (0.75 + f64::from(part) / 2000.0) * 1e9).round() / 1e9
            }
            Value::LastRun => ended,
            Value::LastSuccess if *fails => slot(since) * interval + phase + 0.25,
            Value::LastSuccess => ended,
            Value::FailedRuns if *fails => slot(at) - slot(since),
            Value::FailedRuns => 0.0,
            Value::Interval => interval,
        };
        write!(out, "{done}").expect("a String takes it");
    }

    /// What was, as OpenMetrics: of the probes' series those that are wanted, and for each lane what was recorded of it.
    pub(crate) fn history(&self, out: &mut dyn Write, past: &Past<'_>) -> io::Result<()> {
        let end = (now() / 30.0).floor() * 30.0;
        let is_wanted = |name: &str| past.wanted.is_none_or(|wanted| wanted.contains(name));
        let mut wanted = Vec::new();
        let mut lanes = Vec::new();
        for line in &self.well {
            let Line::Sample { name, before, after, .. } = line else { continue };
            if is_wanted(name) && !after.is_empty() {
                wanted.push((line, before, after));
            }
            if name == "mailprobe_check_interval_seconds" {
                let mut every = String::new();
                self.value(&mut every, line, 0, end, false);
                let is_seldom = every.parse::<f64>().is_ok_and(|every| every > 300.0);
                let records = past.recorded.iter().filter(|record| is_seldom || !record.contains("_seldom_"));
                lanes.extend(records.map(|record| (before.replacen(name, record, 1), after)));
            }
        }
        let mut value = String::new();
        for site in 0..self.sites {
            let name = Self::name(site);
            for step in (1..=past.seconds / 30).rev() {
                let at = end - 30.0 * f64::from(step);
                for (line, before, after) in wanted.iter().filter(|_| step * 30 <= past.raw_seconds) {
                    value.clear();
                    self.value(&mut value, line, site, at, false);
                    writeln!(out, "{before}{name}\",synthetic=\"true{after} {value} {at}")?;
                }
                for (before, after) in &lanes {
                    writeln!(out, "{before}{name}{after} 0 {at}")?;
                }
            }
        }
        writeln!(out, "# EOF")
    }

    /// Series of a site by family: while it is well, and while it fails.
    pub(crate) fn families(&self) -> BTreeMap<String, (usize, usize)> {
        let mut all = BTreeMap::<_, (usize, usize)>::new();
        let samples = |lines: &[Line], count: &mut dyn FnMut(&str)| {
            for line in lines {
                if let Line::Sample { name, .. } = line {
                    count(name);
                }
            }
        };
        samples(&self.well, &mut |name| all.entry(family(name).to_owned()).or_default().0 += 1);
        samples(&self.failing, &mut |name| all.entry(family(name).to_owned()).or_default().1 += 1);
        all
    }
}

/// A histogram's three names are one family.
fn family(name: &str) -> &str {
    let parts = ["_seconds_bucket", "_seconds_count", "_seconds_sum"];
    match parts.iter().find(|part| name.ends_with(*part)) {
        Some(part) => name.strip_suffix(part.strip_prefix("_seconds").expect("its part")).expect("its name"),
        None => name,
    }
}

/// The lanes' labels, without the site, of those that fail.
fn broken_lanes(metrics: &Metrics) -> Vec<String> {
    let samples = metrics.text().lines().filter_map(|line| line.rsplit_once(' '));
    samples
        .filter(|(key, value)| key.starts_with("mailprobe_check_success{") && *value == "0")
        .filter_map(|(key, _)| key.split_once('{'))
        .map(|(_, labels)| labels.to_owned())
        .collect()
}

fn lines(metrics: &Metrics, well: &Rates, failing: &Rates, broken: &[String]) -> Vec<Line> {
    let mut kinds = HashMap::new();
    metrics.text().lines().map(|line| one(line, &mut kinds, well, failing, broken)).collect()
}

fn one(
    line: &str,
    kinds: &mut HashMap<String, String>,
    well: &Rates,
    failing: &Rates,
    broken: &[String],
) -> Line {
    if line.starts_with('#') {
        let words: Vec<_> = line.split(' ').collect();
        if let ["#", "TYPE", name, kind] = *words {
            kinds.insert(name.to_owned(), kind.to_owned());
        }
        return Line::Comment(line.to_owned());
    }
    let (key, text) = line.rsplit_once(' ').expect("a sample");
    let name = key.split('{').next().expect("a name").to_owned();
    let labels = key.split_once('{').map_or("", |(_, labels)| labels);
    let (before, after) = key.split_once(SITE).unwrap_or((key, ""));
    let kind = EVERY.iter().find(|(kind, _)| labels.contains(&format!("kind=\"{kind}\"")));
    let lane: Vec<_> = labels.split(',').filter(|label| !label.starts_with("cause=")).collect();
    let fails = broken.contains(&lane.join(","));
    let number: f64 = text.parse().expect("a number");
    let counts = kinds.get(family(&name)).is_some_and(|kind| kind == "counter" || kind == "histogram");
    let rate = |rates: &Rates| rates.get(key).copied().unwrap_or_default();
    let value = match name.as_str() {
        "mailprobe_check_last_run_timestamp_seconds" => Value::LastRun,
        "mailprobe_check_last_success_timestamp_seconds" => Value::LastSuccess,
        "mailprobe_check_consecutive_failures" => Value::FailedRuns,
        "mailprobe_check_interval_seconds" => Value::Interval,
        _ if counts && rate(well) + rate(failing) > 0.0 => {
            let whole = !name.ends_with("_sum");
            // What was counted in nearly each slot is counted in each, and a lane that fails does in each.
            let step =
                |rates| if whole && rate(rates) > 0.5 { rate(rates).round().max(1.0) } else { rate(rates) };
            let each = name == "mailprobe_check_failures_total" && fails && rate(failing) > 0.0;
            Value::Grows { well: step(well), failing: if each { 1.0 } else { step(failing) }, whole }
        }
        _ if number.fract() != 0.0 && !name.contains("timestamp") => Value::Trembles(number),
        _ => Value::Fixed(text.to_owned()),
    };
    Line::Sample {
        before: before.to_owned(),
        after: after.to_owned(),
        every: kind.map_or(OTHERS, |(_, every)| *every),
        fails,
        name,
        value,
    }
}

fn hash(of: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}
