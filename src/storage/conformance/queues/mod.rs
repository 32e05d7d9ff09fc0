//! Queues.

mod backlog;
mod changes;
mod clear;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [backlog::cases(), changes::cases(), clear::cases()].concat()
}
