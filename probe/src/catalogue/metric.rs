//! The metrics: names, types, labels and when a series exists. The interface that dashboards and alerts stand on.

use super::kind::Kind;

/// The Prometheus type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    Counter,
    Gauge,
    Histogram,
}

/// When a series exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Born {
    /// From the start, for every label set that the configuration makes.
    AtZero,
    /// With its first judgement or observation; removed when there is no fresh one.
    WhenJudged,
    /// While what it tells is so.
    WhileTrue,
    /// On first use; no alert takes `increase()` of it.
    OnUse,
}

/// One metric.
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricType,
    pub help: &'static str,
    /// Beside `site`, which every series has.
    pub labels: &'static [&'static str],
    /// The kinds of check that make it; empty: the probe itself.
    pub of: &'static [Kind],
    pub born: Born,
}

/// The labels of a lane.
pub const LANE: &[&str] = &["check", "kind", "mail_service", "mailbox", "protocol", "role", "send"];
const LANE_CAUSE: &[&str] =
    &["check", "kind", "mail_service", "mailbox", "protocol", "role", "send", "cause"];
const LANE_REASON: &[&str] =
    &["check", "kind", "mail_service", "mailbox", "protocol", "role", "send", "step", "reason", "cause"];
const LANE_FAILING: &[&str] = &[
    "check",
    "kind",
    "mail_service",
    "mailbox",
    "protocol",
    "role",
    "send",
    "step",
    "reason",
    "cause",
    "outlook_code",
];
const LANE_STEP: &[&str] = &["check", "kind", "mail_service", "mailbox", "protocol", "role", "send", "step"];
const LANE_WHY: &[&str] = &["check", "kind", "mail_service", "mailbox", "protocol", "role", "send", "why"];
const DURATION: &[&str] = &["check", "kind", "mail_service", "protocol", "role"];
/// The labels of the books of a view.
pub const VIEW: &[&str] = &["check", "mail_service", "mailbox", "peer_mail_service", "protocol", "send"];
/// The labels of what was sent.
pub const SENT: &[&str] = &["check", "mail_service", "mailbox", "peer_mail_service", "send"];
/// The labels of a change of an entry, as a view sees it.
const CHANGE: &[&str] = &["check", "mail_service", "mailbox", "action", "write", "protocol"];
const SEAT: &[&str] = &["mail_service", "mailbox", "protocol"];
const SEAT_END: &[&str] = &["mail_service", "mailbox", "protocol", "cause", "planned"];
const SEAT_WHY: &[&str] = &["mail_service", "mailbox", "protocol", "why"];
const SEAT_ROLE: &[&str] = &["mail_service", "mailbox", "protocol", "role"];
const BACKEND: &[&str] = &["mail_service", "mailbox", "protocol", "frontend", "backend", "version"];
const CERTIFICATE: &[&str] = &["mail_service", "protocol", "server"];
const CERTIFICATE_INFO: &[&str] = &["mail_service", "protocol", "server", "issuer"];
const ENDPOINT: &[&str] = &["mail_service", "protocol"];
const BOX: &[&str] = &["mail_service", "mailbox"];
const MAILBOX: &[&str] = &["mailbox"];
const SERVICE: &[&str] = &["mail_service"];
const CREDENTIAL: &[&str] = &["mailbox", "method", "flow"];

/// Every kind of check.
pub const ALL: &[Kind] = &[
    Kind::Roundtrip,
    Kind::Login,
    Kind::Endpoint,
    Kind::Calendar,
    Kind::Meeting,
    Kind::FreeBusy,
    Kind::Directory,
    Kind::Autodiscover,
];
pub const TRIP: &[Kind] = &[Kind::Roundtrip];
/// Those that await changes of entries.
pub const ENTRIES: &[Kind] = &[Kind::Calendar, Kind::Meeting];
/// Those that leave something in a mailbox and take it away again.
pub const TIDY: &[Kind] = &[Kind::Roundtrip, Kind::Calendar, Kind::Meeting, Kind::FreeBusy];
pub const ENDPOINTS: &[Kind] = &[Kind::Endpoint];
/// Those that sign in.
pub const MAIL: &[Kind] = &[
    Kind::Roundtrip,
    Kind::Login,
    Kind::Calendar,
    Kind::Meeting,
    Kind::FreeBusy,
    Kind::Directory,
    Kind::Autodiscover,
];
const OWN: &[Kind] = &[];

