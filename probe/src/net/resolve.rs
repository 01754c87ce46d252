//! Names to addresses: timed by the caller, each lookup fresh, names absolute.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use crate::catalogue::Reason;
use crate::config::plan::{IpFamily, Resolver};
use crate::outcome::Fault;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// A dead name server costs this long, twice, before the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks names up as the mail service's `resolver` says.
pub(super) struct Lookup {
    by: Resolver,
    family: IpFamily,
    /// The resolver made from resolv.conf as it was at that time; made anew when the file changes.
    made: Mutex<Option<(Option<SystemTime>, TokioResolver)>>,
}

impl Lookup {
    pub(super) fn new(by: &Resolver, family: IpFamily) -> Self {
        Self { by: by.clone(), family, made: Mutex::new(None) }
    }

    /// Every address, those with a route first, in RFC 6724 order of families; never empty.
    pub(super) async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let found = if let Ok(literal) = host.parse::<IpAddr>() {
            vec![literal]
        } else if self.by == Resolver::System {
            system(host, port).await?
        } else {
            self.ask(host).await?
        };
        let mut addresses: Vec<_> = found
            .into_iter()
            .filter(|address| match self.family {
                IpFamily::Any => true,
                IpFamily::V4 => address.is_ipv4(),
                IpFamily::V6 => address.is_ipv6(),
            })
            .map(|address| SocketAddr::new(address, port))
            .collect();
        if addresses.is_empty() {
            return Err(Fault::new(
                Reason::NameUnknown,
                &format!("{host} has no address of the wanted family"),
            ));
        }
        // A stable order, so that taking equal addresses in turn reaches each.
        addresses.sort_by_key(|address| (!has_route(*address), address.is_ipv4(), *address));
        addresses.dedup();
        Ok(addresses)
    }

    /// Hosts and ports of an SRV record (RFC 2782), the preferred first.
    pub(super) async fn srv(&self, name: &str) -> Result<Vec<(String, u16)>, Fault> {
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let found = match self.resolver()?.srv_lookup(absolute).await {
            Ok(found) => found,
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(Fault::new(Reason::DnsFailed, &format!("{name}: {error}"))),
        };
        let mut records: Vec<_> = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some((srv.priority, Reverse(srv.weight), srv.target.to_utf8(), srv.port)),
                _ => None,
            })
            .collect();
        records.sort();
        let host = |target: String| target.trim_end_matches('.').to_owned();
        Ok(records
            .into_iter()
            .map(|(.., target, port)| (host(target), port))
            .filter(|(host, _)| !host.is_empty())
            .collect())
    }

    /// The texts of a name; none where there is no record.
    pub(super) async fn txt(&self, name: &str) -> Result<Vec<String>, Fault> {
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let found = match self.resolver()?.txt_lookup(absolute).await {
            Ok(found) => found,
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(Fault::new(Reason::DnsFailed, &format!("{name}: {error}"))),
        };
        let texts = found.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(text) => {
                Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect())
            }
            _ => None,
        });
        Ok(texts.collect())
    }

    async fn ask(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let resolver = self.resolver()?;
        let name = if host.ends_with('.') { host.to_owned() } else { format!("{host}.") };
        match resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) if error.is_nx_domain() => {
                Err(Fault::new(Reason::NameUnknown, &format!("{host} does not exist (NXDOMAIN)")))
            }
            Err(error) if error.is_no_records_found() => {
                Err(Fault::new(Reason::NameUnknown, &format!("{host} has no address: {error}")))
            }
            Err(error) => Err(Fault::new(Reason::DnsFailed, &format!("{host}: {error}"))),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, Fault> {
        let changed = std::fs::metadata(RESOLV_CONF).and_then(|meta| meta.modified()).ok();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, resolver)) = made.as_ref()
            && *at == changed
        {
            return Ok(resolver.clone());
        }
        let resolver = self.make().map_err(|error| Fault::new(Reason::DnsFailed, &error))?;
        *made = Some((changed, resolver.clone()));
        Ok(resolver)
    }

    fn make(&self) -> Result<TokioResolver, String> {
        let (config, mut options) = match &self.by {
            Resolver::Servers(servers) => {
                let servers = servers.iter().map(|ip| NameServerConfig::udp_and_tcp(*ip)).collect();
                (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
            }
            _ => hickory_resolver::system_conf::read_system_conf()
                .map_err(|error| format!("{RESOLV_CONF}: {error}"))?,
        };
        options.timeout = PATIENCE;
        options.attempts = 2;
        options.cache_size = 0;
        options.ip_strategy = match self.family {
            IpFamily::Any => LookupIpStrategy::Ipv4AndIpv6,
            IpFamily::V4 => LookupIpStrategy::Ipv4Only,
            IpFamily::V6 => LookupIpStrategy::Ipv6Only,
        };
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(|error| error.to_string())
    }
}

/// As every other program of this host looks names up (getaddrinfo).
async fn system(host: &str, port: u16) -> Result<Vec<IpAddr>, Fault> {
    #[allow(clippy::disallowed_methods)]
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(error) => {
            let text = error.to_string();
            // The numbers of getaddrinfo do not come through; its English words do.
            let unknown = text.contains("not known") || text.contains("No address associated");
            let reason = if unknown { Reason::NameUnknown } else { Reason::DnsFailed };
            Err(Fault::new(reason, &format!("{host}: {text}")))
        }
    }
}

/// Whether the kernel has a route: connecting a datagram socket sends nothing.
fn has_route(address: SocketAddr) -> bool {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    UdpSocket::bind(any).and_then(|socket| socket.connect(address)).is_ok()
}
