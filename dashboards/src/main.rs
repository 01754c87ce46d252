//! `mailprobe-dashboards [--write] [--out DIR] [--set KNOB=VALUE]…`: writes what is made from the tables, or says what
//! is stale. With `--out` the runbooks, which are half written by hand, are left where they are.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use mailprobe_dashboards::{files, knobs::Values, runbooks};

fn main() -> anyhow::Result<ExitCode> {
    let mut write = false;
    let mut out = None;
    let mut values = Values::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--write" => write = true,
            "--out" => out = Some(PathBuf::from(arguments.next().context("--out DIR")?)),
            "--set" => {
                let pair = arguments.next().context("--set KNOB=VALUE")?;
                let (name, value) = pair.split_once('=').context("--set KNOB=VALUE")?;
                values.set(name, value)?;
            }
            other => anyhow::bail!("{other}: there are --write, --out DIR and --set KNOB=VALUE"),
        }
    }
    let mut stale = false;
    for (path, text) in made(out, &values) {
        if write {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        } else if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            use std::io::Write as _;
            writeln!(std::io::stderr(), "{} is stale", path.display())?;
            stale = true;
        }
    }
    Ok(if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every file, with its place.
fn made(out: Option<PathBuf>, values: &Values) -> Vec<(PathBuf, String)> {
    let own = out.is_none();
    let out = out.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut made: Vec<_> = files(values).into_iter().map(|(name, text)| (out.join(name), text)).collect();
    if own {
        let folder = runbooks::folder();
        let pages = runbooks::files(values, |name| std::fs::read_to_string(folder.join(name)).ok());
        made.extend(pages.into_iter().map(|(name, text)| (folder.join(name), text)));
    }
    made
}
