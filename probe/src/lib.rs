//! mailprobe: a fleet of synthetic probes for mail services. ARCHITECTURE.md tells which room is for what.

// Lets a test's fixture be read by `examples/` too.
#[cfg(test)]
extern crate self as mailprobe;

pub mod account;
pub mod app;
pub mod auth;
pub mod catalogue;
pub mod check;
pub mod clock;
pub mod command;
pub mod config;
pub mod export;
pub mod message;
pub mod net;
pub mod outcome;
pub mod protocol;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod serve;
pub mod view;
