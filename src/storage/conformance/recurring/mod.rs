//! Recurring jobs and their occurrences.

mod changes;
mod fire;
mod reads;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [changes::cases(), fire::cases(), reads::cases()].concat()
}
