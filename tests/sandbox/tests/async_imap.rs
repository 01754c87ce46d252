//! The crate async-imap against a healthy sandbox.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use async_imap::{
    Client, Session,
    extensions::idle::IdleResponse,
    imap_proto::{MailboxDatum, Response},
};
use futures_util::TryStreamExt;
use mailprobe_sandbox::{Fault, Listener, Protocol};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use support::{PASSWORD, World};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

async fn client(world: &World) -> Client<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.sandbox.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(world.sandbox.address(Listener::Imaps)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut client = Client::new(stream);
    client.read_response().await.unwrap().expect("a greeting");
    client
}

async fn session(world: &World) -> Session<TlsStream<TcpStream>> {
    client(world).await.login("alice", PASSWORD).await.map_err(|(error, _)| error).unwrap()
}

#[tokio::test]
async fn it_reads_changes_and_deletes() {
    let world = World::start().await;
    world.sandbox.deliver("alice", "INBOX", b"Subject: one\r\n\r\nBody\r\n");
    world.sandbox.deliver("alice", "INBOX", b"Subject: two\r\n\r\nBody\r\n");
    let mut session = session(&world).await;
    let capabilities = session.capabilities().await.unwrap();
    for name in ["IDLE", "UIDPLUS", "MOVE", "SPECIAL-USE"] {
        assert!(capabilities.has_str(name), "{name}");
    }
    let mailbox = session.select("INBOX").await.unwrap();
    assert_eq!((mailbox.exists, mailbox.recent, mailbox.uid_next), (2, 2, Some(3)));
    assert!(mailbox.uid_validity.is_some());
    let found = session.uid_search("HEADER Subject two").await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [2]);
    let query = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])";
    let fetched: Vec<_> = session.uid_fetch("1:*", query).await.unwrap().try_collect().await.unwrap();
    assert_eq!(fetched.len(), 2);
    assert_eq!(fetched[1].body(), Some(&b"Subject: two\r\n\r\nBody\r\n"[..]));
    assert_eq!(fetched[1].envelope().unwrap().subject.as_deref(), Some(&b"two"[..]));
    assert_eq!(fetched[1].size, Some(22));
    assert!(fetched[1].bodystructure().is_some() && fetched[1].internal_date().is_some());
    let stored: Vec<_> =
        session.uid_store("1", "+FLAGS (\\Deleted)").await.unwrap().try_collect().await.unwrap();
    assert_eq!(stored[0].uid, Some(1));
    let gone: Vec<_> = session.uid_expunge("1").await.unwrap().try_collect().await.unwrap();
    assert_eq!(gone, [1]);
    session.append("Drafts", None, None, b"Subject: draft\r\n\r\n").await.unwrap();
    let names: Vec<_> = session.list(None, Some("*")).await.unwrap().try_collect().await.unwrap();
    assert_eq!(names.len(), 5);
    session.uid_mv("2", "Trash").await.unwrap();
    session.logout().await.unwrap();
    assert_eq!(world.sandbox.messages("alice", "Trash").len(), 1);
    assert_eq!(world.sandbox.messages("alice", "INBOX").len(), 0);
    assert_eq!(world.sandbox.messages("alice", "Drafts").len(), 1);
}

#[tokio::test]
async fn idle_tells_at_once() {
    let world = World::start().await;
    let mut session = session(&world).await;
    session.select("INBOX").await.unwrap();
    for count in 1..=3 {
        let mut idle = session.idle();
        idle.init().await.unwrap();
        let (waiting, _stop) = idle.wait();
        world.sandbox.deliver("alice", "INBOX", b"Subject: new\r\n\r\nBody\r\n");
        let IdleResponse::NewData(data) = waiting.await.unwrap() else { panic!("no data") };
        assert!(
            matches!(data.parsed(), Response::MailboxData(MailboxDatum::Exists(n)) if *n == count),
            "{:?}",
            data.parsed()
        );
        session = idle.done().await.unwrap();
    }
    assert_eq!(world.sandbox.remove_all("alice", "INBOX"), 3);
    session.noop().await.unwrap();
    assert_eq!(session.select("INBOX").await.unwrap().exists, 0);
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let world = World::start().await;
    let (error, client) = client(&world).await.login("alice", "wrong").await.expect_err("a refusal");
    assert!(error.to_string().contains("AUTHENTICATIONFAILED"), "{error}");
    world.sandbox.set_fault(Protocol::Imap, Some(Fault::SignInUnavailable));
    let (error, client) = client.login("alice", PASSWORD).await.expect_err("a refusal");
    assert!(error.to_string().contains("UNAVAILABLE"), "{error}");
    world.sandbox.set_fault(Protocol::Imap, None);
    assert!(client.login("alice", PASSWORD).await.is_ok());
}
