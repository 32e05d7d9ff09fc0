//! The write path: group commit, and the notifications that follow a commit.

pub(crate) mod after_commit;
pub(crate) mod commit_effects;
pub mod commit_stats;
pub mod completion_batcher;
pub mod endpoint_cache;
pub mod error;
pub mod group_commit;
pub mod handle;
pub mod limits;
pub mod messages;
pub(crate) mod outbox;
