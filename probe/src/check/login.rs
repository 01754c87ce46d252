//! `login`: a session per listed protocol, as a mail program opens it; the inbox is listed.

use super::visit::Errand;
use crate::outcome::{Fut, Recorder};
use crate::protocol::{Proof, Session};

pub struct Login;

impl Errand for Login {
    fn run<'a>(&'a self, session: &'a mut dyn Session, rec: &'a Recorder) -> Fut<'a, Proof> {
        session.prove(rec)
    }
}
