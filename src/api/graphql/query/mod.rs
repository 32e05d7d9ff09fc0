//! Queries of the schema.

mod activity;
mod audit;
mod failures;
mod jobs;
mod metrics;
mod operations;
mod queues;
mod recurring;
mod system;
mod webhooks;
mod workers;

use async_graphql::MergedObject;

/// Queries. Each field requires the read scope unless its description names another.
#[derive(Default, MergedObject)]
pub(super) struct Query(
    jobs::JobQueries,
    recurring::RecurringQueries,
    queues::QueueQueries,
    metrics::MetricsQueries,
    activity::ActivityQueries,
    failures::FailureQueries,
    system::SystemQueries,
    audit::AuditQueries,
    webhooks::WebhookQueries,
    workers::WorkerQueries,
    operations::OperationQueries,
);
