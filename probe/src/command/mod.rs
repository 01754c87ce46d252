//! The commands, a file each: they print, and answer an exit code.

pub mod check;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod direct;
pub mod docs;
pub mod explain;
pub mod mailbox;
pub mod run;
mod show;
