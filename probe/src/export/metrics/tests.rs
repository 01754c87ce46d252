//! The rules of existence and the table of slots, each as a test over the text that Prometheus would read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::Metrics;
use crate::catalogue::metric::{Born, METRICS};
use crate::catalogue::{Cause, Protocol, Reason, Role, Step};
use crate::clock;
use crate::config::lanes::lanes;
use crate::config::plan::Plan;
use crate::export::fixture::{SECOND, endpoint, login, plan, roundtrip};
use crate::outcome::{
    Event, Fact, Fault, Holdings, Judged, Lane, Report, Said, Seat, Sink as _, Swept, Verdict, ViewState, Why,
};

use Protocol::{Imap, Pop3, Smtp};

struct Probe {
    metrics: Arc<Metrics>,
    lanes: Vec<Arc<Lane>>,
}

impl Probe {
    fn new(plan: &Plan) -> Self {
        let lanes = plan.checks.iter().flat_map(|check| lanes(check)).collect();
        Self { metrics: Metrics::new(plan, "1.2.3", "abc"), lanes }
    }

    fn trip() -> Self {
        Self::new(&plan(vec![roundtrip("trip", &[Smtp], &[Imap, Pop3])]))
    }

    fn lane(&self, role: Role, protocol: Protocol) -> Arc<Lane> {
        self.lanes.iter().find(|lane| (lane.role, lane.protocol) == (role, protocol)).unwrap().clone()
    }

    fn view(&self) -> Arc<Lane> {
        self.lane(Role::View, Imap)
    }

    fn tell(&self, event: Event) {
        self.metrics.tell(&event);
    }

    fn ran(&self, lane: &Arc<Lane>, slot: u32, verdict: Verdict) {
        self.tell(Event::Ran(Report {
            lane: lane.clone(),
            slot,
            at: clock::wall(),
            took: Duration::from_millis(1500),
            steps: vec![(Step::Connect, Duration::from_millis(20))],
            facts: Vec::new(),
            verdict,
        }));
    }

    fn skipped(&self, lane: &Arc<Lane>, slot: u32, why: Why) {
        self.tell(Event::Skipped { lane: lane.clone(), slot, why });
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        self.metrics.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// The series of a metric whose labels contain all of `with`.
    fn series(&self, name: &str, with: &[&str]) -> Vec<String> {
        let start = format!("mailprobe_{name}{{");
        let fits = |line: &&str| line.starts_with(&start) && with.iter().all(|part| line.contains(part));
        self.text().lines().filter(fits).map(str::to_owned).collect()
    }

    /// The value of the only such series; `None` where there is none.
    fn value(&self, name: &str, with: &[&str]) -> Option<f64> {
        let series = self.series(name, with);
        assert!(series.len() < 2, "{series:#?}");
        series.first().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    fn success(&self) -> Option<f64> {
        self.value("check_success", &["protocol=\"imap\"", "role=\"view\""])
    }
}

fn failed(reason: Reason) -> Verdict {
    Verdict::Failed(Fault::new(reason, "no").at(Step::Auth))
}

const VIEW: &[&str] = &["protocol=\"imap\"", "role=\"view\""];

#[tokio::test(start_paused = true)]
async fn counters_are_there_at_zero_and_gauges_of_a_run_are_absent_until_it() {
    let probe = Probe::trip();
    let text = probe.text();
    for metric in METRICS.iter().filter(|metric| !metric.of.is_empty() || metric.born == Born::AtZero) {
        let there = text.contains(&format!("\n# TYPE {} ", metric.name));
        let expected =
            metric.born == Born::AtZero && (metric.of.is_empty() || metric.of.contains(&probe.view().kind));
        assert_eq!(there, expected, "{}", metric.name);
    }
    assert_eq!(probe.value("check_runs_total", VIEW), Some(0.0));
    assert_eq!(probe.series("check_failures_total", VIEW).len(), Cause::ALL.len());
    assert_eq!(probe.value("check_overdue_seconds", VIEW), Some(0.0));
    assert_eq!(probe.value("check_interval_seconds", VIEW), Some(60.0));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_is_told() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, Verdict::Good);
    assert_eq!(probe.success(), Some(1.0));
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(0.0));
    assert_eq!(probe.value("step_duration_seconds", VIEW), Some(0.02));
    assert!(probe.value("check_last_success_timestamp_seconds", VIEW) > Some(1.7e9));
    probe.ran(&lane, 2, failed(Reason::SessionLost));
    assert_eq!(probe.success(), Some(0.0));
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(1.0));
    assert_eq!(probe.value("check_runs_total", VIEW), Some(2.0));
    let server = [VIEW, &["cause=\"server\""]].concat();
    assert_eq!(probe.value("check_failures_total", &server), Some(1.0));
    let why = ["step=\"auth\"", "reason=\"session_lost\"", "cause=\"server\""];
    assert_eq!(probe.value("check_failure_reasons_total", &why), Some(1.0));
    assert_eq!(
        probe.value("check_failing", &[&why[..], &["outlook_code=\"0x800CCC0F\""]].concat()),
        Some(1.0)
    );
    probe.ran(&lane, 3, failed(Reason::MailboxFull));
    assert_eq!(probe.series("check_failing", VIEW).len(), 1, "one reason at a time");
    assert_eq!(probe.series("check_failing", &["reason=\"mailbox_full\""]).len(), 1);
    probe.ran(&lane, 4, Verdict::Good);
    assert_eq!(probe.series("check_failing", &[]), Vec::<String>::new());
    let ran = ["protocol=\"imap\"", "role=\"view\"", "le=\"2.5\""];
    assert_eq!(probe.value("check_duration_seconds_bucket", &ran), Some(4.0));
}

