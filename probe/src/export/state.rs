//! What the API, the page and the terminal show: plain values that go over the wire and come back.
//!
//! Field names are an interface, as those of the metrics are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalogue::{Family, Protocol, Reason, Step, code};
use crate::outcome::{Fact, Fault, Lane, Report, Verdict};

/// A word of the catalogue, or one that came over the wire.
pub type Word = Cow<'static, str>;

/// A moment, written as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(jiff::Timestamp);

impl Stamp {
    /// A clock that stands outside what can be written is shown as 1970.
    pub fn new(at: SystemTime) -> Self {
        Self(jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// `2026-11-22 01:56:27 UTC`, for people.
    pub fn readable(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// `01:56:27`, in UTC.
    pub fn clock(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }

    /// From this moment to `now`; zero for one that is yet to come.
    pub fn age(self, now: Self) -> Duration {
        Duration::try_from(now.0.duration_since(self.0)).unwrap_or_default()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// All of a probe: the answer of `/api/v1/checks`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overview {
    pub site: String,
    pub version: String,
    pub revision: String,
    /// When this was told.
    pub at: Stamp,
    pub started: Stamp,
    pub config: ConfigView,
    pub checks: Vec<CheckView>,
    pub sessions: Vec<SessionView>,
    pub mailboxes: Vec<MailboxView>,
    /// The reference targets, which are not mail.
    pub reference: BTreeMap<String, bool>,
}

/// The configuration that is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigView {
    /// Whether the newest one was taken.
    pub taken: bool,
    /// When one was last taken.
    pub since: Stamp,
}

/// One check with its lanes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckView {
    pub name: String,
    pub kind: Word,
    /// The worst of its lanes.
    pub state: State,
    pub lanes: Vec<LaneView>,
}

/// What a lane, or a check, stands at. The order is that of urgency, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Failing,
    /// The credential is paused after a refusal, so that the account is not locked.
    Paused,
    /// No result for too long.
    Stale,
    /// The newest slot came to no judgement; `why` tells.
    NotJudged,
    /// The server asked to be left alone.
    Resting,
    /// Nothing was judged since the start.
    Waiting,
    Good,
}

impl State {
    pub const ALL: &'static [Self] = &[
        Self::Failing,
        Self::Paused,
        Self::Stale,
        Self::NotJudged,
        Self::Resting,
        Self::Waiting,
        Self::Good,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Resting => "resting",
            Self::NotJudged => "not judged",
            Self::Waiting => "not judged yet",
            Self::Stale => "no result",
        }
    }

    /// A failure, for exit codes and counts: a paused credential is one.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failing | Self::Paused)
    }
}

/// One lane: what it stands at, why, and what it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LaneView {
    pub check: String,
    pub kind: Word,
    pub role: Word,
    pub protocol: Word,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub send: Word,
    pub mail_service: String,
    pub mailbox: String,
    pub peer_mail_service: String,
    pub interval_seconds: f64,
    pub state: State,
    /// Why it was not judged, in the words of `checks_skipped_total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Word>,
    /// When a pause or a rest ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Stamp>,
    /// Since when it stands so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Stamp>,
    pub consecutive_failures: u64,
    pub overdue_seconds: f64,
    pub last_run: Option<Stamp>,
    pub last_success: Option<Stamp>,
    /// Why it fails, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// The reason in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Word>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Word>,
    /// The newest judged runs, the newest first.
    pub runs: Vec<RunView>,
    /// The newest failures, kept longer than the runs.
    pub failures: Vec<RunView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub books: Option<BooksView>,
    /// What the newest run learnt on the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<Word, String>,
}

/// One run of a lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunView {
    pub slot: u32,
    /// When it began.
    pub at: Stamp,
    pub duration_ms: f64,
    pub steps: Vec<StepView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
}

/// One timed part of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepView {
    pub step: Word,
    pub ms: f64,
}

/// Why a run failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailureView {
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub step: Word,
    pub reason: Word,
    pub cause: Word,
    /// The code that a person at Outlook would see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook_meaning: Option<Word>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_text: String,
}

/// The books of a view since the start; `in_flight` now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooksView {
    pub expected: u64,
    pub received: u64,
    pub late: u64,
    pub lost: u64,
    pub bounced: u64,
    pub abandoned: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub junked: u64,
    pub resurfaced: u64,
    pub in_flight: u64,
    /// Since when the oldest is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Stamp>,
}

/// A kept session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionView {
    pub mail_service: String,
    pub mailbox: String,
    pub protocol: Word,
    /// `up`, `down` or `opening`.
    pub state: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Stamp>,
    /// When it is opened again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// What the server calls itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Ends since the start: planned, and not.
    pub ended_planned: u64,
    pub ended_unplanned: u64,
}

/// What is known of a mailbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailboxView {
    pub name: String,
    pub mail_service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resting_until: Option<Stamp>,
    /// Another probe is at work on it.
    pub rival: bool,
}

impl FailureView {
    pub fn new(fault: &Fault, family: Family) -> Self {
        let code = fault.code.or_else(|| fault.reason.outlook_code(family));
        Self {
            server_code: fault.server_code.to_string(),
            server_text: fault.said.to_string(),
            ..Self::of(fault.step, fault.reason, code)
        }
    }

