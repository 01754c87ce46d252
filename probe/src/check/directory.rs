//! `directory`: the address book knows the other mailbox, by its address.

use std::sync::Arc;

use super::visit::Errand;
use crate::catalogue::{Reason, Step};
use crate::outcome::{Fault, Fut, Recorder};
use crate::protocol::{Proof, Session};

pub struct Directory {
    /// The address of the mailbox that is looked up.
    pub of: Arc<str>,
}

impl Errand for Directory {
    fn run<'a>(&'a self, session: &'a mut dyn Session, rec: &'a Recorder) -> Fut<'a, Proof> {
        Box::pin(async move {
            let directory = session
                .directory()
                .ok_or_else(|| Fault::new(Reason::InternalError, "this protocol has no directory"))?;
            let found = directory.resolve(&self.of, rec).await?;
            if found.iter().any(|person| person.address == *self.of) {
                return Ok(Proof::default());
            }
            let told: Vec<_> = found.iter().take(5).map(|person| person.address.as_str()).collect();
            let told = if told.is_empty() { "nobody".to_owned() } else { told.join(", ") };
            let words = format!("looked for {}, found {told}", self.of);
            Err(Fault::new(Reason::DirectoryWrong, &words).at(Step::Directory))
        })
    }
}
