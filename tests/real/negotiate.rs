//! Signs in by Kerberos once and says what came of it: a process of its own for each attempt of real_kerberos, because the
//! library takes its settings from the environment that a process was started with.
//!
//!     negotiate PORT PRINCIPAL password:WORD|keytab:FILE SERVICE right|wrong|none [AUTHORITY]
//!
//! Prints `STATUS BODY`, or the trouble.

#[path = "signin/connection.rs"]
mod connection;

use std::path::Path;
use std::process::ExitCode;

use connection::Connection;
use mailprobe::auth::kerberos::{Proof, token};
use mailprobe::auth::ntlm::end_point;

#[allow(clippy::print_stdout)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [port, principal, proof, service, binding, authority @ ..] = &all[..] else {
        return ExitCode::from(2);
    };
    let port = port.parse().expect("a port");
    let mut connection = Connection::open(port, authority.first().map(Path::new));
    let channel = match *binding {
        "right" => connection.leaf.as_deref().map(end_point),
        "wrong" => Some(end_point(b"another certificate")),
        _ => None,
    };
    let proof = match proof.split_once(':') {
        Some(("password", word)) => Proof::Password(word),
        Some(("keytab", file)) => Proof::Keytab(Path::new(file)),
        _ => return ExitCode::from(2),
    };
    match token(principal, proof, service, channel.as_deref()) {
        Ok(token) => {
            let answer = connection.get(Some(("Negotiate", &token)));
            println!("{} {}", answer.status, answer.body);
        }
        Err(error) => println!("{:?} {error}", error.trouble),
    }
    ExitCode::SUCCESS
}
