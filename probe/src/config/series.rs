//! How many series a configuration makes, counted from the catalogue's table and the lanes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lanes::lanes;
use super::plan::Plan;
use crate::catalogue::metric::{
    Born, CALENDAR_BUCKETS, DELAY_BUCKETS, DURATION_BUCKETS, METRICS, Metric, MetricType, ROUNDTRIP_BUCKETS,
};
use crate::catalogue::{Cause, Kind, Protocol, Role, Step};
use crate::outcome::{Lane, Swept, Why};

/// Beside its upper bounds a histogram has +Inf, a sum and a count.
const BESIDE_BUCKETS: usize = 3;
/// `process_*`, which the metrics library makes.
const PROCESS: usize = 7;

/// The series of a whole plan when every lane was judged: all that is there for good, none that a failure bears.
pub fn of_plan(plan: &Plan) -> usize {
    let all: Vec<_> = plan.checks.iter().flat_map(|check| lanes(check)).collect();
    let references = [plan.reference.dns.is_some(), plan.reference.web.is_some()];
    let own: usize = METRICS
        .iter()
        .filter(|metric| metric.of.is_empty() && metric.born != Born::OnUse)
        .map(|metric| match metric.labels {
            ["target"] => references.iter().filter(|is_there| **is_there).count(),
            _ => values(metric, None),
        })
        .sum();
    of_lanes(&all) + own + PROCESS
}

/// The series of some lanes; what several lanes share is counted once.
pub fn of_lanes(lanes: &[Arc<Lane>]) -> usize {
    METRICS
        .iter()
        .filter(|metric| metric.born != Born::OnUse)
        .map(|metric| {
            let mut seen = BTreeSet::new();
            let mut count = 0;
            for lane in lanes.iter().filter(|lane| is_about(metric, lane)) {
                let known: Vec<&str> = metric.labels.iter().map(|name| lane.label(name)).collect();
                if seen.insert(known) {
                    count += variants(metric, lane) * values(metric, Some(lane));
                }
            }
            count
        })
        .sum()
}

/// Whether a lane makes series of a metric.
fn is_about(metric: &Metric, lane: &Lane) -> bool {
    let has = |label: &str| metric.labels.contains(&label);
    let is_lane = has("kind");
    metric.of.contains(&lane.kind)
        && match lane.kind {
            _ if is_lane => true,
            _ if has("action") => !lane.kind.awaited(lane.role).is_empty(),
            _ if metric.name.ends_with("_swept_total") || metric.name.ends_with("cleanup_failures_total") => {
                lane.is_tidy()
            }
            // From the answers over HTTP.
            _ if metric.name == "mailprobe_clock_skew_seconds" => lane.protocol.is_http(),
            // The books of a view, of a sender; the session of a view.
            Kind::Roundtrip if metric.of == [Kind::Roundtrip] && has("protocol") => lane.role == Role::View,
            Kind::Roundtrip if metric.of == [Kind::Roundtrip] && has("send") => lane.role == Role::Send,
            _ => !has("mailbox") || !lane.mailbox.is_empty(),
        }
}

/// How many values the labels take that are not the lane's own.
fn variants(metric: &Metric, lane: &Lane) -> usize {
    let has = |label: &str| metric.labels.contains(&label);
    let causes = Cause::ALL.len();
    match () {
        // Ended by a cause, or as planned.
        () if has("planned") => causes + 1,
        // The newest reason only.
        () if has("reason") => 1,
        () if has("cause") => causes,
        () if has("step") => steps(lane).len(),
        () if has("why") && has("kind") => Why::ALL.len(),
        () if has("why") => Swept::ALL.len(),
        () if has("action") => lane.kind.awaited(lane.role).len(),
        // Cleaning up goes on at both ends.
        () if has("role") && !has("kind") => 2,
        () => 1,
    }
}

/// The steps that a run of a lane can have.
fn steps(lane: &Lane) -> Vec<Step> {
    let more: &[Step] = match (lane.kind, lane.role) {
        (Kind::Endpoint, _) => &[],
        (Kind::Calendar, _) => &[Step::Create, Step::Move, Step::Relocate, Step::Delete, Step::Quit],
        (Kind::Meeting, Role::View) => &[Step::Invite, Step::Accept, Step::Move, Step::Cancel, Step::Quit],
        (Kind::Meeting, _) => &[Step::Invite, Step::Answer, Step::Move, Step::Cancel, Step::Quit],
        (Kind::FreeBusy, _) => &[Step::FreeBusy, Step::Create, Step::Delete, Step::Quit],
        (_, Role::Send) => &[Step::Envelope, Step::Data, Step::Quit],
        (_, Role::View) => &[Step::Select, Step::Deliver, Step::Look, Step::Fetch, Step::Cleanup, Step::Quit],
        (Kind::Directory, _) => &[Step::Directory, Step::Quit],
        (Kind::Autodiscover, _) => {
            &[Step::RootDomain, Step::AutodiscoverHost, Step::HttpRedirect, Step::SrvRecord]
        }
        _ => &[Step::Select, Step::List, Step::Quit],
    };
    let found: &[Step] = match lane.protocol {
        Protocol::Ews | Protocol::Owa => &[Step::Autodiscover],
        // A meeting by mail.
        Protocol::Imap if lane.kind == Kind::Meeting => {
            &[Step::Select, Step::Look, Step::Fetch, Step::Envelope, Step::Data]
        }
        _ => &[],
    };
    lane.protocol.row().steps.iter().chain(found).chain(more).copied().collect()
}

/// How many series one label set of a metric is.
fn values(metric: &Metric, lane: Option<&Arc<Lane>>) -> usize {
    if metric.kind != MetricType::Histogram {
        return 1;
    }
    let buckets = match metric.name {
        "mailprobe_roundtrip_seconds" => {
            let late_after = lane.map_or(0.0, |lane| lane.judged_within.as_secs_f64());
            ROUNDTRIP_BUCKETS.len() + usize::from(!ROUNDTRIP_BUCKETS.contains(&late_after))
        }
        "mailprobe_calendar_seconds" => CALENDAR_BUCKETS.len(),
        "mailprobe_schedule_delay_seconds" => DELAY_BUCKETS.len(),
        _ => DURATION_BUCKETS.len(),
    };
    buckets + BESIDE_BUCKETS
}
