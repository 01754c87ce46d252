//! A KDC by `tests/servers/kerberos.sh`, and Apache by `tests/servers/apache.sh` that takes its tickets.

use std::path::{Path, PathBuf};

use crate::attended::Attended;
use crate::ports::free_port_base;
use crate::scene::{PASSWORD, Scene};

/// A KDC of one's own, for the realm PROBE.TEST.
pub struct Kdc(Attended);

impl Default for Kdc {
    fn default() -> Self {
        Self::start()
    }
}

impl Kdc {
    pub fn start() -> Self {
        Self::with_clock("")
    }

    /// With a clock that is so far off: `+20m`.
    pub fn with_clock(off: &str) -> Self {
        let clock = ("KDC_CLOCK", off.to_owned());
        Self(Attended::start("kerberos.sh", &[("KDC_PORT", free_port_base(&[0]).to_string()), clock]))
    }

    /// A file of its folder: `client.keytab`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.folder.join(file)
    }

    /// A command of kerberos.sh; panics when it fails.
    pub fn command(&self, verb: &str, arguments: &[&str]) -> String {
        self.0.command(verb, arguments)
    }

    /// How often it has refused that user's proof.
    pub fn attempts(&self, user: &str) -> usize {
        self.command("attempts", &[user]).parse().expect("a number")
    }

    /// What a probe has to be started with that signs in here, with the keys of that file.
    pub fn prepare(&self, scene: &mut Scene, keytab: &str) {
        let tickets = scene.folder().join("tickets");
        std::fs::create_dir_all(&tickets).expect("a folder for tickets");
        scene.variable("KRB5_CONFIG", &self.path("krb5.conf").display().to_string());
        scene.variable("KRB5_CLIENT_KTNAME", &self.path(keytab).display().to_string());
        scene.variable("KRB5CCNAME", &format!("DIR:{}", tickets.display()));
    }
}

/// Apache in front of a backend; what lies where says `apache.sh`.
pub struct Apache {
    apache: Attended,
    pub port: u16,
}

impl Apache {
    /// `identity`: a folder with `leaf.pem` and `leaf.key`. `backend`: the port of its HTTPS.
    /// `off`: how far its clock is off, as `+20m`; empty: not at all.
    pub fn start(kdc: &Kdc, identity: &Path, backend: u16, off: &str) -> Self {
        let port = free_port_base(&[0]);
        let file = |name: &str| identity.join(name).display().to_string();
        let apache = Attended::start(
            "apache.sh",
            &[
                ("KDC", kdc.0.folder.display().to_string()),
                ("CERTIFICATE", file("leaf.pem")),
                ("KEY", file("leaf.key")),
                ("BACKEND", format!("https://localhost:{backend}")),
                ("PASSWORD", PASSWORD.to_owned()),
                ("HTTPS_PORT", port.to_string()),
                ("APACHE_CLOCK", off.to_owned()),
            ],
        );
        Self { apache, port }
    }

    /// The requests below that path: `STATUS USER PROOF`, PROOF `yes` or `no`.
    pub fn requests(&self, below: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.apache.folder.join("log/requests.log")).expect("Apache's log");
        let split = |line: &str| line.rsplit_once(' ').map(|(what, path)| (what.to_owned(), path.to_owned()));
        log.lines()
            .filter_map(split)
            .filter(|(_, path)| path.starts_with(below))
            .map(|(what, _)| what)
            .collect()
    }
}
