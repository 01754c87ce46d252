//! The series of one lane.

use std::sync::{Arc, Mutex};

use super::{Family, Moment};
use crate::catalogue::{Cause, Kind, Role, code};
use crate::export::metrics::lock;
use crate::export::metrics::numbers::{Books, Histogram, LaneNumbers};
use crate::export::metrics::shape::Shape;
use crate::export::standing::Shown;
use crate::outcome::{Lane, Why};

/// The series of the family's metric for the lane at `at`.
pub(super) fn fill(shape: &Shape, at: usize, family: &mut Family<'_>, moment: Moment) {
    let Some((lane, numbers)) = shape.lanes.get(at) else { return };
    if family.metric.name == "mailprobe_check_duration_seconds" {
        return duration(&shape.lanes, at, family);
    }
    if !family.metric.of.contains(&lane.kind) {
        return;
    }
    let numbers = lock(numbers);
    let shown = numbers.standing.shown(lane, moment.now);
    judgement(family, lane, &numbers, &shown, moment);
    counters(family, lane, &numbers);
    if let Some(books) = &numbers.books {
        view(family, lane, books, moment);
    }
    if family.metric.name == "mailprobe_calendar_seconds" {
        for (action, histogram) in &numbers.changes {
            family.push_histogram(histogram, |name| match name {
                "action" => action.name(),
                _ => lane.label(name),
            });
        }
    }
    if lane.role == Role::Send {
        match family.metric.name {
            "mailprobe_messages_sent_total" => push(family, lane, numbers.sent),
            "mailprobe_messages_unknown_total" => push(family, lane, numbers.unknown),
            _ => {}
        }
    }
}

/// Lanes that differ in their sender only share a series; they stand beside each other.
fn duration(lanes: &[(Arc<Lane>, Arc<Mutex<LaneNumbers>>)], at: usize, family: &mut Family<'_>) {
    let Some((lane, numbers)) = lanes.get(at) else { return };
    let shares = |other: &Lane| {
        (&other.check, &other.mail_service, other.protocol, other.role)
            == (&lane.check, &lane.mail_service, lane.protocol, lane.role)
    };
    if at.checked_sub(1).and_then(|before| lanes.get(before)).is_some_and(|(other, _)| shares(other)) {
        return;
    }
    let mut all = Histogram::new(lock(numbers).duration.bounds.clone());
    for (_, numbers) in lanes.iter().skip(at).take_while(|(other, _)| shares(other)) {
        let numbers = lock(numbers);
        for (sum, count) in all.buckets.iter_mut().zip(&numbers.duration.buckets) {
            *sum += count;
        }
        all.count += numbers.duration.count;
        all.sum += numbers.duration.sum;
    }
    family.push_histogram(&all, |name| lane.label(name));
}

/// Gauges that tell of the newest judgement, and are absent where there is none.
fn judgement(
    family: &mut Family<'_>,
    lane: &Lane,
    numbers: &LaneNumbers,
    shown: &Shown<'_>,
    Moment { now, .. }: Moment,
) {
    let label = |name| lane.label(name);
    let present = !matches!(shown, Shown::Absent(_));
    match family.metric.name {
        "mailprobe_check_success" if present => {
            family.push(f64::from(u8::from(*shown == Shown::Good)), label)
        }
        "mailprobe_check_consecutive_failures" if present => {
            family.push(float(numbers.standing.consecutive_failures(now)), label);
        }
        "mailprobe_check_failing" => {
            let Shown::Failing(failing) = shown else { return };
            let code = failing.code.map(code::text).unwrap_or_default();
            family.push(1.0, |name| match name {
                "step" => failing.step.map_or("", |step| step.name()),
                "reason" => failing.reason.name(),
                "cause" => failing.reason.cause().name(),
                "outlook_code" => &code,
                _ => lane.label(name),
            });
        }
        "mailprobe_step_duration_seconds" if present && numbers.standing.is_of_a_run(now) => {
            for (step, took) in &numbers.steps {
                family.push(took.as_secs_f64(), |name| match name {
                    "step" => step.name(),
                    _ => lane.label(name),
                });
            }
        }
        "mailprobe_check_overdue_seconds" => {
            family.push(numbers.standing.overdue(lane, now).as_secs_f64(), label);
        }
        "mailprobe_check_interval_seconds" => family.push(lane.interval.as_secs_f64(), label),
        "mailprobe_check_last_run_timestamp_seconds" => {
            numbers.last_run.into_iter().for_each(|at| family.push(at, label));
        }
        "mailprobe_check_last_success_timestamp_seconds" => {
            numbers.last_success.into_iter().for_each(|at| family.push(at, label));
        }
        _ => {}
    }
}

