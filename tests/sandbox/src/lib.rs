//! An embedded mail service: SMTP submission, IMAP4rev1, POP3, CalDAV, and what an Exchange server speaks over
//! HTTP (Web Services, Autodiscover, the sign-in of the web mail), all over one store in memory.
//!
//! It is what demonstrations and tests run against. It has its own certificate authority, and faults
//! that can be switched on for each protocol while it runs.
//!
//! ```
//! use mailprobe_sandbox::{Fault, Listener, Options, Protocol, Sandbox};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let sandbox = Sandbox::start(Options::default()).await?;
//! assert_eq!(sandbox.add_user("alice", "a password"), "alice@sandbox.test");
//! let imaps = sandbox.address(Listener::Imaps); // clients trust sandbox.ca_pem()
//! sandbox.set_fault(Protocol::Imap, Some(Fault::Refuse));
//! assert!(tokio::net::TcpStream::connect(imaps).await.is_err());
//! sandbox.set_fault(Protocol::Imap, None);
//! assert!(tokio::net::TcpStream::connect(imaps).await.is_ok());
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod calendar;
mod dav;
mod door;
mod ews;
mod exchange;
mod fault;
mod http;
mod imap;
mod listener;
mod mangle;
mod mime;
mod pop3;
mod sasl;
mod scenario;
mod shared;
mod smtp;
mod store;
mod tls;
mod xml;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

pub use calendar::Entry;
pub use door::Listener;
pub use exchange::{Autodiscover, ExchangeOptions, ExtendedProtection, Redirect, Scheme};
pub use fault::{FAULTS, Fault, FaultInfo, Protocol, UnknownFault};
pub use scenario::UnknownScenario;
pub use shared::{Counts, SessionCounts};

use jiff::Timestamp;
use shared::Shared;

/// The ports to listen on; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// SMTP submission with STARTTLS.
    pub submission: u16,
    /// SMTP submission over TLS.
    pub submissions: u16,
    /// IMAP with STARTTLS.
    pub imap: u16,
    /// IMAP over TLS.
    pub imaps: u16,
    /// POP3 with STLS.
    pub pop3: u16,
    /// POP3 over TLS.
    pub pop3s: u16,
    /// HTTP over TLS.
    pub https: u16,
    /// HTTP without TLS.
    pub http: u16,
}

impl Ports {
    /// The well-known ports, each that much higher: 587, 465, 143, 993, 110, 995, 443, 80.
    /// Nothing if one would be beyond 65535.
    #[must_use]
    pub fn above(base: u16) -> Option<Self> {
        Some(Self {
            submission: base.checked_add(587)?,
            submissions: base.checked_add(465)?,
            imap: base.checked_add(143)?,
            imaps: base.checked_add(993)?,
            pop3: base.checked_add(110)?,
            pop3s: base.checked_add(995)?,
            https: base.checked_add(443)?,
            http: base.checked_add(80)?,
        })
    }
}

/// How to start a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on.
    pub bind: IpAddr,
    /// The ports to listen on.
    pub ports: Ports,
    /// The mail domain: addresses are `name@domain`.
    pub domain: String,
    /// The host name the service calls itself and has a certificate for.
    pub host: String,
    /// How much later than at once mail is delivered.
    pub latency: Duration,
    /// How the Exchange side starts.
    pub exchange: ExchangeOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::default(),
            domain: "sandbox.test".to_owned(),
            host: "localhost".to_owned(),
            latency: Duration::ZERO,
            exchange: ExchangeOptions::default(),
        }
    }
}

/// A running mail service; a handle that is cheap to clone.
///
/// Dropping the last one, or [`Sandbox::shutdown`], closes its listeners and connections.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Running>,
}

struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addresses", &self.shared().addresses()).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the service: when this returns, all its listeners accept connections.
    ///
    /// # Errors
    /// If a port cannot be listened on, or no certificate can be made.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let shared = Shared::start(options)?;
        Ok(Self { inner: Arc::new(Running(shared)) })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.inner.0
    }

    /// The certificate of the sandbox's authority, to be trusted by clients.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.shared().tls.ca_pem.clone()
    }

    /// Where that listener listens.
    #[must_use]
    pub fn address(&self, listener: Listener) -> SocketAddr {
        self.shared().address(listener)
    }

    /// Adds a user, or changes the password of one, and returns the mail address.
    /// Both the name and the address can be used to sign in.
    pub fn add_user(&self, name: &str, password: &str) -> String {
        self.shared().store.lock().add_user(name, password)
    }

    /// Changes a user's password.
    pub fn set_password(&self, name: &str, password: &str) {
        if let Some(user) = self.shared().store.lock().user_mut(name) {
            password.clone_into(&mut user.password);
        }
    }

    /// Takes a user's store offline, or back: after signing in, IMAP and EWS answer that it is unavailable. Mail to it is
    /// delivered all the same.
    pub fn set_offline(&self, name: &str, offline: bool) {
        if let Some(user) = self.shared().store.lock().user_mut(name) {
            user.offline = offline;
        }
    }

    /// Sets the bearer token with which that user signs in by XOAUTH2, OAUTHBEARER and over HTTP.
    pub fn set_token(&self, name: &str, bearer_token: &str) {
        if let Some(user) = self.shared().store.lock().user_mut(name) {
            user.token = Some(bearer_token.to_owned());
        }
    }

    /// Sets the ways to sign in over HTTP, in the order in which they are offered.
    pub fn set_schemes(&self, schemes: &[Scheme]) {
        self.shared().exchange.settings().schemes = schemes.to_vec();
    }

    /// Sets what is asked of the channel bindings of a sign-in by NTLM.
    pub fn set_extended_protection(&self, protection: ExtendedProtection) {
        self.shared().exchange.settings().extended_protection = protection;
    }

    /// Sets what Autodiscover says; the default is the truth.
    pub fn set_autodiscover(&self, says: Autodiscover) {
        self.shared().exchange.settings().autodiscover = says;
    }

    /// The URL of a path at the HTTPS listener, by the host name that the certificate has.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.shared().url(path)
    }

    /// Switches a fault on at a protocol, instead of the one that is on; `None` heals it.
    pub fn set_fault(&self, protocol: Protocol, fault: Option<Fault>) {
        self.shared().set_fault(protocol, fault);
    }

    /// The fault that is on at a protocol.
    #[must_use]
    pub fn fault(&self, protocol: Protocol) -> Option<Fault> {
        self.shared().fault(protocol)
    }

    /// Sets the faults of all protocols as the scenario of that name has them.
    ///
    /// # Errors
    /// If there is no scenario of that name.
    pub fn set_scenario(&self, name: &str) -> Result<(), UnknownScenario> {
        self.shared().set_scenario(name)
    }

    /// The name of the scenario that is on; `custom` if faults were set that make up none.
    #[must_use]
    pub fn scenario(&self) -> &'static str {
        self.shared().scenario()
    }

    /// The scenarios' names, each with a sentence.
    #[must_use]
    pub fn scenarios() -> &'static [(&'static str, &'static str)] {
        scenario::SCENARIOS
    }

    /// The messages stored in a user's folder, the oldest first.
    #[must_use]
    pub fn messages(&self, user: &str, folder: &str) -> Vec<Vec<u8>> {
        let state = self.shared().store.lock();
        state.folder(user, folder).map_or_else(Vec::new, |folder| {
            folder.messages.iter().map(|message| message.raw.to_vec()).collect()
        })
    }

    /// Puts a message into a user's folder at once, as a stranger's mail would get there.
    /// What is about meetings finds its way into the calendar, if it comes into INBOX.
    pub fn deliver(&self, user: &str, folder: &str, raw: &[u8]) {
        if store::canonical(folder) == "INBOX" {
            calendar::schedule::attend(self.shared(), user, raw);
        }
        self.shared().store.append(user, folder, raw.into(), store::Flags::new(), None);
    }

    /// Removes all messages of a user's folder and returns how many there were.
    pub fn remove_all(&self, user: &str, folder: &str) -> usize {
        let removed = self.shared().store.lock().folder_mut(user, folder).map_or(0, |folder| {
            let count = folder.messages.len();
            folder.messages.clear();
            count
        });
        self.shared().store.ring();
        removed
    }

    /// The entries of a user's calendar, in the order in which they came.
    #[must_use]
    pub fn calendar(&self, user: &str) -> Vec<Entry> {
        let state = self.shared().store.lock();
        let calendar = state.user(user).map(|user| &user.calendar);
        calendar.into_iter().flat_map(|calendar| calendar.entries()).filter_map(|e| Entry::of(e)).collect()
    }

    /// Puts an entry into a user's calendar, as its owner would, and returns its UID.
    pub fn put_entry(&self, user: &str, subject: &str, start: Timestamp, end: Timestamp) -> String {
        let uid = http::guid();
        let object = calendar::plain(&uid, subject, start, end);
        if let Some(calendar) = self.shared().store.lock().calendar_mut(user) {
            calendar.add(&calendar::file_name(&uid), object);
        }
        self.shared().store.ring();
        uid
    }

    /// Puts an entry into a user's calendar that is written as iCalendar, and returns its UID.
    ///
    /// # Errors
    /// If it cannot be understood, or there is no such user or no room.
    pub fn put_ical(&self, user: &str, text: &str) -> Result<String, String> {
        let object = calendar::ical::Component::parse(text)?;
        calendar::event::check(&object)?;
        let uid = calendar::event::uid(&object).unwrap_or_default().to_owned();
        let mut state = self.shared().store.lock();
        let calendar = state.calendar_mut(user).ok_or("there is no such user")?;
        calendar.add(&calendar::file_name(&uid), object).ok_or("the calendar is full")?;
        drop(state);
        self.shared().store.ring();
        Ok(uid)
    }

    /// Removes the entries of a user's calendar and returns how many there were.
    pub fn remove_entries(&self, user: &str) -> usize {
        let mut state = self.shared().store.lock();
        let Some(calendar) = state.calendar_mut(user) else { return 0 };
        let numbers: Vec<u32> = calendar.entries().map(|entry| entry.number).collect();
        let removed = numbers.into_iter().filter(|number| calendar.remove(*number).is_some()).count();
        drop(state);
        self.shared().store.ring();
        removed
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared().counts()
    }

    /// Empties what [`Self::log`] tells.
    pub fn forget_log(&self) {
        self.shared().forget_log();
    }

    /// The last thousand or so lines of conversation, credentials hidden.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.shared().log_lines()
    }

    /// Closes all listeners and connections and waits until they are closed.
    pub async fn shutdown(&self) {
        self.shared().stop();
        self.shared().tracker.wait().await;
    }
}
