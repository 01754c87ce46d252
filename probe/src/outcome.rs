//! What came of it: faults, facts, verdicts, and the events that leave the checks.
//!
//! A leaf beside the catalogue: no socket, no metric, no check. Data flows from here to the sinks and never back.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::catalogue::{Cause, Kind, Protocol, Reason, Role, Step};
use crate::secret;

/// A future that a trait object can return.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Somebody else's words: one line, at most 512 bytes, without control characters and without any secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said(Box<str>);

impl Said {
    const MOST: usize = 512;
    /// A secret that would be cut at the end of what is kept must be seen whole to be hidden.
    const SEARCHED: usize = 8 << 10;

    pub fn new(text: &str) -> Self {
        let mut out = String::new();
        for c in secret::scrub(text).trim().chars() {
            let c = if c.is_control() { ' ' } else { c };
            if out.len() + c.len_utf8() > Self::MOST {
                break;
            }
            out.push(c);
        }
        Self(out.into())
    }

    /// Bytes off the wire: what is not UTF-8 is shown as `\xNN`.
    pub fn bytes(bytes: &[u8]) -> Self {
        let mut text = String::new();
        for chunk in bytes.get(..Self::SEARCHED.min(bytes.len())).unwrap_or(bytes).utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self::new(&text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something failed. Cause and advice follow from `reason`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub reason: Reason,
    /// Filled in by [`Recorder::time`] where it is left open.
    pub step: Option<Step>,
    /// A code that was read on the wire and that Outlook would show; it wins over the reason's own.
    pub code: Option<u32>,
    /// The answer's number as the protocol writes it (`535 5.7.8`, `NO [UNAVAILABLE]`); empty where there was none.
    pub server_code: Said,
    /// The server's words, or the library's where the server said none.
    pub said: Said,
    /// How long the server asks to be left alone.
    pub rest: Option<Duration>,
}

impl Fault {
    pub fn new(reason: Reason, said: &str) -> Self {
        Self {
            reason,
            step: None,
            code: None,
            server_code: Said::default(),
            said: Said::new(said),
            rest: None,
        }
    }

    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }

    #[must_use]
    pub fn coded(mut self, server_code: &str) -> Self {
        self.server_code = Said::new(server_code);
        self
    }

    #[must_use]
    pub fn resting(mut self, rest: Duration) -> Self {
        self.rest = Some(rest);
        self
    }

    pub fn cause(&self) -> Cause {
        self.reason.cause()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.name())?;
        if let Some(step) = self.step {
            write!(f, " at {}", step.name())?;
        }
        if !self.said.is_empty() {
            write!(f, ": {}", self.said)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// One certificate of a chain, as it was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// Seconds since 1970.
    pub not_after: i64,
    pub names: Vec<String>,
    /// SHA-256 over the DER form, in hex.
    pub sha256: String,
}

/// Something learnt on the way, for the page and the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The chain that the server presented, its own certificate first; kept even when it is refused.
    Certificates(Arc<[Certificate]>),
    TlsVersion(&'static str),
    Peer(SocketAddr),
    Local(SocketAddr),
    Proxy(Said),
    /// The server's first line.
    Greeting(Said),
    /// What the server offers, one word each.
    Capabilities(Vec<String>),
    MessageId(Said),
    /// What the server called the message when it accepted it.
    QueueId(Said),
    /// An id that a vendor's support asks for: its name, its value.
    SupportId(&'static str, Said),
    /// How far, in seconds, this host's clock is ahead of the server's at least.
    Skew(f64),
    /// Attempted, and counted in `checks_skipped_total{why}` beside its verdict.
    Note(Said),
}

#[derive(Default)]
struct RunLog {
    steps: Vec<(Step, Duration)>,
    open: Vec<(Step, Instant)>,
    facts: Vec<Fact>,
    if_overdue: Option<Reason>,
}

/// The clock of one lane's run. The runner holds a clone: dropped at its deadline, a run still tells which step was open.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<RunLog>>);

impl Recorder {
    fn log(&self) -> std::sync::MutexGuard<'_, RunLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the step, closes it, and puts it into a fault that has none. The only way to write a step.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn time<T>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        self.log().open.push((step, began));
        let result = work.await;
        let mut log = self.log();
        if let Some(at) = log.open.iter().rposition(|(open, _)| *open == step) {
            log.open.remove(at);
        }
        log.add(step, began.elapsed());
        result.map_err(|mut fault| {
            fault.step.get_or_insert(step);
            fault
        })
    }

    /// A step that was measured elsewhere: a view's sighting.
    pub fn add(&self, step: Step, took: Duration) {
        self.log().add(step, took);
    }

    pub fn note(&self, fact: Fact) {
        self.log().facts.push(fact);
    }

    /// The first fact that `of` takes.
    pub fn find<T>(&self, of: impl Fn(&Fact) -> Option<T>) -> Option<T> {
        self.log().facts.iter().find_map(of)
    }

    /// From here on a passed deadline means this, whatever step is open.
    pub fn if_overdue(&self, reason: Reason) {
        self.log().if_overdue = Some(reason);
    }

    /// The same as long as `work` lasts.
    pub async fn if_overdue_within<T>(&self, reason: Reason, work: impl Future<Output = T>) -> T {
        let before = self.log().if_overdue.replace(reason);
        let done = work.await;
        self.log().if_overdue = before;
        done
    }

    /// What a passed deadline means here, where something was said of it.
    pub fn meant(&self) -> Option<Reason> {
        self.log().if_overdue
    }

    /// What a passed deadline means: the step that is open is charged with it.
    pub fn overdue(&self) -> Fault {
        let (step, meant) = {
            let log = self.log();
            (log.open.last().map(|(step, _)| *step), log.if_overdue)
        };
        let Some(step) = step else {
            return Fault::new(Reason::Overrun, "the time was over while the probe waited for its turn");
        };
        let reason = match step {
            Step::Resolve => Reason::DnsFailed,
            Step::Connect => Reason::ConnectTimeout,
            Step::Proxy => Reason::ProxyUnreachable,
            Step::Tls => Reason::TlsTimeout,
            _ => Reason::ServerTimeout,
        };
        Fault::new(meant.unwrap_or(reason), &format!("no answer in time at {}", step.name())).at(step)
    }

    /// As much time as `limit` for `work`.
    ///
    /// # Errors
    /// Those of `work`; [`Self::overdue`].
    pub async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(self.overdue()),
        }
    }

