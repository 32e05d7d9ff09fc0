//! Rollups and activity.

mod activity;
mod recount;
mod rollups;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [rollups::cases(), recount::cases(), activity::cases()].concat()
}
