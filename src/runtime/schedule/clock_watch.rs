//! The ClockWatch: due times that were stored while the clock was ahead.
//!
//! A retry, a delay or a delivery is due at a time that was calculated when it was stored. If the clock was ahead
//! then, it would be late by as much. Therefore such due times are corrected ([`crate::domain::job::clock_step`])
//! when the node's time of day falls behind its steady clock, and at the start of the node. Due times of a clock that
//! was ahead for less than an interval are found by the next check of storage, which uses an index.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Supervised, WrapFuture};
use chrono::TimeDelta;
use tracing::info;

use crate::domain::job::clock_step::STEP_MIN;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::{MaybeOutage, log_failure};
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, JobChange, WebhookChange};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Capacity of the mailbox, which receives only the actor's own timers.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Interval of the comparison of the clocks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of comparisons after which jobs are checked without a step of the clock.
const CHECK_AFTER: u32 = 10;
/// Number of comparisons after which deliveries are checked too; that reads all deliveries that wait for a retry.
const CHECK_ALL_AFTER: u32 = 60;
/// Number of jobs or deliveries per commit.
const BATCH: u32 = 200;

/// Dependencies of the ClockWatch.
#[derive(Clone)]
pub(crate) struct ClockWatchDeps {
    /// Reads due times.
    pub repository: Arc<dyn JobRepository>,
    /// Writes due times.
    pub writer: WriterHandle,
    /// The time of day.
    pub clock: Clock,
}

#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Read(#[from] RepositoryError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl MaybeOutage for CheckError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

impl ClockWatchDeps {
    /// Corrects due times that were stored while the clock was ahead.
    async fn set_back(&self, Check { step, is_of_all }: Check) -> Result<(), CheckError> {
        let jobs = self.set_back_jobs(step).await?;
        let deliveries = if is_of_all || jobs > 0 {
            self.set_back_deliveries(step).await?
        } else {
            0
        };
        if jobs + deliveries > 0 {
            info!(
                "the clock was ahead: corrected the due times of {jobs} jobs and {deliveries} webhook deliveries that \
                 were stored meanwhile"
            );
        }
        Ok(())
    }

    async fn set_back_jobs(&self, step: Option<TimeDelta>) -> Result<usize, CheckError> {
        let mut total = 0;
        loop {
            let found = self
                .repository
                .due_computed_after(self.clock.now() + STEP_MIN, BATCH)
                .await?;
            // Read again: the storage may respond late, and jobs that were stored meanwhile are not ahead.
            let now = self.clock.now();
            let changes: Vec<Change> = found
                .into_iter()
                .filter_map(|before| {
                    let after = Arc::new(before.set_back(now, step)?);
                    Some(Change::Job(JobChange::Update { before, after }))
                })
                .collect();
            if changes.is_empty() {
                return Ok(total);
            }
            let results = self.writer.write(changes, WritePriority::Internal).await?;
            // Rows that changed meanwhile are read again; if no change was applied, another node does the same.
            let applied = results.iter().filter(|result| result.is_ok()).count();
            if applied == 0 {
                return Ok(total);
            }
            total += applied;
        }
    }

    async fn set_back_deliveries(&self, step: Option<TimeDelta>) -> Result<usize, CheckError> {
        let mut total = 0;
        loop {
            let set_back = Change::Webhook(WebhookChange::SetBack {
                now: self.clock.now(),
                step: TimeSpan::from_delta(step.unwrap_or_default()),
                limit: BATCH,
            });
            let Ok(Applied::Removed(count)) = self.writer.write_one(set_back, WritePriority::Internal).await? else {
                return Ok(total);
            };
            total += usize::try_from(count).unwrap_or(usize::MAX);
            if count < u64::from(BATCH) {
                return Ok(total);
            }
        }
    }
}

/// A check of storage.
#[derive(Clone, Copy)]
struct Check {
    /// Size of the step, if known.
    step: Option<TimeDelta>,
    /// Check deliveries even if no job is found.
    is_of_all: bool,
}

impl Check {
    const START: Self = Self {
        step: None,
        is_of_all: true,
    };
}

/// The actor.
pub(crate) struct ClockWatch {
    deps: ClockWatchDeps,
    /// Difference between the time of day and the steady clock at the last comparison.
    offset: Option<TimeDelta>,
    /// Steps forward since the last step back.
    ahead_by: Vec<TimeDelta>,
    /// The pending check.
    due: Option<Check>,
    comparisons: u32,
    is_busy: bool,
}

impl ClockWatch {
    /// A ClockWatch that checks storage when it starts.
    pub(crate) fn new(deps: ClockWatchDeps) -> Self {
        Self {
            deps,
            offset: None,
            ahead_by: Vec::new(),
            due: Some(Check::START),
            comparisons: 0,
            is_busy: false,
        }
    }

    fn compare(&mut self) {
        let offset = self.deps.clock.ahead_of_steady();
        let moved = self.offset.map_or(TimeDelta::zero(), |before| offset - before);
        self.offset = Some(offset);
        if moved > STEP_MIN {
            // With several steps, the one of a given due time is unknown.
            self.ahead_by.truncate(1);
            self.ahead_by.push(moved);
        } else if moved < -STEP_MIN {
            let by = -moved;
            let is_known = matches!(self.ahead_by[..], [ahead] if (ahead - by).abs() <= STEP_MIN);
            self.ahead_by.clear();
            self.due = Some(Check {
                step: is_known.then_some(by),
                is_of_all: true,
            });
        }
        self.comparisons = self.comparisons.wrapping_add(1);
        if self.comparisons.is_multiple_of(CHECK_AFTER) {
            self.due.get_or_insert(Check {
                step: None,
                is_of_all: self.comparisons.is_multiple_of(CHECK_ALL_AFTER),
            });
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.compare();
        if self.is_busy {
            return;
        }
        let Some(check) = self.due.take() else { return };
        self.is_busy = true;
        let deps = self.deps.clone();
        let set_back = async move { deps.set_back(check).await };
        ctx.spawn(set_back.into_actor(self).map(move |checked, watch, _| {
            watch.is_busy = false;
            if let Err(failure) = checked {
                log_failure!(failure, "failed to check due times against the clock: {failure}");
                watch.due.get_or_insert(check);
            }
        }));
    }
}

impl Actor for ClockWatch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick(ctx);
        ctx.run_interval(INTERVAL, Self::tick);
    }
}

impl Supervised for ClockWatch {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.deps.clone());
    }
}

report_mailbox_lag!(ClockWatch);
