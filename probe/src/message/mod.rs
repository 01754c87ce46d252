//! The probe message: token, signature, payload; recognising one; the tracker. Pure: no clock, no I/O.

pub mod build;
pub mod ical;
pub mod invitation;
pub mod recognise;
pub mod token;
pub mod tracker;
