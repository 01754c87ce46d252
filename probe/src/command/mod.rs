//! The commands, a file each: they print, and answer an exit code.

pub mod check;
pub mod config;
pub mod docs;
pub mod explain;
mod show;
