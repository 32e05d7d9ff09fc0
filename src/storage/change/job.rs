//! Changes of jobs.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::size::{limit_rows, new_job_rows};
use crate::domain::cluster::remote_worker::AttemptReport;
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
#[cfg(doc)]
use crate::storage::applied::{Applied, ChangeError, Finished};

/// A change of jobs.
#[derive(Clone, Debug)]
pub enum JobChange {
    /// Stores new jobs, all of them or none. A queue that is named for the first time is created. A job whose unique key
    /// belongs to an unfinished job is not stored; the result has that one in its place. An id that is taken, or a due time
    /// of a recurring job that has an occurrence already, is [`ChangeError::Rejected`].
    /// → [`Applied::Inserted`], [`Applied::Replayed`] or [`ChangeError::IdempotencyMismatch`].
    Insert {
        /// The new jobs.
        jobs: Vec<Arc<Job>>,
        /// Present when the caller may repeat the request without effect.
        idempotency: Option<Idempotency>,
    },
    /// Starts pending jobs that the node knows. These are the jobs after their start (see [`Job::start`]); each is stored if
    /// its stored revision is the one before and no node has claimed it, and its node holds its lease. A job with a claim is
    /// stored if the claim is still that of its node, and the stored attempt is the one before. Its claim ends.
    /// → [`Applied::Started`] or [`ChangeError::NoLease`].
    Start {
        /// The jobs, running.
        jobs: Vec<Arc<Job>>,
    },
    /// Selects due jobs in storage and starts them, or claims them ahead of their start, if the node holds its lease. →
    /// [`Applied::Claimed`] or [`ChangeError::NoLease`].
    Claim(Claim),
    /// Ends the claims of jobs that have not begun: each is pending again, or cancelled if its cancellation was requested. A
    /// job whose claim is no longer that of its node, or that has another attempt, is not changed. → [`Applied::Released`].
    Release {
        /// The jobs, claimed.
        jobs: Vec<Arc<Job>>,
        /// The time at which those with a requested cancellation are cancelled.
        now: DateTime<Utc>,
    },
    /// Ends an attempt. The job is stored, and the attempt added to its history, if the stored job is running with this
    /// attempt number; otherwise the attempt has lost its lease and nothing changes. Nothing changes either if the job would
    /// be pending again although its cancellation was requested meanwhile: the outcome is then computed again. Of a brief job
    /// the stored parameters stay, and the other texts too where [`leaves_texts`].
    ///
    /// The start of a claimed job may be stored with its end: the condition is then that the job is still claimed by the
    /// attempt's node, with the attempt before.
    /// → [`Applied::Finished`].
    Finish {
        /// The job after its start, if the start is not stored yet.
        started: Option<Arc<Job>>,
        /// The job after the attempt (see [`Job::finish`]).
        job: Arc<Job>,
        /// The attempt that has ended.
        attempt: Box<Attempt>,
        /// Store it only if the attempt's node has no valid lease in the same transaction, so that the node can't
        /// have renewed it since it was read. Otherwise the result is [`Finished::LeaseLost`].
        if_orphaned: bool,
    },
    /// Replaces a job by a changed one if the stored revision and claim are those of `before`. Of a brief job the stored parameters,
    /// result and detail of the error stay. → [`Applied::Updated`], [`ChangeError::Conflict`] or [`ChangeError::UniqueKeyTaken`].
    Update {
        /// The job as it was read.
        before: Arc<Job>,
        /// The changed job.
        after: Arc<Job>,
    },
    /// Removes a job and its attempts if its stored revision is still this one. → [`Applied::Deleted`] or
    /// [`ChangeError::Conflict`].
    Delete {
        /// The job as it was read.
        job: Arc<Job>,
    },
    /// Stores what an attempt reports, if the stored job is running with this attempt: the newest progress, and log lines, of
    /// which the last [`LOG_LINES_KEPT`](crate::domain::cluster::remote_worker::LOG_LINES_KEPT) of a job are kept. The job's
    /// revision stays. → [`Applied::Reported`].
    Report {
        /// The job as it was read, for subscribers to reports.
        job: Arc<Job>,
        /// The report.
        report: Arc<AttemptReport>,
    },
}

