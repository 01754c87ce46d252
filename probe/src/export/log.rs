//! The log: one line per ended run, and what else happens; logfmt or JSON, UTC with milliseconds, to standard error.
//!
//! Every line goes through [`secret::scrub`], whoever wrote it. Libraries print credentials below INFO: what is not
//! ours is capped there.

mod line;
mod sink;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::plan::{Log, LogLevel};
use line::Line;

pub use sink::LogSink;

/// What is written under this target is ours, and may go below INFO.
const OURS: &str = "mailprobe";

/// Where lines go, and how: shared by the log of the process and the sink.
#[derive(Clone)]
pub struct Lines {
    settings: Arc<ArcSwap<Log>>,
    out: Arc<Mutex<dyn io::Write + Send>>,
}

impl Lines {
    /// To standard error.
    pub fn new(settings: Log) -> Self {
        Self::to(settings, io::stderr())
    }

    pub fn to(settings: Log, out: impl io::Write + Send + 'static) -> Self {
        Self { settings: Arc::new(ArcSwap::from_pointee(settings)), out: Arc::new(Mutex::new(out)) }
    }

    /// Makes `tracing` write here. Once per process.
    ///
    /// # Errors
    /// When there is a subscriber already.
    pub fn install(&self) -> Result<(), tracing_subscriber::util::TryInitError> {
        tracing_subscriber::registry().with(self.layer()).try_init()
    }

    /// For a subscriber of one's own.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        Writer(self.clone())
    }

    /// Another format or level, after a reload.
    pub fn apply(&self, settings: Log) {
        self.settings.store(Arc::new(settings));
        tracing::callsite::rebuild_interest_cache();
    }

    fn wants(&self, target: &str, level: Level) -> bool {
        let most = match self.settings.load().level {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
        };
        let ours = target.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        level <= if ours { most } else { most.min(Level::INFO) }
    }

    /// A log that cannot be written is no reason to stop probing.
    fn write(&self, line: &Line) {
        let text = line.text(self.settings.load().format);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
    }
}

/// The layer under `tracing`.
struct Writer(Lines);

impl<S: Subscriber> Layer<S> for Writer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_event() && self.0.wants(metadata.target(), *metadata.level())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line::new(*metadata.level());
        line.put("target", metadata.target());
        event.record(&mut Fields(&mut line));
        self.0.write(&line);
    }
}

struct Fields<'a>(&'a mut Line);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = if field.name() == "message" { "msg" } else { field.name() };
        self.0.put(name, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = if field.name() == "message" { "msg" } else { field.name() };
        self.0.put(name, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text.push_str(&format!(": {error}"));
            source = error.source();
        }
        self.0.put(field.name(), &text);
    }
}
