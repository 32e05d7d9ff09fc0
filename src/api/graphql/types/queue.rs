//! A queue.

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::enums::QueueStatus;
use super::explanation::QueueExplanation;
use super::int::int;
use super::queue_overview::QueueOverview;
use crate::api::contract::view::queue::{ClearedView, QueueDocument, QueueOverviewView, ThroughputDocument};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::loader;
use crate::domain::metrics::QueueMetrics;
use crate::domain::values::name::QueueName;
use crate::service::queues::{Cleared, QueueView};
use crate::views::explanation::QueueExplanationView;

/// Prefix of a queue's global id. A delivery's id is a number, all other ids are UUIDs.
const ID_PREFIX: &str = "queue:";

/// The queue name in a global id, if it is the id of a queue.
pub(in super::super) fn queue_of(ID(id): &ID) -> Option<&str> {
    id.strip_prefix(ID_PREFIX)
}

/// A queue with its metrics.
pub(in super::super) struct Queue(QueueDocument);

impl From<QueueView> for Queue {
    fn from(view: QueueView) -> Self {
        Self(view.into())
    }
}

impl From<&QueueMetrics> for Queue {
    fn from(metrics: &QueueMetrics) -> Self {
        Self(metrics.into())
    }
}

/// A queue with its own workers, pause state and limits. Counts are those of stored jobs; counts above 2147483647 are
/// reported as 2147483647.
#[Object]
impl Queue {
    /// Id among all objects; other fields and REST use the name.
    pub(super) async fn id(&self) -> ID {
        ID(format!("{ID_PREFIX}{}", self.0.name))
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Status.
    async fn status(&self) -> QueueStatus {
        self.0.status.0.into()
    }

    /// Number of jobs that wait for their due time, for a worker, or for a retry.
    async fn pending_jobs(&self) -> i32 {
        int(self.0.pending_jobs)
    }

    /// Number of running jobs.
    async fn running_jobs(&self) -> i32 {
        int(self.0.running_jobs)
    }

    /// Number of completed jobs.
    async fn completed_jobs(&self) -> i32 {
        int(self.0.completed_jobs)
    }

    /// Number of failed jobs.
    async fn failed_jobs(&self) -> i32 {
        int(self.0.failed_jobs)
    }

    /// Number of cancelled jobs.
    async fn cancelled_jobs(&self) -> i32 {
        int(self.0.cancelled_jobs)
    }

    /// Number of workers on each node.
    async fn workers(&self) -> u32 {
        self.0.workers
    }

    /// The reasons why its pending jobs do not run; null if the queue was deleted during the request.
    #[graphql(complexity = "100 + child_complexity")]
    async fn explanation(&self, ctx: &Context<'_>) -> Result<Option<QueueExplanation>> {
        let name = QueueName::from_stored(self.0.name.clone());
        let explanation = services(ctx)?.explanations.queue(caller(ctx)?, &name).await;
        let explanation = if_any(explanation)?;
        Ok(explanation.map(|explanation| QueueExplanation(QueueExplanationView::from(&explanation))))
    }

    /// Its state for operators; null if the queue was deleted during the request.
    #[graphql(complexity = "20 + child_complexity")]
    async fn overview(&self, ctx: &Context<'_>) -> Result<Option<QueueOverview>> {
        let name = QueueName::from_stored(self.0.name.clone());
        let overview = loader::queue_overview(ctx, name).await?;
        Ok(overview.map(|overview| QueueOverview(QueueOverviewView::from(&*overview))))
    }

    /// Recent throughput.
    async fn throughput(&self) -> Throughput<'_> {
        Throughput(&self.0.throughput)
    }
}

/// Throughput of a queue.
pub(in super::super) struct Throughput<'a>(&'a ThroughputDocument);

/// Numbers of recently completed jobs.
#[Object]
impl Throughput<'_> {
    /// Completed in the last 60 seconds.
    async fn jobs_per_minute(&self) -> i32 {
        int(self.0.jobs_per_minute)
    }

    /// Completed in the last hour.
    async fn jobs_per_hour(&self) -> i32 {
        int(self.0.jobs_per_hour)
    }
}

/// A cleared queue, and the numbers of deleted jobs.
#[derive(SimpleObject)]
pub(in super::super) struct ClearedQueue {
    /// The queue.
    queue: Queue,
    /// Number of deleted pending jobs.
    cleared_pending: i32,
    /// Number of deleted failed jobs.
    cleared_failed: i32,
}

impl From<(Cleared, QueueView)> for ClearedQueue {
    fn from(cleared: (Cleared, QueueView)) -> Self {
        let ClearedView {
            queue,
            cleared_pending,
            cleared_failed,
        } = cleared.into();
        Self {
            queue: Queue(queue),
            cleared_pending: int(cleared_pending),
            cleared_failed: int(cleared_failed),
        }
    }
}
