//! Explanations of jobs and queues.

use async_graphql::Object;

use super::enums::{JobStatus, RunnerKind};
use super::int::int;
use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::views::explanation::{
    EstimateView, EvidenceView, ExplanationView, HolderView, QueueExplanationView, QueueReasonView, ReasonView,
    RunnerView,
};

/// An explanation.
pub(in super::super) struct Explanation(pub ExplanationView);

/// The reasons why a job does not run now, or its state.
#[Object]
impl Explanation {
    /// Status of the job.
    async fn state(&self) -> JobStatus {
        self.0.state.0.into()
    }

    /// All reasons in one sentence.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// All reasons that hold, the one that ends last first; at least one.
    async fn reasons(&self) -> Vec<WaitReason<'_>> {
        self.0.reasons.iter().map(WaitReason).collect()
    }

    /// Expected start of a job that waits in line; null if too little is known.
    async fn estimate(&self) -> Option<StartEstimate<'_>> {
        self.0.estimate.as_ref().map(StartEstimate)
    }
}

/// An estimate.
struct StartEstimate<'a>(&'a EstimateView);

/// Expected start of a job.
#[Object]
impl StartEstimate<'_> {
    /// The time.
    async fn starts_at(&self) -> DateTime {
        self.0.starts_at.into()
    }

    /// The figures that it follows from.
    async fn basis(&self) -> &str {
        &self.0.basis
    }
}

/// A reason.
struct WaitReason<'a>(&'a ReasonView);

/// A reason why a job does not run now.
#[Object]
impl WaitReason<'_> {
    /// Code for programs, such as `queue-paused`, `workers-busy` or `retry-wait`.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// Description for users; "it" is the job.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Time since which it holds; null if unknown.
    async fn since(&self) -> Option<DateTime> {
        self.0.since.map(DateTime::from)
    }

    /// Time at which it ends by itself; null if unknown.
    async fn until(&self) -> Option<DateTime> {
        self.0.until.map(DateTime::from)
    }

    /// The facts that it follows from.
    async fn evidence(&self) -> WaitEvidence<'_> {
        WaitEvidence(&self.0.evidence)
    }

    /// Advice; null if there is none.
    async fn remedy(&self) -> Option<&str> {
        self.0.remedy
    }
}

/// Evidence.
struct WaitEvidence<'a>(&'a EvidenceView);

/// The facts that a reason follows from. Each reason has some of the members; the others are null or empty.
#[Object]
impl WaitEvidence<'_> {
    /// Due time of the job.
    async fn run_at(&self) -> Option<DateTime> {
        self.0.run_at.map(DateTime::from)
    }

    /// Number of the attempt: the last one, or the running one.
    async fn attempt(&self) -> Option<u32> {
        self.0.attempt
    }

    /// Number of retries so far.
    async fn retry_count(&self) -> Option<u32> {
        self.0.retry_count
    }

    /// Maximum number of retries.
    async fn max_retries(&self) -> Option<u32> {
        self.0.max_retries
    }

    /// Number of lost attempts in a row.
    async fn losses(&self) -> Option<u32> {
        self.0.losses
    }

    /// Error message of the last attempt, in one line.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// The caller that paused the queue.
    async fn by(&self) -> Option<&str> {
        self.0.by.as_deref()
    }

    /// Job types: those without a handler, or the one that has reached its limit.
    async fn types(&self) -> &[String] {
        &self.0.types
    }

    /// The known job type with the most similar name.
    async fn nearest_type(&self) -> Option<&str> {
        self.0.nearest_type.as_deref()
    }

    /// Rate limit of the queue on each server.
    async fn rate(&self) -> Option<&str> {
        self.0.rate.as_deref()
    }

    /// Concurrency limit of the type.
    async fn concurrency(&self) -> Option<u32> {
        self.0.concurrency
    }

    /// Number of running jobs of the type.
    async fn running(&self) -> Option<u32> {
        self.0.running
    }

    /// Name of the server with the limit.
    async fn server(&self) -> Option<&str> {
        self.0.server.as_deref()
    }

    /// Number of due jobs that start before it.
    async fn ahead(&self) -> Option<i32> {
        self.0.ahead.map(int)
    }

    /// False if there are more jobs before it.
    async fn is_exact(&self) -> Option<bool> {
        self.0.is_exact
    }

    /// Servers and remote workers that run the type.
    async fn runners(&self) -> Vec<Runner<'_>> {
        self.0.runners.iter().map(Runner).collect()
    }

    /// The server or remote worker that holds the job.
    async fn node(&self) -> Option<JobHolder<'_>> {
        self.0.node.as_ref().map(JobHolder)
    }

    /// True if cancellation was requested.
    async fn cancel_requested(&self) -> Option<bool> {
        self.0.cancel_requested
    }

    /// Time by which another clock is ahead.
    async fn clock_ahead(&self) -> Option<TimeSpan> {
        self.0.clock_ahead.map(TimeSpan::from)
    }

    /// Codes of the problems of storage, as health reports them.
    async fn problems(&self) -> &[&'static str] {
        &self.0.problems
    }

    /// Final status of the job.
    async fn status(&self) -> Option<JobStatus> {
        self.0.status.map(|status| status.0.into())
    }
}

