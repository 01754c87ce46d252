//! Autodiscover (MS-OXDISCO, MS-OXDSCLI, MS-OXWSADISC): where a mailbox is served, found in the order in which Outlook looks.
//!
//! A credential is only ever given to a host whose certificate fits the name that was asked for, over https.

mod find;
mod get_user_settings;
mod pox;
mod v2;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::web::{self, Web};
use super::{Proof, Session, SignIn};
use crate::auth::sasl::Credential;
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Scheme, TlsMode};
use crate::net::http::{Answer, Ask};
use crate::net::{Net, To};
use crate::outcome::{Fact, Fault, Fut, Recorder};
use find::{Find, Found, Way};

/// Redirects of all kinds together (MS-OXDISCO says ten).
const MOST_REDIRECTS: usize = 10;

/// What kind of URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Url {
    Ews,
    Mapi,
    Nspi,
    Oab,
    Owa,
}

impl Url {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ews => "ews",
            Self::Mapi => "mapi",
            Self::Nspi => "nspi",
            Self::Oab => "oab",
            Self::Owa => "owa",
        }
    }
}

/// What Autodiscover told of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub urls: BTreeMap<Url, String>,
    /// Who told.
    pub from: String,
    /// The versions of EWS that the server speaks, where it says so.
    pub ews_schemas: Vec<String>,
}

impl Settings {
    /// The first is kept; what is no URL is none.
    fn put(&mut self, kind: Url, url: &str) {
        if url.contains("://") {
            self.urls.entry(kind).or_insert_with(|| url.to_owned());
        }
    }
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Settings(Settings),
    /// Ask again for this address.
    RedirectAddress(String),
    /// Ask again there.
    RedirectUrl(String),
}

/// The two forms that want a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Plain old XML, which Outlook asks.
    Pox,
    /// SOAP, GetUserSettings.
    Soap,
}

impl Form {
    /// The form that is asked at this path.
    fn of(path: &str) -> Self {
        if path.to_ascii_lowercase().ends_with(".svc") { Self::Soap } else { Self::Pox }
    }

    /// Where it is asked on that host.
    fn endpoint(self, web: &Web) -> Endpoint {
        let endpoint = web.endpoint().clone();
        match self {
            Self::Soap if Self::of(&endpoint.path) == Self::Pox => {
                Endpoint { path: get_user_settings::PATH.into(), ..endpoint }
            }
            _ => endpoint,
        }
    }

    fn request(self, web: &Web, address: &str) -> Ask {
        let endpoint = self.endpoint(web);
        let body = match self {
            Self::Pox => pox::request(address),
            Self::Soap => get_user_settings::request(&endpoint.url(), address),
        };
        let ask = Ask::post(&endpoint.path, "text/xml; charset=utf-8", body)
            .with("user-agent", web::USER_AGENT)
            .with("accept", "text/xml")
            .with("x-anchormailbox", address);
        match self {
            // Whoever says what it can is told of MAPI over HTTP, and of what took EXPR's and EXCH's place.
            Self::Pox => ask.with("x-mapihttpcapability", "1").with("x-clientcanhandle", "ExHttpInfo"),
            Self::Soap => ask.with("soapaction", get_user_settings::ACTION),
        }
    }

    fn read(self, web: &Web, answer: &Answer) -> Result<Told, Fault> {
        if answer.status.is_redirection() && !answer.header("location").is_empty() {
            return Ok(Told::RedirectUrl(answer.header("location").to_owned()));
        }
        let mut told = match self {
            Self::Pox => pox::read(answer)?,
            Self::Soap => get_user_settings::read(answer)?,
        };
        if let Told::Settings(settings) = &mut told {
            settings.from = self.endpoint(web).url();
        }
        Ok(told)
    }
}

/// A host that answers for a mailbox; signed in, its settings.
pub struct Autodiscover {
    found: Option<Found>,
    address: String,
    net: Arc<Net>,
    to: To,
    was_asked: bool,
    settings: Option<Settings>,
}

