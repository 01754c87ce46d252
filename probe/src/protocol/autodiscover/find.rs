//! Who answers for an address, asked without a credential in the order in which Outlook looks (MS-OXDISCO, section 3.1.5).

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::{Form, MOST_REDIRECTS, Settings, Told, Url, secure, v2};
use crate::auth::http as signin;
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, Scheme, TlsMode};
use crate::net::http::{Answer, Ask};
use crate::net::{Net, To};
use crate::outcome::{Fault, Recorder};
use crate::protocol::web::{self, Web};

const PATH: &str = "/autodiscover/autodiscover.xml";
/// Where Exchange Online answers.
const MICROSOFT: &[&str] =
    &["outlook.com", "office365.com", "office365.us", "office.com", "partner.outlook.cn"];
/// A candidate that hangs takes no more than this of the others' time: all four fit into a run of 30 s.
const PATIENCE: Duration = Duration::from_secs(6);
/// Of what all candidates said: a fault keeps little more.
const MOST_WORDS: usize = 440;

/// The search for one address.
pub(super) struct Find<'a> {
    pub(super) net: &'a Arc<Net>,
    pub(super) to: To,
    pub(super) address: &'a str,
    pub(super) scheme: Scheme,
    pub(super) rec: &'a Recorder,
}

/// Who answers.
pub(super) struct Found {
    pub(super) web: Web,
    pub(super) way: Way,
}

pub(super) enum Way {
    /// After a sign-in.
    SignIn(Form),
    /// At once, whoever asks.
    Told(Told),
}

/// Where a candidate is: as it was looked for, and where that led.
struct Place {
    looked_for: String,
    led_to: Option<String>,
}

/// A candidate that did not answer for the address.
struct Miss {
    step: Step,
    place: Place,
    fault: Fault,
}

impl Find<'_> {
    fn domain(&self) -> String {
        self.address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// https at the domain itself, https at autodiscover.DOMAIN, the redirect by http there, the SRV record.
    pub(super) async fn in_order(&self) -> Result<Found, Fault> {
        let mut misses = Vec::new();
        for step in [Step::RootDomain, Step::AutodiscoverHost, Step::HttpRedirect, Step::SrvRecord] {
            let mut place = Place { looked_for: String::new(), led_to: None };
            match self.timed(step, |rec| self.candidate(step, &mut place, rec)).await {
                Ok(found) => return Ok(found),
                Err(fault) => misses.push(Miss { step, place, fault }),
            }
        }
        Err(nobody(&self.domain(), &misses))
    }

    /// Whether somebody answers there: one who asks for a sign-in, or has the settings for everybody.
    pub(super) async fn at(&self, endpoint: Endpoint, step: Step) -> Result<Found, Fault> {
        self.timed(step, |rec| self.asked(endpoint, rec)).await
    }

    /// One step of the run, whatever is done in it; its facts are the run's.
    async fn timed<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        step: Step,
        work: impl FnOnce(Recorder) -> F,
    ) -> Result<T, Fault> {
        let inner = Recorder::default();
        let result = self.rec.time(step, inner.within(PATIENCE, work(inner.clone()))).await;
        if result.is_ok() {
            inner.take().1.into_iter().for_each(|fact| self.rec.note(fact));
        }
        result
    }

    async fn candidate(&self, step: Step, place: &mut Place, rec: Recorder) -> Result<Found, Fault> {
        let domain = self.domain();
        let host = format!("autodiscover.{domain}");
        let endpoint = match step {
            Step::RootDomain | Step::AutodiscoverHost => {
                let host = if step == Step::RootDomain { &domain } else { &host };
                place.looked_for = format!("https://{host}");
                https(host, 443, PATH)
            }
            _ => {
                let named = if step == Step::HttpRedirect {
                    place.looked_for = format!("http://{host}");
                    self.by_http(&host, &rec).await?
                } else {
                    place.looked_for = "SRV".to_owned();
                    self.by_srv(&domain, &rec).await?
                };
                place.led_to = Some(named.authority());
                self.trusted(named)?
            }
        };
        self.asked(endpoint, rec).await
    }

    async fn asked(&self, mut endpoint: Endpoint, rec: Recorder) -> Result<Found, Fault> {
        for _ in 0..=MOST_REDIRECTS {
            let mut web = Web::connect(self.net, &endpoint, self.to, &rec).await?;
            let form = Form::of(&endpoint.path);
            let ask = form.request(&web, self.address);
            let answer = answer(&mut web, ask, &rec).await?;
            if answer.status.is_redirection() {
                endpoint = secure(answer.header("location"), &endpoint)?;
                continue;
            }
            return match self.way(form, &web, &answer) {
                Ok(way) => Ok(Found { web, way }),
                // This form is not served here; another one may be.
                Err(fault) if matches!(answer.status.as_u16(), 404 | 405 | 410 | 501) => {
                    self.otherwise(web, fault, &rec).await
                }
                Err(fault) => Err(fault),
            };
        }
        let words = format!("more than {MOST_REDIRECTS} redirects, the last to {}", endpoint.url());
        Err(Fault::new(Reason::EndpointNotFound, &words))
    }

    /// Whether this is somebody who asks for a sign-in that we have, or tells without.
    fn way(&self, form: Form, web: &Web, answer: &Answer) -> Result<Way, Fault> {
        if answer.status == StatusCode::UNAUTHORIZED {
            return signin::offers(&answer.headers, self.scheme).map(|()| Way::SignIn(form));
        }
        if let Some(fault) = web::fault_of(answer) {
            return Err(fault);
        }
        form.read(web, answer).map(Way::Told).map_err(|fault| match fault.reason {
            Reason::ProtocolViolation => {
                Fault::new(Reason::EndpointNotFound, "it asks for no sign-in, and tells nothing")
            }
            _ => fault,
        })
    }

    /// SOAP, then JSON, on the host where plain XML is not served.
    async fn otherwise(&self, mut web: Web, unserved: Fault, rec: &Recorder) -> Result<Found, Fault> {
        let ask = Form::Soap.request(&web, self.address);
        let soap = answer(&mut web, ask, rec).await?;
        match self.way(Form::Soap, &web, &soap) {
            Ok(way) => return Ok(Found { web, way }),
            Err(fault) if fault.reason == Reason::MechanismUnavailable => return Err(fault),
            Err(_) => {}
        }
        match v2::ask(&mut web, self.address, rec).await {
            Some(settings) => Ok(Found { web, way: Way::Told(Told::Settings(settings)) }),
            None => Err(unserved),
        }
    }

    /// The settings with what JSON adds; it is asked without a credential, and what it does not tell in time is not told.
    pub(super) async fn completed(&self, mut settings: Settings, web: &Web) -> Settings {
        if !settings.urls.contains_key(&Url::Ews) {
            let inner = Recorder::default();
            let asked = inner.within(PATIENCE, async {
                let mut web = Web::connect(self.net, web.endpoint(), self.to, &inner).await?;
                Ok(v2::ask(&mut web, self.address, &inner).await)
            });
            settings.urls.extend(asked.await.ok().flatten().unwrap_or_default().urls);
        }
        settings
    }

    /// By http nothing is asked but where to go.
    async fn by_http(&self, host: &str, rec: &Recorder) -> Result<Endpoint, Fault> {
        let plain = Endpoint { tls: TlsMode::None, ..https(host, 80, PATH) };
        let mut web = Web::connect(self.net, &plain, self.to, rec).await?;
        let ask = Ask::get(PATH).with("user-agent", web::USER_AGENT);
        let answer = answer(&mut web, ask, rec).await?;
        if !answer.status.is_redirection() {
            let words = format!("no redirect: {}", answer.status);
            return Err(Fault::new(Reason::EndpointNotFound, &words));
        }
        secure(answer.header("location"), &plain)
    }

    async fn by_srv(&self, domain: &str, rec: &Recorder) -> Result<Endpoint, Fault> {
        let name = format!("_autodiscover._tcp.{domain}");
        let found = rec.time(Step::Resolve, self.net.srv(&name)).await?;
        let (host, port) = found
            .into_iter()
            .next()
            .ok_or_else(|| Fault::new(Reason::NameUnknown, &format!("no record {name}")))?;
        Ok(https(&host, port, PATH))
    }

    /// Who was named by http or DNS, which anybody on the way can write, is given a credential only where it belongs to
    /// the address, to the configuration or to Microsoft.
    fn trusted(&self, endpoint: Endpoint) -> Result<Endpoint, Fault> {
        let host = endpoint.host.to_ascii_lowercase();
        let domain = self.domain();
        let within = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        if within(&domain) || MICROSOFT.iter().any(|of| within(of)) || self.net.knows(&host) {
            return Ok(endpoint);
        }
        let words = "named without proof, no host of the domain: write `autodiscover: { url }`";
        Err(Fault::new(Reason::EndpointNotFound, words))
    }
}

