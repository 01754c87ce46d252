//! Runs of a lane, written as letters, as the series that a probe makes of them.
//!
//! `.` is a good run, a letter a failure (see [`reason`]), `_` a slot that was not judged, `^` a restart of the process.
//! The last letter goes on to the end of the case.

use std::collections::BTreeMap;

use mailprobe::catalogue::{Cause, Protocol, Reason, code};

/// Seconds between two scrapes.
pub const STEP: u32 = 30;

/// One lane and what becomes of it.
#[derive(Clone)]
pub struct Lane {
    pub site: &'static str,
    pub kind: &'static str,
    pub role: &'static str,
    pub protocol: &'static str,
    pub mail_service: &'static str,
    pub mailbox: &'static str,
    pub send: &'static str,
    pub pod: &'static str,
    /// Seconds between two slots.
    pub every: u32,
    pub runs: String,
    /// With its counters of runs and failures.
    pub counted: bool,
}

/// A lane that is well, each minute, in the mail service `hq`.
pub fn lane(site: &'static str, kind: &'static str, role: &'static str, protocol: &'static str) -> Lane {
    let mailbox = match (kind, role) {
        ("endpoint", _) => "",
        (_, "view") => "bob",
        _ => "alice",
    };
    let send = if kind == "roundtrip" { "smtp" } else { "" };
    let runs = ".".to_owned();
    Lane {
        site,
        kind,
        role,
        protocol,
        mail_service: "hq",
        mailbox,
        send,
        pod: "a",
        every: 60,
        runs,
        counted: false,
    }
}

impl Lane {
    pub fn runs(self, runs: &str) -> Self {
        Self { runs: runs.to_owned(), ..self }
    }

    pub fn every(self, every: u32) -> Self {
        Self { every, ..self }
    }

    pub fn pod(self, pod: &'static str) -> Self {
        Self { pod, ..self }
    }

    pub fn mailbox(self, mailbox: &'static str) -> Self {
        Self { mailbox, ..self }
    }

    pub fn service(self, mail_service: &'static str) -> Self {
        Self { mail_service, ..self }
    }

    pub fn counted(self) -> Self {
        Self { counted: true, ..self }
    }

    fn labels(&self) -> String {
        format!(
            "site=\"{}\",check=\"{}\",kind=\"{}\",mail_service=\"{}\",mailbox=\"{}\",protocol=\"{}\",role=\"{}\",send=\"{}\",pod=\"{}\"",
            self.site,
            self.kind,
            self.kind,
            self.mail_service,
            self.mailbox,
            self.protocol,
            self.role,
            self.send,
            self.pod
        )
    }
}

/// What a letter stands for.
pub fn reason(letter: char) -> Reason {
    match letter {
        't' => Reason::ServerTimeout,
        'e' => Reason::ServerError,
        'd' => Reason::ConnectionDropped,
        'n' => Reason::ConnectTimeout,
        'a' => Reason::CredentialsRejected,
        'z' => Reason::CredentialPaused,
        'p' => Reason::BlockedByPolicy,
        'c' => Reason::EndpointNotFound,
        'o' => Reason::Overrun,
        's' => Reason::SecretMissing,
        'l' => Reason::MessageLate,
        'k' => Reason::CalendarStale,
        'x' => Reason::CalendarLost,
        'b' => Reason::OutboxStuck,
        'm' => Reason::MailboxMoved,
        'i' => Reason::TlsIntercepted,
        'h' => Reason::Throttled,
        'q' => Reason::SendingLimitReached,
        other => panic!("no reason has the letter {other}"),
    }
}

/// What a scrape shows of a lane.
#[derive(Default)]
struct Shown {
    failed: Option<u32>,
    last_run: Option<u32>,
    last_success: Option<u32>,
    failing: Option<Reason>,
    runs: u32,
    failures: BTreeMap<Cause, u32>,
}

impl Shown {
    /// The slot's result is there.
    fn slot(&mut self, letter: char, at: u32, failed: &mut u32) {
        match letter {
            '^' => {
                *failed = 0;
                *self = Self::default();
            }
            '_' => (self.failed, self.failing) = (None, None),
            '.' => {
                *failed = 0;
                (self.failed, self.failing) = (Some(0), None);
                (self.last_run, self.last_success) = (Some(at), Some(at));
                self.runs += 1;
            }
            letter => {
                *failed += 1;
                let reason = reason(letter);
                (self.failed, self.failing) = (Some(*failed), Some(reason));
                // A pause is a judgement without a run.
                if reason != Reason::CredentialPaused {
                    self.last_run = Some(at);
                    self.runs += 1;
                    *self.failures.entry(reason.cause()).or_default() += 1;
                }
            }
        }
    }
}

