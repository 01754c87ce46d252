//! Every reason of the catalogue is produced through the binary by a server that gives cause for it, and told alike by
//! `/metrics`, the log and the API. A reason without a case fails the test, unless it stands in `NOT_YET`.

mod cases;
mod stage;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use mailprobe::catalogue::{Protocol, Reason, code};
use mailprobe::check::{Check, Work};
use mailprobe::config::lanes::lanes;
use mailprobe::outcome::{Lane, Sink, Sinks};
use mailprobe::runner::{LaneRun, Runner};
use mailprobe_sandbox::{Fault, Protocol as Spoken};
use mailprobe_tests::{Metrics, Probe, Scene, Service, secs};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use cases::{CASES, Case, NOT_YET};
use stage::Stage;

/// Told in other tests of this file, and the clock's in kerberos_probe.rs: their cases take what one table cannot give.
const APART: &[Reason] = &[
    Reason::MessageLost,
    Reason::CleanupFailed,
    Reason::NoDescriptor,
    Reason::InternalError,
    Reason::ClockWrong,
];

#[test]
fn every_reason_has_a_case_or_an_issue() {
    let mut wrong = Vec::new();
    for row in Reason::rows() {
        let cases = CASES.iter().filter(|case| case.reason == row.id).count();
        let apart = APART.iter().filter(|reason| **reason == row.id).count();
        let later = NOT_YET.iter().filter(|(reason, _)| *reason == row.id).count();
        if cases + apart + later != 1 {
            wrong.push(format!("{}: {cases} cases, {apart} apart, {later} in NOT_YET", row.name));
        }
    }
    assert!(wrong.is_empty(), "each reason stands in one place:\n{}", wrong.join("\n"));
}

#[test]
fn every_reason_is_told_by_metrics_log_and_api() {
    let mut stage = Stage::new();
    for case in CASES {
        (case.build)(&mut stage, case.reason.name());
    }
    let probe = stage.scene.start();
    // The file of the case `secret_missing` goes while the probe runs.
    std::fs::remove_file(stage.scene.folder().join("secret")).expect("the secret was there");
    let mut open: Vec<&Case> = CASES.iter().collect();
    let mut seen = BTreeSet::new();
    let end = tokio::time::Instant::now() + secs(60);
    while !open.is_empty() && tokio::time::Instant::now() < end {
        let metrics = probe.metrics();
        let failing: Vec<_> = open.iter().filter(|case| case.is_failing(&metrics)).copied().collect();
        if failing.is_empty() {
            probe.wait_until("the next scrape", secs(5), |_| true);
            continue;
        }
        let api: Value = serde_json::from_str(&probe.get("/api/v1/checks").expect("the API").body)
            .expect("the API answers JSON");
        let log = probe.log();
        for case in failing {
            if let Err(wrong) = case.is_told(&api, &log) {
                let name = case.reason.name();
                let lines: Vec<_> = log.lines().filter(|line| line.contains(name)).collect();
                panic!("{name}: {wrong}\n{}", lines.join("\n"));
            }
            seen.insert(case.reason.name());
        }
        open.retain(|case| !seen.contains(case.reason.name()));
    }
    let missing: Vec<_> = open.iter().map(|case| case.expected()).collect();
    assert!(
        missing.is_empty(),
        "not seen:\n{}\n--- metrics\n{}\n--- log\n{}",
        missing.join("\n"),
        failing_lines(&probe.metrics()),
        probe.log()
    );
}

impl Case {
    fn labels(&self) -> Vec<(&'static str, &'static str)> {
        vec![("check", self.reason.name()), ("protocol", self.protocol), ("role", self.role)]
    }

    fn code(&self) -> String {
        let protocol = Protocol::by_name(self.protocol).expect("a protocol of the catalogue");
        self.reason.outlook_code(protocol.family()).map_or_else(String::new, code::text)
    }

    fn expected(&self) -> String {
        let Self { reason, protocol, role, step, .. } = self;
        format!("{} of {role} by {protocol} at {step:?}, {}", reason.name(), self.code())
    }

    /// `check_failing` with all its labels, and `check_success` 0.
    fn is_failing(&self, metrics: &Metrics) -> bool {
        let code = self.code();
        let mut labels = self.labels();
        let zero = metrics.value("mailprobe_check_success", &labels) == Some(0.0);
        labels.extend([
            ("reason", self.reason.name()),
            ("step", self.step),
            ("cause", self.reason.cause().name()),
            ("outlook_code", code.as_str()),
        ]);
        zero && metrics.value("mailprobe_check_failing", &labels) == Some(1.0)
    }

