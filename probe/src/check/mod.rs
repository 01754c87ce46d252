//! A file per kind of check. Checks are written against the traits of protocol/ and know no socket.

pub mod autodiscover;
pub mod calendar;
mod diary;
pub mod directory;
pub mod endpoint;
pub mod free_busy;
pub mod login;
pub mod meeting;
pub mod reference;
pub mod roundtrip;
pub mod visit;

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::plan;
use crate::outcome::{Lane, Why};
use crate::runner::{LaneRun, Strand};

/// What a check does in one slot, or between slots.
pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One thing watched on a schedule.
pub trait Check: Send + Sync + 'static {
    fn plan(&self) -> &Arc<plan::Check>;

    /// All lanes, those of every slot.
    fn lanes(&self) -> &[Arc<Lane>];

    /// The lanes of one slot.
    fn lanes_of(&self, _slot: u32) -> Vec<Arc<Lane>> {
        self.lanes().to_vec()
    }

    /// Which lanes a lane is run together with.
    fn strand(&self, lane: &Lane) -> Strand {
        Some(lane.protocol)
    }

    /// Why that lane may not be run now.
    fn hindrance(&self, _lane: &Lane) -> Option<Why> {
        None
    }

    /// Whether a run is finished rather than dropped when the probe stops.
    fn finishes(&self) -> bool {
        false
    }

    /// One slot, bounded by `timeout`.
    fn run<'a>(&'a self, slot: u32, lanes: Vec<LaneRun>) -> Work<'a>;

    /// Between runs: follow, sweep; on `stop` finish what is in flight.
    fn tend(self: Arc<Self>, _stop: CancellationToken) -> Work<'static> {
        Box::pin(async {})
    }
}
