//! What can be changed.

mod bulk;
mod idempotency;
mod jobs;
mod log_level;
mod nodes;
mod queues;
mod recurring;
mod webhooks;
mod workers;

use async_graphql::MergedObject;

/// What can be changed. Each field needs the scope for writing, unless it says otherwise. The fields of one request take
/// effect one after the other, each whole or not at all.
#[derive(Default, MergedObject)]
pub(super) struct Mutation(
    jobs::JobMutations,
    bulk::BulkMutations,
    recurring::RecurringMutations,
    queues::QueueMutations,
    log_level::LogMutations,
    nodes::NodeMutations,
    webhooks::WebhookMutations,
    workers::WorkerMutations,
);
