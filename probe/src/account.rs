//! Per mailbox: endpoints, credential, pause, rest, limits; opens sessions.

mod found;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::auth::gate::Gate;
use crate::auth::sasl::Credential;
use crate::catalogue::{Protocol, Reason, Step};
use crate::clock;
use crate::config::plan::{Endpoint, Mailbox};
use crate::net::{Net, To};
use crate::outcome::{Event, Fault, Fut, Recorder, Seat, Sink as _, Sinks, Why};
use crate::protocol::autodiscover::{Autodiscover, Settings};
use crate::protocol::caldav::Caldav;
use crate::protocol::calendar::Calendar;
use crate::protocol::ews::Ews;
use crate::protocol::imap::Imap;
use crate::protocol::owa::Owa;
use crate::protocol::pop3::Pop3;
use crate::protocol::smtp::Smtp;
use crate::protocol::{Directory, FreeBusy, Inbox, Proof, Session, SignIn, Submit};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One per mailbox: endpoints, credential (its file is read at each sign-in), the pause after refusals, the rest that a
/// server asked for, the limits.
pub struct Account {
    pub mailbox: Arc<Mailbox>,
    net: Arc<Net>,
    gate: Arc<Gate>,
    /// How far apart two attempts to sign in must be after a refusal.
    slot: Duration,
    sessions: HashMap<Protocol, Arc<Semaphore>>,
    state: Mutex<State>,
    /// Where the protocols are whose URL the configuration leaves out.
    places: found::Places,
    sinks: Sinks,
}

#[derive(Default)]
struct State {
    rest: Option<Instant>,
    paused: Option<Instant>,
    /// When messages were sent within the last day, where there is a limit.
    sent: VecDeque<Instant>,
    sent_outside: VecDeque<Instant>,
}

impl Account {
    pub fn new(
        mailbox: Arc<Mailbox>,
        net: Arc<Net>,
        gate: Arc<Gate>,
        slot: Duration,
        sinks: Sinks,
    ) -> Arc<Self> {
        let sessions = Protocol::rows()
            .iter()
            .map(|row| {
                // Two sessions of one mailbox lock each other out (RFC 1939, section 4).
                let most = if row.id == Protocol::Pop3 { 1 } else { mailbox.max_sessions };
                (row.id, Arc::new(Semaphore::new(most)))
            })
            .collect();
        let (state, places) = (Mutex::default(), found::Places::default());
        Arc::new(Self { mailbox, net, gate, slot, sessions, state, places, sinks })
    }

    pub fn seat(&self, protocol: Protocol) -> Seat {
        Seat {
            mail_service: Arc::clone(&self.mailbox.mail_service.name),
            mailbox: Arc::clone(&self.mailbox.name),
            protocol,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session where it is configured, or where Autodiscover says.
    pub fn open<'a>(
        self: &'a Arc<Self>,
        protocol: Protocol,
        turn: u32,
        rec: &'a Recorder,
    ) -> Fut<'a, Box<dyn Session>> {
        Box::pin(async move {
            let permit = self.permit(protocol).await?;
            // A paused credential opens no connection at all.
            self.gate.learn(&self.credential()?.secret);
            self.gate.check(protocol)?;
            // CalDAV asks the domain itself.
            let searched = self.mailbox.mail_service.discovered.contains(&protocol);
            let session = if searched && protocol != Protocol::Caldav {
                self.session_where_found(protocol, turn, rec).await?
            } else {
                self.session(protocol, self.endpoint(protocol), turn, rec).await?
            };
            Ok(Box::new(Held { session, _permit: permit }) as Box<dyn Session>)
        })
    }

    /// THE line where sessions are opened: an exhaustive match on the protocol. Dials, signs in, records its steps.
    async fn session(
        self: &Arc<Self>,
        protocol: Protocol,
        at: Option<&Endpoint>,
        turn: u32,
        rec: &Recorder,
    ) -> Result<Box<dyn Session>, Fault> {
        let (net, to, address) = (&self.net, To::Turn(turn), &self.mailbox.address);
        let endpoint =
            || at.ok_or_else(|| Fault::new(Reason::InternalError, "no endpoint for this protocol"));
        match protocol {
            Protocol::Smtp => {
                self.admit(protocol, Smtp::connect(net, endpoint()?, to, rec).await?, rec).await
            }
            Protocol::Imap => {
                self.admit(protocol, Imap::connect(net, endpoint()?, to, rec).await?, rec).await
            }
            Protocol::Pop3 => {
                self.admit(protocol, Pop3::connect(net, endpoint()?, to, rec).await?, rec).await
            }
            Protocol::Ews => {
                self.admit(protocol, Ews::connect(net, endpoint()?, address, to, rec).await?, rec).await
            }
            Protocol::Owa => self.admit(protocol, Owa::connect(net, endpoint()?, to, rec).await?, rec).await,
            Protocol::Autodiscover => {
                let scheme = self.mailbox.auth.scheme;
                let session = Autodiscover::connect(net, at, address, scheme, to, rec).await?;
                self.admit(protocol, session, rec).await
            }
            Protocol::Caldav => {
                self.admit(protocol, Caldav::connect(net, at, address, to, rec).await?, rec).await
            }
            Protocol::Mapi | Protocol::Graph => {
                Err(Fault::new(Reason::InternalError, "this protocol is not built yet"))
            }
        }
    }

