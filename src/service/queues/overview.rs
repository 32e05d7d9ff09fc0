//! The state of queues for operators: which jobs wait since when, what could run them, and the settings.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::pauses::pauses_of;
use super::use_cases::{QueueView, Queues};
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::name::QueueName;
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::storage::query::{DueCounts, StoredWorker};

/// Maximum number of jobs of a priority that are counted for one queue.
const COUNTED_MAX: u64 = 10_000;
/// The same for all queues together.
const COUNTED_OF_ALL_MAX: u64 = 50_000;
/// The least number of jobs of a priority that are counted for a queue, however many queues there are.
const COUNTED_MIN: u64 = 100;

/// The state of a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QueueOverview {
    /// Earliest due time of its pending jobs.
    pub(crate) oldest_due_at: Option<DateTime<Utc>>,
    /// Number of due jobs; `None` if there are too many to count.
    pub(crate) due: Option<u64>,
    /// Number of jobs that are due later for the first time; `None` if there are too many to count.
    pub(crate) scheduled: Option<u64>,
    /// Number of jobs that wait for a retry; `None` if there are too many to count.
    pub(crate) retrying: Option<u64>,
    /// Number of its jobs that can run at once on all live servers and workers.
    pub(crate) capacity: u64,
    /// Number of live remote workers that lease jobs from it.
    pub(crate) live_workers: u64,
    /// Number of workers on each server.
    pub(crate) workers: u32,
    /// Maximum number of pending jobs.
    pub(crate) pending_max: Option<u64>,
    /// Limit of starts on each server.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Time of the request that paused it, if the audit log has it.
    pub(crate) paused_at: Option<DateTime<Utc>>,
    /// The caller that paused it, if the audit log has it.
    pub(crate) paused_by: Option<Arc<str>>,
}

impl Queues {
    /// The states of queues.
    pub(crate) async fn overviews(
        &self,
        caller: &Caller,
        views: &[QueueView],
    ) -> Result<HashMap<QueueName, QueueOverview>, ServiceError> {
        caller.require(Scope::Read)?;
        ReadLane::of(caller).scope(self.read_overviews(views)).await
    }

    /// The states of the queues with these names; unknown ones are left out.
    pub(crate) async fn overviews_by_name(
        &self,
        caller: &Caller,
        names: &[QueueName],
    ) -> Result<HashMap<QueueName, QueueOverview>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let mut views = self.read_all().await?;
            views.retain(|view| names.contains(&view.name));
            self.read_overviews(&views).await
        };
        ReadLane::of(caller).scope(read).await
    }

    async fn read_overviews(&self, views: &[QueueView]) -> Result<HashMap<QueueName, QueueOverview>, ServiceError> {
        let now = self.runtime.clock.now();
        let paused = views.iter().filter(|view| view.is_paused);
        let paused: Vec<QueueName> = paused.map(|view| view.name.clone()).collect();
        let pending = views.iter().filter(|view| view.counts.pending > 0).count();
        let (only, limit) = match views {
            [only] => (Some(&only.name), COUNTED_MAX),
            _ => (None, limit_of(pending)),
        };
        let repository = &self.repository;
        let (nodes, workers) = tokio::try_join!(repository.nodes(), repository.workers())?;
        let oldest = repository.next_due(DateTime::UNIX_EPOCH).await?;
        let oldest: HashMap<QueueName, DateTime<Utc>> = oldest.into_iter().collect();
        let counts = repository.due_counts(only, now, limit).await?;
        let counts: Option<HashMap<QueueName, DueCounts>> = counts.map(|counts| {
            counts
                .into_iter()
                .map(|counts| (counts.queue.clone(), counts))
                .collect()
        });
        let mut pauses = pauses_of(&**repository, &paused).await?;
        let live = nodes.iter().filter(|node| node.is_live && !node.is_draining).count();
        // A storage for one server stores no nodes.
        let servers = if nodes.is_empty() { 1 } else { live };
        let live_workers: Vec<&StoredWorker> = workers.iter().filter(|worker| worker.is_live).collect();
        let overviews = views.iter().map(|view| {
            let (due, scheduled, retrying) = match &counts {
                Some(counts) => split(view.counts.pending, counts.get(&view.name)),
                None => (None, None, None),
            };
            let of_queue = live_workers.iter().filter(|worker| {
                let queues = &worker.declaration.queues;
                queues.is_empty() || queues.contains(&view.name)
            });
            let concurrency = of_queue
                .clone()
                .map(|worker| u64::from(worker.declaration.concurrency.get()));
            let pause = pauses.remove(&view.name).unwrap_or_default();
            let settings = self.settings(&view.name);
            let overview = QueueOverview {
                oldest_due_at: oldest.get(&view.name).copied(),
                due,
                scheduled,
                retrying,
                capacity: number(servers).saturating_mul(view.workers.into()) + concurrency.sum::<u64>(),
                live_workers: number(of_queue.count()),
                workers: view.workers,
                pending_max: settings.and_then(|settings| settings.pending_max),
                rate_limit: settings.and_then(|settings| settings.rate_limit),
                paused_at: pause.since,
                paused_by: pause.by,
            };
            (view.name.clone(), overview)
        });
        Ok(overviews.collect())
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Number of jobs of a priority that are counted for each of so many queues.
fn limit_of(queues: usize) -> u64 {
    (COUNTED_OF_ALL_MAX / number(queues).max(1)).clamp(COUNTED_MIN, COUNTED_MAX)
}

/// The numbers of due, scheduled and retrying jobs among the pending ones. Claimed jobs are due.
fn split(pending: u64, counts: Option<&DueCounts>) -> (Option<u64>, Option<u64>, Option<u64>) {
    let Some(counts) = counts else {
        // Without jobs to start, the rest is claimed.
        return (Some(pending), Some(0), Some(0));
    };
    let Some((later, retrying)) = counts.later.zip(counts.retrying) else {
        return (counts.due, None, None);
    };
    (
        Some(pending.saturating_sub(later)),
        Some(later.saturating_sub(retrying)),
        Some(retrying),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_jobs_are_due_scheduled_or_retrying() {
        let counts = |due, later, retrying| DueCounts {
            queue: QueueName::default(),
            due,
            later,
            retrying,
        };
        assert_eq!(split(0, None), (Some(0), Some(0), Some(0)));
        let few = counts(Some(2), Some(3), Some(1));
        assert_eq!(split(6, Some(&few)), (Some(3), Some(2), Some(1)), "one is claimed");
        let many_due = counts(None, Some(3), Some(1));
        assert_eq!(split(1_000_000, Some(&many_due)), (Some(999_997), Some(2), Some(1)));
        let many_later = counts(Some(2), None, None);
        assert_eq!(split(1_000_000, Some(&many_later)), (Some(2), None, None));
    }

    #[test]
    fn fewer_jobs_are_counted_for_each_of_many_queues() {
        assert_eq!([1, 10, 500, 100_000].map(limit_of), [10_000, 5_000, 100, 100]);
    }
}
