//! Words of enumerations in views, and their schemas, from which generated clients make enum types.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::access::audit::{AuditAction, AuditOutcome};
use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::remote_worker::{LogLevel, WorkerStatus};
use crate::domain::events::event::{JobEventKind, OperationEventKind};
use crate::domain::explanation::RunnerKind;
use crate::domain::job::attempt::AttemptStatus;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::activity_series::Step;
use crate::domain::metrics::health::HealthState;
use crate::domain::metrics::time_range::Granularity;
use crate::domain::operation::action::{OperationKind, UndoKind};
use crate::domain::operation::progress::SkipReason;
use crate::domain::operation::status::OperationStatus;
use crate::domain::recurring::misfire::MisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::webhooks::delivery::DeliveryStatus;
use crate::domain::webhooks::endpoint::{DisabledReason, EndpointSource};

/// A value of an enumeration, which has a word in responses.
pub(crate) trait Worded: Copy {
    /// The word of the value.
    fn word(self) -> &'static str;
}

macro_rules! worded {
    ($($type:ty),+) => {$(
        impl Worded for $type {
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

worded!(
    AttemptStatus,
    AuditAction,
    AuditOutcome,
    CallerKind,
    DeliveryStatus,
    DisabledReason,
    EndpointSource,
    HealthState,
    JobEventKind,
    JobStatus,
    LogLevel,
    MisfirePolicy,
    OperationEventKind,
    OperationKind,
    OperationStatus,
    OverlapPolicy,
    Priority,
    QueueStatus,
    RunnerKind,
    SkipReason,
    Step,
    UndoKind,
    WorkerStatus
);

/// A value of an enumeration, serialized as its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<T>(pub T);

impl<T: Worded> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

/// Status of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueStatus {
    /// It starts jobs.
    Running,
    /// It starts no jobs until it is resumed.
    Paused,
}

impl QueueStatus {
    const ALL: [Self; 2] = [Self::Running, Self::Paused];

    /// The status of a queue.
    pub(crate) const fn of(is_paused: bool) -> Self {
        if is_paused { Self::Paused } else { Self::Running }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
        }
    }
}

fn caller_kind(kind: CallerKind) -> &'static str {
    kind.as_str()
}

macro_rules! words {
    ($($(#[doc = $description:literal])+ $word:ident, $name:literal: $words:expr;)+) => {$(
        $(#[doc = $description])+
        pub(crate) struct $word;

        impl PartialSchema for $word {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some($words))
                    .description(Some(concat!($($description),+).trim()))
                    .build()
                    .into()
            }
        }

        impl ToSchema for $word {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )+};
}

words! {
    /// Status of a job.
    JobStatusWord, "JobStatus": JobStatus::ALL.map(JobStatus::as_str);
    /// The status of an attempt: `interrupted` if its server shut down, `lost` if its server terminated unexpectedly.
    AttemptStatusWord, "AttemptStatus": AttemptStatus::ALL.map(AttemptStatus::as_str);
    /// Priority of a job.
    PriorityWord, "Priority": Priority::BY_URGENCY.map(Priority::as_str);
    /// Policy for missed due times: one occurrence for all of them, none, or one for each of the last ones.
    MisfirePolicyWord, "MisfirePolicy": ["fire_once", "skip", "catch_up"];
    /// Policy for an occurrence that is due while an earlier one is unfinished: both run, it is skipped, or it waits.
    OverlapPolicyWord, "OverlapPolicy": OverlapPolicy::ALL.map(OverlapPolicy::as_str);
    /// Status of a queue: a paused one starts no jobs.
    QueueStatusWord, "QueueStatus": QueueStatus::ALL.map(QueueStatus::as_str);
    /// Status of a node: a draining one starts no new jobs, the lease of a lost one has expired.
    NodeStatusWord, "NodeStatus": ["live", "draining", "lost"];
    /// Status of a remote worker: the lease of a lost one has expired.
    WorkerStatusWord, "WorkerStatus": [WorkerStatus::Live, WorkerStatus::Lost, WorkerStatus::Left].map(WorkerStatus::as_str);
    /// Kind of a runner: a server with a handler, or a remote worker.
    RunnerKindWord, "RunnerKind": [RunnerKind::Server, RunnerKind::Worker].map(RunnerKind::as_str);
    /// Health status of the server.
    HealthWord, "SystemHealth": [HealthState::Healthy, HealthState::Degraded, HealthState::Unhealthy].map(HealthState::as_str);
    /// Level of a log line of a job.
    LogLineLevelWord, "LogLineLevel": LogLevel::ALL.map(LogLevel::as_str);
    /// Outcome of a job that did not complete: it failed, was cancelled, or is released to its queue.
    FailureOutcomeWord, "FailureOutcome": ["failed", "cancelled", "released"];
    /// Status of a delivery.
    DeliveryStatusWord, "WebhookDeliveryStatus": DeliveryStatus::ALL.map(DeliveryStatus::as_str);
    /// Reason why a webhook endpoint is disabled: on request, because it responded with 410, or because it failed for
    /// too long.
    DisabledReasonWord, "WebhookDisabledReason": DisabledReason::ALL.map(DisabledReason::as_str);
    /// Origin of a webhook endpoint, where it can be changed.
    EndpointSourceWord, "WebhookEndpointSource": [EndpointSource::Configuration, EndpointSource::Api].map(EndpointSource::as_str);
    /// Authentication of a caller: by an API key, by a signed token, or none; `local` is the embedding program.
    CallerKindWord, "CallerKind": [CallerKind::Key, CallerKind::Token, CallerKind::Anonymous, CallerKind::Local].map(caller_kind);
    /// Time between two points of a series.
    StepWord, "Step": Step::ALL.map(Step::as_str);
    /// Resolution of a trend.
    GranularityWord, "Granularity": [Granularity::Hour, Granularity::Day].map(Granularity::as_str);
}
