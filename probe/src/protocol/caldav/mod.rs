//! CalDAV (RFC 4791) with scheduling (RFC 6638): a calendar over HTTP. A file per request; this one is the session.
//!
//! A credential goes to the configured host or to one of the address's own domain, or to the one that it named over https before
//! anybody signed in.

mod discover;
mod entries;
mod free_busy;
mod multistatus;
mod propfind;
mod report;
mod sync;
mod write;

use std::sync::Arc;

use hyper::Method;
use hyper::header::HeaderMap;

use super::calendar::Calendar;
use super::web::{USER_AGENT, Web};
use super::{FreeBusy, Proof, Session, SignIn};
use crate::auth::sasl::Credential;
use crate::catalogue::{Reason, Step};
use crate::config::plan::Endpoint;
use crate::net::http::{Answer, Ask, Unanswered};
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Fut, Recorder};
use discover::{Context, Found, WELL_KNOWN};
use entries::Seen;
use sync::Kept;

/// A session.
pub struct Caldav {
    web: Web,
    /// Where one begins to ask.
    start: String,
    /// The mailbox's, in lower case.
    address: Arc<str>,
    context: Context,
    found: Option<Found>,
    seen: Seen,
    kept: Option<Kept>,
}

impl Caldav {
    /// Connects, up to the point where one signs in; where only a host is known, it is asked where its calendars are, and where
    /// no URL is configured, the domain of the address is.
    ///
    /// # Errors
    /// Those of the steps.
    pub async fn connect(
        net: &Arc<Net>,
        endpoint: Option<&Endpoint>,
        address: &Arc<str>,
        to: To,
        rec: &Recorder,
    ) -> Result<Self, Fault> {
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => &discover::by_domain(net, address, rec).await?,
        };
        let (web, start) = if &*endpoint.path == "/" {
            rec.time(Step::Hello, discover::well_known(net, endpoint, to, rec)).await?
        } else {
            (Web::connect(net, endpoint, to, rec).await?, endpoint.path.to_string())
        };
        let address = address.to_lowercase().into();
        Ok(Self {
            web,
            start,
            address,
            context: Context::default(),
            found: None,
            seen: Seen::new(),
            kept: None,
        })
    }

    async fn ask(&mut self, ask: Ask, rec: &Recorder) -> Result<Answer, Fault> {
        self.try_ask(ask, rec).await.map_err(|unanswered| unanswered.fault)
    }

    async fn try_ask(&mut self, ask: Ask, rec: &Recorder) -> Result<Answer, Unanswered> {
        self.web.ask(ask.with("user-agent", USER_AGENT), rec).await
    }

    /// The calendar, looked for once.
    async fn find(&mut self, rec: &Recorder) -> Result<Found, Fault> {
        if let Some(found) = &self.found {
            return Ok(found.clone());
        }
        let found = self.discover(rec).await?;
        self.found = Some(found.clone());
        Ok(found)
    }
}

/// A method that HTTP itself does not have.
fn method(name: &[u8]) -> Method {
    Method::from_bytes(name).unwrap_or(Method::POST)
}

/// The words of `DAV`, in lower case.
fn abilities(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("dav").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|word| word.trim().to_ascii_lowercase()).collect()
}

/// Whether calendars are served there, without signing in.
///
/// # Errors
/// Those of the connection; what the status means.
pub async fn greet(web: &mut Web, rec: &Recorder) -> Result<(), Fault> {
    rec.time(Step::Hello, async {
        let mut path = web.endpoint().path.to_string();
        if path == "/" {
            let ask = Ask::get(WELL_KNOWN).with("user-agent", USER_AGENT);
            let answer = web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
            match answer.status.as_u16() {
                300..=399 if !answer.header("location").is_empty() => return Ok(()),
                401 => return Ok(()),
                _ => path = "/".to_owned(),
            }
        }
        let ask = Ask { method: Method::OPTIONS, ..Ask::get(&path) }.with("user-agent", USER_AGENT);
        let answer = web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault)?;
        let abilities = abilities(&answer.headers);
        match answer.status.as_u16() {
            401 => Ok(()),
            200..=299 if abilities.iter().any(|word| word == "calendar-access") => {
                rec.note(Fact::Capabilities(abilities));
                Ok(())
            }
            200..=299 => {
                let words = format!("{path} serves no calendars: DAV says {:?}", abilities.join(", "));
                Err(Fault::new(Reason::ProtocolViolation, &words))
            }
            _ => Err(multistatus::refusal(&answer)),
        }
    })
    .await
}

impl SignIn for Caldav {
    /// Who is nobody for the server was asked for nothing.
    fn was_asked(&self) -> bool {
        self.context.principal.is_some()
    }

    /// The first request is the sign-in.
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            self.web.sign_in_as(credential);
            self.context = self.context(rec).await?;
            self.web.keep();
            Ok(())
        })
    }
}

impl Session for Caldav {
    fn prove<'a>(&'a mut self, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(rec.time(Step::List, async move {
            self.found = None;
            self.find(rec).await?;
            Ok(Proof::default())
        }))
    }

    fn free_busy(&mut self) -> Option<&mut dyn FreeBusy> {
        Some(self)
    }

    fn calendar(&mut self) -> Option<&mut dyn Calendar> {
        Some(self)
    }

    fn is_alive(&mut self) -> bool {
        self.web.is_open()
    }

    fn close<'a>(self: Box<Self>, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
