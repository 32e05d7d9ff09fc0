//! Queues.

mod changes;
mod clear;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [changes::cases(), clear::cases()].concat()
}
