//! The state of a queue for operators.

use async_graphql::Object;

use super::int::int;
use crate::api::contract::view::queue::{QueueOverviewView, QueueSettingsView};
use crate::api::graphql::scalars::DateTime;

/// State of a queue for operators.
pub(in super::super) struct QueueOverview(pub(in super::super) QueueOverviewView);

/// State of a queue for operators.
#[Object]
impl QueueOverview {
    /// Earliest due time of its pending jobs; null if there are none.
    async fn oldest_due_at(&self) -> Option<DateTime> {
        self.0.oldest_due_at.map(Into::into)
    }

    /// Number of pending jobs that are due; null if there are too many to count.
    async fn due_jobs(&self) -> Option<i32> {
        self.0.due_jobs.map(int)
    }

    /// Number of pending jobs that are due later and have not failed; null if there are too many to count.
    async fn scheduled_jobs(&self) -> Option<i32> {
        self.0.scheduled_jobs.map(int)
    }

    /// Number of pending jobs that wait for a retry; null if there are too many to count.
    async fn retrying_jobs(&self) -> Option<i32> {
        self.0.retrying_jobs.map(int)
    }

    /// Number of its jobs that can run at once: on the servers that start jobs, if all have these settings, and on the live
    /// remote workers that lease from it.
    async fn capacity(&self) -> i32 {
        int(self.0.capacity)
    }

    /// Number of live remote workers that lease jobs from it.
    async fn live_workers(&self) -> i32 {
        int(self.0.live_workers)
    }

    /// Settings on the server that responds.
    async fn settings(&self) -> QueueSettings<'_> {
        QueueSettings(&self.0.settings)
    }

    /// Time of the request that paused it; null if it is not paused, or the audit log does not have it.
    async fn paused_at(&self) -> Option<DateTime> {
        self.0.paused_at.map(Into::into)
    }

    /// Caller that paused it; null if it is not paused, or the audit log does not have it.
    async fn paused_by(&self) -> Option<&str> {
        self.0.paused_by.as_deref()
    }
}

/// Settings of a queue.
pub(in super::super) struct QueueSettings<'a>(&'a QueueSettingsView);

/// Settings of a queue.
#[Object]
impl QueueSettings<'_> {
    /// Number of workers on each server.
    async fn workers(&self) -> u32 {
        self.0.workers
    }

    /// Maximum number of pending jobs; null for no limit.
    async fn max_pending(&self) -> Option<i32> {
        self.0.max_pending.map(int)
    }

    /// Limit of starts on each server, such as `100/s`; null for no limit.
    async fn rate_limit(&self) -> Option<&str> {
        self.0.rate_limit.as_deref()
    }
}
