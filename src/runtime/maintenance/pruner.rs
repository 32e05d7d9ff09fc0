//! The Pruner: deletes expired jobs and records in small batches that delay no other writes.

use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta};
use tracing::info;

use crate::domain::job::status::JobStatus;
use crate::domain::metrics::rollup::DAYS_KEPT_BY_HOUR;
use crate::domain::operation::UNDO_TIME;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, MaintenanceChange};

/// Capacity of the mailbox, which receives only the actor's own timer.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Interval between two rounds.
const INTERVAL: Duration = Duration::from_secs(60);
/// Number of rows per commit.
const BATCH_SIZE: u32 = 500;
/// Maximum number of batches per round, so that a backlog of one category delays no other.
const MAX_BATCHES: usize = 200;
/// Delay before the next round after a backlog: jobs may finish faster than one round a minute can delete them.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(500);
/// Retention of idempotency keys.
const KEY_RETENTION: TimeDelta = TimeDelta::hours(24);
/// Age at which activity is kept by minutes instead of slices: an hour, and what clients and clocks may be late.
const SLICES_RETENTION: TimeDelta = TimeDelta::minutes(65);
/// Retention of activity by minutes: a day, and the same.
const MINUTES_RETENTION: TimeDelta = TimeDelta::minutes(24 * 60 + 5);
/// Delay after which rollups are packed: commits of the last moments, also of a node whose clock is late, have ended.
const ROLLUP_DELAY: TimeDelta = TimeDelta::minutes(2);
/// Retention of previews of operations, whose tokens expire earlier.
const PREVIEW_RETENTION: TimeDelta = TimeDelta::hours(1);
/// Retention of finished operations.
const OPERATION_RETENTION: TimeDelta = TimeDelta::days(90);
/// Maximum number of removed workers whose names are kept.
const REMOVED_WORKERS_MAX: u32 = 10_000;
/// Retention of finished jobs and of records; `None` means permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Completed jobs.
    pub completed: Option<TimeSpan>,
    /// Failed jobs.
    pub failed: Option<TimeSpan>,
    /// Cancelled jobs.
    pub cancelled: Option<TimeSpan>,
    /// Audit records.
    pub audit: Option<TimeSpan>,
    /// Webhook deliveries.
    pub deliveries: Option<TimeSpan>,
    /// The change feed.
    pub changes: Option<TimeSpan>,
    /// Metrics of the past.
    pub metrics: Option<TimeSpan>,
}

/// Dependencies of the Pruner.
#[derive(Clone)]
pub(crate) struct PrunerDeps {
    /// Writes deletions.
    pub writer: WriterHandle,
    /// Retention by category.
    pub retention: Retention,
    /// The time of day.
    pub clock: Clock,
}

impl PrunerDeps {
    /// Deletes expired rows, each category by itself, so that one that fails delays no other.
    async fn prune(&self) -> Pruned {
        let mut pruned = Pruned::default();
        for Kind { what, step, full } in self.kinds() {
            match self.in_batches(&step, full).await {
                Ok((removed, has_more)) => {
                    if matches!(step, Change::Maintenance(MaintenanceChange::PruneJobs { .. })) {
                        pruned.jobs += removed;
                    }
                    pruned.has_more |= has_more;
                }
                Err(failure) => log_failure!(failure, "pruning {what} failed: {failure}"),
            }
        }
        pruned
    }

