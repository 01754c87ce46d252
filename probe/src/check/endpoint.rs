//! `endpoint`: every resolved address of every endpoint, up to the point where one would sign in; certificates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Check, Work};
use crate::catalogue::{Protocol, Reason};
use crate::config::lanes::lanes;
use crate::config::plan::{self, Endpoint as Place, MailService};
use crate::net::{Net, To};
use crate::outcome::{Certificate, Event, Fact, Fault, Lane, Recorder, Said, Sink as _, Sinks, Verdict};
use crate::protocol::imap::Imap;
use crate::protocol::pop3::Pop3;
use crate::protocol::smtp::Smtp;
use crate::protocol::web::Web;
use crate::protocol::{Session, caldav, health};
use crate::runner::LaneRun;

/// A name with more addresses is asked for so many.
const MOST_ADDRESSES: usize = 32;
const PARTING: Duration = Duration::from_secs(2);
/// What is left of the run's time for telling, when one address hangs.
const MARGIN: Duration = Duration::from_millis(250);

pub struct Endpoint {
    plan: Arc<plan::Check>,
    lanes: Vec<Arc<Lane>>,
    mail_service: Arc<MailService>,
    net: Arc<Net>,
    sinks: Sinks,
}

/// What one address came to.
struct Tried {
    address: Option<SocketAddr>,
    rec: Recorder,
    result: Result<(), Fault>,
}

impl Endpoint {
    pub fn new(plan: Arc<plan::Check>, mail_service: Arc<MailService>, net: Arc<Net>, sinks: Sinks) -> Self {
        let lanes = lanes(&plan);
        Self { plan, lanes, mail_service, net, sinks }
    }

    async fn try_all(&self, run: LaneRun) {
        let protocol = run.lane.protocol;
        let Some(place) = self.mail_service.endpoints.get(&protocol) else {
            return run.settle(Verdict::Failed(Fault::new(Reason::InternalError, "no endpoint")));
        };
        let addresses = if self.net.proxied(place) {
            vec![None]
        } else {
            match self.net.resolve(place, &run.rec).await {
                Ok(found) => found.into_iter().take(MOST_ADDRESSES).map(Some).collect(),
                Err(fault) => return run.settle(Verdict::Failed(fault)),
            }
        };
        let limit = self.plan.timeout.saturating_sub(MARGIN);
        let tries =
            addresses.into_iter().map(|address| self.try_one(protocol, place, address, run.slot, limit));
        let tried = join_all(tries).await;
        self.tell(&run.lane, place, &tried);
        let verdict = verdict(tried, &run.rec);
        run.settle(verdict);
    }

    async fn try_one(
        &self,
        protocol: Protocol,
        place: &Place,
        address: Option<SocketAddr>,
        slot: u32,
        limit: Duration,
    ) -> Tried {
        let rec = Recorder::default();
        let to = address.map_or(To::Turn(slot), To::Address);
        let result = rec.within(limit, self.greet(protocol, place, to, limit, &rec)).await;
        Tried { address, rec, result }
    }

    async fn greet(
        &self,
        protocol: Protocol,
        place: &Place,
        to: To,
        limit: Duration,
        rec: &Recorder,
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let session: Box<dyn Session> = match protocol {
            Protocol::Smtp => Box::new(Smtp::connect(&self.net, place, to, rec).await?),
            Protocol::Imap => Box::new(Imap::connect(&self.net, place, to, rec).await?),
            Protocol::Pop3 => Box::new(Pop3::connect(&self.net, place, to, rec).await?),
            Protocol::Ews | Protocol::Owa | Protocol::Autodiscover => {
                let mut web = Web::connect(&self.net, place, to, rec).await?;
                return health::check(&mut web, protocol, rec).await;
            }
            Protocol::Caldav => {
                let mut web = Web::connect(&self.net, place, to, rec).await?;
                return caldav::greet(&mut web, rec).await;
            }
            Protocol::Mapi | Protocol::Graph => {
                return Err(Fault::new(Reason::InternalError, "this protocol is not built yet"));
            }
        };
        let left = limit.saturating_sub(began.elapsed());
        rec.within(PARTING.min(left / 2), session.close(rec)).await.ok();
        Ok(())
    }

    fn tell(&self, lane: &Arc<Lane>, place: &Place, tried: &[Tried]) {
        self.sinks.tell(&Event::Addresses {
            mail_service: Arc::clone(&lane.mail_service),
            protocol: lane.protocol,
            found: tried.len(),
            failing: tried.iter().filter(|tried| tried.result.is_err()).count(),
        });
        let leaves = tried.iter().filter_map(|tried| leaf(&tried.rec));
        if let Some(first) = leaves.min_by_key(|leaf| leaf.not_after) {
            self.sinks.tell(&Event::Certificate {
                mail_service: Arc::clone(&lane.mail_service),
                protocol: lane.protocol,
                server: format!("{}:{}", place.host, place.port).into(),
                not_after: first.not_after,
                issuer: Said::new(&first.issuer),
            });
        }
    }
}

fn leaf(rec: &Recorder) -> Option<Certificate> {
    rec.find(|fact| match fact {
        Fact::Certificates(chain) => chain.first().cloned(),
        _ => None,
    })
}

/// All good, or the first failure with how many share it. The lane's steps are those of the address that failed, or of
/// the slowest.
fn verdict(tried: Vec<Tried>, lane: &Recorder) -> Verdict {
    let all = tried.len();
    let failing = tried.iter().filter(|tried| tried.result.is_err()).count();
    let mut shown: Option<(_, Result<(), Fault>, _, _)> = None;
    let mut slowest = Duration::ZERO;
    for Tried { address, rec, result } in tried {
        let (steps, facts) = rec.take();
        let took = steps.iter().map(|(_, took)| *took).sum();
        let better = match (&shown, &result) {
            (None, _) => true,
            (Some((_, Err(_), _, _)), _) => false,
            (Some(_), Err(_)) => true,
            (Some(_), Ok(())) => took > slowest,
        };
        if better {
            slowest = took;
            shown = Some((address, result, steps, facts));
        }
    }
    let Some((address, result, steps, facts)) = shown else {
        return Verdict::Failed(Fault::new(Reason::NameUnknown, "no address"));
    };
    for (step, took) in steps {
        lane.add(step, took);
    }
    for fact in facts {
        lane.note(fact);
    }
    match result {
        Ok(()) => Verdict::Good,
        Err(fault) => {
            let of = address
                .map_or_else(String::new, |address| format!("{failing} of {all} addresses, {address}: "));
            Verdict::Failed(Fault { said: Said::new(&format!("{of}{}", fault.said)), ..fault })
        }
    }
}

impl Check for Endpoint {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    fn run<'a>(&'a self, _: u32, lanes: Vec<LaneRun>) -> Work<'a> {
        Box::pin(async move {
            join_all(lanes.into_iter().map(|run| self.try_all(run))).await;
        })
    }
}
