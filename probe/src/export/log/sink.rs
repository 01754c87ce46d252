//! The lines about checks: the fields are an interface.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::Level;

use super::Lines;
use super::line::Line;
use crate::catalogue::{Step, code};
use crate::config::plan::Plan;
use crate::export::standing::Failing;
use crate::export::state::{Stamp, facts, millis};
use crate::outcome::{Event, Fault, Judged, Lane, Report, Said, Seat, Sink, Verdict, ViewState, Why};

/// The lines are written as if from here.
const TARGET: &str = "mailprobe::run";

/// Seats whose server's name is remembered.
const SEATS: usize = 4096;

/// The sink that writes the log.
pub struct LogSink {
    lines: Lines,
    site: ArcSwap<String>,
    instance: Box<str>,
    version: Box<str>,
    /// What the servers call themselves, for the lines of their seats.
    backends: Mutex<BTreeMap<Seat, (Said, Said)>>,
}

impl LogSink {
    /// `instance`: what this process calls itself in its messages.
    pub fn new(lines: Lines, plan: &Plan, instance: &str, version: &str) -> Self {
        Self {
            lines,
            site: ArcSwap::from_pointee(plan.site.to_string()),
            instance: instance.into(),
            version: version.into(),
            backends: Mutex::default(),
        }
    }

    /// Another plan.
    pub fn apply(&self, plan: &Plan) {
        self.site.store(std::sync::Arc::new(plan.site.to_string()));
    }

    fn ran(&self, report: &Report) {
        let (level, outcome) = match &report.verdict {
            Verdict::Good => (Level::DEBUG, "good"),
            Verdict::Failed(_) => (Level::WARN, "failed"),
            Verdict::NotJudged(_) => (Level::DEBUG, "not_judged"),
        };
        let Some(mut line) = self.about(level, "run ended", &report.lane, Some(report.slot)) else { return };
        line.put("outcome", outcome);
        match &report.verdict {
            Verdict::Good => {}
            Verdict::Failed(fault) => failed(&mut line, fault, &Failing::of(fault, &report.lane)),
            Verdict::NotJudged(why) => line.put("why", why.name()),
        }
        line.number("duration_ms", millis(report.took));
        let steps: Vec<_> =
            report.steps.iter().map(|(step, took)| format!("{}:{}", step.name(), millis(*took))).collect();
        line.put("steps", &steps.join(","));
        let mut facts = facts(&report.facts);
        // They are in the page's greeting and in `config show`; a line each run would be too long.
        facts.remove("greeting");
        facts.remove("capabilities");
        for name in [
            "remote_address",
            "local_address",
            "proxy",
            "tls_version",
            "certificate_sha256",
            "request_id",
            "client_request_id",
        ] {
            line.put(name, &facts.remove(name).unwrap_or_default());
        }
        let (frontend, backend) = self.backend(&report.lane);
        line.put("frontend", &facts.remove("frontend").unwrap_or_else(|| frontend.to_string()));
        line.put("backend", &facts.remove("backend").unwrap_or_else(|| backend.to_string()));
        for name in ["message_id", "queue_id", "session_id", "note"] {
            line.put(name, &facts.remove(name).unwrap_or_default());
        }
        let others: Vec<_> = facts.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        line.put("support_ids", &others.join(" "));
        self.end(line);
    }

    fn skipped(&self, lane: &Lane, slot: u32, why: Why) {
        if let Some(mut line) = self.about(Level::DEBUG, "slot skipped", lane, Some(slot)) {
            line.put("outcome", "not_judged");
            line.put("why", why.name());
            self.end(line);
        }
    }

    fn message(&self, lane: &Lane, judged: Judged) {
        let text = match judged {
            // `Loss` beside it tells more.
            Judged::Expected | Judged::Received(_) | Judged::Late | Judged::Lost => return,
            Judged::Duplicated => "message seen more than once",
            Judged::Corrupted => "message damaged",
            Judged::Junked => "message in the junk folder",
            Judged::Resurfaced => "lost message seen after all",
            Judged::Bounced => "message came back as undeliverable",
            Judged::Abandoned => "message abandoned: it is not awaited any more",
        };
        if let Some(line) = self.about(Level::WARN, text, lane, None) {
            self.end(line);
        }
    }

