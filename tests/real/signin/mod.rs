//! What both tests of signing in over HTTP need: the server of `tests/servers/http_signin.py`, and certificates for it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SignatureAlgorithm};

/// A server's certificate for `localhost`, by an authority with such a key; in a folder.
pub struct Identity {
    pub folder: tempfile::TempDir,
}

impl Identity {
    pub fn new(algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let authority = params.self_signed(&key).expect("an authority's certificate");
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(["localhost".to_owned()]).expect("a name").signed_by(&key, &issuer);
        let leaf = leaf.expect("a server's certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("leaf.pem"), leaf.pem()).expect("a certificate is written");
        std::fs::write(folder.path().join("leaf.key"), key.serialize_pem()).expect("a key is written");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a certificate is written");
        Self { folder }
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// A running `http_signin.py`.
pub struct Server {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
    pub port: u16,
}

impl Server {
    /// `settings`: its environment, beside what this process has.
    pub fn start(arguments: &[&str], identity: Option<&Identity>, settings: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(mailprobe_tests::repository().join("tests/servers/http_signin.py"));
        command.args(arguments).envs(settings.iter().copied());
        if let Some(identity) = identity {
            let folder = identity.folder.path();
            command.arg("--tls").arg(folder.join("leaf.pem")).arg(folder.join("leaf.key"));
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("http_signin.py runs");
        let mut said = BufReader::new(process.stdout.take().expect("its standard output"));
        let mut line = String::new();
        said.read_line(&mut line).expect("its first line");
        let port = line.trim().strip_prefix("up: ").and_then(|port| port.parse().ok());
        Self { process, said, port: port.unwrap_or_else(|| panic!("http_signin.py did not come up: {line}")) }
    }

    /// The next line about a sign-in.
    pub fn said(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line of http_signin.py");
        line.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}
