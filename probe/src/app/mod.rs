//! Builds all from a configuration, returns the bound address, runs, reloads, drains.

mod files;
mod world;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::plan::Plan;
use crate::config::{self, Problems};
use crate::export::history::History;
use crate::export::log::{Lines, LogSink};
use crate::export::metrics::Metrics;
use crate::outcome::{Event, Sink, Sinks};
use crate::serve::{self, Extra, Part, Request, State, Tick, Web};
use world::World;

pub use world::{INSTANCE, World as Checks};

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision that it was built from, where the builder told.
pub const REVISION: &str = match option_env!("MAILPROBE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// How long open sessions may take to close at the end.
const PARTING: Duration = Duration::from_secs(10);
/// HTTP answers at least so long after the books are closed, so that a last scrape sees them.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Where the configuration comes from, again at each reload.
#[derive(Clone)]
pub enum Source {
    Files {
        paths: Vec<PathBuf>,
        env: BTreeMap<String, String>,
    },
    /// A text that never changes.
    Text(Arc<str>),
}

impl Source {
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Plan, Problems> {
        match self {
            Self::Files { paths, env } => config::load(paths, env),
            Self::Text(text) => config::load_str("configuration", text),
        }
    }
}

/// A probe that is set up and listens.
pub struct App {
    source: Source,
    plan: Arc<ArcSwap<Plan>>,
    world: World,
    lines: Lines,
    log: Arc<LogSink>,
    state: Arc<State>,
    requests: mpsc::Receiver<Request>,
    server: Server,
}

/// The HTTP thread and what ends it.
struct Server {
    address: SocketAddr,
    page: SocketAddr,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl App {
    /// Binds the listeners and serves; no check runs yet.
    ///
    /// # Errors
    /// What stands in the way, with what to do.
    pub fn build(source: Source, plan: Plan, extra: Option<Extra>) -> anyhow::Result<Self> {
        let lines = Lines::new(plan.log);
        lines.install().ok();
        for warning in &plan.warnings {
            tracing::warn!("{warning}");
        }
        let metrics = Metrics::new(&plan, VERSION, REVISION);
        let history = History::new(&plan, VERSION, REVISION);
        let log = Arc::new(LogSink::new(lines.clone(), &plan, &world::instance_name(), VERSION));
        let sinks = Sinks::new(vec![
            Arc::clone(&metrics) as Arc<dyn Sink>,
            Arc::clone(&history) as Arc<dyn Sink>,
            Arc::clone(&log) as Arc<dyn Sink>,
        ]);
        let tick = Tick::new();
        let beat = Arc::clone(&tick);
        let world = World::new(sinks, Arc::new(move || beat.beat()));
        let web = Web::load(plan.web_config_file.as_deref())?;
        let listeners = listeners(&plan)?;
        let plan = Arc::new(ArcSwap::from_pointee(plan));
        let (asked, requests) = mpsc::channel(16);
        let state = Arc::new(State {
            plan: Arc::clone(&plan),
            metrics,
            history,
            tick,
            ready: Arc::new(AtomicBool::new(false)),
            requests: asked,
            web,
            extra,
        });
        let server = Server::start(listeners, &state)?;
        Ok(Self { source, plan, world, lines, log, state, requests, server })
    }

    /// Where /metrics and the API are.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Where the status page is.
    pub fn page_address(&self) -> SocketAddr {
        self.server.page
    }

    /// Whether it is served with TLS.
    pub fn serves_tls(&self) -> bool {
        self.state.web.serves_tls()
    }

    /// Runs until `stop`, then drains; a second `stop` (`at_once`) ends it in the middle.
    ///
    /// # Errors
    /// When the plan cannot be set up.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut hangups: mpsc::Receiver<()>,
    ) -> anyhow::Result<()> {
        let plan = self.plan.load_full();
        self.world.apply(&plan).map_err(anyhow::Error::msg)?;
        self.state.ready.store(true, Ordering::Relaxed);
        tracing::info!(address = %self.server.address, version = VERSION, site = %plan.site, "listening");
        let mut watch = files::Watch::start(&plan.files);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = hangups.recv() => drop(self.reload("SIGHUP").await),
                () = watch.changed() => drop(self.reload("a changed file").await),
                Some(request) = self.requests.recv() => self.answer(request).await,
            }
            watch.follow(&self.plan.load().files);
        }
        self.drain().await;
        Ok(())
    }

    async fn answer(&mut self, request: Request) {
        match request {
            Request::Reload(answer) => {
                let result = self.reload("POST /-/reload").await;
                answer.send(result).ok();
            }
            Request::Probe { check, answer } => self.world.probe(&check, answer),
        }
    }

    /// All or nothing: the new plan is made and its listeners are bound before the old is touched.
    async fn reload(&mut self, because: &str) -> Result<(), String> {
        let source = self.source.clone();
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
        let result = match loaded {
            Ok(Ok(plan)) => self.take(plan),
            Ok(Err(problems)) => Err(problems.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.world.sinks().tell(&Event::Reloaded { well: result.is_ok() });
        match &result {
            Ok(()) => tracing::info!(because, "the configuration was read again"),
            Err(error) => {
                tracing::error!(because, %error, "the configuration was refused; the old one stays in force")
            }
        }
        result
    }

    fn take(&mut self, plan: Plan) -> Result<(), String> {
        let old = self.plan.load_full();
        let web = Web::load(plan.web_config_file.as_deref()).map_err(|error| error.to_string())?;
        drop(web);
        self.world.check(&plan)?;
        let moved = (old.listen, old.listen_page) != (plan.listen, plan.listen_page);
        let listeners = if moved { Some(listeners(&plan).map_err(|error| error.to_string())?) } else { None };
        self.state.web.apply(plan.web_config_file.as_deref()).map_err(|error| error.to_string())?;
        // From here on nothing fails.
        for warning in plan.warnings.iter().filter(|warning| !old.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        self.lines.apply(plan.log);
        self.state.metrics.apply(&plan);
        self.state.history.apply(&plan);
        self.log.apply(&plan);
        let plan = Arc::new(plan);
        self.plan.store(Arc::clone(&plan));
        self.world.apply(&plan)?;
        if let Some(listeners) = listeners {
            let server = Server::start(listeners, &self.state).map_err(|error| error.to_string())?;
            std::mem::replace(&mut self.server, server).stop.cancel();
            tracing::info!(address = %self.server.address, "listening");
        }
        Ok(())
    }

    async fn drain(mut self) {
        tracing::info!("stopping: no new runs, what is in flight is awaited");
        self.state.ready.store(false, Ordering::Relaxed);
        self.world.stop().await;
        let tasks = self.world.tasks().clone();
        tasks.close();
        let closing = tokio::time::timeout(PARTING, tasks.wait());
        let (closed, ()) = tokio::join!(closing, tokio::time::sleep(LAST_LOOK));
        if closed.is_err() {
            tracing::warn!("some sessions did not close in time");
        }
        tracing::info!("stopped");
        self.server.stop.cancel();
        if let Some(thread) = self.server.thread.take() {
            tokio::task::spawn_blocking(move || thread.join()).await.ok();
        }
    }
}

fn listeners(plan: &Plan) -> anyhow::Result<Vec<(TcpListener, Part)>> {
    let bind = |address: SocketAddr| {
        TcpListener::bind(address).map_err(|error| {
            anyhow::anyhow!(
                "listen: {address} cannot be used ({error}); choose another address, or end what uses it"
            )
        })
    };
    Ok(match plan.listen_page {
        None => vec![(bind(plan.listen)?, Part::All)],
        Some(page) => vec![(bind(plan.listen)?, Part::Probe), (bind(page)?, Part::Page)],
    })
}

impl Server {
    fn start(listeners: Vec<(TcpListener, Part)>, state: &Arc<State>) -> anyhow::Result<Self> {
        let addresses: Vec<_> =
            listeners.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect();
        let first = addresses.first().copied().ok_or_else(|| anyhow::anyhow!("no listener"))?;
        let stop = CancellationToken::new();
        let thread = serve::thread(listeners, Arc::clone(state), stop.clone())?;
        Ok(Self {
            address: first,
            page: addresses.last().copied().unwrap_or(first),
            stop,
            thread: Some(thread),
        })
    }
}