    fn view(&self, seat: &Seat, state: &ViewState) {
        match state {
            ViewState::Opening => {}
            ViewState::Up { .. } => {
                if let Some(line) = self.seated(Level::INFO, "session up", seat) {
                    self.end(line);
                }
            }
            ViewState::Down { fault, .. } => {
                if let Some(mut line) = self.seated(Level::WARN, "session down", seat) {
                    let code = fault.code.or_else(|| fault.reason.outlook_code(seat.protocol.family()));
                    failed(&mut line, fault, &Failing { step: fault.step, reason: fault.reason, code });
                    self.end(line);
                }
            }
        }
    }

    fn mailbox(&self, name: &str, level: Level, text: &str) {
        if let Some(mut line) = self.line(level, text) {
            line.put("mailbox", name);
            self.end(line);
        }
    }

    fn line(&self, level: Level, text: &str) -> Option<Line> {
        if !self.lines.wants(TARGET, level) {
            return None;
        }
        let mut line = Line::new(level);
        line.put("msg", text);
        line.put("site", &self.site.load());
        Some(line)
    }

    fn about(&self, level: Level, text: &str, lane: &Lane, slot: Option<u32>) -> Option<Line> {
        let mut line = self.line(level, text)?;
        for name in ["check", "kind", "role", "mail_service", "mailbox", "protocol", "send"] {
            line.put(name, lane.label(name));
        }
        if let Some(slot) = slot {
            line.whole("slot", slot);
        }
        Some(line)
    }

    fn seated(&self, level: Level, text: &str, seat: &Seat) -> Option<Line> {
        let mut line = self.line(level, text)?;
        line.put("mail_service", &seat.mail_service);
        line.put("mailbox", &seat.mailbox);
        line.put("protocol", seat.protocol.name());
        Some(line)
    }

    fn end(&self, mut line: Line) {
        line.put("instance", &self.instance);
        line.put("version", &self.version);
        self.lines.write(&line);
    }

    fn backend(&self, lane: &Lane) -> (Said, Said) {
        let Lane { mail_service, mailbox, protocol, .. } = lane;
        let seat = Seat { mail_service: mail_service.clone(), mailbox: mailbox.clone(), protocol: *protocol };
        self.backends.lock().unwrap_or_else(PoisonError::into_inner).get(&seat).cloned().unwrap_or_default()
    }
}

impl Sink for LogSink {
    fn tell(&self, event: &Event) {
        match event {
            Event::Ran(report) => self.ran(report),
            Event::Skipped { lane, slot, why } => self.skipped(lane, *slot, *why),
            Event::Message { lane, judged } => self.message(lane, *judged),
            Event::Loss { lane, slot, message_id, accepted, accepted_at } => {
                if let Some(mut line) = self.about(Level::WARN, "message lost", lane, Some(*slot)) {
                    line.put("message_id", message_id.as_str());
                    line.put("queue_id", accepted.as_str());
                    line.put("accepted_at", &Stamp::new(*accepted_at).to_string());
                    self.end(line);
                }
            }
            Event::View { seat, state } => self.view(seat, state),
            Event::CleanupFailed { seat, fault, .. } => {
                if let Some(mut line) = self.seated(Level::WARN, "own messages not deleted", seat) {
                    let step = fault.step.or(Some(Step::Cleanup));
                    failed(&mut line, fault, &Failing { step, reason: fault.reason, code: None });
                    self.end(line);
                }
            }
            Event::Backend { seat, frontend, backend, .. } => {
                let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
                if backends.len() < SEATS || backends.contains_key(seat) {
                    backends.insert(seat.clone(), (frontend.clone(), backend.clone()));
                }
            }
            Event::Paused { mailbox, until: Some(_) } => {
                self.mailbox(mailbox, Level::WARN, "credential paused after a refusal");
            }
            Event::Paused { mailbox, until: None } => {
                self.mailbox(mailbox, Level::INFO, "credential pause ended");
            }
            Event::Resting { mailbox, .. } => {
                self.mailbox(mailbox, Level::WARN, "the server asks for rest");
            }
            Event::Rival { mailbox, seen: true } => {
                self.mailbox(mailbox, Level::WARN, "another probe is at work on this mailbox");
            }
            _ => {}
        }
    }
}

fn failed(line: &mut Line, fault: &Fault, failing: &Failing) {
    line.put("step", failing.step.map_or("", Step::name));
    line.put("reason", failing.reason.name());
    line.put("cause", failing.reason.cause().name());
    line.put("outlook_code", &failing.code.map(code::text).unwrap_or_default());
    line.put("server_code", fault.server_code.as_str());
    line.put("server_text", fault.said.as_str());
}
