//! Operations of remote workers: lease, heartbeat, completion.
//!
//! A node keeps no registration of a worker: its lease and its running jobs are in storage. A worker may therefore call any
//! node, also after a restart.

mod attempt_ages;
mod cancelled_attempts;
mod complete;
pub(crate) mod due_types;
mod error;
mod heartbeat;
pub(crate) mod job_waiters;
mod lease;
mod operations;
mod renewals;

pub(crate) use self::complete::ReportedOutcome;
pub(crate) use self::error::RemoteWorkerError;
pub(crate) use self::heartbeat::{HeartbeatResponse, ReportedJob};
pub(crate) use self::lease::{LeaseMemory, LeaseRequest, LeaseRoom, LeasedJobs};
pub(crate) use self::operations::{RemoteWorkers, RemoteWorkersDeps};