    fn kinds(&self) -> Vec<Kind> {
        let now = self.clock.now();
        let before = |kept: Option<TimeSpan>| kept.and_then(|kept| now.checked_sub_signed(kept.to_delta()));
        let Retention {
            completed,
            failed,
            cancelled,
            audit,
            deliveries,
            changes,
            metrics,
        } = self.retention;
        let bookkeeping = Change::Maintenance(MaintenanceChange::PruneBookkeeping {
            keys_before: now - KEY_RETENTION,
            throughput_before: now - MINUTES_RETENTION,
            limit: BATCH_SIZE,
        });
        let workers = Change::Maintenance(MaintenanceChange::PruneWorkers {
            kept: REMOVED_WORKERS_MAX,
            limit: BATCH_SIZE,
        });
        let operations = Change::Maintenance(MaintenanceChange::PruneOperations {
            previews_before: now - PREVIEW_RETENTION,
            undo_before: now - UNDO_TIME,
            finished_before: now - OPERATION_RETENTION,
            limit: BATCH_SIZE,
        });
        let sums = Change::Maintenance(MaintenanceChange::CompactRollups {
            ended_before: now - ROLLUP_DELAY,
            by_days_before: now - TimeDelta::days(DAYS_KEPT_BY_HOUR),
            rollups_before: before(metrics),
        });
        let activity = Change::Maintenance(MaintenanceChange::FoldActivity {
            slices_before: now - SLICES_RETENTION,
            minutes_before: now - MINUTES_RETENTION,
        });
        let mut kinds = vec![
            Kind::new("idempotency keys", bookkeeping),
            Kind::new("workers", workers),
            Kind::new("bulk operations", operations),
            // One batch deletes all unused queues.
            Kind {
                what: "unused queues",
                step: Change::Maintenance(MaintenanceChange::PruneQueues),
                full: u64::MAX,
            },
            Kind {
                what: "metrics",
                step: sums,
                full: 1,
            },
            Kind {
                what: "activity",
                step: activity,
                full: 1,
            },
        ];
        let kept = [
            (JobStatus::Completed, completed),
            (JobStatus::Failed, failed),
            (JobStatus::Cancelled, cancelled),
        ];
        kinds.extend(kept.into_iter().filter_map(|(status, kept)| {
            let prune = Change::Maintenance(MaintenanceChange::PruneJobs {
                status,
                finished_before: before(kept)?,
                limit: BATCH_SIZE,
            });
            Some(Kind::new("finished jobs", prune))
        }));
        kinds.extend(before(audit).map(|before| {
            let prune = Change::Maintenance(MaintenanceChange::PruneAudit {
                before,
                limit: BATCH_SIZE,
            });
            Kind::new("audit records", prune)
        }));
        // Deliveries of deleted endpoints are pruned even when retention is permanent.
        let prune = Change::Maintenance(MaintenanceChange::PruneDeliveries {
            before: before(deliveries).unwrap_or(DateTime::UNIX_EPOCH),
            limit: BATCH_SIZE,
        });
        kinds.push(Kind::new("deliveries", prune));
        kinds.extend(before(changes).map(|before| {
            let prune = Change::Maintenance(MaintenanceChange::PruneFeed {
                before,
                limit: BATCH_SIZE,
            });
            Kind::new("the change feed", prune)
        }));
        kinds
    }

    /// Deletes in batches until a batch is not full or the limit of the round is reached. Returns the number of rows,
    /// and whether more are left.
    async fn in_batches(&self, step: &Change, full: u64) -> Result<(u64, bool), WriteError> {
        let mut removed = 0;
        for _ in 0..MAX_BATCHES {
            let result = self.writer.write_one(step.clone(), WritePriority::Internal).await?;
            let count = match result {
                Ok(Applied::Removed(count)) => count,
                Ok(Applied::QueuesRemoved(queues)) => u64::try_from(queues.len()).unwrap_or(u64::MAX),
                Ok(_) | Err(_) => return Ok((removed, false)),
            };
            removed += count;
            if count < full {
                return Ok((removed, false));
            }
        }
        Ok((removed, true))
    }
}

/// A category of rows with a retention.
struct Kind {
    /// Its name in the log.
    what: &'static str,
    step: Change,
    /// The size of a full batch.
    full: u64,
}

impl Kind {
    fn new(what: &'static str, step: Change) -> Self {
        Self {
            what,
            step,
            full: BATCH_SIZE.into(),
        }
    }
}

/// Result of a round.
#[derive(Default)]
struct Pruned {
    jobs: u64,
    /// More expired rows are left.
    has_more: bool,
}

/// The actor.
pub(crate) struct Pruner {
    deps: PrunerDeps,
}

impl Pruner {
    /// A Pruner whose first round follows soon after its start.
    pub(crate) fn new(deps: PrunerDeps) -> Self {
        Self { deps }
    }

    fn tick_later(&self, wait: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(wait, |pruner, ctx| {
            let deps = pruner.deps.clone();
            let round = async move { deps.prune().await };
            ctx.spawn(round.into_actor(pruner).map(|pruned, pruner, ctx| {
                let Pruned { jobs, has_more } = pruned;
                if jobs > 0 {
                    info!("pruned {jobs} finished jobs");
                }
                pruner.tick_later(if has_more { BACKLOG_INTERVAL } else { INTERVAL }, ctx);
            }));
        });
    }
}

impl Actor for Pruner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick_later(INTERVAL, ctx);
    }
}

impl Supervised for Pruner {}

report_mailbox_lag!(Pruner);
