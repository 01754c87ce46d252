//! Calendar servers that others wrote: Radicale by `tests/servers/radicale.sh`, Cyrus by `tests/servers/cyrus.sh`.

use rcgen::{CertificateParams, KeyPair};

use crate::attended::Attended;
use crate::ports::free_port_base;
use crate::scene::PASSWORD;

/// What its certificate is for: where it is, and what a name server of a test's own calls it.
const NAMES: [&str; 4] = ["localhost", "dav.probe.test", "dav.path.test", "dav.wrong.test"];

/// A calendar server with the users alice and bob at probe.test, whose password is [`PASSWORD`].
pub struct Calendars {
    server: Attended,
    port: u16,
    authority: String,
}

impl Calendars {
    /// A calendar each.
    pub fn radicale() -> Self {
        Self::start("radicale.sh")
    }

    /// Invitations go from one to the other.
    pub fn cyrus() -> Self {
        Self::start("cyrus.sh")
    }

    fn start(script: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(NAMES.map(str::to_owned)).expect("a name").self_signed(&key);
        let authority = certificate.expect("a certificate").pem();
        let identity = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = identity.path().join(name);
            std::fs::write(&path, text).expect("a file of the test's");
            path.display().to_string()
        };
        let port = free_port_base(&[0]);
        let environment = [
            ("CERTIFICATE", file("leaf.pem", &authority)),
            ("KEY", file("leaf.key", &key.serialize_pem())),
            ("PASSWORD", PASSWORD.to_owned()),
            ("HTTPS_PORT", port.to_string()),
        ];
        Self { server: Attended::start(script, &environment), port, authority }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom to trust, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How often it has refused that user; Radicale's log tells.
    pub fn refusals(&self, user: &str) -> usize {
        self.server.command("refusals", &[user]).parse().expect("a number")
    }
}
