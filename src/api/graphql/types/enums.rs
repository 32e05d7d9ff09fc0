//! The enums of the schema, each the twin of one of the domain.

use async_graphql::Enum;

use crate::api::rest::workers::request::FailureWord;
use crate::domain::access::audit::{AuditAction as DomainAuditAction, AuditOutcome as DomainAuditOutcome};
use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::remote_worker::{LogLevel, WorkerStatus as DomainWorkerStatus};
use crate::domain::events::event::JobEventKind;
use crate::domain::job::attempt::AttemptStatus as DomainAttemptStatus;
use crate::domain::job::priority::Priority as DomainPriority;
use crate::domain::job::status::JobStatus as DomainJobStatus;
use crate::domain::metrics::health::HealthState as DomainHealthState;
use crate::domain::metrics::time_range::Granularity as DomainGranularity;
use crate::domain::recurring::misfire::MisfirePolicy as DomainMisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy as DomainOverlapPolicy;
use crate::domain::webhooks::delivery::DeliveryStatus;
use crate::domain::webhooks::endpoint::{DisabledReason, EndpointSource};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainJobStatus")]
pub(in super::super) enum JobStatus {
    /// It waits: for a worker, for its time, or for a retry.
    Pending,
    /// A worker runs it.
    Running,
    /// It has succeeded.
    Completed,
    /// It has failed and has no retries left.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// How urgent a job is. Of the due jobs of a queue the most urgent starts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainPriority")]
pub(in super::super) enum Priority {
    /// After all others.
    Low,
    /// The default.
    Normal,
    /// Before those that are normal.
    High,
    /// Before all others.
    Critical,
}

/// How an execution of a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAttemptStatus")]
pub(in super::super) enum AttemptStatus {
    /// It runs.
    Running,
    /// The handler succeeded.
    Completed,
    /// The handler failed, panicked, or took too long.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its server was stopped and has handed the job back.
    Interrupted,
    /// Its server died, or lost its lease.
    Lost,
}

/// What has happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "JobEventKind")]
pub(in super::super) enum JobEvent {
    /// It was accepted and stored.
    Created,
    /// A worker has taken it.
    Started,
    /// It has succeeded.
    Completed,
    /// It has failed for good.
    Failed,
    /// It is pending again: an attempt has failed, was interrupted or lost, or somebody has asked for another.
    Retrying,
    /// It was cancelled.
    Cancelled,
    /// A pending job was changed.
    Changed,
    /// It was deleted.
    Deleted,
}

/// Whether a queue starts jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum QueueStatus {
    /// It starts jobs.
    Running,
    /// It starts no jobs until it is resumed; what runs goes on.
    Paused,
}

impl QueueStatus {
    /// The status of a queue.
    pub(super) const fn of(is_paused: bool) -> Self {
        if is_paused { Self::Paused } else { Self::Running }
    }
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainHealthState")]
pub(in super::super) enum HealthState {
    /// Nothing is wrong.
    Healthy,
    /// It works, and something needs a look.
    Degraded,
    /// It can't do its work.
    Unhealthy,
}

/// What becomes of the due times of a recurring job that no server was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum MisfirePolicy {
    /// One occurrence stands for all of them.
    FireOnce,
    /// None of them becomes an occurrence.
    Skip,
    /// Each of them becomes an occurrence, up to `catchUpMax`.
    CatchUp,
}

impl MisfirePolicy {
    /// The word that REST has for it.
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

/// What becomes of an occurrence of a recurring job that is due while an earlier one has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainOverlapPolicy")]
pub(in super::super) enum OverlapPolicy {
    /// Both run.
    Allow,
    /// It is left out.
    Skip,
    /// It waits until the earlier one has ended.
    Queue,
}

/// Into which parts a period is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainGranularity")]
pub(in super::super) enum Granularity {
    /// Its days.
    Day,
    /// Its hours.
    Hour,
}

/// In which direction a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum OrderDirection {
    /// The smallest, or the oldest, first.
    Asc,
    /// The greatest, or the newest, first.
    Desc,
}

