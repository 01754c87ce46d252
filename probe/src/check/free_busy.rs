//! `free_busy`: the other mailbox's free/busy times can be read, as for a meeting's invitation.

use std::sync::Arc;
use std::time::Duration;

use super::visit::Errand;
use crate::catalogue::{Reason, Step};
use crate::clock;
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Proof, Session};

/// So far ahead is looked.
const SPAN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub struct FreeBusy {
    /// The address of the mailbox that is looked up.
    pub of: Arc<str>,
}

impl Errand for FreeBusy {
    fn run<'a>(&'a self, session: &'a mut dyn Session, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(async move {
            let free_busy = session
                .free_busy()
                .ok_or_else(|| Fault::new(Reason::InternalError, "this protocol has no free/busy times"))?;
            let from = clock::wall();
            let found = free_busy.look_up(&self.of, from..from + SPAN, rec).await?;
            if found.iter().any(|busy| busy.span.end < busy.span.start) {
                let words = "a time that ends before it begins";
                return Err(Fault::new(Reason::FreeBusyWrong, words).at(Step::FreeBusy));
            }
            Ok(Proof::default())
        })
    }
}
