//! `mailprobe-dashboards [--write] [--out DIR] [--set KNOB=VALUE]…`: writes what is made from the tables, or says what
//! is stale.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use mailprobe_dashboards::{files, knobs::Values};

fn main() -> anyhow::Result<ExitCode> {
    let mut write = false;
    let mut out = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut values = Values::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--write" => write = true,
            "--out" => out = arguments.next().context("--out DIR")?.into(),
            "--set" => {
                let pair = arguments.next().context("--set KNOB=VALUE")?;
                let (name, value) = pair.split_once('=').context("--set KNOB=VALUE")?;
                values.set(name, value)?;
            }
            other => anyhow::bail!("{other}: there are --write, --out DIR and --set KNOB=VALUE"),
        }
    }
    let mut stale = false;
    for (name, text) in files(&values) {
        let path = out.join(&name);
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
