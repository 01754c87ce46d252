//! mailprobe: a fleet of synthetic probes for mail services. ARCHITECTURE.md tells which room is for what.

pub mod auth;
pub mod catalogue;
pub mod clock;
pub mod command;
pub mod config;
pub mod message;
pub mod net;
pub mod outcome;
pub mod protocol;
pub mod secret;
