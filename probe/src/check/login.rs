//! `login`: a session per listed protocol, as a mail program opens it; the inbox is listed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Check, Work};
use crate::account::Account;
use crate::config::lanes::lanes;
use crate::config::plan;
use crate::outcome::{Event, Fault, Lane, Recorder, Sink as _, Sinks, Verdict, Why};
use crate::protocol::Proof;
use crate::runner::LaneRun;

/// Leaving politely is no part of the verdict, and may not take long.
const PARTING: Duration = Duration::from_secs(5);

pub struct Login {
    plan: Arc<plan::Check>,
    lanes: Vec<Arc<Lane>>,
    account: Arc<Account>,
    sinks: Sinks,
}

impl Login {
    pub fn new(plan: Arc<plan::Check>, account: Arc<Account>, sinks: Sinks) -> Self {
        let lanes = lanes(&plan);
        Self { plan, lanes, account, sinks }
    }

    async fn sign_in(&self, run: LaneRun) {
        let result = self.prove(&run.rec, run.lane.protocol, run.slot).await;
        match result {
            Ok(proof) => {
                self.sinks.tell(&Event::Mailbox {
                    mail_service: Arc::clone(&run.lane.mail_service),
                    mailbox: Arc::clone(&run.lane.mailbox),
                    items: proof.items,
                    bytes: proof.bytes,
                    quota: proof.quota,
                });
                run.settle(Verdict::Good);
            }
            Err(fault) => {
                self.account.heed(&fault);
                run.settle(Verdict::Failed(fault));
            }
        }
    }

    async fn prove(
        &self,
        rec: &Recorder,
        protocol: crate::catalogue::Protocol,
        slot: u32,
    ) -> Result<Proof, Fault> {
        let began = Instant::now();
        let mut session = self.account.open(protocol, slot, rec).await?;
        let proof = session.prove(rec).await?;
        let left = self.plan.timeout.saturating_sub(began.elapsed());
        rec.within(PARTING.min(left / 2), session.close(rec)).await.ok();
        Ok(proof)
    }
}

impl Check for Login {
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
            join_all(lanes.into_iter().map(|run| self.sign_in(run))).await;
        })
    }
}
