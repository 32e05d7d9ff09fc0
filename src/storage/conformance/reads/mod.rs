//! Lists of jobs and stored values.

mod filter;
mod list;
mod search;
mod values;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [filter::cases(), list::cases(), search::cases(), values::cases()].concat()
}
