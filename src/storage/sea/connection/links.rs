//! The connections of a database by purpose.

use std::sync::Arc;

use super::caller_turns::CallerTurns;
use super::pool::Link;

/// The pools of a database.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) writer: Link,
    /// For callers' reads.
    pub(crate) readers: Link,
    /// For reads of the server itself, which callers must not delay.
    pub(crate) internal: Link,
    /// For expensive reads, which must not delay others.
    pub(crate) scanners: Link,
    /// Cancels expensive reads; `None` on SQLite, which needs no connection for it.
    pub(crate) canceller: Option<Link>,
    /// Turns of callers on `readers`.
    pub(crate) turns: Arc<CallerTurns>,
}

/// Minimum number of connections for the server's own reads, if callers keep as many.
pub(crate) const INTERNAL_MIN: u32 = 2;

/// Maximum number of connections for the server's own reads.
const INTERNAL_MAX: u32 = 16;

/// Number of connections for cheap reads and for expensive reads: the latter are at most half of those beside the writing one.
/// Each pool has at least one.
pub(crate) fn shares(max_connections: u32, expensive_reads: u32) -> (u32, u32) {
    let reading = max_connections.saturating_sub(1);
    let scanning = expensive_reads.min(reading / 2).max(1);
    (reading.saturating_sub(scanning).max(1), scanning)
}

/// Number of callers' connections and of the server's own among those for cheap reads. If there is only one, the server's is
/// one more.
pub(crate) fn cheap_shares(reading: u32) -> (u32, u32) {
    let internal = (reading / 4)
        .clamp(INTERNAL_MIN, INTERNAL_MAX)
        .min((reading / 2).max(1));
    (reading.saturating_sub(internal).max(1), internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_and_the_server_have_connections_of_their_own() {
        for (max_connections, expected) in [
            (3, (1, 1)),
            (4, (1, 1)),
            (5, (1, 1)),
            (6, (2, 1)),
            (8, (3, 2)),
            (50, (36, 11)),
        ] {
            let (reading, _) = shares(max_connections, 2);
            assert_eq!(cheap_shares(reading), expected, "{max_connections}");
        }
    }
}
