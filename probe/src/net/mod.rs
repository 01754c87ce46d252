//! Resolve, connect, proxy, TLS: timed, bounded. One attempt, one address; no metric, no lane.

pub mod http;
pub mod line;
mod proxy;
mod resolve;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, MailService, TlsMode};
use crate::outcome::{Fact, Fault, Recorder};
use line::Line;

/// A silent cut is noticed within this time while something is on its way.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Which address of an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Equal addresses are taken in turn, so that a half-dead pool shows as alternate failures and not as luck.
    Turn(u32),
    Address(SocketAddr),
}

/// Whether a host is reached through the mail service's proxy.
pub fn proxied(service: &MailService, host: &str) -> bool {
    service.proxy.as_ref().is_some_and(|proxy| !proxy::exempt(proxy, host))
}

/// The way to one mail service.
pub struct Net {
    service: Arc<MailService>,
    resolver: resolve::Lookup,
    tls: tls::Client,
}

impl Net {
    /// # Errors
    /// What is wrong with the certificates of the configuration or of the system.
    pub fn new(service: Arc<MailService>) -> Result<Self, String> {
        let tls = tls::Client::new(&service.tls)?;
        let resolver = resolve::Lookup::new(&service.resolver, service.ip_family);
        Ok(Self { service, resolver, tls })
    }

    /// Every address of an endpoint, the preferred first. With a proxy it is the proxy that looks the name up.
    ///
    /// # Errors
    /// `name_unknown`, `dns_failed`.
    pub async fn resolve(&self, endpoint: &Endpoint, rec: &Recorder) -> Result<Vec<SocketAddr>, Fault> {
        rec.time(Step::Resolve, self.resolver.lookup(&endpoint.host, endpoint.port)).await
    }

    /// Hosts and ports of an SRV record, the preferred first; none where there is no record.
    ///
    /// # Errors
    /// `dns_failed`.
    pub async fn srv(&self, name: &str) -> Result<Vec<(String, u16)>, Fault> {
        self.resolver.srv(name).await
    }

    /// The texts of a name (TXT); none where there is no record.
    ///
    /// # Errors
    /// `dns_failed`.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, Fault> {
        self.resolver.txt(name).await
    }

    /// Whether this host is one of the mail service's own, as configured.
    pub fn knows(&self, host: &str) -> bool {
        self.service.endpoints.values().any(|endpoint| endpoint.host.eq_ignore_ascii_case(host))
    }

    /// Whether this endpoint is reached through the proxy.
    pub fn proxied(&self, endpoint: &Endpoint) -> bool {
        proxied(&self.service, &endpoint.host)
    }

    /// Resolves, connects (through the proxy where one is configured) and, with implicit TLS, shakes hands.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn dial(&self, endpoint: &Endpoint, to: To, rec: &Recorder) -> Result<Line, Fault> {
        let turn = match to {
            To::Address(address) => return self.dial_address(endpoint, address, rec).await,
            To::Turn(turn) => turn,
        };
        if let Some(proxy) = self.service.proxy.as_ref().filter(|_| self.proxied(endpoint)) {
            let found = rec.time(Step::Resolve, self.resolver.lookup(&proxy.host, proxy.port)).await;
            let address = in_turn(&found.map_err(proxy::unreachable)?, turn);
            let stream = rec.time(Step::Connect, connect(address, rec)).await.map_err(proxy::unreachable)?;
            let stream = rec.time(Step::Proxy, proxy::tunnel(stream, proxy, endpoint, rec)).await?;
            return self.shake(stream, endpoint, rec).await;
        }
        let address = in_turn(&self.resolve(endpoint, rec).await?, turn);
        self.dial_address(endpoint, address, rec).await
    }

    async fn dial_address(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
        rec: &Recorder,
    ) -> Result<Line, Fault> {
        let stream = rec.time(Step::Connect, connect(address, rec)).await?;
        self.shake(stream, endpoint, rec).await
    }

    async fn shake(&self, stream: TcpStream, endpoint: &Endpoint, rec: &Recorder) -> Result<Line, Fault> {
        let mut line = Line::plain(stream);
        if endpoint.tls == TlsMode::Implicit {
            self.start_tls(&mut line, endpoint, rec).await?;
        }
        Ok(line)
    }

    /// The TLS handshake on an open line: after STARTTLS was granted, or at once.
    ///
    /// # Errors
    /// The TLS and certificate reasons; `protocol_violation` when the server spoke on in clear (RFC 3207, section 4).
    pub async fn start_tls(&self, line: &mut Line, endpoint: &Endpoint, rec: &Recorder) -> Result<(), Fault> {
        // What is configured is said of what is configured, not of what was found on the way.
        let ours = self.service.tls.server_name.as_ref().filter(|_| self.knows(&endpoint.host));
        let name = ours.unwrap_or(&endpoint.host);
        rec.time(Step::Tls, self.tls.shake(line, name, rec)).await
    }
}

/// Equal addresses are taken in turn: those of the first one's family.
fn in_turn(addresses: &[SocketAddr], turn: u32) -> SocketAddr {
    let equal = addresses.iter().take_while(|address| address.is_ipv4() == addresses[0].is_ipv4()).count();
    addresses[turn as usize % equal.max(1)]
}

async fn connect(address: SocketAddr, rec: &Recorder) -> Result<TcpStream, Fault> {
    let stream = open(address).await.map_err(|error| refused(&error, address))?;
    rec.note(Fact::Peer(address));
    if let Ok(local) = stream.local_addr() {
        rec.note(Fact::Local(local));
    }
    Ok(stream)
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let options = SockRef::from(&stream);
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))?;
    options.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(stream)
}

fn refused(error: &io::Error, address: SocketAddr) -> Fault {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::ConnectionReset => Reason::ConnectionDropped,
        _ => out_of_descriptors(error).unwrap_or(Reason::ConnectTimeout),
    };
    Fault::new(reason, &format!("{address}: {error}"))
}

/// EMFILE and ENFILE are ours, not the server's.
fn out_of_descriptors(error: &io::Error) -> Option<Reason> {
    matches!(error.raw_os_error(), Some(23 | 24)).then_some(Reason::NoDescriptor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_are_taken_in_turn_and_the_other_family_is_not() {
        let found: Vec<SocketAddr> =
            ["[2001:db8::1]:25", "[2001:db8::2]:25", "192.0.2.1:25"].map(|a| a.parse().unwrap()).into();
        let taken: Vec<_> = (0..4).map(|turn| in_turn(&found, turn)).collect();
        assert_eq!(taken, [found[0], found[1], found[0], found[1]]);
    }
}
