//! The dashboards, a file each.

mod access;
mod calendar;
mod fleet;
mod parts;
mod probe;
mod promise;
mod roundtrip;
mod site;

use crate::grafana::Board;

/// All of them.
pub fn all() -> Vec<Board> {
    vec![
        fleet::board(),
        site::board(),
        roundtrip::board(),
        calendar::board(),
        access::board(),
        promise::board(),
        probe::board(),
    ]
}
