//! The connections of a database by purpose.

use super::pool::Link;

/// The pools of a database.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) writer: Link,
    pub(crate) readers: Link,
    /// For expensive reads, which must not delay others.
    pub(crate) scanners: Link,
    /// Cancels expensive reads; `None` on SQLite, which needs no connection for it.
    pub(crate) canceller: Option<Link>,
}

/// Number of connections for reads and for expensive reads: the latter are at most half of those beside the writing one.
/// Each pool has at least one.
pub(crate) fn shares(max_connections: u32, expensive_reads: u32) -> (u32, u32) {
    let reading = max_connections.saturating_sub(1);
    let scanning = expensive_reads.min(reading / 2).max(1);
    (reading.saturating_sub(scanning).max(1), scanning)
}
