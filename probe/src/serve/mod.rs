//! The HTTP server: metrics, the API, the status page, and the doors of Kubernetes.
//!
//! It only reads: what it knows it has from the sinks, what it is asked to do it hands on as a [`Request`]. No answer
//! depends on a mail service, on DNS or on a credential. It runs on a thread of its own, so that no scrape, no page
//! and no password's hash moves a time stamp of a check.

mod connection;
pub mod page;
mod patient;
mod routes;
#[cfg(test)]
mod tests;
mod web_config;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::plan::Plan;
use crate::export::history::History;
use crate::export::metrics::Metrics;
use crate::outcome::Report;

pub use web_config::{Web, WebConfigError};

/// What the server reads, and where it sends what it is asked.
pub struct State {
    /// Replaced on a reload.
    pub plan: Arc<ArcSwap<Plan>>,
    pub metrics: Arc<Metrics>,
    pub history: Arc<History>,
    /// Beaten by the scheduler.
    pub tick: Arc<Tick>,
    /// Configuration loaded and listening; false again while the process stops.
    pub ready: Arc<AtomicBool>,
    /// Reloads and runs that somebody asks for.
    pub requests: mpsc::Sender<Request>,
    pub web: Arc<Web>,
    /// What `demo` adds.
    pub extra: Option<Extra>,
}

/// Something that the server cannot do itself.
pub enum Request {
    /// `POST /-/reload`; an error is shown to the asker.
    Reload(oneshot::Sender<Result<(), String>>),
    /// `/probe?check=NAME`, for a name that the plan has.
    Probe { check: Arc<str>, answer: oneshot::Sender<Probed> },
}

/// The answer to [`Request::Probe`].
pub enum Probed {
    /// It ran: a report for each lane that was settled.
    Ran(Vec<Report>),
    /// Slots, pauses or limits forbid it now; how old the last result is.
    NotNow { why: String, age: Option<Duration> },
}

/// A part of the page, and its routes, that are not ours.
pub struct Extra {
    /// HTML without inline styles and scripts: the content security policy refuses them.
    pub html: Arc<dyn Fn() -> String + Send + Sync>,
    pub router: Router,
}

/// Which routes a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    All,
    /// With `listen_page`: everything but the page.
    Probe,
    /// With `listen_page`: the page alone.
    Page,
}

/// When the scheduler last ticked.
pub struct Tick(Mutex<Instant>);

impl Tick {
    /// Ticked now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::now())))
    }

    /// The scheduler is alive.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago it ticked.
    pub fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Serves on a listener until `stop`; the task ends when the last answer is out, or five seconds later.
pub fn start(
    listener: TcpListener,
    part: Part,
    state: Arc<State>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    let router = routes::router(part, &state, &stop);
    tokio::spawn(connection::accept(listener, router, state.web.clone(), stop))
}

/// Serves on a thread and a runtime of its own until `stop`.
///
/// # Errors
/// When the thread, its runtime or a listener cannot be set up.
pub fn thread(
    listeners: Vec<(std::net::TcpListener, Part)>,
    state: Arc<State>,
    stop: CancellationToken,
) -> std::io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (listener, _) in &listeners {
        listener.set_nonblocking(true)?;
    }
    let serve = async move {
        let mut tasks = vec![tokio::spawn(state.web.clone().watch(stop.clone()))];
        for (listener, part) in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => tasks.push(start(listener, part, state.clone(), stop.clone())),
                Err(error) => tracing::error!(%error, "a listener could not be served"),
            }
        }
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the HTTP server failed");
            }
        }
    };
    thread::Builder::new().name("http".to_owned()).spawn(move || runtime.block_on(serve))
}
