//! The series of seats, mailboxes, endpoints and of the probe itself.

use std::collections::BTreeSet;

use prometheus::proto::LabelPair;
use tokio::time::Instant;

use super::{Family, Metrics, Moment, pair};
use crate::catalogue::{Cause, Protocol};
use crate::export::metrics::lock;
use crate::export::metrics::numbers::{Certificate, SeatNumbers};
use crate::export::metrics::shape::Shape;
use crate::outcome::{Seat, Swept};

/// The series of the family's metric for the seat at `at`.
pub(super) fn seat(shape: &Shape, at: usize, family: &mut Family<'_>, Moment { now, .. }: Moment) {
    let Some((seat, numbers)) = shape.seats.get(at) else { return };
    let numbers = &*lock(numbers);
    let plain = |name| label(seat, name);
    match family.metric.name {
        "mailprobe_messages_swept_total" => swept(family, seat, numbers),
        "mailprobe_session_up" => {
            if let Some(up) = numbers.up {
                family.push(f64::from(u8::from(up)), plain);
            }
        }
        "mailprobe_session_age_seconds" => {
            if let Some(since) = numbers.up_since {
                family.push(now.saturating_duration_since(since).as_secs_f64(), plain);
            }
        }
        "mailprobe_session_ends_total" => {
            for ((planned, cause), count) in &numbers.ends {
                family.push(*count as f64, |name| match name {
                    "planned" => flag(*planned),
                    "cause" => cause.map_or("", Cause::name),
                    _ => label(seat, name),
                });
            }
        }
        "mailprobe_notifications_missed_total" if numbers.view || numbers.notifications_missed > 0 => {
            family.push(numbers.notifications_missed as f64, plain);
        }
        "mailprobe_cleanup_failures_total" => {
            for (role, count) in &numbers.cleanup_failures {
                family.push(*count as f64, |name| match name {
                    "role" => role.name(),
                    _ => label(seat, name),
                });
            }
        }
        "mailprobe_backend_info" => {
            let Some(of) = &numbers.backend else { return };
            family.push(1.0, |name| match name {
                "frontend" => &of.frontend,
                "backend" => &of.backend,
                "version" => &of.version,
                _ => label(seat, name),
            });
        }
        _ => {}
    }
}

fn swept(family: &mut Family<'_>, seat: &Seat, numbers: &SeatNumbers) {
    for why in Swept::ALL {
        let count = numbers.swept[*why as usize];
        if numbers.tidy || count > 0 {
            family.push(count as f64, |name| match name {
                "why" => why.name(),
                _ => label(seat, name),
            });
        }
    }
}

/// The series of the family's metric for the mailbox at `at`.
pub(super) fn mailbox(shape: &Shape, at: usize, family: &mut Family<'_>, Moment { now, wall }: Moment) {
    let Some(row) = shape.boxes.get(at) else { return };
    let numbers = lock(&row.numbers);
    let value = match family.metric.name {
        "mailprobe_credential_paused" => {
            let paused = numbers.paused_until.is_some_and(|until| until > now);
            Some(f64::from(u8::from(paused)))
        }
        "mailprobe_credential_info" => Some(1.0),
        "mailprobe_resting_until_timestamp_seconds" => numbers.resting_until.filter(|until| *until > wall),
        "mailprobe_mailbox_items" => numbers.holds(|of| of.items, now),
        "mailprobe_mailbox_bytes" => numbers.holds(|of| of.bytes, now),
        "mailprobe_mailbox_quota_bytes" => numbers.holds(|of| of.quota, now),
        "mailprobe_mailbox_recoverable_items" => numbers.holds(|of| of.recoverable, now),
        "mailprobe_rival_probe" => {
            numbers.rival.or_else(|| row.view.then_some(false)).map(|seen| f64::from(u8::from(seen)))
        }
        _ => None,
    };
    let Some(value) = value else { return };
    family.push(value, |name| match name {
        "mailbox" => &row.name,
        "mail_service" => &row.mail_service,
        "method" => row.method,
        "flow" => row.flow,
        _ => "",
    });
}

/// The series of the family's metric that belong to no lane, seat or mailbox: few.
pub(super) fn own(metrics: &Metrics, shape: &Shape, family: &mut Family<'_>) {
    let none = |_| "";
    let own = lock(&metrics.own);
    match family.metric.name {
        "mailprobe_certificate_expiry_timestamp_seconds" | "mailprobe_certificate_info" => {
            for ((service, protocol, server), certificate) in &own.certificates {
                certificate_series(family, (service, *protocol, server), certificate);
            }
        }
        "mailprobe_endpoint_addresses" | "mailprobe_endpoint_addresses_failing" => {
            for ((service, protocol), (found, failing)) in &own.addresses {
                let all = family.metric.name == "mailprobe_endpoint_addresses";
                family.push(if all { *found } else { *failing } as f64, |name| match name {
                    "mail_service" => service,
                    _ => protocol.name(),
                });
            }
        }
        "mailprobe_clock_skew_seconds" => {
            let now = Instant::now();
            for (service, (ahead, _)) in own.skew.iter().filter(|(_, (_, until))| *until > now) {
                family.push(*ahead, |_| service);
            }
        }
        "mailprobe_reference_up" => {
            for (target, up) in &own.reference {
                family.push(f64::from(u8::from(*up)), |_| target);
            }
        }
        "mailprobe_site_info" => family.push_free(site_labels(shape)),
        "mailprobe_build_info" => family.push(1.0, |name| match name {
            "version" => &metrics.version,
            _ => &metrics.revision,
        }),
        "mailprobe_config_last_reload_successful" => {
            family.push(f64::from(u8::from(own.reload_well)), none);
        }
        "mailprobe_config_last_reload_success_timestamp_seconds" => family.push(own.reload_at, none),
        "mailprobe_schedule_delay_seconds" => family.push_histogram(&own.delay, none),
        "mailprobe_internal_errors_total" => family.push(own.internal_errors as f64, none),
        _ => {}
    }
}

fn certificate_series(
    family: &mut Family<'_>,
    (service, protocol, server): (&str, Protocol, &str),
    certificate: &Certificate,
) {
    let info = family.metric.name == "mailprobe_certificate_info";
    let value = if info { 1.0 } else { certificate.not_after as f64 };
    family.push(value, |name| match name {
        "mail_service" => service,
        "protocol" => protocol.name(),
        "server" => server,
        "issuer" => &certificate.issuer,
        _ => "",
    });
}

/// `site_labels` as labels: a name that Prometheus would refuse is made one that it takes; the first of equals wins.
fn site_labels(shape: &Shape) -> Vec<LabelPair> {
    let mut taken = BTreeSet::from(["site".to_owned()]);
    let mut labels = Vec::new();
    for (name, value) in &shape.site_labels {
        let name = label_name(name);
        if taken.insert(name.clone()) {
            labels.push(pair(&name, &crate::export::metrics::numbers::info(value)));
        }
    }
    labels
}

fn label_name(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) || out.starts_with("__") {
        out = format!("site_{}", out.trim_start_matches('_'));
    }
    out
}

fn label<'a>(seat: &'a Seat, name: &str) -> &'a str {
    match name {
        "mail_service" => &seat.mail_service,
        "mailbox" => &seat.mailbox,
        "protocol" => seat.protocol.name(),
        _ => "",
    }
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
