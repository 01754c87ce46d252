//! What `login`, `directory`, `free_busy` and `autodiscover` share: a session per protocol is opened, asked one thing, closed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Check, Work};
use crate::account::Account;
use crate::catalogue::Protocol;
use crate::config::lanes::lanes;
use crate::config::plan;
use crate::outcome::{Event, Fault, Fut, Lane, Recorder, Sink as _, Sinks, Verdict, Why};
use crate::protocol::{Proof, Session};
use crate::runner::LaneRun;

/// Leaving politely is no part of the verdict, and may not take long.
const PARTING: Duration = Duration::from_secs(5);

/// The one thing.
pub trait Errand: Send + Sync + 'static {
    fn run<'a>(&'a self, session: &'a mut dyn Session, rec: &'a Recorder) -> Fut<'a, Proof>;
}

/// A check that visits a mailbox.
pub struct Visit<E> {
    plan: Arc<plan::Check>,
    lanes: Vec<Arc<Lane>>,
    account: Arc<Account>,
    sinks: Sinks,
    errand: E,
}

impl<E: Errand> Visit<E> {
    pub fn new(plan: Arc<plan::Check>, account: Arc<Account>, sinks: Sinks, errand: E) -> Self {
        let lanes = lanes(&plan);
        Self { plan, lanes, account, sinks, errand }
    }

    async fn go(&self, run: LaneRun) {
        match self.visit(&run.rec, run.lane.protocol, run.slot).await {
            Ok(proof) => {
                // Who saw nothing of the mailbox does not wipe what others saw.
                if proof != Proof::default() {
                    self.tell(&run.lane, proof);
                }
                run.settle(Verdict::Good);
            }
            Err(fault) => {
                self.account.heed(&fault);
                run.settle(Verdict::Failed(fault));
            }
        }
    }

    fn tell(&self, lane: &Lane, holdings: Proof) {
        let until = Some(Instant::now() + lane.interval * 2 + lane.timeout);
        let seat = self.account.seat(lane.protocol);
        self.sinks.tell(&Event::Mailbox { seat, role: lane.role, holdings, until });
    }

    async fn visit(&self, rec: &Recorder, protocol: Protocol, slot: u32) -> Result<Proof, Fault> {
        let began = Instant::now();
        let mut session = self.account.open(protocol, slot, rec).await?;
        let proof = self.errand.run(&mut *session, rec).await?;
        let left = self.plan.timeout.saturating_sub(began.elapsed());
        rec.within(PARTING.min(left / 2), session.close(rec)).await.ok();
        Ok(proof)
    }
}

impl<E: Errand> Check for Visit<E> {
    fn plan(&self) -> &Arc<plan::Check> {
        &self.plan
    }

    fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    fn hindrance(&self, lane: &Lane) -> Option<Why> {
        self.account.hindrance(lane.protocol)
    }

    fn run<'a>(&'a self, _: u32, lanes: Vec<LaneRun>) -> Work<'a> {
        // Side by side: a protocol that hangs takes no other's time.
        Box::pin(async move {
            join_all(lanes.into_iter().map(|run| self.go(run))).await;
        })
    }
}
