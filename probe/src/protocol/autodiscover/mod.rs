//! Autodiscover (MS-OXDISCO, MS-OXDSCLI): where a mailbox is served, found in the order in which Outlook looks.
//!
//! A credential is only ever given to a host whose certificate fits the name that was asked for, over https.

mod pox;
mod v2;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::web::{self, Web};
use super::{Proof, Session, SignIn};
use crate::auth::http as signin;
use crate::auth::sasl::Credential;
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Scheme, TlsMode};
use crate::net::http::{Answer, Ask};
use crate::net::{Net, To};
use crate::outcome::{Fault, Fut, Recorder};
use pox::Told;

/// Where Exchange Online answers.
const MICROSOFT: &[&str] = &["outlook.com", "office365.com", "office365.us", "office.com"];
const PATH: &str = "/autodiscover/autodiscover.xml";
/// Redirects of all kinds together (MS-OXDISCO says ten).
const MOST_REDIRECTS: usize = 10;
/// A candidate that hangs takes no more than this of the others' time.
const PATIENCE: Duration = Duration::from_secs(8);

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
}

/// A host that answers for a mailbox; signed in, its settings.
pub struct Autodiscover {
    web: Web,
    address: String,
    net: Arc<Net>,
    to: To,
    settings: Option<Settings>,
}

impl Autodiscover {
    /// Finds who answers for this address, without a credential.
    ///
    /// # Errors
    /// `endpoint_not_found` with what each candidate said, or the fault of the configured URL.
    pub async fn connect(
        net: &Arc<Net>,
        configured: Option<&Endpoint>,
        address: &str,
        scheme: Scheme,
        to: To,
        rec: &Recorder,
    ) -> Result<Self, Fault> {
        let find = Find { net, to, address, scheme, rec };
        let web = match configured {
            Some(endpoint) => find.at(endpoint.clone(), Step::Connect).await?,
            None => find.in_order().await?,
        };
        Ok(Self { web, address: address.to_owned(), net: Arc::clone(net), to, settings: None })
    }

    async fn ask(&mut self, credential: &Credential, rec: &Recorder) -> Result<Settings, Fault> {
        let mut address = self.address.clone();
        for _ in 0..=MOST_REDIRECTS {
            self.web.sign_in_as(credential);
            let answer = self
                .web
                .ask(request(&self.web, &address), rec)
                .await
                .map_err(|unanswered| unanswered.fault)?;
            let find =
                Find { net: &self.net, to: self.to, address: &address, scheme: credential.scheme, rec };
            if answer.status.is_redirection() {
                let endpoint = secure(answer.header("location"))?;
                self.web = find.at(endpoint, Step::Connect).await?;
                continue;
            }
            match pox::read(&answer)? {
                Told::Settings(mut settings) => {
                    settings.from = self.web.endpoint().url();
                    if !settings.urls.contains_key(&Url::Ews)
                        && let Some(url) = self.ask_v2(&address, rec).await
                    {
                        settings.urls.insert(Url::Ews, url);
                    }
                    return Ok(settings);
                }
                Told::RedirectUrl(url) => self.web = find.at(secure(&url)?, Step::Connect).await?,
                Told::RedirectAddress(to) => {
                    if to.eq_ignore_ascii_case(&address) || !to.contains('@') {
                        let words = format!("{address} is redirected to {to}, which leads nowhere");
                        return Err(Fault::new(Reason::EndpointNotFound, &words));
                    }
                    self.web = Find { address: &to, ..find }.in_order().await?;
                    address = to;
                }
            }
        }
        let words =
            format!("more than {MOST_REDIRECTS} redirects, the last to {}", self.web.endpoint().url());
        Err(Fault::new(Reason::EndpointNotFound, &words))
    }
}

impl Autodiscover {
    /// Asked without a credential; what it does not tell in time is not told.
    async fn ask_v2(&self, address: &str, rec: &Recorder) -> Option<String> {
        let asked = rec.within(PATIENCE, async {
            let mut web = Web::connect(&self.net, self.web.endpoint(), self.to, rec).await?;
            Ok(v2::ask(&mut web, address, rec).await)
        });
        asked.await.ok().flatten()
    }
}

/// The search for one address.
struct Find<'a> {
    net: &'a Arc<Net>,
    to: To,
    address: &'a str,
    scheme: Scheme,
    rec: &'a Recorder,
}

