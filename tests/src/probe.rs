//! The probe as an operator runs it: a process with a file, a log and a port.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;
use crate::http::{Answer, get};
use crate::metrics::Metrics;
use crate::wait::{LOOK, secs};

/// The binary beside the test executable, or beside a binary of the tests: target/PROFILE/mailprobe.
pub fn mailprobe() -> PathBuf {
    let test = std::env::current_exe().expect("the test executable's path");
    let folder = test.parent().expect("target/PROFILE or target/PROFILE/deps");
    let profile = if folder.ends_with("deps") { folder.parent().expect("target/PROFILE") } else { folder };
    let binary = profile.join("mailprobe");
    assert!(binary.is_file(), "{} is missing: cargo build -p mailprobe first", binary.display());
    binary
}

/// A process that ended instead of listening.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    pub log: String,
}

/// A running probe. Dropped, it is killed.
pub struct Probe {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    folder: tempfile::TempDir,
    last: Mutex<Metrics>,
}

impl Probe {
    /// Runs on that configuration; panics when it does not come to listen.
    pub fn start(config: &Config) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let yaml = config.yaml(folder.path());
        Self::run(folder, &yaml, &[]).unwrap_or_else(|refused| {
            panic!("the probe did not start: {}\n{}\n{yaml}", refused.status, refused.log)
        })
    }

    /// Runs on that file's text, which has to say `listen: 127.0.0.1:0`.
    pub fn try_start(yaml: &str) -> Result<Self, Refused> {
        Self::try_start_in(yaml, &[])
    }

    /// The same with these variables in its environment, beside what this process has.
    pub fn try_start_in(yaml: &str, environment: &[(String, String)]) -> Result<Self, Refused> {
        Self::run(tempfile::tempdir().expect("a temporary folder"), yaml, environment)
    }

    fn run(folder: tempfile::TempDir, yaml: &str, environment: &[(String, String)]) -> Result<Self, Refused> {
        let file = folder.path().join("mailprobe.yaml");
        std::fs::write(&file, yaml).expect("the configuration is written");
        Self::run_file_in(folder, &file, environment)
    }

    /// Runs on a file, which lies in that folder or is linked from there.
    pub fn run_file(folder: tempfile::TempDir, file: &Path) -> Result<Self, Refused> {
        Self::run_file_in(folder, file, &[])
    }

    fn run_file_in(
        folder: tempfile::TempDir,
        file: &Path,
        environment: &[(String, String)],
    ) -> Result<Self, Refused> {
        let mut child = Command::new(mailprobe())
            .args(["run", "--config"])
            .arg(file)
            .current_dir(folder.path())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mailprobe starts");
        let log = Arc::new(Mutex::new(String::new()));
        follow(child.stdout.take().expect("its standard output"), &log);
        follow(child.stderr.take().expect("its standard error"), &log);
        let end = Instant::now() + secs(15);
        loop {
            let said = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(address) = said.lines().find_map(listening) {
                return Ok(Self { child, address, log, folder, last: Mutex::default() });
            }
            if let Some(status) = child.try_wait().expect("its state") {
                // What it said last may still be on its way.
                std::thread::sleep(LOOK);
                let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
                return Err(Refused { status, log });
            }
            if Instant::now() > end {
                child.kill().ok();
                child.wait().ok();
                panic!("after 15 s the probe has not logged `listening address=…`:\n{said}");
            }
            std::thread::sleep(LOOK / 5);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder with `mailprobe.yaml`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A page of it.
    pub fn get(&self, path: &str) -> std::io::Result<Answer> {
        get(self.address, path)
    }

    /// A scrape; panics when there is none.
    pub fn metrics(&self) -> Metrics {
        self.scrape().unwrap_or_else(|why| panic!("no /metrics: {why}\n{}", self.tail()))
    }

    fn scrape(&self) -> Result<Metrics, String> {
        let answer = self.get("/metrics").map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("status {}: {}", answer.status, answer.body));
        }
        let metrics = Metrics::parse(&answer.body);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&metrics);
        Ok(metrics)
    }

    /// Scrapes until `condition` holds. At the deadline it panics with what was awaited, the last metrics, the end of the log.
    pub fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut(&Metrics) -> bool,
    ) -> Metrics {
        let end = Instant::now() + deadline;
        loop {
            let metrics = self.metrics();
            if condition(&metrics) {
                return metrics;
            }
            assert!(
                Instant::now() < end,
                "waited {deadline:?} in vain: {what}\n--- last metrics\n{metrics:?}--- log\n{}",
                self.tail()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Panics as soon as `condition` does not hold within that time. For what must *not* happen, where no event tells.
    pub fn holds_for(
        &self,
        what: &str,
        time: Duration,
        mut condition: impl FnMut(&Metrics) -> bool,
    ) -> Metrics {
        let end = Instant::now() + time;
        loop {
            let metrics = self.metrics();
            assert!(
                condition(&metrics),
                "no longer true: {what}\n--- metrics\n{metrics:?}--- log\n{}",
                self.tail()
            );
            if Instant::now() > end {
                return metrics;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n")
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success(), "kill -{name} of the probe\n{}", self.tail());
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// SIGTERM.
    pub fn term(&self) {
        self.signal("TERM");
    }

    /// SIGHUP: it reads its configuration again.
    pub fn hup(&self) {
        self.signal("HUP");
    }

    /// Its exit status; panics when it has not ended by then.
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(
                Instant::now() < end,
                "the probe still runs {deadline:?} after it was told to stop\n{}",
                self.tail()
            );
            std::thread::sleep(LOOK / 5);
        }
    }

    /// SIGTERM, then scrapes until it is gone: its exit status and what the last scrape said.
    pub fn stop(&mut self, deadline: Duration) -> (ExitStatus, Metrics) {
        let mut last = self.metrics();
        self.term();
        let end = Instant::now() + deadline;
        loop {
            if let Ok(metrics) = self.scrape() {
                last = metrics;
            }
            if let Some(status) = self.child.try_wait().expect("its state") {
                return (status, last);
            }
            assert!(
                Instant::now() < end,
                "the probe still runs {deadline:?} after SIGTERM\n{last:?}{}",
                self.tail()
            );
            std::thread::sleep(LOOK / 5);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn follow(from: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&String::from_utf8_lossy(&line));
            log.push('\n');
        }
    });
}

/// The address in the line `listening address=127.0.0.1:PORT`, logfmt or JSON.
fn listening(line: &str) -> Option<SocketAddr> {
    if !line.contains("listening") {
        return None;
    }
    let (_, after) = line.split_once("address")?;
    let start = after.trim_start_matches(['"', '=', ':', ' ']);
    let end = start
        .find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']')))
        .unwrap_or(start.len());
    start.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address() {
        let address = "127.0.0.1:4711".parse().ok();
        assert_eq!(listening("2026-11-22T01:00:00.000Z info listening address=127.0.0.1:4711"), address);
        assert_eq!(
            listening(r#"{"level":"info","message":"listening","address":"127.0.0.1:4711","x":1}"#),
            address
        );
        assert_eq!(listening("listening address=127.0.0.1:4711 page=true"), address);
        assert_eq!(listening("remote_address=127.0.0.1:4711"), None);
        assert_eq!(listening("listening"), None);
    }
}
