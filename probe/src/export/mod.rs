//! The sinks: what becomes of events. Each is told, none answers; nothing in here sees a session.

#[cfg(test)]
pub(crate) mod fixture;
pub mod history;
pub mod log;
pub mod metrics;
mod standing;
pub mod state;
pub mod terminal;
