//! Where a calendar is (RFC 6764, section 6; RFC 4791, section 6.2; RFC 6638, sections 2.1 to 2.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use roxmltree::Node;

use super::multistatus::{Response, refusal};
use super::{Caldav, propfind};
use crate::catalogue::{Reason, Step};
use crate::config::plan::{Endpoint, TlsMode};
use crate::net::{Net, To};
use crate::outcome::{Fault, Recorder};
use crate::protocol::web::{Web, path_on};

/// Where one asks who only knows the host.
pub(super) const WELL_KNOWN: &str = "/.well-known/caldav";
const MOST_REDIRECTS: usize = 5;
/// Collections of calendars that are looked into.
const MOST_HOMES: usize = 4;

const OF_COLLECTION: &str =
    "<D:resourcetype/><D:current-user-privilege-set/><C:supported-calendar-component-set/>";
const OF_PRINCIPAL: &str =
    "<C:calendar-home-set/><C:calendar-user-address-set/><C:schedule-inbox-URL/><C:schedule-outbox-URL/>";

/// What lies at the place that is configured.
#[derive(Default)]
pub(super) struct Context {
    pub(super) principal: Option<String>,
    /// It is a calendar itself: this one is meant.
    calendar: Option<String>,
}

/// A mailbox's calendar, and what belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) calendar: String,
    pub(super) inbox: Option<String>,
    pub(super) outbox: Option<String>,
    /// Its owner's, in lower case.
    pub(super) addresses: BTreeSet<String>,
    /// The server sends invitations and answers by itself (RFC 6638).
    pub(super) schedules: bool,
}

/// What a principal tells.
#[derive(Default)]
struct Principal {
    homes: Vec<String>,
    inbox: Option<String>,
    outbox: Option<String>,
    addresses: BTreeSet<String>,
}

/// Where the domain of an address says that its calendars are, by https alone (RFC 6764, section 6): the preferred SRV record and
/// the path in TXT beside it; without one the domain itself is asked.
pub(super) async fn by_domain(net: &Arc<Net>, address: &str, rec: &Recorder) -> Result<Endpoint, Fault> {
    let domain = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let name = format!("_caldavs._tcp.{domain}");
    let https = |host: &str, port, path: &str| Endpoint {
        host: host.into(),
        port,
        tls: TlsMode::Implicit,
        path: path.into(),
    };
    let Some((host, port)) = rec.time(Step::Resolve, net.srv(&name)).await?.into_iter().next() else {
        return Ok(https(&domain, 443, "/"));
    };
    // Anybody on the way can write what DNS says: a credential goes where it belongs to the address or the configuration.
    let host = host.to_ascii_lowercase();
    if host != domain && !host.ends_with(&format!(".{domain}")) && !net.knows(&host) {
        let words = format!(
            "{name} names {host}, without proof and no host of the domain: write `caldav: {{ url }}`"
        );
        return Err(Fault::new(Reason::EndpointNotFound, &words).at(Step::Resolve));
    }
    let texts = rec.time(Step::Resolve, net.txt(&name)).await?;
    let path = texts.iter().find_map(|text| text.strip_prefix("path=")).filter(|path| path.starts_with('/'));
    Ok(https(&host, port, path.unwrap_or("/")))
}

/// Where the host itself sends one, asked without a credential; another host only by https from https.
pub(super) async fn well_known(
    net: &Arc<Net>,
    endpoint: &Endpoint,
    to: To,
    rec: &Recorder,
) -> Result<(Web, String), Fault> {
    let mut web = Web::connect(net, endpoint, to, rec).await?;
    let mut path = WELL_KNOWN.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let answer = web.ask(propfind::ask(&path, "0", "<D:current-user-principal/>"), rec).await;
        let answer = answer.map_err(|unanswered| unanswered.fault)?;
        match answer.status.as_u16() {
            300..=399 => {
                let location = answer.header("location");
                match path_on(web.endpoint(), location) {
                    Ok(on_this_host) => path = on_this_host,
                    Err(elsewhere) => {
                        let place = Endpoint::of_url(location)
                            .filter(|place| {
                                place.tls == TlsMode::Implicit && endpoint.tls == TlsMode::Implicit
                            })
                            .ok_or(elsewhere)?;
                        web = Web::connect(net, &place, to, rec).await?;
                        path = place.path.to_string();
                    }
                }
            }
            // It is served where it is looked for, after a sign-in perhaps.
            207 | 401 => return Ok((web, path)),
            // Nobody has thought of it: the root, then.
            403..=405 | 410 | 501 if path == WELL_KNOWN => path = "/".to_owned(),
            _ => return Err(refusal(&answer)),
        }
    }
    let words = format!("more than {MOST_REDIRECTS} redirects from {WELL_KNOWN}");
    Err(Fault::new(Reason::ProtocolViolation, &words))
}

