//! Limits of the write path.

use std::time::Duration;

/// Maximum number of rows per commit, except for a single larger write.
pub(crate) const COMMIT_ROWS_MAX: usize = 2_000;
/// Maximum number of rows that wait for a commit before writes of clients are rejected.
pub(crate) const PENDING_ROWS_MAX: usize = 20_000;
/// Capacity of the writer's mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 16_384;
/// Maximum time that a background write waits for a commit that it can share.
pub(crate) const COALESCE_DELAY: Duration = Duration::from_millis(4);
/// Time after which a client whose write was rejected may retry.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
