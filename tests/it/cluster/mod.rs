//! Several servers on one database, and servers that pause, stop or drain.

pub(crate) mod claimed_jobs;
pub(crate) mod drain;
pub(crate) mod leaving;
pub(crate) mod nodes;
pub(crate) mod other_versions;
pub(crate) mod outage;
pub(crate) mod paused_process;
pub(crate) mod pgbouncer;