#[tokio::test(start_paused = true)]
async fn a_code_on_the_wire_wins() {
    let probe = Probe::trip();
    let mut fault = Fault::new(Reason::ServerError, "");
    fault.code = Some(0x8004_060C);
    probe.ran(&probe.view(), 1, Verdict::Failed(fault));
    assert_eq!(probe.value("check_failing", &["outlook_code=\"0x8004060C\"", "step=\"\""]), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn nothing_sent_is_not_judged_until_judged_again() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, failed(Reason::SessionLost));
    probe.ran(&lane, 2, Verdict::NotJudged(Why::Unjudged));
    assert_eq!(probe.success(), None);
    for gone in ["check_consecutive_failures", "check_failing", "step_duration_seconds"] {
        assert_eq!(probe.series(gone, VIEW), Vec::<String>::new(), "{gone}");
    }
    let why = [VIEW, &["why=\"unjudged\""]].concat();
    assert_eq!(probe.value("checks_skipped_total", &why), Some(1.0));
    assert_eq!(probe.value("check_runs_total", VIEW), Some(1.0));
    probe.ran(&lane, 3, failed(Reason::SessionLost));
    assert_eq!(probe.success(), Some(0.0));
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn a_paused_credential_is_a_failure_without_a_run() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, failed(Reason::CredentialsRejected));
    probe.skipped(&lane, 2, Why::Paused);
    assert_eq!(probe.success(), Some(0.0));
    assert_eq!(
        probe.value("check_failing", &["reason=\"credential_paused\"", "cause=\"authentication\""]),
        Some(1.0)
    );
    assert_eq!(probe.series("check_failing", VIEW).len(), 1);
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(2.0));
    assert_eq!(probe.value("check_runs_total", VIEW), Some(1.0));
    let authentication = [VIEW, &["cause=\"authentication\""]].concat();
    assert_eq!(probe.value("check_failures_total", &authentication), Some(1.0));
    assert_eq!(probe.value("checks_skipped_total", &[VIEW, &["why=\"paused\""]].concat()), Some(1.0));
    assert_eq!(probe.series("step_duration_seconds", VIEW), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn resting_is_absent_from_the_first_skipped_slot() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, Verdict::Good);
    probe.skipped(&lane, 2, Why::Resting);
    assert_eq!(probe.success(), None);
    assert_eq!(probe.value("checks_skipped_total", &[VIEW, &["why=\"resting\""]].concat()), Some(1.0));
    probe.ran(&lane, 3, Verdict::Good);
    assert_eq!(probe.success(), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn an_overrun_shows_what_was_and_fails_once_its_timeout_is_over() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, Verdict::Good);
    probe.tell(Event::Began { lane: lane.clone(), slot: 2 });
    advance(20 * SECOND).await;
    probe.skipped(&lane, 3, Why::Overrun);
    assert_eq!(probe.success(), Some(1.0));
    advance(11 * SECOND).await;
    assert_eq!(probe.success(), Some(0.0));
    assert_eq!(probe.series("step_duration_seconds", VIEW), Vec::<String>::new());
    assert_eq!(probe.value("check_failing", &["reason=\"overrun\"", "cause=\"probe\""]), Some(1.0));
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(1.0));
    assert_eq!(probe.value("checks_skipped_total", &[VIEW, &["why=\"overrun\""]].concat()), Some(1.0));
    probe.ran(&lane, 2, Verdict::Good);
    assert_eq!(probe.success(), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_backlog_shows_what_was_and_fails_after_a_timeout() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 1, failed(Reason::MessageLate));
    probe.skipped(&lane, 2, Why::Backlog);
    assert_eq!(probe.series("check_failing", &["reason=\"message_late\""]).len(), 1);
    advance(31 * SECOND).await;
    assert_eq!(probe.success(), Some(0.0));
    assert_eq!(probe.series("check_failing", &["reason=\"overrun\""]).len(), 1);
    assert_eq!(probe.value("check_consecutive_failures", VIEW), Some(2.0));
    assert_eq!(probe.value("checks_skipped_total", &[VIEW, &["why=\"backlog\""]].concat()), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn nothing_judged_for_two_intervals_and_a_timeout_is_absent_and_overdue() {
    let probe = Probe::trip();
    probe.ran(&probe.view(), 1, Verdict::Good);
    advance(90 * SECOND).await;
    assert_eq!(probe.value("check_overdue_seconds", VIEW), Some(0.0));
    advance(60 * SECOND).await;
    assert_eq!(probe.success(), Some(1.0));
    assert_eq!(probe.value("check_overdue_seconds", VIEW), Some(60.0));
    advance(SECOND).await;
    assert_eq!(probe.success(), None);
    assert_eq!(probe.series("step_duration_seconds", VIEW), Vec::<String>::new());
    assert_eq!(probe.value("check_overdue_seconds", VIEW), Some(61.0));
    assert_eq!(probe.series("check_last_run_timestamp_seconds", VIEW).len(), 1, "it tells when, and stays");
}

#[tokio::test(start_paused = true)]
async fn a_late_judgement_of_an_older_slot_is_counted_and_not_shown() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.ran(&lane, 8, Verdict::Good);
    probe.ran(&lane, 7, failed(Reason::MessageLate));
    assert_eq!(probe.success(), Some(1.0));
    assert_eq!(probe.value("check_runs_total", VIEW), Some(2.0));
    assert_eq!(probe.series("check_failure_reasons_total", VIEW).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_books_and_the_arrivals_are_told_per_view() {
    let probe = Probe::trip();
    let lane = probe.view();
    probe.tell(Event::Sent { lane: probe.lane(Role::Send, Smtp), unknown: false });
    for judged in [Judged::Expected, Judged::Received(2 * SECOND), Judged::Expected, Judged::Late] {
        probe.tell(Event::Message { lane: lane.clone(), judged });
    }
    probe.tell(Event::InFlight { lane: lane.clone(), count: 1, oldest: Some(Instant::now()) });
    advance(5 * SECOND).await;
    let view = ["check=\"trip\"", "peer_mail_service=\"hq\"", "protocol=\"imap\"", "send=\"smtp\""];
    assert_eq!(probe.value("messages_expected_total", &view), Some(2.0));
    assert_eq!(probe.value("messages_received_total", &view), Some(1.0));
    assert_eq!(probe.value("messages_late_total", &view), Some(1.0));
    assert_eq!(probe.value("messages_in_flight", &view), Some(1.0));
    assert_eq!(probe.value("oldest_in_flight_seconds", &view), Some(5.0));
    assert_eq!(probe.value("roundtrip_seconds_bucket", &[&view[..], &["le=\"2.5\""]].concat()), Some(1.0));
    assert_eq!(probe.value("roundtrip_seconds_count", &view), Some(1.0));
    assert_eq!(probe.value("messages_sent_total", &["mailbox=\"alice\""]), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_roundtrip_has_a_bucket_at_its_late_after() {
    let mut plan = plan(vec![roundtrip("trip", &[Smtp], &[Imap])]);
    let mut check = (*plan.checks[0]).clone();
    if let crate::config::plan::What::Roundtrip(trip) = &mut check.what {
        trip.late_after = 45 * SECOND;
    }
    plan.checks = vec![Arc::new(check)];
    assert_eq!(Probe::new(&plan).series("roundtrip_seconds_bucket", &["le=\"45\""]).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn seats_and_mailboxes_are_told() {
    let probe = Probe::trip();
    let seat = Seat { mail_service: "hq".into(), mailbox: "bob".into(), protocol: Imap };
    assert_eq!(probe.series("session_up", &[]).len(), 0);
    assert_eq!(probe.series("session_ends_total", &["protocol=\"imap\""]).len(), 7);
    probe.tell(Event::View { seat: seat.clone(), state: ViewState::Up { since: Instant::now() } });
    advance(3 * SECOND).await;
    assert_eq!(probe.value("session_up", &[]), Some(1.0));
    assert_eq!(probe.value("session_age_seconds", &[]), Some(3.0));
    let fault = Arc::new(Fault::new(Reason::SessionLost, ""));
    probe.tell(Event::View { seat: seat.clone(), state: ViewState::Down { fault, again: Instant::now() } });
    assert_eq!(probe.value("session_up", &[]), Some(0.0));
    assert_eq!(probe.series("session_age_seconds", &[]).len(), 0);
    probe.tell(Event::SessionEnded { seat: seat.clone(), cause: Some(Cause::Network), planned: false });
    let ends = ["protocol=\"imap\"", "cause=\"network\"", "planned=\"false\""];
    assert_eq!(probe.value("session_ends_total", &ends), Some(1.0));
    let stranger = Seat { mail_service: "hq".into(), mailbox: "alice".into(), protocol: Imap };
    probe.tell(Event::Swept { seat: stranger, why: Swept::Predecessor });
    assert_eq!(probe.value("messages_swept_total", &["mailbox=\"alice\""]), Some(1.0));
    probe.tell(Event::Backend {
        seat,
        frontend: Said::new(&"x".repeat(100)),
        backend: Said::new("a\"b"),
        version: Said::default(),
    });
    let long = format!("frontend=\"{}\"", "x".repeat(64));
    assert_eq!(probe.value("backend_info", &[&long, "backend=\"a\\\"b\""]), Some(1.0));
    probe.tell(Event::Paused { mailbox: "bob".into(), until: Some(Instant::now() + SECOND) });
    assert_eq!(probe.value("credential_paused", &["mailbox=\"bob\""]), Some(1.0));
    probe.tell(Event::Paused { mailbox: "bob".into(), until: None });
    assert_eq!(probe.value("credential_paused", &["mailbox=\"bob\""]), Some(0.0));
    assert_eq!(probe.series("resting_until_timestamp_seconds", &[]).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_equal_and_drops_the_rest() {
    let both = plan(vec![login("a", "alice", &[Imap]), login("b", "bob", &[Imap])]);
    let probe = Probe::new(&both);
    for lane in &probe.lanes {
        probe.ran(lane, 1, Verdict::Good);
    }
    let mut slower = login("b", "bob", &[Imap]);
    slower.every = 120 * SECOND;
    probe.metrics.apply(&plan(vec![login("a", "alice", &[Imap]), slower]));
    assert_eq!(probe.value("check_runs_total", &["check=\"a\""]), Some(1.0));
    assert_eq!(probe.value("check_runs_total", &["check=\"b\""]), Some(0.0));
    probe.ran(&probe.lanes[1].clone(), 2, Verdict::Good);
    assert_eq!(probe.value("check_runs_total", &["check=\"b\""]), Some(0.0), "the old check drains unseen");
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_the_clock_is_gone_when_it_is_not_told_again() {
    let probe = Probe::new(&plan(vec![login("in", "alice", &[Imap])]));
    let lane = probe.lanes[0].clone();
    assert_eq!(probe.value("clock_skew_seconds", &["mail_service=\"hq\""]), None);
    probe.tell(Event::Ran(Report {
        lane: lane.clone(),
        slot: 1,
        at: clock::wall(),
        took: SECOND,
        steps: Vec::new(),
        facts: vec![Fact::Skew(0.0), Fact::Skew(-412.5)],
        verdict: Verdict::Good,
    }));
    assert_eq!(probe.value("clock_skew_seconds", &["mail_service=\"hq\""]), Some(-412.5));
    advance(lane.interval * 2 + lane.timeout + SECOND).await;
    assert_eq!(probe.value("clock_skew_seconds", &["mail_service=\"hq\""]), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_mailbox_holds_is_shown_as_long_as_whoever_saw_it_can_know() {
    let probe = Probe::trip();
    let view = probe.view();
    let seat =
        |protocol| Seat { mail_service: view.mail_service.clone(), mailbox: view.mailbox.clone(), protocol };
    let tell = |protocol, role, items, quota, until: Option<Duration>| {
        let holdings = Holdings { items, quota, ..Holdings::default() };
        let until = until.map(|time| Instant::now() + time);
        probe.tell(Event::Mailbox { seat: seat(protocol), role, holdings, until });
    };
    let shown = || {
        let of = &["mailbox=\"bob\""];
        (probe.value("mailbox_items", of), probe.value("mailbox_quota_bytes", of))
    };
    assert_eq!(shown(), (None, None));
    tell(Imap, Role::Check, Some(3), Some(1000), Some(SECOND * 60));
    advance(SECOND).await;
    tell(Imap, Role::View, Some(4), None, None);
    assert_eq!(shown(), (Some(4.0), Some(1000.0)), "the view does not wipe what it cannot see");
    advance(SECOND * 61).await;
    assert_eq!(shown(), (Some(4.0), None), "nobody signs in any more");
    tell(Imap, Role::View, None, None, None);
    assert_eq!(shown(), (None, None), "the view is down");
}

#[tokio::test(start_paused = true)]
async fn every_series_has_the_labels_of_the_table_and_is_there_once() {
    let probe = Probe::new(&plan(vec![
        roundtrip("trip", &[Smtp, Imap], &[Imap, Pop3]),
        login("in", "alice", &[Imap, Pop3, Smtp]),
        endpoint("front", &[Imap, Pop3, Smtp]),
    ]));
    for lane in &probe.lanes {
        probe.ran(lane, 1, failed(Reason::ServerTimeout));
    }
    probe.tell(Event::Addresses { mail_service: "hq".into(), protocol: Imap, found: 2, failing: 1 });
    probe.tell(Event::Certificate {
        mail_service: "hq".into(),
        protocol: Imap,
        server: "mail.contoso.example:993".into(),
        not_after: 4_000_000_000,
        issuer: Said::new("CN=CA"),
    });
    probe.tell(Event::Reference { target: "dns", up: true });
    let text = probe.text();
    let mut seen = BTreeSet::new();
    let mut heads = BTreeSet::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            assert!(heads.insert(head.to_owned()), "{head} stands twice");
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            assert!(seen.insert(series.to_owned()), "{series} stands twice");
            assert!(series.contains("{site=\"lisbon\""), "{series}");
        }
    }
    for metric in METRICS {
        let bare = metric.name;
        let line = text.lines().find(|line| {
            line.starts_with(&format!("{bare}{{")) || line.starts_with(&format!("{bare}_sum{{"))
        });
        let Some(line) = line else { continue };
        for label in metric.labels {
            assert!(line.contains(&format!(",{label}=\"")), "{line} has no {label}");
        }
    }
    assert!(text.contains("mailprobe_site_info{site=\"lisbon\",region=\"emea\"} 1"));
    assert!(text.contains("mailprobe_build_info{site=\"lisbon\",version=\"1.2.3\",revision=\"abc\"} 1"));
    assert!(text.contains("process_resident_memory_bytes{site=\"lisbon\"}"));
}

#[tokio::test(start_paused = true)]
async fn a_family_of_several_pieces_has_one_head() {
    let checks = (0..200).map(|n| login(&format!("c{n}"), "alice", &[Imap, Pop3, Smtp])).collect();
    let probe = Probe::new(&plan(checks));
    assert_eq!(probe.text().matches("# TYPE mailprobe_check_failures_total").count(), 1);
    assert_eq!(probe.series("check_failures_total", &[]).len(), 200 * 3 * Cause::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn a_site_makes_a_bounded_number_of_series() {
    let probe = Probe::new(&plan(vec![
        roundtrip("there", &[Smtp], &[Imap, Pop3]),
        roundtrip("back", &[Smtp], &[Imap, Pop3]),
        login("in-alice", "alice", &[Imap, Pop3, Smtp]),
        login("in-bob", "bob", &[Imap, Pop3, Smtp]),
        endpoint("front", &[Imap, Pop3, Smtp]),
    ]));
    for lane in &probe.lanes {
        probe.ran(lane, 1, failed(Reason::ServerTimeout));
    }
    let series = probe.text().lines().filter(|line| !line.starts_with('#')).count();
    assert!(series <= 1500, "{series}");
}
