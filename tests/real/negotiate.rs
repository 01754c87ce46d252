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

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connection::Connection;
use mailprobe::auth::kerberos::{Proof, Ticket};
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
    let begun = Ticket::get(principal, proof).and_then(|ticket| ticket.begin(service, channel.as_deref()));
    let (conversation, token) = match begun {
        Ok((conversation, token)) => (conversation, token),
        Err(error) => {
            println!("{:?} {error}", error.trouble);
            return ExitCode::SUCCESS;
        }
    };
    let answer = connection.get(Some(("Negotiate", &token)));
    let sent = answer.header("WWW-Authenticate").and_then(|value| value.strip_prefix("Negotiate "));
    let heeded = match sent.map(|token| STANDARD.decode(token).expect("base64")) {
        Some(token) => {
            conversation.answered(&token).map_or_else(|error| error.words, |()| "proven".to_owned())
        }
        None => "no token".to_owned(),
    };
    println!("{} {}; the server: {heeded}", answer.status, answer.body);
    ExitCode::SUCCESS
}
