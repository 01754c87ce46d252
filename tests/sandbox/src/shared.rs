//! What all connections of a sandbox share: the store, the faults, the counters and the log.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Options,
    calendar::schedule,
    door::{Door, Listener},
    exchange::Exchange,
    fault::{Fault, PROTOCOLS, Protocol},
    listener,
    scenario::{self, UnknownScenario},
    store::{Flags, Store},
    tls::Tls,
};

const LOG_LINES: usize = 1000;
const LOG_LINE: usize = 300;

/// What happened at one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Sign-ins that succeeded.
    pub signed_in: u64,
    /// Sign-ins that were refused.
    pub refused: u64,
}

/// What happened in a sandbox since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// At the submission ports.
    pub smtp: SessionCounts,
    /// At the IMAP ports.
    pub imap: SessionCounts,
    /// At the POP3 ports.
    pub pop3: SessionCounts,
    /// By EWS; a connection counts when it asks for the first time.
    pub ews: SessionCounts,
    /// By Autodiscover, counted alike.
    pub autodiscover: SessionCounts,
    /// By the web mail, counted alike.
    pub owa: SessionCounts,
    /// By CalDAV, counted alike.
    pub caldav: SessionCounts,
    /// Messages that were accepted over SMTP and by EWS, and those about meetings.
    pub accepted: u64,
    /// Copies of accepted messages that reached a folder.
    pub delivered: u64,
    /// Recipients that were put off.
    pub deferred: u64,
    /// Messages that were accepted and then lost.
    pub lost: u64,
    /// Messages that were delivered twice.
    pub doubled: u64,
}

impl Counts {
    pub(crate) const fn session(&mut self, protocol: Protocol) -> &mut SessionCounts {
        match protocol {
            Protocol::Smtp => &mut self.smtp,
            Protocol::Imap => &mut self.imap,
            Protocol::Pop3 => &mut self.pop3,
            Protocol::Ews => &mut self.ews,
            Protocol::Autodiscover => &mut self.autodiscover,
            Protocol::Owa => &mut self.owa,
            Protocol::Caldav => &mut self.caldav,
        }
    }
}

