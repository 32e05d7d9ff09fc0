//! Databases: conformance, query plans and faults.

pub(crate) mod conformance;
pub(crate) mod faults;
pub(crate) mod full_disk;
pub(crate) mod plans;
mod waits;