impl Caldav {
    /// Who has signed in, and what the configured place is. The first request with a credential.
    pub(super) async fn context(&mut self, rec: &Recorder) -> Result<Context, Fault> {
        let endpoint = self.web.endpoint().clone();
        let properties = format!("<D:current-user-principal/>{OF_COLLECTION}");
        let start = self.start.clone();
        let read = |of: &Response<'_, '_>| {
            let principal = of.hrefs("current-user-principal").next().map(|href| path_on(&endpoint, href));
            Ok((principal.transpose()?, is_calendar(of)))
        };
        let ((principal, is_calendar), path) = self.about(&start, &properties, rec, read).await?;
        if principal.is_none() && !is_calendar {
            let words = format!("{path} is no calendar, and tells no current-user-principal");
            return Err(Fault::new(Reason::EndpointNotFound, &words));
        }
        self.start.clone_from(&path);
        Ok(Context { principal, calendar: is_calendar.then_some(path) })
    }

    /// The calendar and what belongs to it.
    pub(super) async fn discover(&mut self, rec: &Recorder) -> Result<Found, Fault> {
        let told = match self.context.principal.clone() {
            Some(principal) => self.principal(&principal, rec).await?,
            None => Principal::default(),
        };
        let calendar = match self.context.calendar.clone() {
            Some(calendar) => calendar,
            None => self.choose(&told, rec).await?,
        };
        let abilities = self.options(&calendar, rec).await?;
        if !abilities.iter().any(|word| word == "calendar-access") {
            let words = format!("{calendar} is no calendar: DAV says {}", abilities.join(", "));
            return Err(Fault::new(Reason::EndpointNotFound, &words));
        }
        let schedules = abilities.iter().any(|word| word == "calendar-auto-schedule");
        let Principal { inbox, outbox, addresses, .. } = told;
        Ok(Found { calendar, inbox, outbox, addresses, schedules })
    }

    async fn principal(&mut self, path: &str, rec: &Recorder) -> Result<Principal, Fault> {
        let endpoint = self.web.endpoint().clone();
        let read = |of: &Response<'_, '_>| {
            let place = |href: &str| path_on(&endpoint, href);
            let one = |name| of.hrefs(name).next().map(place).transpose();
            let address = |href: &str| Some(href.to_lowercase().strip_prefix("mailto:")?.to_owned());
            Ok(Principal {
                homes: of.hrefs("calendar-home-set").take(MOST_HOMES).map(place).collect::<Result<_, _>>()?,
                inbox: one("schedule-inbox-URL")?,
                outbox: one("schedule-outbox-URL")?,
                addresses: of.hrefs("calendar-user-address-set").filter_map(address).collect(),
            })
        };
        Ok(self.about(path, OF_PRINCIPAL, rec, read).await?.0)
    }

    /// The calendar that invitations go to, where the server tells; else the first that entries can be written to.
    async fn choose(&mut self, of: &Principal, rec: &Recorder) -> Result<String, Fault> {
        let endpoint = self.web.endpoint().clone();
        let mut found = Vec::new();
        for home in &of.homes {
            let ask = propfind::ask(home, "1", OF_COLLECTION);
            let read = |all: &[Response<'_, '_>]| {
                let usable =
                    all.iter().filter(|of| of.refused().is_none() && is_calendar(of) && is_usable(of));
                Ok(usable.map(|of| of.path.clone()).collect::<Vec<_>>())
            };
            found.extend(self.responses(ask, rec, read).await?);
        }
        if let Some(inbox) = &of.inbox {
            let read = |of: &Response<'_, '_>| {
                let told = of.hrefs("schedule-default-calendar-URL").next();
                told.map(|href| path_on(&endpoint, href)).transpose()
            };
            let told = self.about(inbox, "<C:schedule-default-calendar-URL/>", rec, read).await?.0;
            if let Some(told) = told.filter(|told| found.contains(told)) {
                return Ok(told);
            }
        }
        let homes = of.homes.join(" ");
        found.into_iter().next().ok_or_else(|| {
            let words = format!("no calendar that takes entries below {homes}");
            Fault::new(Reason::FolderMissing, &words)
        })
    }
}

fn is_calendar(of: &Response<'_, '_>) -> bool {
    let is = |name: &str| of.property("resourcetype").is_some_and(|kinds| has(kinds, name));
    is("calendar") && !is("schedule-inbox") && !is("schedule-outbox")
}

/// It takes VEVENTs, and from this user, as far as it tells.
fn is_usable(of: &Response<'_, '_>) -> bool {
    let takes = of.property("supported-calendar-component-set").is_none_or(|set| {
        let mut names =
            set.children().filter(|at| at.tag_name().name() == "comp").filter_map(|at| at.attribute("name"));
        names.any(|name| name.eq_ignore_ascii_case("VEVENT"))
    });
    let may = of.property("current-user-privilege-set").is_none_or(|set| {
        set.descendants().any(|at| matches!(at.tag_name().name(), "all" | "write" | "write-content" | "bind"))
    });
    takes && may
}

fn has(node: Node<'_, '_>, name: &str) -> bool {
    node.children().any(|at| at.tag_name().name() == name)
}
