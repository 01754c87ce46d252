//! Lines as they are written.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;

use super::{Lines, LogSink};
use crate::catalogue::{Protocol, Reason, Step};
use crate::clock;
use crate::config::lanes::lanes;
use crate::config::plan::{Log, LogFormat, LogLevel};
use crate::export::fixture::{SECOND, login, plan};
use crate::outcome::{Event, Fact, Fault, Report, Said, Sink as _, Verdict};
use crate::secret::Secret;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn lines(format: LogFormat, level: LogLevel) -> (Lines, Buffer) {
    let buffer = Buffer::default();
    (Lines::to(Log { format, level }, buffer.clone()), buffer)
}

fn report(verdict: Verdict) -> Event {
    let plan = plan(vec![login("in", "alice", &[Protocol::Imap])]);
    Event::Ran(Report {
        lane: lanes(&plan.checks[0])[0].clone(),
        slot: 7,
        at: clock::wall(),
        took: Duration::from_micros(1_234_500),
        steps: vec![(Step::Connect, Duration::from_millis(20))],
        facts: vec![Fact::TlsVersion("1.3"), Fact::SupportId("request_id", Said::new("r-1"))],
        verdict,
    })
}

fn sink(lines: Lines) -> LogSink {
    LogSink::new(lines, &plan(Vec::new()), "i-1", "1.2.3")
}

#[test]
fn a_failed_run_is_one_warning_with_the_fixed_fields() {
    let (lines, buffer) = lines(LogFormat::Logfmt, LogLevel::Info);
    let fault = Fault::new(Reason::CredentialsRejected, "no \"such\" user").coded("NO").at(Step::Auth);
    sink(lines).tell(&report(Verdict::Failed(fault)));
    let text = buffer.text();
    assert_eq!(text.lines().count(), 1);
    let (stamp, rest) = text.split_once(' ').unwrap();
    assert_eq!(stamp.len(), "ts=2026-11-22T01:56:27.123Z".len(), "{stamp}");
    assert_eq!(
        rest.trim_end(),
        "level=warn msg=\"run ended\" site=lisbon check=in kind=login role=check mail_service=hq mailbox=alice \
         protocol=imap slot=7 outcome=failed step=auth reason=credentials_rejected cause=authentication \
         outlook_code=0x800CCC92 server_code=NO server_text=\"no \\\"such\\\" user\" duration_ms=1234.5 \
         steps=connect:20 tls_version=1.3 request_id=r-1 instance=i-1 version=1.2.3"
    );
}

#[test]
fn a_good_run_is_told_at_debug_only() {
    let (info, quiet) = lines(LogFormat::Json, LogLevel::Info);
    sink(info).tell(&report(Verdict::Good));
    assert_eq!(quiet.text(), "");
    let (debug, buffer) = lines(LogFormat::Json, LogLevel::Debug);
    sink(debug).tell(&report(Verdict::Good));
    let line: serde_json::Value = serde_json::from_str(&buffer.text()).unwrap();
    assert_eq!((&line["outcome"], &line["slot"]), (&"good".into(), &7.into()));
}

#[test]
fn a_loss_tells_what_support_asks_for() {
    let (lines, buffer) = lines(LogFormat::Logfmt, LogLevel::Info);
    let plan = plan(vec![login("in", "alice", &[Protocol::Imap])]);
    sink(lines).tell(&Event::Loss {
        lane: lanes(&plan.checks[0])[0].clone(),
        slot: 3,
        message_id: Said::new("<a@b>"),
        accepted: Said::new("queued as 4F2"),
        accepted_at: clock::wall() - SECOND,
    });
    let text = buffer.text();
    assert!(text.contains("msg=\"message lost\"") && text.contains("message_id=<a@b>"), "{text}");
    assert!(text.contains("queue_id=\"queued as 4F2\" accepted_at=2"), "{text}");
}

#[test]
fn others_are_capped_at_info_and_no_secret_is_written() {
    let (lines, buffer) = lines(LogFormat::Logfmt, LogLevel::Debug);
    let secret = Secret::new("pa\"ss=word");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.layer()), || {
        tracing::debug!(target: "lettre", "AUTH");
        tracing::info!(target: "lettre", "hello");
        tracing::debug!(target: "mailprobe_other", "not ours");
        tracing::debug!(target: "mailprobe::net", word = secret.expose(), "ours");
    });
    let text = buffer.text();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("target=lettre msg=hello"), "{text}");
    assert!(text.contains("word=<hidden>"), "{text}");
}
