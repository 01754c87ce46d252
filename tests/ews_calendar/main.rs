//! Calendars through EWS: against the sandbox, which shows them through CalDAV too; and at the wire.

#[path = "../real/calendar/client.rs"]
mod client;
#[path = "../real/calendar/seen.rs"]
mod seen;

mod cases;
mod judge;
mod matrix;
mod meeting;
mod script;
mod wire;
