//! The Python environment that tests/run makes of tests/python.txt.

use std::path::PathBuf;
use std::process::Command;

/// Its interpreter; the test fails if there is none.
pub fn python() -> Command {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let python = folder("MAILPROBE_PYTHON").or_else(|| Some(cache()?.join("mailprobe/python")));
    let python = python.expect("a home folder").join("bin/python");
    assert!(python.is_file(), "there is no {}: tests/run makes it", python.display());
    Command::new(python)
}
