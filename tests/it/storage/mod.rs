//! Databases: conformance, query plans and faults.

mod claim_floors;
pub(crate) mod conformance;
mod counter_epochs;
pub(crate) mod faults;
pub(crate) mod full_disk;
pub(crate) mod plans;
mod waits;
