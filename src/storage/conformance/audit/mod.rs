//! Audit records.

mod records;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    records::cases()
}
