//! Infrastructure for actors: supervision, mailboxes and the clock.

pub mod clock;
pub(crate) mod failure_log;
pub(crate) mod mailbox;
pub mod mailbox_lag;
pub mod supervisor;
