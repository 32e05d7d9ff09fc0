//! Enums of the schema, each mapped to one of the domain.

use async_graphql::Enum;

use crate::api::contract::request::worker::FailureWord;
use crate::domain::access::audit::{AuditAction as DomainAuditAction, AuditOutcome as DomainAuditOutcome};
use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::remote_worker::{LogLevel, WorkerStatus as DomainWorkerStatus};
use crate::domain::events::event::JobEventKind;
use crate::domain::explanation::RunnerKind as DomainRunnerKind;
use crate::domain::job::attempt::AttemptStatus as DomainAttemptStatus;
use crate::domain::job::priority::Priority as DomainPriority;
use crate::domain::job::status::JobStatus as DomainJobStatus;
use crate::domain::metrics::activity_series::Step as DomainStep;
use crate::domain::metrics::health::HealthState as DomainHealthState;
use crate::domain::metrics::time_range::Granularity as DomainGranularity;
use crate::domain::recurring::misfire::MisfirePolicy as DomainMisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy as DomainOverlapPolicy;
use crate::domain::webhooks::delivery::DeliveryStatus;
use crate::domain::webhooks::endpoint::{DisabledReason, EndpointSource};
use crate::storage::query::RecurringOrder;
use crate::views::words::QueueStatus as QueueState;

/// Status of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainJobStatus")]
pub(in super::super) enum JobStatus {
    /// Waits for its due time, for a worker, or for a retry.
    Pending,
    /// A worker runs it.
    Running,
    /// It succeeded.
    Completed,
    /// It failed and has no retries left.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// Priority of a job. Of a queue's due jobs the one with the highest priority starts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainPriority")]
pub(in super::super) enum Priority {
    /// Lowest priority.
    Low,
    /// Default priority.
    Normal,
    /// Higher than normal.
    High,
    /// Highest priority.
    Critical,
}

/// Status of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAttemptStatus")]
pub(in super::super) enum AttemptStatus {
    /// The handler runs.
    Running,
    /// The handler succeeded.
    Completed,
    /// The handler failed, panicked, or timed out.
    Failed,
    /// The attempt was cancelled.
    Cancelled,
    /// The server shut down and requeued the job.
    Interrupted,
    /// The node terminated unexpectedly, or lost its lease.
    Lost,
}

/// Type of a job's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "JobEventKind")]
pub(in super::super) enum JobEvent {
    /// The job was stored.
    Created,
    /// A worker started an attempt.
    Started,
    /// The job succeeded.
    Completed,
    /// The job failed and has no retries left.
    Failed,
    /// The job is pending again: an attempt failed, was interrupted or lost, or a caller requested a retry.
    Retrying,
    /// The job was cancelled.
    Cancelled,
    /// A pending job was changed.
    Changed,
    /// The job was deleted.
    Deleted,
}

/// Status of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "QueueState")]
pub(in super::super) enum QueueStatus {
    /// The queue starts jobs.
    Running,
    /// The queue starts no jobs until it is resumed; running jobs continue.
    Paused,
}

/// Kind of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainRunnerKind")]
pub(in super::super) enum RunnerKind {
    /// A server with a handler.
    Server,
    /// A remote worker.
    Worker,
}

/// Health status of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainHealthState")]
pub(in super::super) enum HealthState {
    /// No problems.
    Healthy,
    /// The server works, and has a problem that needs attention.
    Degraded,
    /// The server can't do its work.
    Unhealthy,
}

/// Policy for due times of a recurring job that passed while no server was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum MisfirePolicy {
    /// One occurrence replaces all of them.
    FireOnce,
    /// They are skipped.
    Skip,
    /// Each of them becomes an occurrence, up to `catchUpMax`.
    CatchUp,
}

impl MisfirePolicy {
    /// The policy's name in REST.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::FireOnce => "fire_once",
            Self::Skip => "skip",
            Self::CatchUp => "catch_up",
        }
    }
}

impl From<DomainMisfirePolicy> for MisfirePolicy {
    fn from(policy: DomainMisfirePolicy) -> Self {
        match policy {
            DomainMisfirePolicy::FireOnce => Self::FireOnce,
            DomainMisfirePolicy::Skip => Self::Skip,
            DomainMisfirePolicy::CatchUp { max: _ } => Self::CatchUp,
        }
    }
}

/// Policy for an occurrence of a recurring job that is due while an earlier one is unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainOverlapPolicy")]
pub(in super::super) enum OverlapPolicy {
    /// Both run.
    Allow,
    /// The occurrence is skipped.
    Skip,
    /// The occurrence waits until the earlier one has finished.
    Queue,
}

/// Resolution of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainGranularity")]
pub(in super::super) enum Granularity {
    /// Days.
    Day,
    /// Hours.
    Hour,
}

/// Time between two points of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainStep")]
pub(in super::super) enum Step {
    /// Five seconds, for up to an hour.
    S5,
    /// A minute, for up to a day.
    M1,
    /// A quarter of an hour, for up to 90 days.
    M15,
    /// An hour, for up to 400 days.
    H1,
    /// A day, for up to 400 days.
    D1,
}

/// Order of recurring jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum RecurringJobOrder {
    /// The newest first.
    Newest,
    /// The next due time first; those without one are last.
    NextRun,
    /// By name.
    Name,
}

impl From<RecurringJobOrder> for RecurringOrder {
    fn from(order: RecurringJobOrder) -> Self {
        match order {
            RecurringJobOrder::Newest => Self::NewestFirst,
            RecurringJobOrder::NextRun => Self::NextRun,
            RecurringJobOrder::Name => Self::Name,
        }
    }
}

/// Direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum OrderDirection {
    /// Smallest or oldest first.
    Asc,
    /// Greatest or newest first.
    Desc,
}

/// Field by which jobs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum JobOrderField {
    /// Time of creation.
    CreatedAt,
    /// Due time: for the pending jobs of one queue, and filters that at most 10,000 jobs match.
    DueAt,
    /// Time at which they completed, failed or were cancelled: for filters that at most 10,000 jobs match. Others are left out.
    FinishedAt,
    /// Duration of the last attempt of finished jobs: for filters that at most 10,000 jobs match. Others are left out.
    Duration,
}

/// Method of authentication of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "CallerKind")]
pub(in super::super) enum ActorKind {
    /// A configured API key.
    Key,
    /// A signed token.
    Token,
    /// None: authentication is disabled.
    Anonymous,
    /// None: the caller is the program that embeds the server.
    Local,
}

/// Type of a change by a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAuditAction")]
pub(in super::super) enum AuditAction {
    /// A job, or a batch of jobs, was created.
    JobCreate,
    /// A pending job was changed.
    JobUpdate,
    /// A finished job was deleted.
    JobDelete,
    /// A job was made due, or requeued.
    JobExecute,
    /// A job was cancelled, or its cancellation was requested.
    JobCancel,
    /// A failed or cancelled job was made pending again.
    JobRetry,
    /// A queue was paused.
    QueuePause,
    /// A queue was resumed.
    QueueResume,
    /// Jobs of a queue were deleted.
    QueueClear,
    /// A queue was deleted.
    QueueDelete,
    /// A recurring job was created.
    RecurringCreate,
    /// A recurring job was changed.
    RecurringUpdate,
    /// A recurring job was enabled.
    RecurringEnable,
    /// A recurring job was disabled.
    RecurringDisable,
    /// An occurrence of a recurring job was created in addition to its schedule.
    RecurringTrigger,
    /// A recurring job was deleted.
    RecurringDelete,
    /// A webhook endpoint was created.
    WebhookCreate,
    /// A webhook endpoint was changed.
    WebhookUpdate,
    /// A webhook endpoint was enabled.
    WebhookEnable,
    /// A webhook endpoint was disabled.
    WebhookDisable,
    /// The secret of a webhook endpoint was replaced.
    WebhookRotate,
    /// A test event was sent to a webhook endpoint.
    WebhookTest,
    /// Deliveries of a webhook endpoint were redelivered.
    WebhookRedeliver,
    /// A webhook endpoint was deleted.
    WebhookDelete,
    /// A remote worker was registered.
    WorkerRegister,
    /// A remote worker was unregistered.
    WorkerUnregister,
    /// The drain of a node was requested.
    NodeDrain,
    /// The end of a node's drain was requested.
    NodeResume,
    /// The log level of a node was set.
    LogLevelSet,
    /// A bulk operation was started.
    OperationStart,
    /// A bulk operation was paused.
    OperationPause,
    /// A bulk operation was resumed.
    OperationResume,
    /// A bulk operation was cancelled.
    OperationCancel,
    /// The changes of a bulk operation are restored by another one.
    OperationUndo,
}

/// Outcome of a change by a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAuditOutcome")]
pub(in super::super) enum AuditOutcome {
    /// Jobs were created.
    Created,
    /// A job or a recurring job was changed.
    Changed,
    /// A job with its history, or a recurring job, was deleted.
    Deleted,
    /// A job is pending.
    Pending,
    /// A job is cancelled.
    Cancelled,
    /// The cancellation of a running job was requested.
    CancelRequested,
    /// A queue is paused.
    Paused,
    /// A queue is resumed.
    Resumed,
    /// Jobs of a queue were deleted.
    Cleared,
    /// A worker is registered.
    Registered,
    /// A worker is unregistered.
    Unregistered,
}

/// Origin of a webhook endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "EndpointSource")]
pub(in super::super) enum WebhookEndpointSource {
    /// The server's configuration, where it has to be changed.
    Configuration,
    /// The API.
    Api,
}

/// Reason why a webhook endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DisabledReason")]
pub(in super::super) enum WebhookDisabledReason {
    /// A caller disabled it.
    #[graphql(name = "ASKED")]
    Requested,
    /// It responded with 410 Gone.
    Gone,
    /// It failed for too long.
    Failing,
}

/// Status of a webhook delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DeliveryStatus")]
pub(in super::super) enum WebhookDeliveryStatus {
    /// Waits for its first attempt, or for a retry.
    Pending,
    /// The endpoint accepted it.
    Delivered,
    /// Its retries are exhausted, or the endpoint is gone.
    Failed,
}

/// Status of a remote worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainWorkerStatus")]
pub(in super::super) enum WorkerStatus {
    /// Its lease is valid.
    Live,
    /// Its lease expired, and its jobs were recovered.
    Lost,
    /// It was deregistered.
    Left,
}

/// Severity of a job's log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "LogLevel")]
pub(in super::super) enum JobLogLevel {
    /// Details for debugging.
    Debug,
    /// Regular operation.
    Info,
    /// A possible problem.
    Warning,
    /// A failure.
    Error,
}

/// Outcome of an unsuccessful attempt, as reported by its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "FailureWord")]
pub(in super::super) enum UnsuccessfulOutcome {
    /// The handler failed.
    Failed,
    /// The handler stopped after its cancellation was requested.
    Cancelled,
    /// The worker released the job, which runs again immediately without counting as a retry.
    Released,
}
