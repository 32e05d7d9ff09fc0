//! Rollups, activity and failures.

mod activity;
mod failures;
mod recount;
mod rollups;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [rollups::cases(), recount::cases(), activity::cases(), failures::cases()].concat()
}