    /// The reason and the words in the API; the words of a run in the log.
    fn is_told(&self, api: &Value, log: &str) -> Result<(), String> {
        let name = self.reason.name();
        let lanes = api["checks"].as_array().into_iter().flatten().filter(|check| check["name"] == name);
        let lanes: Vec<&Value> =
            lanes.flat_map(|check| check["lanes"].as_array().into_iter().flatten()).collect();
        let lane = lanes.iter().find(|lane| lane["protocol"] == self.protocol && lane["role"] == self.role);
        let told = lane.map_or(&Value::Null, |lane| &lane["failure"]);
        let holds = |text: &str| text.contains(self.words);
        if told["reason"] != name || !holds(told["server_text"].as_str().unwrap_or_default()) {
            return Err(format!("the API does not say {:?}, but {lanes:#?}", self.words));
        }
        let check = format!(" check={name} ");
        let reason = format!(" reason={name} ");
        let is_line = |line: &str| line.contains(&check) && line.contains(&reason) && holds(line);
        // A slot that was not run for a pause has no line of its own.
        if self.reason == Reason::CredentialPaused || log.lines().any(is_line) {
            return Ok(());
        }
        Err(format!("no line of the log has{check}and{reason}and {:?}", self.words))
    }
}

/// No server can make the probe fail in itself: where one could, that would be mended. So it is a check that panics, and
/// the runner and the sink of the binary that tell of it.
#[test]
fn a_panic_in_a_check_is_told_as_internal_error() {
    let mut scene = Scene::new();
    scene.mail_service("hq", "imap: { address: \"127.0.0.1:1\", tls: none }");
    scene.mailbox("alice", "hq", "alice@sandbox.test");
    scene.check("login: { name: in, mailbox: alice, protocols: [imap] }");
    let plan = mailprobe::config::load_str("mailprobe.yaml", &scene.yaml()).expect("a configuration");
    let metrics = mailprobe::export::metrics::Metrics::new(&plan, "0", "0");
    let sinks = Sinks::new(vec![Arc::clone(&metrics) as Arc<dyn Sink>]);
    let check: Arc<dyn Check> =
        Arc::new(Panics { plan: Arc::clone(&plan.checks[0]), lanes: lanes(&plan.checks[0]) });
    let runner = Runner::new("lisbon".into(), sinks, Arc::new(|| {}));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async { runner.once(&check, 7, &CancellationToken::new()).await });
    let mut text = Vec::new();
    metrics.encode(&mut text);
    let metrics = Metrics::parse(&String::from_utf8(text).expect("text"));
    let of = [("check", "in"), ("reason", "internal_error"), ("cause", "probe"), ("outlook_code", "")];
    assert_eq!(metrics.value("mailprobe_check_failing", &of), Some(1.0), "{metrics:?}");
    assert_eq!(metrics.value("mailprobe_check_success", &[("check", "in")]), Some(0.0));
    assert_eq!(metrics.value("mailprobe_internal_errors_total", &[]), Some(1.0));
}

struct Panics {
    plan: Arc<mailprobe::config::plan::Check>,
    lanes: Vec<Arc<Lane>>,
}

impl Check for Panics {
    fn plan(&self) -> &Arc<mailprobe::config::plan::Check> {
        &self.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    fn run<'a>(&'a self, _: u32, _lanes: Vec<LaneRun>) -> Work<'a> {
        Box::pin(async { panic!("a fault of the probe's own") })
    }
}