    /// The steps so far, an open one with its time until now; the facts.
    pub fn take(&self) -> (Vec<(Step, Duration)>, Vec<Fact>) {
        let mut log = self.log();
        let open: Vec<_> = log.open.drain(..).collect();
        for (step, since) in open {
            log.add(step, since.elapsed());
        }
        (std::mem::take(&mut log.steps), std::mem::take(&mut log.facts))
    }
}

impl RunLog {
    /// A step met twice (`tls` after `starttls` on another connection) is one entry.
    fn add(&mut self, step: Step, took: Duration) {
        match self.steps.iter_mut().find(|(of, _)| *of == step) {
            Some((_, so_far)) => *so_far += took,
            None => self.steps.push((step, took)),
        }
    }
}

/// What a lane came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Good,
    Failed(Fault),
    NotJudged(Why),
}

/// Why a slot was not judged, or not run; the label value `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The view is well, but nothing was sent, or nobody knows whether it was.
    Unjudged,
    /// The credential is paused after a refusal.
    Paused,
    /// The server asked to be left alone.
    Resting,
    /// The last run is still going.
    Overrun,
    /// Too many messages are in flight.
    Backlog,
    /// A configured limit (`limits`) is used up.
    Limited,
    /// The probe is stopping.
    Stopping,
}

