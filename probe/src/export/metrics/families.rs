//! From numbers to text: one metric of the catalogue's table after the other, a few hundred series at a time.
//!
//! The crate's encoder writes; a family that takes several pieces gets its head only once.

use std::borrow::Cow;
use std::sync::Arc;

use prometheus::core::Collector as _;
use prometheus::proto;
use prometheus::{Encoder as _, TextEncoder};
use tokio::time::Instant;

use super::Metrics;
use super::numbers::Histogram;
use super::shape::Shape;
use crate::catalogue::metric::{METRICS, Metric, MetricType};
use crate::clock;

mod lanes;
mod others;

/// Series in one piece: some hundred kilobytes of text.
const PIECE: usize = 512;

/// A scrape in progress; each item is a piece of its text.
pub struct Encoding {
    metrics: Arc<Metrics>,
    shape: Arc<Shape>,
    now: Moment,
    row: usize,
    /// Lanes, seats or mailboxes of this metric that are written already.
    done: usize,
    headed: bool,
    process: bool,
}

/// When the scrape was made.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub now: Instant,
    /// Seconds since 1970.
    pub wall: f64,
}

impl Encoding {
    pub(super) fn new(metrics: Arc<Metrics>, shape: Arc<Shape>) -> Self {
        let now = Moment { now: Instant::now(), wall: clock::unix() };
        Self { metrics, shape, now, row: 0, done: 0, headed: false, process: false }
    }

    /// Adds series of the metric until it is done or the piece is full.
    fn fill(&mut self, metric: &'static Metric, family: &mut Family<'_>) {
        let of = Of::metric(metric);
        let count = match of {
            Of::Lanes => self.shape.lanes.len(),
            Of::Seats => self.shape.seats.len(),
            Of::Boxes => self.shape.boxes.len(),
            Of::Own => 1,
        };
        while self.done < count && family.series.len() < PIECE {
            match of {
                Of::Lanes => lanes::fill(&self.shape, self.done, family, self.now),
                Of::Seats => others::seat(&self.shape, self.done, family, self.now),
                Of::Boxes => others::mailbox(&self.shape, self.done, family, self.now),
                Of::Own => others::own(&self.metrics, &self.shape, family),
            }
            self.done += 1;
        }
        if self.done >= count {
            (self.row, self.done) = (self.row + 1, 0);
        }
    }

    /// The metrics of the process itself, in the names that every exporter uses.
    fn process(&self) -> Vec<u8> {
        let mut families = self.metrics.process.collect();
        for family in &mut families {
            let mut series = family.take_metric();
            for one in &mut series {
                let mut labels = vec![pair("site", &self.shape.site)];
                labels.extend(one.take_label());
                one.set_label(labels);
            }
            family.set_metric(series);
        }
        text(&families)
    }
}

impl Iterator for Encoding {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(metric) = METRICS.get(self.row) {
            let shape = self.shape.clone();
            let mut family = Family { metric, site: &shape.site, series: Vec::new() };
            let row = self.row;
            self.fill(metric, &mut family);
            let headed = self.headed;
            self.headed = self.row == row && (headed || !family.series.is_empty());
            if !family.series.is_empty() {
                return Some(family.text(headed));
            }
        }
        if self.process {
            return None;
        }
        self.process = true;
        Some(self.process())
    }
}

/// What a metric's series are about.
#[derive(Clone, Copy)]
enum Of {
    Lanes,
    Seats,
    Boxes,
    Own,
}

impl Of {
    fn metric(metric: &Metric) -> Self {
        let has = |label| metric.labels.contains(&label);
        match (has("check"), has("mailbox"), has("protocol")) {
            (true, ..) => Self::Lanes,
            (false, true, true) => Self::Seats,
            (false, true, false) => Self::Boxes,
            (false, false, _) => Self::Own,
        }
    }
}

/// Some series of one metric.
pub(super) struct Family<'a> {
    pub metric: &'static Metric,
    pub site: &'a str,
    series: Vec<proto::Metric>,
}

impl Family<'_> {
    /// One series; `label` gives the value of each label of the table's row.
    pub(super) fn push<'l>(&mut self, value: f64, label: impl Fn(&'static str) -> &'l str) {
        let mut one = proto::Metric::from_label(self.labels(label));
        if self.metric.kind == MetricType::Counter {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            one.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            one.set_gauge(gauge);
        }
        self.series.push(one);
    }

    pub(super) fn push_histogram<'l>(
        &mut self,
        histogram: &Histogram,
        label: impl Fn(&'static str) -> &'l str,
    ) {
        let mut one = proto::Metric::from_label(self.labels(label));
        one.set_histogram(cumulated(histogram));
        self.series.push(one);
    }

    /// One series with labels that are not in the table.
    pub(super) fn push_free(&mut self, labels: Vec<proto::LabelPair>) {
        let mut all = vec![pair("site", self.site)];
        all.extend(labels);
        let mut one = proto::Metric::from_label(all);
        let mut gauge = proto::Gauge::default();
        gauge.set_value(1.0);
        one.set_gauge(gauge);
        self.series.push(one);
    }

    fn labels<'l>(&self, label: impl Fn(&'static str) -> &'l str) -> Vec<proto::LabelPair> {
        let mut labels = Vec::with_capacity(self.metric.labels.len() + 1);
        labels.push(pair("site", self.site));
        labels.extend(self.metric.labels.iter().map(|name| pair(name, label(name))));
        labels
    }

    fn text(self, headed: bool) -> Vec<u8> {
        let mut family = proto::MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            MetricType::Counter => proto::MetricType::COUNTER,
            MetricType::Gauge => proto::MetricType::GAUGE,
            MetricType::Histogram => proto::MetricType::HISTOGRAM,
        });
        family.set_metric(self.series);
        let text = text(&[family]);
        if !headed {
            return text;
        }
        // HELP and TYPE are two lines; our help has no line break.
        let end =
            text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).map_or(0, |(at, _)| at + 1);
        text.get(end..).unwrap_or_default().to_vec()
    }
}

fn cumulated(histogram: &Histogram) -> proto::Histogram {
    let mut so_far = 0;
    let buckets = histogram
        .bounds
        .iter()
        .zip(&histogram.buckets)
        .map(|(bound, count)| {
            so_far += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(so_far);
            bucket
        })
        .collect();
    let mut out = proto::Histogram::default();
    out.set_bucket(buckets);
    out.set_sample_count(histogram.count);
    out.set_sample_sum(histogram.sum);
    out
}

pub(super) fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(clean(value).into_owned());
    pair
}

/// The encoder escapes quotes and line breaks; other control characters have no business in a label.
fn clean(value: &str) -> Cow<'_, str> {
    if value.chars().any(char::is_control) {
        return value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into();
    }
    value.into()
}

fn text(families: &[proto::MetricFamily]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    // It fails for a family without series or without a name only: there is none, and nothing to do about it.
    if let Err(error) = TextEncoder::new().encode(families, &mut out) {
        tracing::error!(%error, "a metric could not be written");
    }
    out
}