/// One series: its selector and its values, as promtool reads them.
pub type Series = (String, String);

/// The series of a lane, for so many seconds.
pub fn series(lane: &Lane, seconds: u32) -> Vec<Series> {
    let letters: Vec<char> = lane.runs.chars().collect();
    let mut shown = Shown::default();
    let mut failed = 0;
    let mut columns: BTreeMap<String, Vec<Option<u32>>> = BTreeMap::new();
    let mut slot = 0;
    let labels = lane.labels();
    let family = Protocol::by_name(lane.protocol).expect("a protocol of the catalogue").family();
    for (sample, at) in (0..=seconds).step_by(STEP as usize).enumerate() {
        while slot * lane.every <= at {
            let letter =
                letters.get(slot as usize).or_else(|| letters.last()).copied().expect("a run at least");
            shown.slot(letter, slot * lane.every, &mut failed);
            slot += 1;
        }
        let mut put = |name: String, value: Option<u32>| {
            let column = columns.entry(name).or_default();
            column.resize(sample, None);
            column.push(value);
        };
        put(format!("mailprobe_check_interval_seconds{{{labels}}}"), Some(lane.every));
        put(format!("mailprobe_check_consecutive_failures{{{labels}}}"), shown.failed);
        put(format!("mailprobe_check_last_run_timestamp_seconds{{{labels}}}"), shown.last_run);
        put(format!("mailprobe_check_last_success_timestamp_seconds{{{labels}}}"), shown.last_success);
        if let Some(reason) = shown.failing {
            let code = reason.outlook_code(family).map(code::text).unwrap_or_default();
            let why = format!(
                "step=\"auth\",reason=\"{}\",cause=\"{}\",outlook_code=\"{code}\"",
                reason.name(),
                reason.cause().name()
            );
            put(format!("mailprobe_check_failing{{{labels},{why}}}"), Some(1));
        }
        if lane.counted {
            put(format!("mailprobe_check_runs_total{{{labels}}}"), Some(shown.runs));
            for cause in Cause::ALL {
                let count = shown.failures.get(cause).copied().unwrap_or_default();
                let cause = cause.name();
                put(format!("mailprobe_check_failures_total{{{labels},cause=\"{cause}\"}}"), Some(count));
            }
        }
    }
    let samples = (seconds / STEP) as usize + 1;
    columns
        .into_iter()
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .map(|(name, mut values)| {
            values.resize(samples, None);
            (name, written(&values))
        })
        .collect()
}

/// `1x3 stale _x4`: equal values together; a series that goes is marked stale, as a scrape does.
fn written(values: &[Option<u32>]) -> String {
    let mut out = Vec::new();
    let mut rest = values;
    let mut there = false;
    while let Some(first) = rest.first() {
        let mut many = rest.iter().take_while(|value| *value == first).count();
        rest = rest.get(many..).unwrap_or_default();
        if first.is_none() && there {
            out.push("stale".to_owned());
            many -= 1;
        }
        there = first.is_some();
        if many > 0 {
            let value = first.map_or("_".to_owned(), |value| value.to_string());
            // Nothing n times is `_xn`, a value n times `vx(n-1)`: the first is not a repetition.
            let times = if first.is_some() { many - 1 } else { many };
            out.push(if times == 0 { value } else { format!("{value}x{times}") });
        }
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_what_a_scrape_shows() {
        let all = series(&lane("s1", "login", "check", "imap").runs("..t_^."), 300);
        let of = |name: &str| {
            all.iter().find(|(of, _)| of.starts_with(name)).map(|(_, values)| values.as_str()).unwrap()
        };
        assert_eq!(of("mailprobe_check_consecutive_failures"), "0x3 1x1 stale _x3 0");
        assert_eq!(of("mailprobe_check_failing"), "_x4 1x1 stale _x4");
        assert_eq!(of("mailprobe_check_last_run_timestamp_seconds"), "0x1 60x1 120x3 stale _x1 300");
        assert_eq!(of("mailprobe_check_interval_seconds"), "60x10");
    }
}
