//! HTTP over one connection, request by request. Not the probe's own client: what is judged here is what makes the tokens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// One connection.
pub struct Connection {
    wire: Box<dyn Wire>,
    /// The server's certificate.
    pub leaf: Option<Vec<u8>>,
}

impl Connection {
    /// `authority`: a file with the certificate by which the server's is trusted; none: no TLS.
    pub fn open(port: u16, authority: Option<&Path>) -> Self {
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let Some(authority) = authority else { return Self { wire: Box::new(tcp), leaf: None } };
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(authority).expect("the authority's certificate");
        roots.add(authority).expect("an authority");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().expect("a name");
        let mut tls = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).expect("a TLS handshake");
        }
        let leaf = tls.peer_certificates().and_then(<[_]>::first).map(|leaf| leaf.to_vec());
        Self { wire: Box::new(StreamOwned::new(tls, tcp)), leaf }
    }

    pub fn get(&mut self, authorization: Option<(&str, &[u8])>) -> Answer {
        let authorization = authorization.map_or_else(String::new, |(scheme, token)| {
            format!("Authorization: {scheme} {}\r\n", STANDARD.encode(token))
        });
        let request = format!("GET /ews/exchange.asmx HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n");
        self.wire.write_all(request.as_bytes()).and_then(|()| self.wire.flush()).expect("a request is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.wire.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text");
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status: status.expect("a status"), headers, body: String::new() };
        let length = answer.header("Content-Length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        self.wire.read_exact(&mut body).expect("a body");
        answer.body = String::from_utf8(body).expect("text");
        answer
    }
}
