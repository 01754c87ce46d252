//! `mailprobe run`: serve until told to stop.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Source};

/// The exit code after a second signal.
const INTERRUPTED: i32 = 130;

/// # Errors
/// What stands in the way of the start.
pub fn run(paths: Vec<PathBuf>, env: BTreeMap<String, String>) -> anyhow::Result<u8> {
    let source = Source::Files { paths, env };
    let plan = source.load()?;
    raise_limit();
    runtime()?.block_on(async {
        let app = App::build(source, plan, None)?;
        let (stop, hangups) = signals()?;
        app.run(stop, hangups).await?;
        Ok(0)
    })
}

/// The runtime that all checks share: one thread, so that no scrape moves a time stamp.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()
}

/// SIGTERM and SIGINT stop, a second one ends at once; SIGHUP is passed on.
pub(super) fn signals() -> std::io::Result<(CancellationToken, mpsc::Receiver<()>)> {
    let stop = CancellationToken::new();
    let (hung_up, hangups) = mpsc::channel(1);
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hup = signal(SignalKind::hangup())?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
                _ = hup.recv() => {
                    hung_up.try_send(()).ok();
                    continue;
                }
            }
            if stopping.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            stopping.cancel();
        }
    });
    Ok((stop, hangups))
}

/// A thousand kept sessions need more descriptors than the usual soft limit; the hard one is the administrator's.
pub(super) fn raise_limit() {
    rlimit::increase_nofile_limit(1 << 16).ok();
}