    /// Our own limit, and ours alone to answer for.
    async fn permit(&self, protocol: Protocol) -> Result<OwnedSemaphorePermit, Fault> {
        let semaphore = self.sessions.get(&protocol).map(Arc::clone);
        let semaphore =
            semaphore.ok_or_else(|| Fault::new(Reason::InternalError, "no sessions of this protocol"))?;
        semaphore.acquire_owned().await.map_err(|_| Fault::new(Reason::Overrun, "the sessions are closed"))
    }

    /// Signs in, one at a time until the credential is proven.
    async fn admit<S: SignIn>(
        self: &Arc<Self>,
        protocol: Protocol,
        mut session: S,
        rec: &Recorder,
    ) -> Result<Box<dyn Session>, Fault> {
        let mut credential = self.credential()?;
        credential.key = Some(self.gate.key(protocol, &credential.secret, self.slot));
        // Waiting for the turn is no step of the server's.
        let pass = self.gate.enter(protocol, &credential.secret, self.slot, rec).await?;
        let result = rec.time(Step::Auth, session.sign_in(&credential, rec)).await;
        match &result {
            Ok(()) if session.was_asked() => pass.accepted(),
            Ok(()) => pass.unused(),
            Err(fault) => pass.failed(fault),
        }
        self.tell_pause();
        if let Err(fault) = &result {
            self.heed(fault);
        }
        result.map(|()| Box::new(session) as Box<dyn Session>)
    }

    fn credential(&self) -> Result<Credential, Fault> {
        let auth = &self.mailbox.auth;
        let secret = auth.method.read().map_err(|unread| {
            let reason = if unread.no_descriptor { Reason::NoDescriptor } else { Reason::SecretMissing };
            Fault::new(reason, &unread.words).at(Step::Auth)
        })?;
        Ok(Credential {
            username: Arc::clone(&auth.username),
            secret,
            mechanisms: auth.mechanisms.clone(),
            scheme: auth.scheme,
            is_token: auth.method.is_token(),
            key: None,
            keytab: auth.method.keytab().map(Into::into),
        })
    }

    /// As configured.
    fn endpoint(&self, protocol: Protocol) -> Option<&Endpoint> {
        self.mailbox.mail_service.endpoints.get(&protocol)
    }

    /// A server that asked for rest gets it.
    pub fn heed(&self, fault: &Fault) {
        self.tell_pause();
        let Some(rest) = fault.rest else { return };
        self.state().rest = Some(Instant::now() + rest);
        let until = clock::wall() + rest;
        self.sinks.tell(&Event::Resting { mailbox: Arc::clone(&self.mailbox.name), until });
    }

    fn tell_pause(&self) {
        let paused = self.gate.paused_whole();
        if std::mem::replace(&mut self.state().paused, paused) != paused {
            self.sinks.tell(&Event::Paused { mailbox: Arc::clone(&self.mailbox.name), until: paused });
        }
    }

    /// Why a session of this protocol may not be opened now.
    pub fn hindrance(&self, protocol: Protocol) -> Option<Why> {
        if let Ok(credential) = self.credential() {
            self.gate.learn(&credential.secret);
        }
        self.tell_pause();
        if self.gate.paused(protocol).is_some() {
            return Some(Why::Paused);
        }
        let resting = self.state().rest.is_some_and(|until| until > Instant::now());
        resting.then_some(Why::Resting)
    }

    /// Whether so many more messages may be sent now; `outside`: to another mail service.
    pub fn may_send(&self, count: u32, outside: bool) -> bool {
        let limits = self.mailbox.limits;
        let mut state = self.state();
        let well = |sent: &mut VecDeque<Instant>, most: Option<u32>| {
            while sent.front().is_some_and(|at| at.elapsed() > DAY) {
                sent.pop_front();
            }
            most.is_none_or(|most| sent.len() + count as usize <= most as usize)
        };
        well(&mut state.sent, limits.messages_per_day)
            && (!outside || well(&mut state.sent_outside, Some(limits.external_per_day)))
    }

    /// A message was handed over.
    pub fn sent(&self, outside: bool) {
        let now = Instant::now();
        let mut state = self.state();
        if self.mailbox.limits.messages_per_day.is_some() {
            state.sent.push_back(now);
        }
        if outside {
            state.sent_outside.push_back(now);
        }
    }
}

/// A session with its place among the allowed ones.
struct Held {
    session: Box<dyn Session>,
    _permit: OwnedSemaphorePermit,
}

impl Session for Held {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        self.session.prove(rec)
    }

    fn submit(&mut self) -> Option<&mut dyn Submit> {
        self.session.submit()
    }

    fn inbox(&mut self) -> Option<&mut dyn Inbox> {
        self.session.inbox()
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.session.directory()
    }

    fn free_busy(&mut self) -> Option<&mut dyn FreeBusy> {
        self.session.free_busy()
    }

    fn calendar(&mut self) -> Option<&mut dyn Calendar> {
        self.session.calendar()
    }

    fn settings(&self) -> Option<&Settings> {
        self.session.settings()
    }

    fn is_alive(&mut self) -> bool {
        self.session.is_alive()
    }

    fn close<'a>(self: Box<Self>, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move { self.session.close(rec).await })
    }
}
