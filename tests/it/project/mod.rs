//! The repository: its structure, documents and dependencies.

pub(crate) mod pages_build;
pub(crate) mod readme;
pub(crate) mod supply_chain;
