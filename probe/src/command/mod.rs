//! The commands, a file each: they print, and answer an exit code.

pub mod config;
mod show;
