//! A message between being written and being accepted. However the run ends, also by a dropped future, the tracker and
//! the view lanes learn of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::{Letter, Roundtrip};
use crate::clock;
use crate::message::token::Id;
use crate::outcome::Said;
use crate::runner::LaneRun;

pub(super) struct Pending<'a> {
    check: &'a Roundtrip,
    id: Id,
    views: Vec<LaneRun>,
    handed_over: AtomicBool,
    done: bool,
}

impl<'a> Pending<'a> {
    pub(super) fn new(check: &'a Roundtrip, id: Id, views: Vec<LaneRun>) -> Self {
        check.state().tracker.sending(id, Instant::now());
        Self { check, id, views, handed_over: AtomicBool::new(false), done: false }
    }

    /// The last byte is written: from here on nobody can say that it was not accepted.
    pub(super) fn handed_over(&self) {
        self.handed_over.store(true, Ordering::Relaxed);
    }

    /// `sure`: the server said so.
    pub(super) fn accepted(mut self, at: Instant, sure: bool, letter: Letter) {
        self.follow(at, sure, letter);
    }

    pub(super) fn refused(mut self) {
        self.give_up();
    }

    fn follow(&mut self, at: Instant, sure: bool, letter: Letter) {
        self.done = true;
        self.check.follow_message(self.id, at, sure, letter, std::mem::take(&mut self.views));
    }

    fn give_up(&mut self) {
        self.done = true;
        let early = {
            let mut state = self.check.state();
            state.tracker.refused(self.id);
            state.early.remove(&self.id).unwrap_or_default()
        };
        for (view, _) in early {
            // Refused, and there all the same.
            self.check.views[view].delete(self.id);
        }
        for view in &self.check.views {
            view.forget(self.id);
        }
        self.check.settle_unsent(std::mem::take(&mut self.views));
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if self.handed_over.load(Ordering::Relaxed) {
            // The deadline passed while the answer was awaited.
            let letter = Letter { message_id: String::new(), accepted: Said::default(), at: clock::wall() };
            self.follow(Instant::now(), false, letter);
        } else {
            self.give_up();
        }
    }
}
