//! Waits for jobs that a node has claimed ahead of their start: within a moment they begin or are released, and until then
//! they are neither changed nor deleted.

use std::time::Duration;

/// Maximum wait. Jobs that do not begin are released earlier.
pub(crate) const CLAIM_WAIT: Duration = Duration::from_millis(1_500);
/// Interval at which a claimed job is read.
pub(crate) const CLAIM_POLL: Duration = Duration::from_millis(10);
