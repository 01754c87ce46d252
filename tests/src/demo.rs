//! `mailprobe demo` as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::probe::mailprobe;

/// A running demo. Dropped, it is killed.
pub struct Demo {
    child: Child,
    /// Of its status page.
    pub url: String,
}

impl Demo {
    /// On a free port, in that scenario.
    pub fn start(scenario: &str) -> Self {
        let mut child = Command::new(mailprobe())
            .args(["demo", "--listen", "127.0.0.1:0", "--scenario", scenario])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mailprobe starts");
        let out = BufReader::new(child.stdout.take().expect("its standard output"));
        let url = out
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("status page").map(|url| url.trim().to_owned()))
            .expect("it prints the address of the status page");
        Self { child, url }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let rest = self.url.strip_prefix("http://").expect("an http URL");
        rest.trim_end_matches('/').parse().expect("an address")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
