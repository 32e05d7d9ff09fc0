//! The words that fields have, as schemas of their own: generated clients make enumerations of them.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::cluster::remote_worker::{LogLevel, WorkerStatus};
use crate::domain::job::attempt::AttemptStatus;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::health::HealthState;
use crate::domain::metrics::time_range::Granularity;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::webhooks::delivery::DeliveryStatus;
use crate::domain::webhooks::endpoint::{DisabledReason, EndpointSource};

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
    /// The status of a job.
    JobStatusWord, "JobStatus": JobStatus::ALL.map(JobStatus::as_str);
    /// The status of an attempt: `interrupted` when its server stopped, `lost` when its server died.
    AttemptStatusWord, "AttemptStatus": AttemptStatus::ALL.map(AttemptStatus::as_str);
    /// How urgent a job is.
    PriorityWord, "Priority": Priority::BY_URGENCY.map(Priority::as_str);
    /// Which missed due times become occurrences: one for all of them, none, or each of the last ones.
    MisfirePolicyWord, "MisfirePolicy": ["fire_once", "skip", "catch_up"];
    /// Whether an occurrence is created while an earlier one is unfinished: at once, not at all, or afterwards.
    OverlapPolicyWord, "OverlapPolicy": OverlapPolicy::ALL.map(OverlapPolicy::as_str);
    /// The status of a queue: a paused one starts no jobs.
    QueueStatusWord, "QueueStatus": ["running", "paused"];
    /// The status of a server: a draining one starts no new jobs, a lost one has no lease.
    NodeStatusWord, "NodeStatus": ["live", "draining", "lost"];
    /// The status of a remote worker: a lost one has no lease.
    WorkerStatusWord, "WorkerStatus": [WorkerStatus::Live, WorkerStatus::Lost, WorkerStatus::Left].map(WorkerStatus::as_str);
    /// The health of the server.
    HealthWord, "SystemHealth": [HealthState::Healthy, HealthState::Degraded, HealthState::Unhealthy].map(HealthState::as_str);
    /// The level of a log line of a job.
    LogLineLevelWord, "LogLineLevel": LogLevel::ALL.map(LogLevel::as_str);
    /// How a job ended that did not complete: it failed, was cancelled, or is returned to its queue.
    FailureOutcomeWord, "FailureOutcome": ["failed", "cancelled", "released"];
    /// The status of a delivery.
    DeliveryStatusWord, "WebhookDeliveryStatus": DeliveryStatus::ALL.map(DeliveryStatus::as_str);
    /// Why a webhook endpoint is disabled: on request, because it answered 410, or because it failed for too long.
    DisabledReasonWord, "WebhookDisabledReason": DisabledReason::ALL.map(DisabledReason::as_str);
    /// Where a webhook endpoint is defined, and can be changed.
    EndpointSourceWord, "WebhookEndpointSource": [EndpointSource::Configuration, EndpointSource::Api].map(EndpointSource::as_str);
    /// The length of the parts of a period.
    GranularityWord, "Granularity": [Granularity::Hour, Granularity::Day].map(Granularity::as_str);
}