/// A runner.
struct Runner<'a>(&'a RunnerView);

/// A server or remote worker that runs jobs of a type in a queue.
#[Object]
impl Runner<'_> {
    /// Id of the node or worker.
    async fn id(&self) -> Uuid {
        self.0.id.into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Server or remote worker.
    async fn kind(&self) -> RunnerKind {
        self.0.kind.0.into()
    }

    /// Number of jobs that it runs concurrently: of the queue, or of all queues of a remote worker.
    async fn workers(&self) -> u32 {
        self.0.workers
    }

    /// Number of those workers that are occupied.
    async fn busy(&self) -> u32 {
        self.0.busy
    }

    /// True if it starts no jobs: it drains or shuts down.
    async fn is_draining(&self) -> bool {
        self.0.is_draining
    }
}

/// A holder.
struct JobHolder<'a>(&'a HolderView);

/// The server or remote worker that holds a job.
#[Object]
impl JobHolder<'_> {
    /// Id of the node or worker.
    async fn id(&self) -> Uuid {
        self.0.id.into()
    }

    /// Its name; null if it is no longer known.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Server or remote worker.
    async fn kind(&self) -> RunnerKind {
        self.0.kind.0.into()
    }

    /// Time of its last heartbeat, by the database's clock.
    async fn last_heartbeat_at(&self) -> Option<DateTime> {
        self.0.last_heartbeat_at.map(DateTime::from)
    }

    /// Expiry of its lease, by the database's clock.
    async fn lease_until(&self) -> Option<DateTime> {
        self.0.lease_until.map(DateTime::from)
    }
}

/// An explanation of a queue.
pub(super) struct QueueExplanation(pub QueueExplanationView);

/// The reasons that hold the pending jobs of a queue, with their numbers of jobs.
#[Object]
impl QueueExplanation {
    /// All reasons in one sentence.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Number of pending jobs.
    async fn pending_jobs(&self) -> i32 {
        int(self.0.pending_jobs)
    }

    /// The reasons, that of most jobs first. Each job counts once, for the reason that holds it first.
    async fn reasons(&self) -> Vec<QueueWaitReason<'_>> {
        self.0.reasons.iter().map(QueueWaitReason).collect()
    }
}

/// A reason of a queue.
struct QueueWaitReason<'a>(&'a QueueReasonView);

/// A reason that holds jobs of a queue.
#[Object]
impl QueueWaitReason<'_> {
    /// Code for programs, the same as that of a job.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// Number of jobs.
    async fn jobs(&self) -> i32 {
        int(self.0.jobs)
    }

    /// False if not all jobs were counted.
    async fn is_exact(&self) -> bool {
        self.0.is_exact
    }

    /// Description for users.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Time since which it holds; null if unknown.
    async fn since(&self) -> Option<DateTime> {
        self.0.since.map(DateTime::from)
    }

    /// Time at which it ends by itself; null if unknown.
    async fn until(&self) -> Option<DateTime> {
        self.0.until.map(DateTime::from)
    }

    /// The facts that it follows from.
    async fn evidence(&self) -> WaitEvidence<'_> {
        WaitEvidence(&self.0.evidence)
    }

    /// Advice; null if there is none.
    async fn remedy(&self) -> Option<&str> {
        self.0.remedy
    }
}
