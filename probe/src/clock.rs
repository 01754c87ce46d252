//! The one place where the wall clock is read. Durations are measured by `tokio::time::Instant`, never by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, by the wall clock: for time stamps that leave the process, and for ages of other processes' messages.
#[allow(clippy::disallowed_methods)]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970 by the wall clock, with fractions.
pub fn unix() -> f64 {
    since_epoch(wall()).as_secs_f64()
}

/// The time since 1970; zero for a clock that stands before it.
pub fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
