//! The Pruner: removes finished jobs whose time is over, in small steps that stall nobody.

use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta};
use tracing::{error, info};

use super::clock::Clock;
use super::recorder::{Origin, RecordError, RecorderHandle};
use crate::domain::rollup::DAYS_KEPT_BY_HOUR;
use crate::domain::status::JobStatus;
use crate::domain::time_span::TimeSpan;
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
pub struct PrunerParts {
    /// Where it writes.
    pub recorder: RecorderHandle,
    /// How long jobs are kept.
    pub retention: Retention,
    /// Tells the time.
    pub clock: Clock,
}

impl PrunerParts {
    async fn prune(&self) -> Result<Pruned, RecordError> {
        let now = self.clock.now();
        let bookkeeping = Change::PruneBookkeeping {
            keys_before: now - KEYS_KEPT,
            throughput_before: now - THROUGHPUT_KEPT,
            by_days_before: now - TimeDelta::days(DAYS_KEPT_BY_HOUR),
            rollups_before: self
                .retention
                .metrics
                .and_then(|kept| now.checked_sub_signed(kept.to_delta())),
            limit: STEP,
        };
        let has_more_keys = self.in_steps(&bookkeeping).await?.has_more;
        let Retention {
            completed,
            failed,
            cancelled,
            audit,
            deliveries,
            changes,
            // Part of the bookkeeping.
            metrics: _,
        } = self.retention;
        let kept = [
            (JobStatus::Completed, completed),
            (JobStatus::Failed, failed),
            (JobStatus::Cancelled, cancelled),
        ];
        // Only jobs are counted in the log.
        let mut pruned = Pruned {
            jobs: 0,
            has_more: has_more_keys,
        };
        for (status, kept) in kept {
            let Some(finished_before) = kept.and_then(|kept| now.checked_sub_signed(kept.to_delta())) else {
                continue;
            };
            let prune = Change::Prune {
                status,
                finished_before,
                limit: STEP,
            };
            let Pruned { jobs, has_more } = self.in_steps(&prune).await?;
            pruned.jobs += jobs;
            pruned.has_more |= has_more;
        }
        if let Some(before) = audit.and_then(|kept| now.checked_sub_signed(kept.to_delta())) {
            let prune = Change::PruneAudit { before, limit: STEP };
            pruned.has_more |= self.in_steps(&prune).await?.has_more;
        }
        // What an endpoint leaves behind that was removed goes even where deliveries are kept for ever.
        let before = deliveries.and_then(|kept| now.checked_sub_signed(kept.to_delta()));
        let prune = Change::PruneDeliveries {
            before: before.unwrap_or(DateTime::UNIX_EPOCH),
            limit: STEP,
        };
        pruned.has_more |= self.in_steps(&prune).await?.has_more;
        if let Some(before) = changes.and_then(|kept| now.checked_sub_signed(kept.to_delta())) {
            let prune = Change::PruneFeed { before, limit: STEP };
            pruned.has_more |= self.in_steps(&prune).await?.has_more;
        }
        Ok(pruned)
    }

    /// Removes step by step, until nothing is left or it is enough for one round.
    async fn in_steps(&self, prune: &Change) -> Result<Pruned, RecordError> {
        let mut jobs = 0;
        for _ in 0..STEPS_MAX {
            let result = self.recorder.record_one(prune.clone(), Origin::Inside).await?;
            let Ok(Applied::Removed(count)) = result else {
                return Ok(Pruned { jobs, has_more: false });
            };
            jobs += count;
            if count < u64::from(STEP) {
                return Ok(Pruned { jobs, has_more: false });
            }
        }
        Ok(Pruned { jobs, has_more: true })
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
    parts: PrunerParts,
}

impl Pruner {
    /// A Pruner that begins soon after its start.
    pub fn new(parts: PrunerParts) -> Self {
        Self { parts }
    }

    fn tick_later(&self, wait: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(wait, |pruner, ctx| {
            let parts = pruner.parts.clone();
            let round = async move { parts.prune().await };
            ctx.spawn(round.into_actor(pruner).map(|pruned, pruner, ctx| {
                let has_more = match pruned {
                    Ok(Pruned { jobs, has_more }) => {
                        if jobs > 0 {
                            info!("removed {jobs} finished jobs whose time was over");
                        }
                        has_more
                    }
                    Err(failure) => {
                        error!("finished jobs could not be removed: {failure}");
                        false
                    }
                };
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
