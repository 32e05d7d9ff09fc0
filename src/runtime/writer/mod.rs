//! The write path: group commit, and the notifications that follow a commit.

pub(crate) mod after_commit;
pub(crate) mod commit_effects;
pub(crate) mod commit_stats;
pub(crate) mod completion_batcher;
pub(crate) mod endpoint_cache;
pub(crate) mod error;
pub(crate) mod group_commit;
pub(crate) mod handle;
pub(crate) mod limits;
pub(crate) mod messages;
pub(crate) mod outbox;
