//! A server by a script of `tests/servers`, down when dropped, after a panic and after `kill -9` of the test too.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::wait::repository;

/// What a script keeps up as long as its standard input is open.
pub(crate) struct Attended {
    pub(crate) folder: PathBuf,
    script: PathBuf,
    attendant: Child,
}

impl Attended {
    pub(crate) fn start(script: &str, environment: &[(&str, String)]) -> Self {
        let folder =
            tempfile::Builder::new().prefix("mailprobe-").tempdir_in("/tmp").expect("a folder").keep();
        let script = repository().join("tests/servers").join(script);
        let mut attendant = Command::new(&script)
            .arg("attend")
            .arg(&folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What ends the test must not end the attendant before it has cleared up.
            .process_group(0)
            .spawn()
            .expect("a script of tests/servers runs");
        let mut said = String::new();
        let mut from = BufReader::new(attendant.stdout.take().expect("its standard output"));
        from.read_line(&mut said).expect("its first line");
        assert!(said.starts_with("up: "), "{} attend: {said}", script.display());
        Self { folder, script, attendant }
    }

    pub(crate) fn command(&self, verb: &str, arguments: &[&str]) -> String {
        let output = Command::new(&self.script).arg(verb).arg(&self.folder).args(arguments).output();
        let output = output.expect("a script of tests/servers runs");
        assert!(output.status.success(), "{} {verb}: {output:?}", self.script.display());
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        drop(self.attendant.stdin.take());
        self.attendant.wait().ok();
    }
}
