//! A health check: what is read from storage and from this node.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio::time::timeout;
use tracing::debug;

use super::context::SamplerContext;
use super::queue_metrics::{STORAGE_TIMEOUT, sum, with_timeout};
use crate::domain::metrics::health::{DiskRoom, Observations};
use crate::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use crate::domain::queue::{StatusCounts, StoredQueue};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::writer::limits::PENDING_ROWS_MAX;
use crate::storage::query::{PendingJobs, RollupFilter, StoredNode};
use crate::storage::repository::{Maintenance, RepositoryError};

/// Result of a check.
pub(super) struct Checked {
    /// All jobs by status.
    pub(super) counts: Result<StatusCounts, RepositoryError>,
    /// Inputs of the health evaluation, without the restarts of actors.
    pub(super) observations: Observations,
}

/// Checks the server.
pub(super) async fn check(context: &SamplerContext) -> Checked {
    let now = context.clock.now();
    let pending_rows = timeout(STORAGE_TIMEOUT, context.writer.pending_rows()).await;
    let mut observations = Observations {
        // A writer that does not respond is at its limit.
        pending_rows: pending_rows.unwrap_or(PENDING_ROWS_MAX),
        pending_rows_max: PENDING_ROWS_MAX,
        disk: context.options.disk.as_deref().and_then(room),
        blocked_handlers: context.blocked.count(),
        blocked_types: context.blocked.job_types(),
        ..Observations::default()
    };
    let repository = &*context.repository;
    let counts = match with_timeout(repository, repository.queues(now)).await {
        Ok(queues) => with_timeout(repository, read(context, now, &queues, &mut observations))
            .await
            .map(|()| sum(&queues)),
        Err(failure) => Err(failure),
    };
    let maintained = match (context.repository.fault(), &counts) {
        (Some(fault), _) => Err(fault),
        (None, Err(failure)) if !is_slow(failure) => Err(failure.clone()),
        (None, Ok(_) | Err(_)) => maintain(context).await,
    };
    match &maintained {
        Err(failure) if is_slow(failure) => debug!("the health check is incomplete: {failure}"),
        Ok(Maintenance { wal_kept }) => {
            observations.wal_kept = *wal_kept;
            context.outage.checked();
        }
        Err(failure) => {
            observations.is_storage_unavailable = true;
            if let RepositoryError::Fault { fault, .. } = failure {
                observations.storage_fault = Some(*fault);
            }
            context.outage.failed(failure);
        }
    }
    Checked { counts, observations }
}

/// `true` if storage works, but has not responded in time.
const fn is_slow(failure: &RepositoryError) -> bool {
    matches!(failure, RepositoryError::Busy | RepositoryError::TimedOut { .. })
}

/// Runs the periodic maintenance of storage; during an outage only after a test write. Without an outage the renewal of
/// leases proves that storage can be written.
async fn maintain(context: &SamplerContext) -> Result<Maintenance, RepositoryError> {
    if context.outage.is_ongoing() {
        context.repository.ping().await?;
    }
    match timeout(STORAGE_TIMEOUT, context.repository.maintain()).await {
        Ok(maintained) => maintained,
        // Reads have just succeeded: a checkpoint of a large log takes longer, which is no fault.
        Err(_) => {
            debug!("storage maintenance takes longer than {} s", STORAGE_TIMEOUT.as_secs());
            Ok(Maintenance::default())
        }
    }
}

/// Reads what storage contains about the server's health.
async fn read(
    context: &SamplerContext,
    now: DateTime<Utc>,
    queues: &[StoredQueue],
    observations: &mut Observations,
) -> Result<(), RepositoryError> {
    let waiting = context.repository.next_due(DateTime::UNIX_EPOCH).await?;
    observations.slowest_queue = slowest(waiting, now, queues);
    // The present and the last quarter of an hour.
    let lately = TimeBucketRange {
        from: TimeBucket(TimeBucket::of(now).0 - 1),
        to: TimeBucket(TimeBucket::of(now).0 + 1),
    };
    let sums = context.repository.rollups(&RollupFilter::default(), &[lately]).await?;
    if let Some(sums) = sums.first() {
        observations.ended_lately = sums.jobs_ended();
        observations.failed_lately = sums.jobs_failed;
    }
    if sum(queues).pending > 0 {
        observations.unhandled = unhandled(context).await?;
    }
    if context.repository.is_shared() {
        let nodes = context.repository.nodes().await?;
        observations.lost_nodes = lost(&nodes, now, context.options.rules.lost_node_alert_for);
        let own = nodes.iter().find(|node| node.id == context.node);
        observations.clock_ahead = own.and_then(|own| ahead(own, now));
    }
    Ok(())
}

/// Job types without a handler that have pending jobs, in descending order of jobs.
async fn unhandled(context: &SamplerContext) -> Result<Vec<(JobType, u64)>, RepositoryError> {
    // On a wide server there are far fewer types than pairs of a type and a queue.
    let mut is_complete = true;
    for job_type in context.repository.all_pending_types().await? {
        is_complete = is_complete && context.handled.runs_everywhere(&job_type).await?;
    }
    if is_complete {
        return Ok(Vec::new());
    }
    let mut by_type: BTreeMap<JobType, u64> = BTreeMap::new();
    for PendingJobs { job_type, queue, count } in context.repository.pending_by_type().await? {
        if !context.handled.runs(&job_type, &queue).await? {
            *by_type.entry(job_type).or_default() += count;
        }
    }
    let mut unhandled: Vec<(JobType, u64)> = by_type.into_iter().collect();
    unhandled.sort_by(|(one, jobs), (other, others)| others.cmp(jobs).then_with(|| one.cmp(other)));
    Ok(unhandled)
}

/// The queue in which a due job has waited the longest, and its wait. Paused queues do not count.
fn slowest(
    waiting: Vec<(QueueName, DateTime<Utc>)>,
    now: DateTime<Utc>,
    queues: &[StoredQueue],
) -> Option<(QueueName, TimeSpan)> {
    let is_paused = |name: &QueueName| queues.iter().any(|queue| queue.name == *name && queue.is_paused);
    waiting
        .into_iter()
        .filter(|(queue, due_at)| *due_at < now && !is_paused(queue))
        .min_by_key(|(_, due_at)| *due_at)
        .map(|(queue, due_at)| (queue, TimeSpan::from_delta(now - due_at)))
}

/// Names of nodes that have died within the reported period and are still missing.
fn lost(nodes: &[StoredNode], now: DateTime<Utc>, alert_for: TimeSpan) -> Vec<String> {
    let is_back = |lost: &StoredNode| nodes.iter().any(|node| node.is_live && node.name == lost.name);
    let mut names: Vec<String> = nodes
        .iter()
        .filter(|node| !node.is_live && now - node.lease_until < alert_for.to_delta() && !is_back(node))
        .map(|node| node.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Minimum difference between this server's clock and that of storage: its time can't be before its last heartbeat, nor
/// after the end of a lease that is live. `None` if neither is the case.
fn ahead(own: &StoredNode, now: DateTime<Utc>) -> Option<TimeSpan> {
    if now < own.heartbeat_at {
        Some(TimeSpan::from_delta(now - own.heartbeat_at))
    } else if now > own.lease_until && own.is_live {
        Some(TimeSpan::from_delta(now - own.lease_until))
    } else {
        None
    }
}

/// Space on the disk of a folder.
fn room(folder: &std::path::Path) -> Option<DiskRoom> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(DiskRoom {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}
