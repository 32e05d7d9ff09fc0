//! Mutations of the schema.

mod bulk;
mod idempotency;
mod jobs;
mod log_level;
mod nodes;
mod operations;
mod queues;
mod recurring;
mod webhooks;
mod workers;

use async_graphql::MergedObject;

/// Mutations. Each field requires the write scope unless its description names another. The fields of one request take
/// effect one after the other, each completely or not at all.
#[derive(Default, MergedObject)]
pub(super) struct Mutation(
    jobs::JobMutations,
    bulk::BulkMutations,
    self::operations::OperationMutations,
    recurring::RecurringMutations,
    queues::QueueMutations,
    log_level::LogMutations,
    nodes::NodeMutations,
    webhooks::WebhookMutations,
    workers::WorkerMutations,
);
