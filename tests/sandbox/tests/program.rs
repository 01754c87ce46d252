//! The sandbox as a program: its flags, its commands, its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailprobe-sandbox"));
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        self.answer()
    }
}

#[test]
fn it_is_told_what_to_do_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let arguments = ["--user", "alice:a:b", "--token", "alice:t", "--ca-file", ca.to_str().unwrap()];
    let mut program = Program::start(&arguments);
    let addresses = program.answer();
    assert_eq!(addresses.as_object().unwrap().len(), 8);
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let imap: SocketAddr = addresses["imap"].as_str().unwrap().parse().unwrap();
    let mut greeting = String::new();
    BufReader::new(TcpStream::connect(imap).unwrap()).read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 "), "{greeting}");
    let status = program.ask("fault imap refuse");
    let none = json!(null);
    assert_eq!(status["faults"]["imap"], "refuse");
    assert!(
        status["faults"].as_object().unwrap().iter().all(|(name, fault)| name == "imap" || *fault == none)
    );
    assert!(TcpStream::connect(imap).is_err());
    assert_eq!(program.ask("heal imap")["scenario"], "healthy");
    assert_eq!(program.ask("scenario lossy")["faults"]["smtp"], "lose-every=3");
    assert_eq!(program.ask("deliver alice INBOX Subject: a\\n\\nBody\\n"), json!({ "messages": 1 }));
    assert_eq!(program.ask("messages alice INBOX"), json!(["Subject: a\r\n\r\nBody\r\n"]));
    assert_eq!(program.ask("remove alice INBOX"), json!({ "removed": 1 }));
    assert_eq!(program.ask("counts")["imap"]["connections"], 1);
    for wrong in ["fault imap frob", "fault gopher stall", "scenario sunny", "frob"] {
        assert!(program.ask(wrong)["error"].is_string(), "{wrong}");
    }
    writeln!(program.input.as_mut().unwrap(), "quit").unwrap();
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn it_ends_at_the_end_of_input_only_when_asked_to() {
    let mut program = Program::start(&["--stdin-eof-ends"]);
    program.answer();
    drop(program.input.take());
    assert!(program.child.wait().unwrap().success());

    let mut program = Program::start(&[]);
    program.answer();
    drop(program.input.take());
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(program.child.wait().unwrap().success(), "the signal ended it, in good order");
}

#[test]
fn wrong_arguments_are_told() {
    for wrong in [
        &["--frob"][..],
        &["--user", "alice"],
        &["--port-base", "65000"],
        &["--port-base"],
        &["--schemes", "Digest"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_mailprobe-sandbox")).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "), "{wrong:?}");
    }
}
