//! Bulk operations: the actor that makes their steps.

mod deps;
pub(crate) mod messages;
pub(crate) mod pace;
pub(crate) mod runner;
mod step;
mod visit;