fn counters(family: &mut Family<'_>, lane: &Lane, numbers: &LaneNumbers) {
    match family.metric.name {
        "mailprobe_check_runs_total" => push(family, lane, numbers.runs),
        "mailprobe_check_failures_total" => {
            for cause in Cause::ALL {
                family.push(float(numbers.failures[*cause as usize]), |name| match name {
                    "cause" => cause.name(),
                    _ => lane.label(name),
                });
            }
        }
        "mailprobe_check_failure_reasons_total" => {
            for ((step, reason), count) in &numbers.reasons {
                family.push(float(*count), |name| match name {
                    "step" => step.map_or("", |step| step.name()),
                    "reason" => reason.name(),
                    "cause" => reason.cause().name(),
                    _ => lane.label(name),
                });
            }
        }
        "mailprobe_checks_skipped_total" => {
            for why in Why::ALL {
                let count = numbers.skipped[*why as usize];
                if count > 0 || can_be(lane, *why) {
                    family.push(float(count), |name| match name {
                        "why" => why.name(),
                        _ => lane.label(name),
                    });
                }
            }
        }
        _ => {}
    }
}

/// Whether a lane of this kind and role can have such a slot at all.
fn can_be(lane: &Lane, why: Why) -> bool {
    match why {
        Why::Overrun | Why::Stopping => true,
        Why::Paused | Why::Resting => lane.kind != Kind::Endpoint,
        Why::Backlog => lane.kind == Kind::Roundtrip,
        Why::Limited => matches!(lane.kind, Kind::Roundtrip | Kind::Meeting),
        Why::Unjudged => lane.role == Role::View || matches!(lane.kind, Kind::Meeting | Kind::FreeBusy),
    }
}

fn view(family: &mut Family<'_>, lane: &Lane, books: &Books, Moment { now, .. }: Moment) {
    let count = match family.metric.name {
        "mailprobe_messages_expected_total" => books.expected,
        "mailprobe_messages_received_total" => books.received,
        "mailprobe_messages_late_total" => books.late,
        "mailprobe_messages_lost_total" => books.lost,
        "mailprobe_messages_abandoned_total" => books.abandoned,
        "mailprobe_messages_duplicated_total" => books.duplicated,
        "mailprobe_messages_corrupted_total" => books.corrupted,
        "mailprobe_messages_junked_total" => books.junked,
        "mailprobe_messages_resurfaced_total" => books.resurfaced,
        "mailprobe_messages_bounced_total" => books.bounced,
        "mailprobe_messages_in_flight" => books.in_flight as u64,
        "mailprobe_oldest_in_flight_seconds" => {
            let age = books.oldest.map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64());
            return family.push(age, |name| lane.label(name));
        }
        "mailprobe_roundtrip_seconds" => {
            return family.push_histogram(&books.seconds, |name| lane.label(name));
        }
        _ => return,
    };
    push(family, lane, count);
}

fn push(family: &mut Family<'_>, lane: &Lane, count: u64) {
    family.push(float(count), |name| lane.label(name));
}

/// Counters are floats in the text format; exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}