impl Autodiscover {
    /// Finds who answers for this address, without a credential.
    ///
    /// # Errors
    /// What each candidate said, under the reason that tells most; or the fault of the configured URL.
    pub async fn connect(
        net: &Arc<Net>,
        configured: Option<&Endpoint>,
        address: &str,
        scheme: Scheme,
        to: To,
        rec: &Recorder,
    ) -> Result<Self, Fault> {
        let find = Find { net, to, address, scheme, rec };
        let found = match configured {
            Some(endpoint) => find.at(endpoint.clone(), Step::Connect).await?,
            None => find.in_order().await?,
        };
        Ok(Self {
            found: Some(found),
            address: address.to_owned(),
            net: Arc::clone(net),
            to,
            was_asked: false,
            settings: None,
        })
    }

    async fn ask(&mut self, credential: &Credential, rec: &Recorder) -> Result<Settings, Fault> {
        let mut address = self.address.clone();
        let mut found = self
            .found
            .take()
            .ok_or_else(|| Fault::new(Reason::InternalError, "Autodiscover is asked a second time"))?;
        for _ in 0..=MOST_REDIRECTS {
            let Found { mut web, way } = found;
            let told = match way {
                Way::Told(told) => told,
                Way::SignIn(form) => {
                    self.was_asked = true;
                    web.sign_in_as(credential);
                    let answer = web.ask(form.request(&web, &address), rec).await;
                    form.read(&web, &answer.map_err(|unanswered| unanswered.fault)?)?
                }
            };
            let find =
                Find { net: &self.net, to: self.to, address: &address, scheme: credential.scheme, rec };
            found = match told {
                Told::Settings(settings) => return Ok(find.completed(settings, &web).await),
                Told::RedirectUrl(url) => find.at(secure(&url, web.endpoint())?, Step::Connect).await?,
                Told::RedirectAddress(to) => {
                    if to.eq_ignore_ascii_case(&address) || !is_address(&to) {
                        let words = format!("{address} is redirected to {to}, which leads nowhere");
                        return Err(Fault::new(Reason::EndpointNotFound, &words));
                    }
                    let found = Find { address: &to, ..find }.in_order().await?;
                    address = to;
                    found
                }
            };
        }
        let words =
            format!("more than {MOST_REDIRECTS} redirects, the last to {}", found.web.endpoint().url());
        Err(Fault::new(Reason::EndpointNotFound, &words))
    }
}

/// Of a domain that can be looked for.
fn is_address(text: &str) -> bool {
    let name =
        |domain: &str| domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    text.rsplit_once('@').is_some_and(|(_, domain)| !domain.is_empty() && name(domain))
}

/// Where a redirect leads: https only.
fn secure(location: &str, from: &Endpoint) -> Result<Endpoint, Fault> {
    let whole = if location.starts_with('/') && !location.starts_with("//") {
        Endpoint { path: "".into(), ..from.clone() }.url() + location
    } else {
        location.to_owned()
    };
    let endpoint = Endpoint::of_url(&whole).filter(|endpoint| endpoint.tls == TlsMode::Implicit);
    endpoint.ok_or_else(|| {
        let words = format!("redirected to no https URL: {location}");
        Fault::new(Reason::EndpointNotFound, &words)
    })
}

impl SignIn for Autodiscover {
    fn was_asked(&self) -> bool {
        self.was_asked
    }

    /// What was asked without a credential is asked with it.
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            let settings = self.ask(credential, rec).await?;
            if !settings.ews_schemas.is_empty() {
                rec.note(Fact::Capabilities(settings.ews_schemas.clone()));
            }
            self.settings = Some(settings);
            Ok(())
        })
    }
}

impl Session for Autodiscover {
    fn prove<'a>(&'a mut self, _: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(async { Ok(Proof::default()) })
    }

    fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    fn close<'a>(self: Box<Self>, _: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
