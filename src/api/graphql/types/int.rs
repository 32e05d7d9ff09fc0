//! Counts as GraphQL's `Int`.

/// A count as an `Int`, which has 32 bits: above 2147483647 it is 2147483647.
pub(in super::super) fn int(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
