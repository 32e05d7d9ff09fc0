//! Infrastructure for actors: supervision, mailboxes and the clock.

pub(crate) mod clock;
pub(crate) mod failure_log;
pub(crate) mod mailbox;
pub(crate) mod mailbox_lag;
pub(crate) mod supervisor;