/// By what jobs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum JobOrderField {
    /// By the time of their creation.
    CreatedAt,
}

/// How it is known who has called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "CallerKind")]
pub(in super::super) enum ActorKind {
    /// By a configured key.
    Key,
    /// By a signed token.
    Token,
    /// It is not known: the server asks nobody.
    Anonymous,
    /// It was the program that the server runs in.
    Local,
}

/// What a caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAuditAction")]
pub(in super::super) enum AuditAction {
    /// Jobs were created: one, or a batch.
    JobCreate,
    /// A pending job was changed.
    JobUpdate,
    /// A finished job was deleted.
    JobDelete,
    /// A job was made due, or queued again.
    JobExecute,
    /// A job was cancelled, or told to stop.
    JobCancel,
    /// A failed or cancelled job was made pending again.
    JobRetry,
    /// A queue was paused.
    QueuePause,
    /// A queue was resumed.
    QueueResume,
    /// Jobs of a queue were removed.
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
    /// A recurring job was given one occurrence beside those of its schedule.
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
    /// A webhook endpoint was given another secret.
    WebhookRotate,
    /// A webhook endpoint was sent a test.
    WebhookTest,
    /// Deliveries to a webhook endpoint are sent again.
    WebhookRedeliver,
    /// A webhook endpoint was deleted.
    WebhookDelete,
    /// A remote worker was made known.
    WorkerRegister,
    /// A server is to drain.
    NodeDrain,
    /// A server is to stop draining.
    NodeResume,
}

/// What came of what a caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainAuditOutcome")]
pub(in super::super) enum AuditOutcome {
    /// Jobs are stored.
    Created,
    /// A job, or a recurring job, is another than before.
    Changed,
    /// A job and its history, or a recurring job, are gone.
    Deleted,
    /// A job is pending.
    Pending,
    /// A job is cancelled.
    Cancelled,
    /// A running job was told to stop.
    CancelRequested,
    /// A queue starts no jobs.
    Paused,
    /// A queue starts jobs.
    Resumed,
    /// Jobs of a queue are gone.
    Cleared,
    /// A worker may take jobs.
    Registered,
}

/// Where a webhook endpoint comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "EndpointSource")]
pub(in super::super) enum WebhookEndpointSource {
    /// The server's configuration: it is changed there.
    Configuration,
    /// The API.
    Api,
}

/// Why a webhook endpoint is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DisabledReason")]
pub(in super::super) enum WebhookDisabledReason {
    /// Somebody has disabled it.
    Asked,
    /// It has answered 410: it is gone.
    Gone,
    /// It has failed for too long.
    Failing,
}

/// How a webhook delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DeliveryStatus")]
pub(in super::super) enum WebhookDeliveryStatus {
    /// It waits for its first attempt, or for a retry.
    Pending,
    /// The endpoint has taken it.
    Delivered,
    /// It was tried as often as it may be, or the endpoint is gone.
    Failed,
}

/// How a remote worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "DomainWorkerStatus")]
pub(in super::super) enum WorkerStatus {
    /// Its lease lasts.
    Live,
    /// Its lease has run out, and what it ran has been taken from it.
    Lost,
    /// It has said goodbye.
    Left,
}

/// How serious a line is that a job has logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "LogLevel")]
pub(in super::super) enum JobLogLevel {
    /// For those who look for a mistake.
    Debug,
    /// What is usual.
    Info,
    /// What may need somebody.
    Warning,
    /// What went wrong.
    Error,
}

/// How a job has not succeeded, as its worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "FailureWord")]
pub(in super::super) enum UnsuccessfulOutcome {
    /// Its handler says so.
    Failed,
    /// It was told to stop and has.
    Cancelled,
    /// It is handed back, to be run again at once without counting as a retry.
    Released,
}