struct Mode {
    scenario: &'static str,
    latency: Duration,
    /// How many messages were accepted at each protocol since its fault was set.
    since: [u64; PROTOCOLS],
    /// How many requests came over HTTP since then.
    asked: [u64; PROTOCOLS],
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) tls: Tls,
    pub(crate) tracker: TaskTracker,
    pub(crate) stopped: CancellationToken,
    pub(crate) exchange: Exchange,
    faults: [watch::Sender<Option<Fault>>; PROTOCOLS],
    mode: Mutex<Mode>,
    counts: Mutex<Counts>,
    log: Mutex<VecDeque<String>>,
    doors: Vec<Arc<Door>>,
    runtime: Handle,
    next: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn start(options: Options) -> io::Result<Arc<Self>> {
        let doors = Listener::ALL
            .into_iter()
            .map(|l| Door::open(l, SocketAddr::new(options.bind, l.port(&options.ports))).map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Self {
            store: Store::new(&options.domain),
            tls: Tls::new(&options.host, &options.domain, options.bind)?,
            tracker: TaskTracker::new(),
            stopped: CancellationToken::new(),
            exchange: Exchange::new(&options.exchange),
            faults: Protocol::ALL.map(|_| watch::Sender::new(None)),
            mode: Mutex::new(Mode {
                scenario: "healthy",
                latency: options.latency,
                since: [0; PROTOCOLS],
                asked: [0; PROTOCOLS],
            }),
            counts: Mutex::new(Counts::default()),
            log: Mutex::new(VecDeque::new()),
            doors,
            runtime: Handle::current(),
            next: AtomicU64::new(0),
            options,
        });
        for door in &shared.doors {
            shared.tracker.spawn(listener::accept(Arc::clone(&shared), Arc::clone(door)));
        }
        Ok(shared)
    }

    pub(crate) fn stop(&self) {
        self.stopped.cancel();
        self.tracker.close();
        for door in &self.doors {
            door.close();
        }
    }

    pub(crate) fn address(&self, listener: Listener) -> SocketAddr {
        self.doors[listener as usize].address
    }

    /// The URL of a path at the HTTPS listener.
    pub(crate) fn url(&self, path: &str) -> String {
        let port = self.address(Listener::Https).port();
        let host = &self.options.host;
        if port == 443 { format!("https://{host}{path}") } else { format!("https://{host}:{port}{path}") }
    }

    pub(crate) fn addresses(&self) -> Vec<(Listener, SocketAddr)> {
        self.doors.iter().map(|door| (door.listener, door.address)).collect()
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn fault(&self, protocol: Protocol) -> Option<Fault> {
        self.faults[protocol.index()].borrow().clone()
    }

    pub(crate) fn watch(&self, protocol: Protocol) -> watch::Receiver<Option<Fault>> {
        self.faults[protocol.index()].subscribe()
    }

    pub(crate) fn set_fault(&self, protocol: Protocol, fault: Option<Fault>) {
        if self.stopped.is_cancelled() {
            return;
        }
        self.store.freeze(protocol, fault == Some(Fault::Stale));
        self.log(match &fault {
            Some(fault) => format!("{protocol}: fault {fault}"),
            None => format!("{protocol}: healed"),
        });
        self.faults[protocol.index()].send_replace(fault);
        self.open_and_shut();
        let healthy = Protocol::ALL.into_iter().all(|protocol| self.fault(protocol).is_none());
        let mut mode = locked(&self.mode);
        mode.since[protocol.index()] = 0;
        mode.asked[protocol.index()] = 0;
        if healthy {
            mode.scenario = "healthy";
            mode.latency = self.options.latency;
        }
        drop(mode);
        self.store.ring();
    }

    /// Shuts the doors of protocols that refuse connections, and opens the others. A door to several
    /// protocols is shut when all of them refuse.
    fn open_and_shut(&self) {
        let _entered = self.runtime.enter();
        for door in &self.doors {
            let refuses = |protocol: &Protocol| self.fault(*protocol) == Some(Fault::Refuse);
            let shut = match door.listener.protocol() {
                Some(protocol) => refuses(&protocol),
                None => Protocol::ALL.iter().filter(|protocol| protocol.is_http()).all(refuses),
            };
            let done = if shut { door.shut() } else { door.reopen() };
            if let Err(error) = done {
                self.log(format!("{}: {error}", door.address));
            }
        }
    }

    /// The fault of the certificate that is shown to those who come by HTTPS.
    pub(crate) fn certificate_fault(&self) -> Option<Fault> {
        let http = Protocol::ALL.into_iter().filter(|protocol| protocol.is_http());
        http.filter_map(|protocol| self.fault(protocol)).find(|fault| {
            matches!(
                fault,
                Fault::WrongCertificate
                    | Fault::ExpiredCertificate
                    | Fault::ExpiringCertificate
                    | Fault::UntrustedCertificate
            )
        })
    }

    pub(crate) fn set_scenario(&self, name: &str) -> Result<(), UnknownScenario> {
        let row = scenario::scenario(name).ok_or_else(|| UnknownScenario(name.to_owned()))?;
        for (protocol, fault) in Protocol::ALL.into_iter().zip(row.faults) {
            self.set_fault(protocol, fault);
        }
        let latency = row.latency.unwrap_or(self.options.latency);
        let mut mode = locked(&self.mode);
        mode.scenario = row.name;
        mode.latency = latency;
        Ok(())
    }

    pub(crate) fn scenario(&self) -> &'static str {
        let now = Protocol::ALL.map(|protocol| self.fault(protocol));
        let name = locked(&self.mode).scenario;
        let fits = |name: &str| scenario::scenario(name).is_some_and(|row| row.faults == now);
        if fits(name) {
            return name;
        }
        scenario::SCENARIOS.iter().find(|(name, _)| fits(name)).map_or("custom", |(name, _)| name)
    }

    pub(crate) fn counts(&self) -> Counts {
        *locked(&self.counts)
    }

    pub(crate) fn count<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut locked(&self.counts))
    }

    /// Counts a message that was accepted; which one it is there since the fault was set.
    pub(crate) fn accepted(&self, protocol: Protocol) -> u64 {
        self.count(|counts| counts.accepted += 1);
        let mut mode = locked(&self.mode);
        let since = &mut mode.since[protocol.index()];
        *since += 1;
        *since
    }

    /// Counts a request over HTTP; which one it is there since the fault was set.
    pub(crate) fn asked(&self, protocol: Protocol) -> u64 {
        let mut mode = locked(&self.mode);
        let asked = &mut mode.asked[protocol.index()];
        *asked += 1;
        *asked
    }

    pub(crate) fn log(&self, mut line: String) {
        // Of a text with line ends, as a message is, the first line will do.
        let end = line.find(['\r', '\n']).unwrap_or(line.len()).min(LOG_LINE);
        if end < line.len() {
            line.truncate(line.floor_char_boundary(end));
            line.push_str("...");
        }
        let mut log = locked(&self.log);
        if log.len() >= LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }

    pub(crate) fn forget_log(&self) {
        locked(&self.log).clear();
    }

    pub(crate) fn log_lines(&self) -> Vec<String> {
        locked(&self.log).iter().cloned().collect()
    }

    /// Puts an accepted message into a folder, as late as options, scenario and fault have it.
    pub(crate) fn deliver_later(
        self: &Arc<Self>,
        user: String,
        folder: &'static str,
        raw: Vec<u8>,
        fault: Option<&Fault>,
    ) {
        let mut late = locked(&self.mode).latency;
        if let Some(Fault::Delay(more)) = fault {
            late += *more;
        }
        if late.is_zero() {
            self.put(&user, folder, raw);
            return;
        }
        let shared = Arc::clone(self);
        self.tracker.spawn(async move {
            tokio::select! {
                () = shared.stopped.cancelled() => {}
                () = tokio::time::sleep(late) => shared.put(&user, folder, raw),
            }
        });
    }

    fn put(&self, user: &str, folder: &str, raw: Vec<u8>) {
        if folder == "INBOX" {
            schedule::attend(self, user, &raw);
        }
        let stored = self.store.append(user, folder, raw.into(), Flags::new(), None);
        if stored.is_some() {
            self.count(|counts| counts.delivered += 1);
        }
    }
}
