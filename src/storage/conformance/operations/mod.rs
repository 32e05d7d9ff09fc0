//! Bulk operations: their rows and their steps.

mod rows;
mod sample;
mod steps;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [rows::cases(), steps::cases()].concat()
}
