//! What the tests share: a sandbox with users, and running other people's programs.

#![allow(dead_code, reason = "each test file uses what it needs")]

pub mod dav;
pub mod talk;
pub mod web;

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use mailprobe_sandbox::{Listener, Options, Sandbox};
use tempfile::TempDir;

/// A sandbox with the users alice and bob, and its authority's certificate in a file.
pub struct World {
    pub sandbox: Sandbox,
    pub dir: TempDir,
}

pub const PASSWORD: &str = "s3cret word";

impl World {
    pub async fn start() -> Self {
        Self::of(Sandbox::start(Options::default()).await.unwrap())
    }

    pub fn of(sandbox: Sandbox) -> Self {
        sandbox.add_user("alice", PASSWORD);
        sandbox.add_user("bob", PASSWORD);
        sandbox.set_token("alice", "t0ken");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        Self { sandbox, dir }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub fn port(&self, listener: Listener) -> u16 {
        self.sandbox.address(listener).port()
    }

    /// Runs a script of tests/clients with Python, to the end; it must succeed.
    pub async fn python(&self, script: &str, more: &[&str]) -> String {
        self.script(program("python3", "python3"), script, more).await
    }

    /// The same with the Python that has exchangelib.
    pub async fn library(&self, script: &str, more: &[&str]) -> String {
        self.script(Command::new(environment().join("bin/python")), script, more).await
    }

    async fn script(&self, mut command: Command, script: &str, more: &[&str]) -> String {
        command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
        command.env("CA_FILE", self.ca_file()).env("PASSWORD", PASSWORD).args(more);
        for listener in Listener::ALL {
            let name = format!("{}_PORT", listener.name().to_uppercase());
            command.env(name, self.port(listener).to_string());
        }
        succeed(command).await
    }
}

/// Where tests/run keeps the Python environment with what tests/python.txt names; the test fails if there is
/// none.
fn environment() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = std::env::var_os("MAILPROBE_PYTHON").map(PathBuf::from);
    let folder = folder.or_else(|| Some(cache?.join("mailprobe/python"))).unwrap();
    assert!(folder.join("bin/python").is_file(), "there is no {}: tests/run makes it", folder.display());
    folder
}

/// That program; the test fails, naming the Debian package, if there is none.
pub fn program(name: &str, package: &str) -> Command {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    let Some(path) = found else {
        panic!("there is no program `{name}`: install the Debian package `{package}`");
    };
    Command::new(path)
}

pub async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Runs a program that must succeed, and returns all it printed.
pub async fn succeed(command: Command) -> String {
    let shown = format!("{command:?}");
    let output = run(command).await;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown} ended with {}:\n{text}", output.status);
    text
}
