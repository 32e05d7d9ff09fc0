//! The Pruner: removes finished jobs whose time is over, in small steps that stall nobody.

use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta};
use tracing::info;

use crate::domain::job::status::JobStatus;
use crate::domain::metrics::rollup::DAYS_KEPT_BY_HOUR;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change};

/// How many messages the mailbox holds; it hears none but its own timer.
pub const MAILBOX_CAPACITY: usize = 16;

/// The time from one round to the next.
const INTERVAL: Duration = Duration::from_secs(60);
/// How many jobs leave in one commit.
const STEP: u32 = 500;
/// How many steps one round takes at the most, so that a backlog of one kind holds up no other.
const STEPS_MAX: usize = 200;
/// The time to the next round when a backlog is left: jobs may finish faster than one round a minute can remove them.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(500);
/// How long an idempotency key is remembered.
const KEYS_KEPT: TimeDelta = TimeDelta::hours(24);
/// How long the counts behind a queue's throughput are kept; an hour is shown.
const THROUGHPUT_KEPT: TimeDelta = TimeDelta::hours(2);
/// How long finished jobs and the records of who has changed what are kept; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Those that completed.
    pub completed: Option<TimeSpan>,
    /// Those that failed.
    pub failed: Option<TimeSpan>,
    /// Those that were cancelled.
    pub cancelled: Option<TimeSpan>,
    /// Records of who has changed what.
    pub audit: Option<TimeSpan>,
    /// Deliveries to webhook endpoints.
    pub deliveries: Option<TimeSpan>,
    /// The feed of changed jobs.
    pub changes: Option<TimeSpan>,
    /// What is summed up of jobs over time.
    pub metrics: Option<TimeSpan>,
}

/// What the Pruner is made of.
#[derive(Clone)]
pub struct PrunerDeps {
    /// Where it writes.
    pub writer: WriterHandle,
    /// How long jobs are kept.
    pub retention: Retention,
    /// Tells the time.
    pub clock: Clock,
}

impl PrunerDeps {
    /// Removes what has no time left: each kind by itself, so that one that can't be removed holds up no other.
    async fn prune(&self) -> Pruned {
        let mut pruned = Pruned::default();
        for Kind { what, step, full } in self.kinds() {
            match self.in_steps(&step, full).await {
                Ok((removed, has_more)) => {
                    if matches!(step, Change::Prune { .. }) {
                        pruned.jobs += removed;
                    }
                    pruned.has_more |= has_more;
                }
                Err(failure) => log_failure!(failure, "{what} could not be removed: {failure}"),
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
        let bookkeeping = Change::PruneBookkeeping {
            keys_before: now - KEYS_KEPT,
            throughput_before: now - THROUGHPUT_KEPT,
            limit: STEP,
        };
        let sums = Change::AgeSums {
            by_days_before: now - TimeDelta::days(DAYS_KEPT_BY_HOUR),
            rollups_before: before(metrics),
        };
        let mut kinds = vec![
            Kind::new("idempotency keys", bookkeeping),
            // One step removes all that are not used.
            Kind {
                what: "unused queues",
                step: Change::PruneQueues,
                full: u64::MAX,
            },
            Kind {
                what: "sums over time",
                step: sums,
                full: 1,
            },
        ];
        let kept = [
            (JobStatus::Completed, completed),
            (JobStatus::Failed, failed),
            (JobStatus::Cancelled, cancelled),
        ];
        kinds.extend(kept.into_iter().filter_map(|(status, kept)| {
            let prune = Change::Prune {
                status,
                finished_before: before(kept)?,
                limit: STEP,
            };
            Some(Kind::new("finished jobs", prune))
        }));
        kinds.extend(before(audit).map(|before| {
            let prune = Change::PruneAudit { before, limit: STEP };
            Kind::new("records of changes", prune)
        }));
        // What an endpoint leaves behind that was removed goes even where deliveries are kept for ever.
        let prune = Change::PruneDeliveries {
            before: before(deliveries).unwrap_or(DateTime::UNIX_EPOCH),
            limit: STEP,
        };
        kinds.push(Kind::new("deliveries", prune));
        kinds.extend(before(changes).map(|before| {
            let prune = Change::PruneFeed { before, limit: STEP };
            Kind::new("the feed of changed jobs", prune)
        }));
        kinds
    }

    /// Removes step by step, until a step is not full or it is enough for one round. Tells how much, and whether there is
    /// more.
    async fn in_steps(&self, step: &Change, full: u64) -> Result<(u64, bool), WriteError> {
        let mut removed = 0;
        for _ in 0..STEPS_MAX {
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

/// Something that is removed when its time is over.
struct Kind {
    /// For the log.
    what: &'static str,
    step: Change,
    /// How much a step removes that may not have been the last.
    full: u64,
}

impl Kind {
    fn new(what: &'static str, step: Change) -> Self {
        Self {
            what,
            step,
            full: STEP.into(),
        }
    }
}

/// What a round has removed.
#[derive(Default)]
struct Pruned {
    jobs: u64,
    /// Whether there is more whose time is over.
    has_more: bool,
}

/// The actor. See the module.
pub struct Pruner {
    parts: PrunerDeps,
}

impl Pruner {
    /// A Pruner that begins soon after its start.
    pub fn new(parts: PrunerDeps) -> Self {
        Self { parts }
    }

    fn tick_later(&self, wait: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(wait, |pruner, ctx| {
            let parts = pruner.parts.clone();
            let round = async move { parts.prune().await };
            ctx.spawn(round.into_actor(pruner).map(|pruned, pruner, ctx| {
                let Pruned { jobs, has_more } = pruned;
                if jobs > 0 {
                    info!("removed {jobs} finished jobs whose time was over");
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
