//! Nodes, their leases and clocks, and remote workers.

mod clock_step;
mod leader;
mod nodes;
pub(super) mod workers;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [nodes::cases(), leader::cases(), workers::cases(), clock_step::cases()].concat()
}