fn failing_lines(metrics: &Metrics) -> String {
    let lines = metrics.text().lines().filter(|line| line.starts_with("mailprobe_check_failing"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A scene with a round trip in a sandbox.
fn round_trip(service: &Service, times: &str) -> Scene {
    let mut scene = Scene::new();
    service.add_to(&mut scene, "hq");
    scene.check(&format!(
        "roundtrip: {{ name: trip, from: hq-alice, to: hq-bob, send: smtp, views: [imap], {times} }}"
    ));
    scene
}

fn line_with<'a>(log: &'a str, parts: &[&str]) -> Option<&'a str> {
    log.lines().find(|line| parts.iter().all(|part| line.contains(part)))
}

#[test]
fn a_lost_message_is_in_the_books_and_in_the_log() {
    let service = Service::start();
    service.fault(Spoken::Smtp, Some(Fault::Lose));
    let scene = round_trip(&service, "every: 24h, timeout: 5s, late_after: 1s, lost_after: 2s");
    let probe = scene.start();
    let of = [("check", "trip"), ("protocol", "imap")];
    probe.wait_until("the message is called lost", secs(15), |metrics| {
        metrics.value("mailprobe_messages_lost_total", &of) == Some(1.0)
            && metrics.value("mailprobe_messages_late_total", &of) == Some(1.0)
            && metrics.value("mailprobe_messages_in_flight", &of) == Some(0.0)
    });
    // A vendor's support asks for the Message-ID, the server's words and the time.
    let log = probe.log();
    let line = line_with(&log, &["msg=\"message lost\"", "message_id=", "queue_id=", "accepted_at="]);
    assert!(line.is_some(), "{log}");
}

#[test]
fn what_cannot_be_deleted_is_told_and_turns_no_verdict() {
    let service = Service::start();
    service.fault(Spoken::Imap, Some(Fault::NoDelete));
    let scene = round_trip(&service, "every: 1s, timeout: 1s, late_after: 1s, lost_after: 5s");
    let probe = scene.start();
    probe.wait_until("cleaning up fails, and ten messages arrive", secs(30), |metrics| {
        metrics.sum("mailprobe_cleanup_failures_total", &[("mailbox", "hq-bob")]) > 0.0
            && metrics.sum("mailprobe_messages_received_total", &[("check", "trip")]) >= 10.0
    });
    let metrics = probe.metrics();
    assert_eq!(metrics.sum("mailprobe_check_failures_total", &[]), 0.0, "{metrics:?}\n{}", probe.log());
    let log = probe.log();
    let line = line_with(
        &log,
        &["msg=\"own messages not deleted\"", "reason=cleanup_failed", "Nothing may be deleted here"],
    );
    assert!(line.is_some(), "{log}");
    service.fault(Spoken::Imap, None);
    let swept = || service.sandbox().messages("bob", "INBOX").len() <= 2;
    probe.wait_until("what was left is deleted later", secs(90), |_| swept());
}

#[test]
fn a_process_without_descriptors_does_not_blame_the_server() {
    let service = Service::start();
    let mut scene = Scene::new();
    service.add_to(&mut scene, "hq");
    let secret = scene.file("secret", mailprobe_tests::PASSWORD);
    scene.mailbox_by(
        "by-file",
        "hq",
        "alice@sandbox.test",
        &format!("method: password, password_file: \"{secret}\""),
        "",
    );
    for (name, mailbox) in [("inline", "hq-bob"), ("file", "by-file")] {
        scene.check(&format!(
            "login: {{ name: {name}, mailbox: {mailbox}, protocols: [imap], every: 5s, timeout: 2s }}"
        ));
    }
    let probe = scene.start();
    probe.wait_until("both are well", secs(10), |metrics| both(metrics, 1.0));
    limit_descriptors(&probe, 3);
    let said = |check: &str| {
        line_with(&probe.log(), &[&format!(" check={check} "), " reason=no_descriptor ", " cause=probe "])
            .is_some()
    };
    mailprobe_tests::wait_until("both say so", secs(15), || said("inline") && said("file"));
    limit_descriptors(&probe, 1024);
    probe.wait_until("both are well again", secs(15), |metrics| both(metrics, 1.0));
    let log = probe.log();
    let blamed =
        log.lines().find(|line| line.contains(" reason=") && !line.contains(" reason=no_descriptor "));
    assert!(blamed.is_none(), "{log}");
}

fn both(metrics: &Metrics, value: f64) -> bool {
    ["inline", "file"]
        .iter()
        .all(|check| metrics.value("mailprobe_check_success", &[("check", check)]) == Some(value))
}

/// The soft limit of the running process: what is open stays open.
fn limit_descriptors(probe: &Probe, most: u32) {
    let status = Command::new("prlimit")
        .arg(format!("--pid={}", probe.id()))
        .arg(format!("--nofile={most}:"))
        .status();
    assert!(status.expect("prlimit runs").success(), "prlimit to {most}");
}
