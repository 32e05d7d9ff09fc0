//! The repository: its structure, documents and dependencies.

pub(crate) mod readme;
pub(crate) mod supply_chain;
