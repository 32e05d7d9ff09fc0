//! Operations of remote workers: lease, heartbeat, completion.
//!
//! A node keeps no registration of a worker: its lease and its running jobs are in storage. A worker may therefore call any
//! node, also after a restart.

mod attempt_ages;
mod complete;
pub mod due_types;
mod error;
mod heartbeat;
pub mod job_waiters;
mod lease;
mod operations;

pub use self::complete::ReportedOutcome;
pub use self::error::RemoteWorkerError;
pub use self::heartbeat::{HeartbeatResponse, ReportedJob};
pub use self::lease::{LeaseMemory, LeaseRequest, LeaseRoom, LeasedJobs};
pub use self::operations::{RemoteWorkers, RemoteWorkersDeps};
