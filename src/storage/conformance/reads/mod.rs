//! Lists of jobs and stored values.

mod list;
mod search;
mod values;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [list::cases(), search::cases(), values::cases()].concat()
}
