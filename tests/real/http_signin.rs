//! NTLM over HTTP, accepted by pyspnego: whether the messages are what another implementation takes.

#[path = "signin/connection.rs"]
mod connection;
mod signin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connection::{Answer, Connection};
use mailprobe::auth::ntlm::{Binding, Client, Server as Names, channel_binding, filetime};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use signin::{Identity, Server};

const USERS: &str = "CORP:alice:pw-alice ünal €\n:bob@corp.example:pw-bob\n:carol:pw-carol\n";

/// Serves the users above.
struct Stage {
    server: Server,
    identity: Option<Identity>,
    _users: tempfile::NamedTempFile,
}

impl Stage {
    fn new(identity: Option<Identity>, arguments: &[&str]) -> Self {
        let users = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(users.path(), USERS).expect("the users are written");
        let file = users.path().to_str().expect("a path in UTF-8");
        let server = Server::start(&[&["ntlm", file], arguments].concat(), identity.as_ref(), &[]);
        Self { server, identity, _users: users }
    }

    fn plain() -> Self {
        Self::new(None, &[])
    }

    fn open(&self) -> Connection {
        let authority = self.identity.as_ref().map(Identity::authority);
        Connection::open(self.server.port, authority.as_deref())
    }
}

/// What the server sent with its challenge.
fn token(answer: &Answer) -> Vec<u8> {
    let token =
        answer.header("WWW-Authenticate").and_then(|value| value.strip_prefix("NTLM ")).expect("a token");
    STANDARD.decode(token).expect("base64")
}

/// The whole of it, over one connection; the answer to the third message.
fn sign_in(connection: &mut Connection, user: &str, password: &str, channel: Option<[u8; 16]>) -> Answer {
    let client = Client::new(user, password);
    let asked = connection.get(None);
    assert_eq!((asked.status, asked.header("WWW-Authenticate")), (401, Some("NTLM")));
    let challenged = connection.get(Some(("NTLM", &client.negotiate())));
    assert_eq!(challenged.status, 401);
    let challenge = token(&challenged);
    let names = Names::read(&challenge).expect("names");
    assert!(names.computer.is_some() && names.time.is_some(), "{names:?}");
    let binding = Binding { channel, target: "HTTP/localhost" };
    let now = filetime(mailprobe::clock::wall());
    let message = client.authenticate(&challenge, &binding, now, *b"a nonce!").expect("an answer");
    connection.get(Some(("NTLM", &message)))
}

#[test]
fn the_right_password_signs_a_connection_in_and_no_other() {
    let mut stage = Stage::plain();
    for (user, password, name) in [
        ("CORP\\alice", "pw-alice ünal €", "CORP\\alice"),
        ("corp\\ALICE", "pw-alice ünal €", "corp\\ALICE"),
        ("bob@corp.example", "pw-bob", "bob@corp.example"),
        ("carol", "pw-carol", "carol"),
    ] {
        let mut connection = stage.open();
        let answer = sign_in(&mut connection, user, password, None);
        assert_eq!((answer.status, answer.body.as_str()), (200, name), "{:?}", answer.headers);
        assert_eq!(stage.server.said(), format!("accepted: {name}"));
        assert_eq!(connection.get(None).status, 200, "the connection is signed in");
        assert_eq!(stage.open().get(None).status, 401, "another one is not");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused() {
    let mut stage = Stage::plain();
    for (user, password) in [
        ("CORP\\alice", "pw-alice"),
        ("CORP\\alice", ""),
        ("OTHER\\alice", "pw-alice ünal €"),
        ("nobody", "pw-carol"),
    ] {
        let mut connection = stage.open();
        let answer = sign_in(&mut connection, user, password, None);
        assert_eq!((answer.status, answer.header("WWW-Authenticate")), (401, Some("NTLM")), "{user}");
        assert!(stage.server.said().starts_with("refused: "), "{user}");
        assert_eq!(connection.get(None).status, 401);
    }
    // And over the same connection, once more and rightly.
    let mut connection = stage.open();
    assert_eq!(sign_in(&mut connection, "carol", "pw-bob", None).status, 401);
    assert_eq!(sign_in(&mut connection, "carol", "pw-carol", None).status, 200);
}

#[test]
fn a_message_that_was_changed_on_its_way_is_refused() {
    let mut stage = Stage::plain();
    let mut connection = stage.open();
    let client = Client::new("carol", "pw-carol");
    let challenge = token(&connection.get(Some(("NTLM", &client.negotiate()))));
    let binding = Binding { channel: None, target: "HTTP/localhost" };
    let mut message = client.authenticate(&challenge, &binding, 0, *b"a nonce!").expect("an answer");
    // A flag: the response does not cover it, the MIC does.
    message[63] ^= 0x20;
    assert_eq!(connection.get(Some(("NTLM", &message))).status, 401);
    assert!(stage.server.said().contains("Invalid MIC"));
}

#[test]
fn extended_protection_takes_the_right_channel_and_nothing_else() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let mut stage = Stage::new(Some(Identity::new(algorithm)), &["--binding", "require"]);
        let other = channel_binding(b"another certificate");
        let mut attempt = |channel: fn([u8; 16], [u8; 16]) -> Option<[u8; 16]>| {
            let mut connection = stage.open();
            let leaf = connection.leaf.clone().expect("a certificate");
            let channel = channel(channel_binding(&leaf), other);
            let status = sign_in(&mut connection, "carol", "pw-carol", channel).status;
            (status, stage.server.said())
        };
        assert_eq!(attempt(|right, _| Some(right)), (200, "accepted: carol".to_owned()));
        for (status, said) in [attempt(|_, wrong| Some(wrong)), attempt(|_, _| None)] {
            assert!(status == 401 && said.starts_with("refused: BadBindingsError"), "{status} {said}");
        }
    }
}

#[test]
fn where_no_binding_is_looked_at_any_will_do() {
    let stage = Stage::new(Some(Identity::new(&PKCS_ECDSA_P256_SHA256)), &[]);
    for channel in [None, Some([7; 16])] {
        assert_eq!(sign_in(&mut stage.open(), "carol", "pw-carol", channel).status, 200);
    }
}