impl Find<'_> {
    /// https at the domain itself, https at autodiscover.domain, a redirect by http there, the SRV record (MS-OXDISCO,
    /// section 3.1.5).
    async fn in_order(&self) -> Result<Web, Fault> {
        let domain = self.address.rsplit('@').next().unwrap_or_default();
        let host = format!("autodiscover.{domain}");
        let mut said = Vec::new();
        for (step, host) in [(Step::RootDomain, domain), (Step::AutodiscoverHost, &host)] {
            match self.at(https(host, 443, PATH), step).await {
                Ok(web) => return Ok(web),
                Err(fault) => said.push(format!("https://{host}: {fault}")),
            }
        }
        match self.rec.time(Step::HttpRedirect, self.by_http(&host)).await {
            Ok(web) => return Ok(web),
            Err(fault) => said.push(format!("http://{host}: {fault}")),
        }
        match self.rec.time(Step::SrvRecord, self.by_srv(domain)).await {
            Ok(web) => return Ok(web),
            Err(fault) => said.push(format!("SRV: {fault}")),
        }
        let words = format!("nobody answers for {domain}: {}", said.join("; "));
        Err(Fault::new(Reason::EndpointNotFound, &words))
    }

    /// Whether somebody answers there: one who asks for a sign-in, or has the settings for everybody.
    async fn at(&self, endpoint: Endpoint, step: Step) -> Result<Web, Fault> {
        let asked = self.rec.time(step, async {
            let rec = Recorder::default();
            rec.within(PATIENCE, self.asked(endpoint, &rec)).await
        });
        asked.await
    }

    async fn asked(&self, mut endpoint: Endpoint, rec: &Recorder) -> Result<Web, Fault> {
        for _ in 0..=MOST_REDIRECTS {
            let mut web = Web::connect(self.net, &endpoint, self.to, rec).await?;
            let answer =
                web.ask(request(&web, self.address), rec).await.map_err(|unanswered| unanswered.fault)?;
            if answer.status.is_redirection() {
                endpoint = secure(answer.header("location"))?;
                continue;
            }
            return self.answers(&answer).map(|()| web);
        }
        Err(Fault::new(Reason::EndpointNotFound, &format!("more than {MOST_REDIRECTS} redirects")))
    }

    /// By http nothing is asked but where to go.
    async fn by_http(&self, host: &str) -> Result<Web, Fault> {
        let rec = Recorder::default();
        let found = rec.within(PATIENCE, async {
            let plain = Endpoint { tls: TlsMode::None, port: 80, ..https(host, 80, PATH) };
            let mut web = Web::connect(self.net, &plain, self.to, &rec).await?;
            let answer = web.ask(Ask::get(PATH), &rec).await.map_err(|unanswered| unanswered.fault)?;
            if !answer.status.is_redirection() {
                let words = format!("no redirect: {}", answer.status);
                return Err(Fault::new(Reason::EndpointNotFound, &words));
            }
            secure(answer.header("location"))
        });
        let endpoint = self.trusted(found.await?)?;
        rec.within(PATIENCE, self.asked(endpoint, &rec)).await
    }

    async fn by_srv(&self, domain: &str) -> Result<Web, Fault> {
        let name = format!("_autodiscover._tcp.{domain}");
        let found = self.net.srv(&name).await?;
        let (host, port) = found
            .into_iter()
            .next()
            .ok_or_else(|| Fault::new(Reason::NameUnknown, &format!("{name} has no record")))?;
        let rec = Recorder::default();
        let endpoint = self.trusted(https(&host, port, PATH))?;
        rec.within(PATIENCE, self.asked(endpoint, &rec)).await
    }

    /// Who was named by http or DNS, which anybody on the way can write, is given a credential only where it belongs to
    /// the address, to the configuration or to Microsoft.
    fn trusted(&self, endpoint: Endpoint) -> Result<Endpoint, Fault> {
        let host = endpoint.host.to_ascii_lowercase();
        let domain = self.address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let within = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        if within(&domain) || MICROSOFT.iter().any(|of| within(of)) || self.net.knows(&host) {
            return Ok(endpoint);
        }
        let words = format!(
            "{} is named without proof, and is no host of {domain}: configure `autodiscover: {{ url }}`",
            endpoint.url()
        );
        Err(Fault::new(Reason::EndpointNotFound, &words))
    }

    /// Whether this is somebody who asks for a sign-in that we have.
    fn answers(&self, answer: &Answer) -> Result<(), Fault> {
        if answer.status == StatusCode::UNAUTHORIZED {
            return signin::offers(&answer.headers, self.scheme);
        }
        let otherwise = Fault::new(Reason::EndpointNotFound, "it asks for no sign-in");
        Err(web::fault_of(answer).unwrap_or(otherwise))
    }
}

fn https(host: &str, port: u16, path: &str) -> Endpoint {
    Endpoint { host: host.into(), port, tls: TlsMode::Implicit, path: path.into() }
}

/// Where a redirect leads: https only.
fn secure(location: &str) -> Result<Endpoint, Fault> {
    let endpoint = Endpoint::of_url(location).filter(|endpoint| endpoint.tls == TlsMode::Implicit);
    endpoint.ok_or_else(|| {
        let words = format!("a redirect to {location}, which is no https URL");
        Fault::new(Reason::EndpointNotFound, &words)
    })
}

fn request(web: &Web, address: &str) -> Ask {
    Ask::post(&web.endpoint().path, "text/xml; charset=utf-8", pox::request(address))
        .with("user-agent", web::USER_AGENT)
        .with("accept", "text/xml")
        .with("x-anchormailbox", address)
        // Whoever says that it can is told of MAPI over HTTP.
        .with("x-mapihttpcapability", "1")
}

impl SignIn for Autodiscover {
    /// What was asked without a credential is asked with it.
    fn sign_in<'a>(&'a mut self, credential: &'a Credential, rec: &'a Recorder) -> Fut<'a, ()> {
        Box::pin(async move {
            self.settings = Some(self.ask(credential, rec).await?);
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
