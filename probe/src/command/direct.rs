//! `mailprobe check`: from the running probe, or with `--direct` by sessions of its own: the same plan, one run of each
//! check, then drain.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::check::{Args, Exit, run, style};
use super::run::{raise_limit, runtime};
use crate::app::{Checks, REVISION, Source, VERSION};
use crate::config::plan::Plan;
use crate::export::history::History;
use crate::export::terminal;
use crate::outcome::{Sink, Sinks};

/// # Errors
/// What is wrong with the configuration.
pub fn check(
    args: &Args,
    direct: bool,
    paths: Vec<PathBuf>,
    env: BTreeMap<String, String>,
) -> anyhow::Result<u8> {
    let plan = if paths.is_empty() { None } else { Some(Source::Files { paths, env }.load()?) };
    let exit = match plan {
        Some(plan) if direct => runtime()?.block_on(direct_run(args, plan))?,
        plan => runtime()?.block_on(run(args, plan.as_ref())),
    };
    Ok(exit as u8)
}

async fn direct_run(args: &Args, plan: Plan) -> anyhow::Result<Exit> {
    raise_limit();
    let all: Vec<Arc<str>> = plan.checks.iter().map(|check| Arc::clone(&check.name)).collect();
    let names: Vec<_> = if args.names.is_empty() {
        all.clone()
    } else {
        all.iter().filter(|name| args.names.iter().any(|wanted| **wanted == ***name)).cloned().collect()
    };
    if let Some(unknown) = args.names.iter().find(|wanted| !all.iter().any(|name| **name == ***wanted)) {
        anyhow::bail!("no check is called {unknown}; there are {}", all.join(", "));
    }
    let history = History::new(&plan, VERSION, REVISION);
    let sinks = Sinks::new(vec![Arc::clone(&history) as Arc<dyn Sink>]);
    let mut checks = Checks::new(sinks, Arc::new(|| {}));
    let plan = Arc::new(plan);
    checks.prepare(&plan, &names).map_err(anyhow::Error::msg)?;
    progress(&names, checks.once(&names)).await;
    let mut overview = history.snapshot();
    overview.checks.retain(|check| names.iter().any(|name| **name == *check.name));
    let exit = Exit::of(&overview.checks);
    let text = if args.json {
        serde_json::to_string_pretty(&overview)? + "\n"
    } else {
        terminal::draw(&overview.checks, style())
    };
    std::io::stdout().write_all(text.as_bytes()).ok();
    checks.stop().await;
    checks.tasks().close();
    tokio::time::timeout(Duration::from_secs(10), checks.tasks().wait()).await.ok();
    Ok(exit)
}

/// On a terminal, shows that something is awaited.
async fn progress(names: &[Arc<str>], work: impl Future<Output = ()>) {
    let mut err = std::io::stderr();
    if !err.is_terminal() {
        return work.await;
    }
    let began = tokio::time::Instant::now();
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            () = &mut work => break,
            _ = tick.tick() => {
                write!(err, "\r{} running, {:.1} s ", names.join(", "), began.elapsed().as_secs_f64()).ok();
                err.flush().ok();
            }
        }
    }
    write!(err, "\r\x1b[K").ok();
}
