//! As written (raw) → as run (plan); every refusal names file, place, value.
//!
//! [`load`] goes through five steps, each a file: read.rs lays the layers one on the other, keeping file and line of every
//! value; expand.rs replaces references; decode.rs makes raw structs of each item; make/ checks them and makes the plan.
//! Refusals are gathered, never thrown: all of them are shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

mod checks_list;
pub mod cost;
mod decode;
mod expand;
pub mod hosts;
pub mod lanes;
mod make;
pub mod plan;
mod problem;
pub mod raw;
mod read;
mod secrets;
pub mod series;
mod shard;
mod tree;
mod words;
mod yaml;

pub use plan::Plan;
pub use problem::{Problem, Problems};
pub use words::{Span, Words};

#[cfg(test)]
mod tests;

use problem::{Findings, KeyPath, Seg};
use read::{Layers, Origin};
use tree::Place;

/// Loads a configuration: the paths in order (a folder's files sorted), then `MAILPROBE__SECTION__KEY` of `env`.
///
/// # Errors
/// All that is wrong with it.
pub fn load(paths: &[PathBuf], env: &BTreeMap<String, String>) -> Result<Plan, Problems> {
    finish(Layers::read(paths, env), env)
}

/// Loads one text, read as YAML; relative paths in it are relative to the working directory.
///
/// # Errors
/// All that is wrong with it.
pub fn load_str(name: &str, text: &str) -> Result<Plan, Problems> {
    finish(Layers::read_str(name, text), &BTreeMap::new())
}

/// The variables of this process, for [`load`]; those that are not UTF-8 are left out.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn finish(mut layers: Layers, env: &BTreeMap<String, String>) -> Result<Plan, Problems> {
    let mut findings = Findings::default();
    findings.problems.extend(std::mem::take(&mut layers.problems));
    if layers.root.entries().is_empty() && !findings.problems.is_empty() {
        // Nothing was read: that everything is missing is told already.
        return Err(findings.into_problems());
    }
    expand::expand_tree(&mut layers.root, &layers.sources, env, &mut layers.files, &mut findings);
    make::plan(layers, findings, env)
}

/// A problem with file, line and path filled in; the number sorts files.
fn locate(problem: Problem, path: &KeyPath, place: Place, sources: &[Origin]) -> (usize, Problem) {
    let file = sources.get(place.source).map(|origin| origin.name.clone()).unwrap_or_default();
    (place.source, Problem { file, line: place.line, path: as_written(path).to_string(), ..problem })
}

/// Below a check's name stands its kind, which no path repeats.
fn as_written(path: &KeyPath) -> KeyPath {
    let mut path = path.clone();
    if path.0.first() == Some(&Seg::Key("checks".to_owned())) && path.0.len() > 3 {
        path.0.remove(2);
    }
    path
}

/// The item that a path leads into: a mail service, a mailbox, a check, else the top-level key.
fn item_of(path: &KeyPath) -> KeyPath {
    let many = match path.0.first() {
        Some(Seg::Key(key)) => ["mail_services", "mailboxes", "checks"].contains(&key.as_str()),
        _ => false,
    };
    KeyPath(path.0.iter().take(if many { 2 } else { 1 }).cloned().collect())
}