impl Why {
    pub const ALL: &'static [Self] = &[
        Self::Unjudged,
        Self::Paused,
        Self::Resting,
        Self::Overrun,
        Self::Backlog,
        Self::Limited,
        Self::Stopping,
    ];

    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unjudged => "unjudged",
            Self::Paused => "paused",
            Self::Resting => "resting",
            Self::Overrun => "overrun",
            Self::Backlog => "backlog",
            Self::Limited => "limited",
            Self::Stopping => "stopping",
        }
    }
}

/// One (check, role, protocol) with all its labels and its deadline; made with the plan, so that its counters exist
/// from the start. A run settles each of its lanes exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    pub check: Arc<str>,
    pub kind: Kind,
    /// Of the session that the lane is about.
    pub mail_service: Arc<str>,
    /// Of the session that the lane is about; empty where there is none.
    pub mailbox: Arc<str>,
    pub protocol: Protocol,
    pub role: Role,
    /// The protocol that submits, or writes, where there is one.
    pub send: Option<Protocol>,
    /// A view: the sender's or writer's mail service. A sender or writer: the receiver's. Else empty.
    pub peer_mail_service: Arc<str>,
    /// From one slot of this lane to the next.
    pub interval: Duration,
    /// Of a run: what is not settled by then is failed by the runner.
    pub timeout: Duration,
    /// When this lane is judged at the latest, from the slot on: `timeout`, or a view's `late_after`.
    pub judged_within: Duration,
}

impl Lane {
    /// Whether it awaits messages, and keeps books of them.
    pub fn has_books(&self) -> bool {
        self.kind == Kind::Roundtrip && self.role == Role::View
    }

    /// Whether its run leaves something in the mailbox that it takes away again.
    pub fn is_tidy(&self) -> bool {
        match self.kind {
            Kind::Roundtrip => self.role == Role::View,
            Kind::Calendar | Kind::FreeBusy => self.role == Role::Write,
            Kind::Meeting => true,
            _ => false,
        }
    }

    /// The value of a label of this lane; `""` for one that it does not have.
    pub fn label(&self, name: &str) -> &str {
        match name {
            "check" => &self.check,
            "kind" => self.kind.name(),
            "mail_service" => &self.mail_service,
            "mailbox" => &self.mailbox,
            "protocol" => self.protocol.name(),
            "role" => self.role.name(),
            "send" | "write" => self.send.map_or("", Protocol::name),
            "peer_mail_service" => &self.peer_mail_service,
            _ => "",
        }
    }
}

/// One lane's run, ended.
#[derive(Clone, Debug)]
pub struct Report {
    pub lane: Arc<Lane>,
    pub slot: u32,
    /// When the run began, by the wall clock.
    pub at: SystemTime,
    pub took: Duration,
    pub steps: Vec<(Step, Duration)>,
    pub facts: Vec<Fact>,
    pub verdict: Verdict,
}

/// A mailbox seen through a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat {
    pub mail_service: Arc<str>,
    pub mailbox: Arc<str>,
    pub protocol: Protocol,
}

/// What a mailbox holds; `None` where the protocol does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Messages in the inbox.
    pub items: Option<u64>,
    pub bytes: Option<u64>,
    pub quota: Option<u64>,
    /// Deleted messages that the server still keeps (Exchange: Recoverable Items).
    pub recoverable: Option<u64>,
}

/// What a message of a round trip came to in one view: the books of docs/metrics.md.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judged {
    /// Submission accepted or unknown: from now on it is awaited.
    Expected,
    /// Visible; how long after the acceptance.
    Received(Duration),
    Late,
    Lost,
    Duplicated,
    Corrupted,
    Junked,
    /// Seen after it was called lost.
    Resurfaced,
    Bounced,
    /// The process ended before it was judged.
    Abandoned,
}

/// Why a message or an entry of the fleet's was deleted without being ours to await; the label value `why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Swept {
    /// Of an earlier process.
    Predecessor,
    /// Of another process at work beside us, long after its time.
    Rival,
    /// Our own, found when nobody awaited it any more.
    Expired,
}