    /// One without the server's words.
    pub(super) fn of(step: Option<Step>, reason: Reason, outlook: Option<u32>) -> Self {
        Self {
            step: step.map_or("", Step::name).into(),
            reason: reason.name().into(),
            cause: reason.cause().name().into(),
            outlook_code: outlook.map(code::text),
            outlook_meaning: outlook.and_then(code::find).map(|row| row.meaning.into()),
            server_code: String::new(),
            server_text: String::new(),
        }
    }
}

impl LaneView {
    /// A lane that nothing is known of.
    pub fn new(lane: &Lane) -> Self {
        Self {
            check: lane.check.to_string(),
            kind: lane.kind.name().into(),
            role: lane.role.name().into(),
            protocol: lane.protocol.name().into(),
            send: lane.send.map_or("", Protocol::name).into(),
            mail_service: lane.mail_service.to_string(),
            mailbox: lane.mailbox.to_string(),
            peer_mail_service: lane.peer_mail_service.to_string(),
            interval_seconds: lane.interval.as_secs_f64(),
            state: State::Waiting,
            why: None,
            until: None,
            since: None,
            consecutive_failures: 0,
            overdue_seconds: 0.0,
            last_run: None,
            last_success: None,
            failure: None,
            meaning: None,
            advice: None,
            runs: Vec::new(),
            failures: Vec::new(),
            books: None,
            facts: BTreeMap::new(),
        }
    }

    /// A lane as its one run left it, for a run that no history keeps.
    pub fn of_report(report: &Report) -> Self {
        let mut view = Self::new(&report.lane);
        let run = RunView::new(report);
        view.state = match &report.verdict {
            Verdict::Good => State::Good,
            Verdict::Failed(_) => State::Failing,
            Verdict::NotJudged(why) => {
                view.why = Some(why.name().into());
                State::NotJudged
            }
        };
        view.last_run = Some(Stamp::new(report.at + report.took));
        view.explain(run.failure.clone());
        view.facts = facts(&report.facts);
        view.runs = vec![run];
        view
    }

    /// Puts the failure in, with the catalogue's sentences.
    pub(super) fn explain(&mut self, failure: Option<FailureView>) {
        let row = failure.as_ref().and_then(|failure| Reason::by_name(&failure.reason)).map(Reason::row);
        self.meaning = row.map(|row| row.meaning.into());
        self.advice = row.map(|row| row.advice.into());
        self.failure = failure;
    }

    /// What the lane is about, for people: `receiving over IMAP`.
    pub fn about(&self) -> String {
        let protocol = self.protocol.to_uppercase();
        match (&*self.role, &*self.kind) {
            ("send", _) => format!("sending over {protocol}"),
            ("write", "calendar") => format!("changing the calendar over {protocol}"),
            ("view", "calendar") => format!("seeing the calendar over {protocol}"),
            ("write", "meeting") => format!("inviting over {protocol}"),
            ("view", "meeting") => format!("being invited over {protocol}"),
            ("write", _) => format!("writing the calendar over {protocol}"),
            (_, "free_busy") => format!("seeing others' time over {protocol}"),
            ("view", _) => format!("receiving over {protocol}"),
            (_, "login") => format!("signing in over {protocol}"),
            (_, "endpoint") => format!("connecting to {protocol}"),
            (_, kind) => format!("{} over {protocol}", kind.replace('_', " ")),
        }
    }
}

impl RunView {
    pub fn new(report: &Report) -> Self {
        let failure = match &report.verdict {
            Verdict::Failed(fault) => Some(FailureView::new(fault, report.lane.protocol.family())),
            _ => None,
        };
        Self {
            slot: report.slot,
            at: Stamp::new(report.at),
            duration_ms: millis(report.took),
            steps: report.steps.iter().map(|(step, took)| StepView::new(*step, *took)).collect(),
            failure,
        }
    }
}

impl StepView {
    pub(super) fn new(step: Step, took: Duration) -> Self {
        Self { step: step.name().into(), ms: millis(took) }
    }
}

/// Milliseconds with three decimals: what is shown is what was measured, not a float's tail.
pub(super) fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// What is worth showing of a run's facts, by the names of the log's fields.
pub(super) fn facts(facts: &[Fact]) -> BTreeMap<Word, String> {
    let mut out = BTreeMap::new();
    for fact in facts {
        let (name, value): (Word, String) = match fact {
            Fact::Certificates(chain) => match chain.first() {
                Some(own) => ("certificate_sha256".into(), own.sha256.clone()),
                None => continue,
            },
            Fact::TlsVersion(version) => ("tls_version".into(), (*version).to_owned()),
            Fact::Peer(address) => ("remote_address".into(), address.to_string()),
            Fact::Local(address) => ("local_address".into(), address.to_string()),
            Fact::Proxy(said) => ("proxy".into(), said.to_string()),
            Fact::Greeting(said) => ("greeting".into(), said.to_string()),
            Fact::Capabilities(words) => ("capabilities".into(), words.join(" ")),
            Fact::MessageId(said) => ("message_id".into(), said.to_string()),
            Fact::QueueId(said) => ("queue_id".into(), said.to_string()),
            Fact::SupportId(name, said) => ((*name).into(), said.to_string()),
            // Within what the server's second tells: not worth showing.
            Fact::Skew(0.0) => continue,
            Fact::Skew(ahead) => ("clock_skew".into(), format!("{ahead:.1} s")),
            Fact::Note(said) => ("note".into(), said.to_string()),
        };
        out.insert(name, value);
    }
    out
}
