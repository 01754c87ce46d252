//! kill -9 at every request of a run: the next one, long after, takes away what was left, and nothing else.

use std::process::{Child, Command, Stdio};

use mailprobe_sandbox::{Fault, Protocol};
use mailprobe_tests::{mailprobe, secs, wait_until};

use crate::stage::{CHECKS, Stage};

/// Makes a process think that it is later.
fn faketime() -> String {
    let arch = std::env::consts::ARCH;
    let at = format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketime.so.1");
    assert!(std::path::Path::new(&at).exists(), "{at}: apt-get install faketime");
    at
}

struct Run {
    child: Child,
}

impl Run {
    fn start(stage: &Stage, later: bool) -> Self {
        let file = stage.scene.file("mailprobe.yaml", &stage.scene.yaml());
        let mut command = Command::new(mailprobe());
        command.args(["check", "--direct", "--config", &file]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if later {
            // What a dead probe left is swept five minutes after its time was over.
            command
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME", "+1h")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        Self { child: command.spawn().expect("mailprobe starts") }
    }

    /// Until it has ended by itself, or the sandbox holds its request back; then it is killed.
    fn until_held(mut self, stage: &Stage) -> bool {
        let mut held = false;
        wait_until("a request is held back, or the run is over", secs(40), || {
            held = stage.service.sandbox().log().iter().any(|line| line.contains("held back"));
            held || self.child.try_wait().expect("its state").is_some()
        });
        self.child.kill().ok();
        self.child.wait().expect("its end");
        held
    }

    fn well(self) -> String {
        let output = self.child.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

fn killed_at_every_request(name: &str, protocols: &[Protocol]) {
    let (_, check) = CHECKS.iter().find(|(of, _)| *of == name).expect("a check of the table");
    let mut stage = Stage::new();
    stage.scene.check(check);
    let strangers = stage.strangers();
    let (mut requests, mut dirty) = (0, 0);
    for protocol in protocols {
        for nth in 1.. {
            stage.fault(*protocol, Some(Fault::StallAt(nth)));
            stage.service.sandbox().forget_log();
            if !Run::start(&stage, false).until_held(&stage) {
                break;
            }
            stage.fault(*protocol, None);
            requests += 1;
            dirty += usize::from(stage.left() != strangers);
            let said = Run::start(&stage, true).well();
            assert_eq!(stage.left(), strangers, "{name}, killed at request {nth} of {protocol}\n{said}");
        }
        stage.fault(*protocol, None);
    }
    assert!(requests >= 8 && dirty >= 3, "{name}: {requests} requests, {dirty} left something");
}

#[test]
fn an_entry_is_swept_wherever_its_probe_was_killed() {
    killed_at_every_request("entry", &[Protocol::Caldav]);
    killed_at_every_request("entry-ews", &[Protocol::Ews]);
}

#[test]
fn a_series_is_swept_wherever_its_probe_was_killed() {
    killed_at_every_request("series", &[Protocol::Caldav]);
    killed_at_every_request("series-ews", &[Protocol::Ews]);
}

#[test]
fn a_meeting_is_swept_wherever_its_probe_was_killed() {
    killed_at_every_request("meet", &[Protocol::Caldav]);
    killed_at_every_request("meet-ews", &[Protocol::Ews]);
}

#[test]
fn a_meeting_by_mail_is_swept_wherever_its_probe_was_killed() {
    killed_at_every_request("mailed", &[Protocol::Ews]);
    killed_at_every_request("mailing", &[Protocol::Ews]);
}

#[test]
fn a_block_is_swept_wherever_its_probe_was_killed() {
    killed_at_every_request("busy", &[Protocol::Caldav, Protocol::Ews]);
}
