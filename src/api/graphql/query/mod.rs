//! What can be asked.

mod audit;
mod jobs;
mod metrics;
mod queues;
mod recurring;
mod system;
mod webhooks;
mod workers;

use async_graphql::MergedObject;

/// What can be asked. Each field needs the scope for reading, unless it says otherwise.
#[derive(Default, MergedObject)]
pub(super) struct Query(
    jobs::JobQueries,
    recurring::RecurringQueries,
    queues::QueueQueries,
    metrics::MetricsQueries,
    system::SystemQueries,
    audit::AuditQueries,
    webhooks::WebhookQueries,
    workers::WorkerQueries,
);