/// Upper bounds of `mailprobe_check_duration_seconds`, in seconds.
pub const DURATION_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper bounds of `mailprobe_calendar_seconds`, in seconds.
pub const CALENDAR_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0];
/// Upper bounds of `mailprobe_roundtrip_seconds`, in seconds; each check's `late_after` is added.
pub const ROUNDTRIP_BUCKETS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0];

use Born::{AtZero, OnUse, WhenJudged, WhileTrue};
use MetricType::{Counter, Gauge, Histogram};

/// Every metric that this release can make, beside `process_*`.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    m("mailprobe_check_success", Gauge, "Whether the newest judged slot was good (1) or failed (0); absent while nothing is judged.", LANE, ALL, WhenJudged),
    m("mailprobe_check_runs_total", Counter, "Runs that were judged.", LANE, ALL, AtZero),
    m("mailprobe_check_failures_total", Counter, "Runs that failed, by cause.", LANE_CAUSE, ALL, AtZero),
    m("mailprobe_check_failure_reasons_total", Counter, "Runs that failed, by step and reason; for dashboards.", LANE_REASON, ALL, OnUse),
    m("mailprobe_check_failing", Gauge, "1 while the newest judged slot failed, with why; removed when it is well or fails otherwise.", LANE_FAILING, ALL, WhileTrue),
    m("mailprobe_check_consecutive_failures", Gauge, "Judged slots that failed since the last good one.", LANE, ALL, WhenJudged),
    m("mailprobe_check_overdue_seconds", Gauge, "How long a result is overdue beyond interval and timeout; 0 while on time.", LANE, ALL, AtZero),
    m("mailprobe_check_interval_seconds", Gauge, "From one slot to the next.", LANE, ALL, AtZero),
    m("mailprobe_check_last_run_timestamp_seconds", Gauge, "When the newest judged run ended.", LANE, ALL, WhenJudged),
    m("mailprobe_check_last_success_timestamp_seconds", Gauge, "When the newest good run ended.", LANE, ALL, WhenJudged),
    m("mailprobe_check_duration_seconds", Histogram, "How long judged runs took.", DURATION, ALL, AtZero),
    m("mailprobe_step_duration_seconds", Gauge, "How long each step of the newest judged run took; absent for a step that it did not reach.", LANE_STEP, ALL, WhenJudged),
    m("mailprobe_checks_skipped_total", Counter, "Slots that were not run or not judged, by why.", LANE_WHY, ALL, AtZero),
    m("mailprobe_roundtrip_seconds", Histogram, "From the acceptance of a message until it was visible; arrivals only.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_sent_total", Counter, "Messages that the server accepted.", SENT, TRIP, AtZero),
    m("mailprobe_messages_unknown_total", Counter, "Messages accepted perhaps: the line broke after the last byte.", SENT, TRIP, AtZero),
    m("mailprobe_messages_expected_total", Counter, "Messages awaited in this view: accepted or unknown.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_received_total", Counter, "Messages seen in this view before they were called lost.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_late_total", Counter, "Messages not there at late_after; they may yet be received, or lost.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_lost_total", Counter, "Messages not there at lost_after.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_abandoned_total", Counter, "Messages still awaited when the process or the check ended, and those of unknown submission that never came.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_duplicated_total", Counter, "Received messages that were seen more than once.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_corrupted_total", Counter, "Received messages whose payload was damaged.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_junked_total", Counter, "Received messages that were found in the junk folder.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_resurfaced_total", Counter, "Lost messages that were seen after all.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_bounced_total", Counter, "Messages that came back to the sender as undeliverable.", VIEW, TRIP, AtZero),
    m("mailprobe_messages_swept_total", Counter, "Messages and entries of the fleet's that nobody awaited and that were deleted, by why.", SEAT_WHY, TIDY, AtZero),
    m("mailprobe_messages_in_flight", Gauge, "Messages awaited in this view now.", VIEW, TRIP, AtZero),
    m("mailprobe_oldest_in_flight_seconds", Gauge, "Age of the oldest message awaited in this view; 0 when none is.", VIEW, TRIP, AtZero),
    m("mailprobe_calendar_seconds", Histogram, "From the acceptance of a change of an entry until this view showed it; what was seen in time only.", CHANGE, ENTRIES, AtZero),
    m("mailprobe_session_up", Gauge, "Whether the kept session of this view is up.", SEAT, TRIP, WhenJudged),
    m("mailprobe_session_ends_total", Counter, "Kept sessions that ended, by cause; planned: renewals and ordinary ends.", SEAT_END, TRIP, AtZero),
    m("mailprobe_session_age_seconds", Gauge, "Age of the kept session.", SEAT, TRIP, WhileTrue),
    m("mailprobe_notifications_missed_total", Counter, "New messages that a look saw and the server's push never told.", SEAT, TRIP, AtZero),
    m("mailprobe_backend_info", Gauge, "1; what the server calls itself, the newest.", BACKEND, MAIL, WhileTrue),
    m("mailprobe_certificate_expiry_timestamp_seconds", Gauge, "When the server's certificate ends, the earliest over all its addresses.", CERTIFICATE, ENDPOINTS, WhenJudged),
    m("mailprobe_certificate_info", Gauge, "1; who issued the server's certificate.", CERTIFICATE_INFO, ENDPOINTS, WhileTrue),
    m("mailprobe_endpoint_addresses", Gauge, "Addresses that the endpoint's name resolves to.", ENDPOINT, ENDPOINTS, WhenJudged),
    m("mailprobe_endpoint_addresses_failing", Gauge, "Addresses of the endpoint that failed.", ENDPOINT, ENDPOINTS, WhenJudged),
    m("mailprobe_clock_skew_seconds", Gauge, "How far this host's clock is ahead of the server's at least, by HTTP's Date: 0 within its second; absent where nothing tells.", SERVICE, ALL, WhenJudged),
    m("mailprobe_credential_paused", Gauge, "1 while the credential is paused after a refusal, so that the account is not locked.", MAILBOX, MAIL, AtZero),
    m("mailprobe_credential_info", Gauge, "1; how the mailbox signs in.", CREDENTIAL, MAIL, AtZero),
    m("mailprobe_resting_until_timestamp_seconds", Gauge, "Until when the server asked to be left alone.", MAILBOX, MAIL, WhileTrue),
    m("mailprobe_mailbox_items", Gauge, "Messages in the inbox.", BOX, MAIL, WhenJudged),
    m("mailprobe_mailbox_bytes", Gauge, "Size of the mailbox, where the protocol tells.", BOX, MAIL, WhenJudged),
    m("mailprobe_mailbox_quota_bytes", Gauge, "Allowed size of the mailbox, where the protocol tells.", BOX, MAIL, WhenJudged),
    m("mailprobe_mailbox_recoverable_items", Gauge, "Deleted messages that the server still keeps (Exchange: Recoverable Items), where the protocol tells.", BOX, MAIL, WhenJudged),
    m("mailprobe_cleanup_failures_total", Counter, "Attempts to delete our own messages and entries that failed.", SEAT_ROLE, TIDY, AtZero),
    m("mailprobe_rival_probe", Gauge, "1 while another probe is at work on this mailbox.", MAILBOX, TRIP, AtZero),
    m("mailprobe_reference_up", Gauge, "Whether the reference target, which is not mail, answers.", &["target"], OWN, WhenJudged),
    m("mailprobe_site_info", Gauge, "1; the configured site_labels.", &[], OWN, AtZero),
    m("mailprobe_build_info", Gauge, "1; version and revision of the probe.", &["version", "revision"], OWN, AtZero),
    m("mailprobe_config_last_reload_successful", Gauge, "Whether the newest configuration was taken.", &[], OWN, AtZero),
    m("mailprobe_config_last_reload_success_timestamp_seconds", Gauge, "When a configuration was last taken.", &[], OWN, AtZero),
    m("mailprobe_schedule_delay_seconds", Histogram, "How late slots were started.", &[], OWN, AtZero),
    m("mailprobe_internal_errors_total", Counter, "Faults of the probe itself.", &[], OWN, AtZero),
];

/// Upper bounds of `mailprobe_schedule_delay_seconds`, in seconds.
pub const DELAY_BUCKETS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

const fn m(
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    labels: &'static [&'static str],
    of: &'static [Kind],
    born: Born,
) -> Metric {
    Metric { name, kind, help, labels, of, born }
}

/// The row of a metric by its name without the prefix; panics in tests only, for a name that is not in the table.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_follows_the_naming_rules() {
        // The Prometheus Operator sets these on every target.
        const TAKEN: &[&str] =
            &["service", "endpoint", "namespace", "pod", "container", "job", "instance", "site"];
        let mut names = BTreeSet::new();
        for metric in METRICS {
            assert!(metric.name.starts_with("mailprobe_"), "{}", metric.name);
            assert!(names.insert(metric.name), "{} stands twice", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Counter, "{}", metric.name);
            for label in metric.labels {
                assert!(!TAKEN.contains(label), "{}: {label}", metric.name);
            }
        }
    }
}
