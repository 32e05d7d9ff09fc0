//! What can be listened to.

mod event_stream;
mod job;
mod job_events;
mod system;

use async_graphql::MergedSubscription;

/// What can be listened to. Each field needs the scope for reading. Whoever can't keep up with the changes of jobs is told
/// by an error with the code `lagged` and `missed`, how many it has not heard of; the subscription goes on.
#[derive(Default, MergedSubscription)]
pub(super) struct Subscription(
    job_events::JobEventSubscriptions,
    job::JobSubscriptions,
    self::system::StateSubscriptions,
);
