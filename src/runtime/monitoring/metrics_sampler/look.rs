//! One look at the server: what is read, and what it says of its health.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio::time::timeout;
use tracing::debug;

use super::SamplerParts;
use super::numbers::{STORAGE_PATIENCE, answer_in_time, sum};
use crate::domain::metrics::health::{DiskRoom, Observations};
use crate::domain::metrics::rollup::{Slot, SlotSpan};
use crate::domain::queue::{StatusCounts, StoredQueue};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::writer::PENDING_ROWS_MAX;
use crate::storage::query::{PendingJobs, RollupFilter, StoredNode};
use crate::storage::repository::{Maintenance, RepositoryError};

/// What one look has found.
pub(super) struct Seen {
    /// All jobs by status.
    pub(super) counts: Result<StatusCounts, RepositoryError>,
    /// What of it says how the server is; the restarts are known elsewhere.
    pub(super) observations: Observations,
}

/// Looks at everything.
pub(super) async fn look(parts: &SamplerParts) -> Seen {
    let now = parts.clock.now();
    let pending_rows = timeout(STORAGE_PATIENCE, parts.recorder.pending_rows()).await;
    let mut observations = Observations {
        // A Recorder that does not answer has as much as it can hold, or more.
        pending_rows: pending_rows.unwrap_or(PENDING_ROWS_MAX),
        pending_rows_max: PENDING_ROWS_MAX,
        disk: parts.options.disk.as_deref().and_then(room),
        blocked_handlers: parts.blocked.count(),
        blocked_types: parts.blocked.job_types(),
        ..Observations::default()
    };
    let counts = match answer_in_time(parts.repository.queues(now)).await {
        Ok(queues) => answer_in_time(read(parts, now, &queues, &mut observations))
            .await
            .map(|()| sum(&queues)),
        Err(failure) => Err(failure),
    };
    let works = match (parts.repository.fault(), &counts) {
        (Some(fault), _) => Err(fault),
        (None, Err(failure)) => Err(failure.clone()),
        (None, Ok(_)) => works(parts).await,
    };
    match &works {
        Ok(Maintenance { wal_kept }) => {
            observations.wal_kept = *wal_kept;
            parts.outage.checked();
        }
        Err(failure) => {
            observations.is_storage_away = true;
            if let RepositoryError::Fault { fault, .. } = failure {
                observations.storage_fault = Some(*fault);
            }
            parts.outage.failed(failure);
        }
    }
    Seen { counts, observations }
}

/// Tries to write while storage fails, and otherwise does what storage needs now and then: it was written lately, since
/// leases are renewed.
async fn works(parts: &SamplerParts) -> Result<Maintenance, RepositoryError> {
    if parts.outage.is_ongoing() {
        parts.repository.ping().await?;
    }
    match timeout(STORAGE_PATIENCE, parts.repository.maintain()).await {
        Ok(maintained) => maintained,
        // What was read a moment ago came in time: moving a large log takes longer, and is no fault.
        Err(_) => {
            debug!(
                "the maintenance of storage takes longer than {} s",
                STORAGE_PATIENCE.as_secs()
            );
            Ok(Maintenance::default())
        }
    }
}

/// Reads what storage knows of the server's health.
async fn read(
    parts: &SamplerParts,
    now: DateTime<Utc>,
    queues: &[StoredQueue],
    observations: &mut Observations,
) -> Result<(), RepositoryError> {
    let waiting = parts.repository.next_due(DateTime::UNIX_EPOCH).await?;
    observations.slowest_queue = slowest(waiting, now, queues);
    // This quarter of an hour and the one before.
    let lately = SlotSpan {
        from: Slot(Slot::of(now).0 - 1),
        to: Slot(Slot::of(now).0 + 1),
    };
    let sums = parts.repository.rollups(&RollupFilter::default(), &[lately]).await?;
    if let Some(sums) = sums.first() {
        observations.ended_lately = sums.jobs_ended();
        observations.failed_lately = sums.jobs_failed;
    }
    if sum(queues).pending > 0 {
        observations.unhandled = unhandled(parts).await?;
    }
    if parts.repository.is_shared() {
        let nodes = parts.repository.nodes().await?;
        observations.lost_nodes = lost(&nodes, now, parts.options.rules.nodes_lost_told);
        let own = nodes.iter().find(|node| node.id == parts.node);
        observations.clock_ahead = own.and_then(|own| ahead(own, now));
    }
    Ok(())
}

/// The types that nothing runs and that have pending jobs, those of most jobs first.
async fn unhandled(parts: &SamplerParts) -> Result<Vec<(JobType, u64)>, RepositoryError> {
    let mut by_type: BTreeMap<JobType, u64> = BTreeMap::new();
    for PendingJobs { job_type, queue, count } in parts.repository.pending_by_type().await? {
        if !parts.handled.runs(&job_type, &queue).await? {
            *by_type.entry(job_type).or_default() += count;
        }
    }
    let mut unhandled: Vec<(JobType, u64)> = by_type.into_iter().collect();
    unhandled.sort_by(|(one, jobs), (other, others)| others.cmp(jobs).then_with(|| one.cmp(other)));
    Ok(unhandled)
}

/// The queue that is not paused and in which a due job waits the longest, and for how long.
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

/// The names of nodes that have died and not come back, for as long as that is told.
fn lost(nodes: &[StoredNode], now: DateTime<Utc>, told: TimeSpan) -> Vec<String> {
    let is_back = |lost: &StoredNode| nodes.iter().any(|node| node.is_live && node.name == lost.name);
    let mut names: Vec<String> = nodes
        .iter()
        .filter(|node| !node.is_live && now - node.lease_until < told.to_delta() && !is_back(node))
        .map(|node| node.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// How far this server's clock is ahead of storage's, at least: it can't show a time before that at which it was last heard
/// of, nor one after its lease has ended. `None` where neither is the case.
fn ahead(own: &StoredNode, now: DateTime<Utc>) -> Option<TimeSpan> {
    if now < own.heartbeat_at {
        Some(TimeSpan::from_delta(now - own.heartbeat_at))
    } else if now > own.lease_until && own.is_live {
        Some(TimeSpan::from_delta(now - own.lease_until))
    } else {
        None
    }
}

/// The room on the disk that a folder is on.
fn room(folder: &std::path::Path) -> Option<DiskRoom> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(DiskRoom {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}
