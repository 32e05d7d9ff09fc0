//! Counts as GraphQL's `Int`.

/// A count as an `Int`, which has 32 bits: above 2147483647 it is 2147483647.
pub(in super::super) fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
