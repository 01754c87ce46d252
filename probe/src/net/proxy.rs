//! HTTP CONNECT (RFC 9110, section 9.3.6).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::catalogue::Reason;
use crate::config::plan::{Endpoint, Proxy};
use crate::outcome::{Fact, Fault, Recorder, Said};
use crate::secret;

const LARGEST_HEAD: usize = 16 << 10;

/// Whether `no_proxy` names the host: itself, its address, or a domain that it is in (`.example.com`).
pub(super) fn exempt(proxy: &Proxy, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    proxy.no_proxy.iter().any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" || entry == host {
            return true;
        }
        let domain = entry.trim_start_matches('.');
        host.parse::<IpAddr>().is_err() && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// A fault on the way to the proxy says nothing of the mail service.
pub(super) fn unreachable(fault: Fault) -> Fault {
    match fault.reason {
        Reason::NoDescriptor => fault,
        _ => Fault { reason: Reason::ProxyUnreachable, ..fault },
    }
}

/// Asks the proxy for a tunnel.
pub(super) async fn tunnel(
    mut stream: TcpStream,
    proxy: &Proxy,
    endpoint: &Endpoint,
    rec: &Recorder,
) -> Result<TcpStream, Fault> {
    rec.note(Fact::Proxy(Said::new(&format!("{}:{}", proxy.host, proxy.port))));
    stream.write_all(request(proxy, endpoint).as_bytes()).await.map_err(broken)?;
    // One byte at a time: what comes after the head is the server's, and not ours to take.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > LARGEST_HEAD {
            return Err(Fault::new(Reason::ProxyUnreachable, "the proxy's answer has no end"));
        }
        head.push(stream.read_u8().await.map_err(broken)?);
    }
    let status = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let code = status.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    match (status.starts_with(b"HTTP/1."), code) {
        (true, [b'2', _, _]) => Ok(stream),
        (true, [_, _, _]) => Err(Fault::new(Reason::ProxyRefused, Said::bytes(status).as_str())
            .coded(&String::from_utf8_lossy(code))),
        _ => Err(Fault::new(
            Reason::ProxyUnreachable,
            &format!("this is no HTTP proxy, it answers: {}", Said::bytes(status)),
        )),
    }
}

fn request(proxy: &Proxy, endpoint: &Endpoint) -> String {
    let host = match endpoint.host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => endpoint.host.to_string(),
    };
    let to = format!("{host}:{}", endpoint.port);
    let mut out = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(username) = &proxy.username {
        let password = proxy.password.as_ref().map_or("", |password| password.expose());
        let pair = STANDARD.encode(format!("{username}:{password}"));
        secret::learn(&pair);
        out.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    out.push_str("\r\n");
    out
}

fn broken(error: std::io::Error) -> Fault {
    Fault::new(Reason::ProxyUnreachable, &format!("the proxy cut the connection: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_and_domains() {
        let proxy = Proxy {
            host: "proxy".into(),
            port: 3128,
            username: None,
            password: None,
            no_proxy: vec!["mail.example.com".into(), ".corp.example".into(), "192.0.2.1".into()],
        };
        for (host, without) in [
            ("mail.example.com", true),
            ("MAIL.example.com", true),
            ("x.mail.example.com", true),
            ("xmail.example.com", false),
            ("a.corp.example", true),
            ("192.0.2.1", true),
            ("192.0.2.10", false),
        ] {
            assert_eq!(exempt(&proxy, host), without, "{host}");
        }
    }
}