impl JobChange {
    /// `true` if it selects its jobs among those that other changes of the commit leave.
    pub(super) fn selects(&self) -> bool {
        match self {
            Self::Claim(_) => true,
            Self::Insert { .. }
            | Self::Start { .. }
            | Self::Release { .. }
            | Self::Finish { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Report { .. } => false,
        }
    }

    /// The feature that a storage without it does not support.
    pub(super) fn feature(&self) -> &'static str {
        match self {
            Self::Report { .. } => "progress and log lines",
            Self::Release { .. } => "claims ahead of a start",
            Self::Insert { .. }
            | Self::Start { .. }
            | Self::Claim(_)
            | Self::Finish { .. }
            | Self::Update { .. }
            | Self::Delete { .. } => "this change of jobs",
        }
    }

    /// `true` if it can have events of jobs.
    pub(super) fn may_have_events(&self) -> bool {
        match self {
            Self::Insert { .. }
            | Self::Start { .. }
            | Self::Claim(_)
            | Self::Release { .. }
            | Self::Finish { .. }
            | Self::Update { .. }
            | Self::Delete { .. } => true,
            Self::Report { .. } => false,
        }
    }

    /// Its size in rows of usual length.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Insert { jobs, .. } => new_job_rows(jobs),
            Self::Start { jobs } | Self::Release { jobs, .. } => jobs.len(),
            Self::Claim(claim) => limit_rows(claim.limit),
            Self::Finish { .. } | Self::Update { .. } | Self::Delete { .. } | Self::Report { .. } => 1,
        }
    }

    /// The jobs that name a queue, which has to exist.
    pub(super) fn jobs_in_queues(&self) -> &[Arc<Job>] {
        match self {
            Self::Insert { jobs, .. } => jobs,
            Self::Update { after, .. } => std::slice::from_ref(after),
            Self::Start { .. }
            | Self::Claim(_)
            | Self::Release { .. }
            | Self::Finish { .. }
            | Self::Delete { .. }
            | Self::Report { .. } => &[],
        }
    }

    /// The stored jobs that it concerns. New jobs are not among them: no other change refers to them yet.
    pub(super) fn stored_jobs(&self) -> &[Arc<Job>] {
        match self {
            Self::Start { jobs } | Self::Release { jobs, .. } => jobs,
            Self::Finish { job, .. } | Self::Delete { job } | Self::Report { job, .. } => std::slice::from_ref(job),
            Self::Update { before, .. } => std::slice::from_ref(before),
            Self::Insert { .. } | Self::Claim(_) => &[],
        }
    }
}

/// The selection of due jobs by a claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The queue.
    pub queue: QueueName,
    /// Maximum number of jobs.
    pub limit: u32,
    /// Their types: those that the node has a handler for and that are below their limit.
    pub job_types: Arc<[JobType]>,
    /// The node that takes them.
    pub node: NodeId,
    /// The time at or before which jobs are due.
    pub now: DateTime<Utc>,
    /// Maximum size of all of them together; `None` for no limit.
    pub bytes: Option<ByteLimit>,
    /// Claim them ahead: they stay pending, and the node starts them later or releases them. Only set for a storage that
    /// supports it (`JobStore::claims_ahead`).
    pub is_ahead: bool,
}

/// Maximum size of the jobs of a claim together: their parameters, results and errors. Jobs due after the first one that
/// does not fit are not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLimit {
    /// In bytes.
    pub max: u64,
    /// Claim the first job regardless of its size.
    pub first_always: bool,
}

impl ByteLimit {
    /// The size of a job.
    pub fn bytes_of(job: &Job) -> u64 {
        let result = job.result.as_ref().map_or(0, |result| result.as_str().len());
        let error = [&job.error, &job.error_detail].into_iter().flatten();
        let error: usize = error.map(|text| text.len()).sum();
        (job.parameters.as_str().len() + result + error) as u64
    }
}

/// A caller's key under which a request takes effect once, however often it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key as given, with a prefix of its caller.
    pub key: String,
    /// The digest of the request; the same key with another digest is a mistake of the caller.
    pub fingerprint: [u8; 32],
    /// The time of the first request.
    pub created_at: DateTime<Utc>,
}

/// `true` if the completion of an attempt keeps the stored result and error detail of the job: a brief job has
/// neither, and they are set only by an attempt that completed or failed, and by a loss that fails the job.
pub fn leaves_texts(job: &Job, attempt: &Attempt) -> bool {
    let is_decided = match attempt.status {
        AttemptStatus::Completed | AttemptStatus::Failed => true,
        AttemptStatus::Running | AttemptStatus::Cancelled | AttemptStatus::Interrupted | AttemptStatus::Lost => {
            job.status == JobStatus::Failed
        }
    };
    job.is_brief && !is_decided
}
