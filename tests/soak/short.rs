//! The soak in its short form: a minute against real servers, and the books agree.

use std::process::{Command, Stdio};

use mailprobe_tests::{mailprobe, repository};

fn soak(scenario: &str) {
    let output = Command::new(repository().join("tests/soak/run"))
        .args([
            "--minutes",
            "1",
            "--mailboxes",
            "6",
            "--every",
            "2s",
            "--late-after",
            "10s",
            "--lost-after",
            "20s",
        ])
        .args(["--scenario", scenario, "--bin"])
        .arg(mailprobe())
        .stdin(Stdio::null())
        .output()
        .expect("tests/soak/run runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_minute_of_round_trips_agrees_with_the_servers() {
    soak("plain");
}

#[test]
fn one_message_removed_by_hand_is_missed() {
    soak("remove-one");
}
