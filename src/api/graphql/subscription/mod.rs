//! Subscriptions of the schema.

mod event_stream;
mod job;
mod job_events;
mod operation;
mod system;

use async_graphql::MergedSubscription;

/// Subscriptions. Each field requires the read scope. A client that is too slow for events of jobs receives an error
/// with the code `lagged` and their number in `missed`; the subscription continues.
#[derive(Default, MergedSubscription)]
pub(super) struct Subscription(
    job_events::JobEventSubscriptions,
    job::JobSubscriptions,
    self::system::StateSubscriptions,
    operation::OperationSubscriptions,
);
