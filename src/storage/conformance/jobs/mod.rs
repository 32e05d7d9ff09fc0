//! Jobs: from their insert to their end.

mod batch;
mod claim;
mod claim_ahead;
mod finish;
mod idempotency;
mod insert;
pub(super) mod life;
mod race;
mod start;
mod unique;
mod update;

use crate::storage::conformance::case::Case;

pub(super) fn cases() -> Vec<Case> {
    [
        batch::cases(),
        insert::cases(),
        unique::cases(),
        idempotency::cases(),
        start::cases(),
        claim::cases(),
        claim_ahead::cases(),
        finish::cases(),
        update::cases(),
        race::cases(),
        life::cases(),
    ]
    .concat()
}
