//! Waiting for something to become true: never a fixed sleep, always with a deadline and a reason.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// Looks until `condition` holds. Panics at the deadline with what was awaited.
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !condition() {
        assert!(Instant::now() < end, "waited {deadline:?} in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

/// So many seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The folder of the workspace.
pub fn repository() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_owned()
}