impl Swept {
    pub const ALL: &'static [Self] = &[Self::Predecessor, Self::Rival, Self::Expired];

    /// The label value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predecessor => "predecessor",
            Self::Rival => "rival",
            Self::Expired => "expired",
        }
    }
}

/// The state of a kept inbox.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewState {
    Opening,
    Up { since: Instant },
    Down { fault: Arc<Fault>, again: Instant },
}

/// All that leaves the checks.
#[derive(Clone, Debug)]
pub enum Event {
    /// A lane's run began.
    Began { lane: Arc<Lane>, slot: u32 },
    /// A lane's run ended.
    Ran(Report),
    /// A slot of a lane was not run.
    Skipped { lane: Arc<Lane>, slot: u32, why: Why },
    /// A send lane handed a message over; `unknown`: the line broke after the last byte.
    Sent { lane: Arc<Lane>, unknown: bool },
    /// The books of a view lane move by one.
    Message { lane: Arc<Lane>, judged: Judged },
    /// Told beside `Message { judged: Lost }`: what a vendor's support asks for. `accepted`: the server's words when it
    /// took the message.
    Loss { lane: Arc<Lane>, slot: u32, message_id: Said, accepted: Said, accepted_at: SystemTime },
    /// A lane saw a change of an entry; how long after its acceptance.
    Visible { lane: Arc<Lane>, action: Step, after: Duration },
    /// How many messages a view lane awaits now, and since when the oldest.
    InFlight { lane: Arc<Lane>, count: usize, oldest: Option<Instant> },
    /// A message or an entry of the fleet's that nobody awaits was deleted.
    Swept { seat: Seat, why: Swept },
    /// Our own messages or entries could not be deleted.
    CleanupFailed { seat: Seat, role: Role, fault: Fault },
    /// A kept session changed its state.
    View { seat: Seat, state: ViewState },
    /// A kept session ended; `planned`: a renewal or an ordinary end.
    SessionEnded { seat: Seat, cause: Option<Cause>, planned: bool },
    /// A look found what the server's push never told.
    NotificationMissed { seat: Seat },
    /// What the server calls itself, sanitised.
    Backend { seat: Seat, frontend: Said, backend: Said, version: Said },
    /// The chain that a server presented; `not_after` is the earliest over all addresses.
    Certificate { mail_service: Arc<str>, protocol: Protocol, server: Arc<str>, not_after: i64, issuer: Said },
    /// How many addresses an endpoint has, and how many failed.
    Addresses { mail_service: Arc<str>, protocol: Protocol, found: usize, failing: usize },
    /// What a mailbox holds, as that session saw it; worth showing until then, or (`None`) until it tells otherwise.
    Mailbox { seat: Seat, role: Role, holdings: Holdings, until: Option<Instant> },
    /// A credential is paused until then, or no more.
    Paused { mailbox: Arc<str>, until: Option<Instant> },
    /// A server asked for rest until then.
    Resting { mailbox: Arc<str>, until: SystemTime },
    /// Another probe is at work on this mailbox, or no more.
    Rival { mailbox: Arc<str>, seen: bool },
    /// One of the `reference` targets, which are not mail.
    Reference { target: &'static str, up: bool },
    /// How late a slot was started.
    Delay(Duration),
    /// A panic was caught, or a lane was dropped unsettled.
    InternalError,
    /// A configuration was taken, or refused.
    Reloaded { well: bool },
}

/// One that is told of events, and answers nothing.
pub trait Sink: Send + Sync {
    fn tell(&self, event: &Event);
}

/// All sinks of a process, told in order.
#[derive(Clone, Default)]
pub struct Sinks(Arc<[Arc<dyn Sink>]>);

impl Sinks {
    pub fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self(sinks.into())
    }
}

impl Sink for Sinks {
    fn tell(&self, event: &Event) {
        for sink in self.0.iter() {
            sink.tell(event);
        }
    }
}