async fn answer(web: &mut Web, ask: Ask, rec: &Recorder) -> Result<Answer, Fault> {
    rec.time(Step::Hello, async { web.ask(ask, rec).await.map_err(|unanswered| unanswered.fault) }).await
}

fn https(host: &str, port: u16, path: &str) -> Endpoint {
    Endpoint { host: host.into(), port, tls: TlsMode::Implicit, path: path.into() }
}

/// What all candidates said, under the reason of the one that is most likely meant: where a redirect or a record led, else
/// autodiscover.DOMAIN. At the domain itself is often somebody's web site.
fn nobody(domain: &str, misses: &[Miss]) -> Fault {
    let tells = |miss: &&Miss| match miss.fault.reason {
        Reason::MechanismUnavailable => true,
        Reason::NameUnknown | Reason::EndpointNotFound => miss.place.led_to.is_some(),
        _ => miss.place.led_to.is_some() || miss.step == Step::AutodiscoverHost,
    };
    let (heads, talkers) =
        (misses.iter().map(|miss| miss.head().len()), misses.iter().filter(|miss| miss.talks()));
    let share = MOST_WORDS.saturating_sub(heads.sum()) / talkers.count().max(1);
    let said: Vec<_> = misses.iter().map(|miss| miss.words(share)).collect();
    let words = format!("nobody answers for {domain}: {}", said.join("; "));
    let at = Fault::new(Reason::EndpointNotFound, &words).at(Step::AutodiscoverHost);
    match misses.iter().rev().find(tells) {
        Some(Miss { step, fault, .. }) => Fault { said: at.said, step: Some(*step), ..fault.clone() },
        None => at,
    }
}

impl Miss {
    fn head(&self) -> String {
        let led = self.place.led_to.as_ref().map_or_else(String::new, |host| format!(" -> {host}"));
        format!("{}{led}: {}", self.place.looked_for, self.fault.reason.name())
    }

    /// That a name does not exist is all there is to say of it.
    fn talks(&self) -> bool {
        self.fault.reason != Reason::NameUnknown
    }

    /// With at most so many characters of what was said.
    fn words(&self, most: usize) -> String {
        let said: String = self.fault.said.as_str().chars().take(most).collect();
        if self.talks() { format!("{}: {said}", self.head()) } else { self.head() }
    }
}
