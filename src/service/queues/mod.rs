//! Use cases of queues.

pub(crate) mod overview;
pub(crate) mod pauses;
mod use_cases;

pub use self::use_cases::{Cleared, QueueView, Queues};
