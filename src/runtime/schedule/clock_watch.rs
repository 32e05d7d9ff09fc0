//! The ClockWatch: due times that were stored while the clock was ahead.
//!
//! A retry, a delay or a delivery waits until a time that is reckoned from the time at which it was stored. If the clock was
//! ahead then, it would wait for as much longer. So when the node's time of day falls behind its steady clock, and at the
//! start of the node, such due times are set back ([`crate::domain::job::clock_step`]). What a clock stored that was ahead for less
//! than an interval is found by the next check of storage, which has an index for the question.

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
use crate::storage::change::{Applied, Change};
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds; it receives none but its own timers.
pub const MAILBOX_CAPACITY: usize = 16;

/// How often the clocks are compared.
const INTERVAL: Duration = Duration::from_secs(1);
/// After so many comparisons jobs are checked without a step.
const CHECK_AFTER: u32 = 10;
/// After so many comparisons deliveries are checked too: all that wait for a retry are read for it.
const CHECK_ALL_AFTER: u32 = 60;
/// How many jobs or deliveries one commit sets back.
const BATCH: u32 = 200;

/// What a ClockWatch is made of.
#[derive(Clone)]
pub struct ClockWatchDeps {
    /// Where due times are read.
    pub repository: Arc<dyn JobRepository>,
    /// Where they are written.
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
    /// Sets back what was stored while the clock was ahead.
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
            let now = self.clock.now();
            let found = self.repository.reckoned_after(now + STEP_MIN, BATCH).await?;
            let changes: Vec<Change> = found
                .into_iter()
                .filter_map(|before| {
                    let after = Arc::new(before.set_back(now, step)?);
                    Some(Change::Update { before, after })
                })
                .collect();
            if changes.is_empty() {
                return Ok(total);
            }
            let results = self.writer.write(changes, WritePriority::Internal).await?;
            // One that was changed meanwhile is read again; with none applied another node does the same.
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
            let set_back = Change::SetBackDeliveries {
                now: self.clock.now(),
                step: TimeSpan::from_delta(step.unwrap_or_default()),
                limit: BATCH,
            };
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

/// A check of what is stored.
#[derive(Clone, Copy)]
struct Check {
    /// By how much the clock was ahead, if that is known.
    step: Option<TimeDelta>,
    /// Whether deliveries are checked where no job is found.
    is_of_all: bool,
}

impl Check {
    const START: Self = Self {
        step: None,
        is_of_all: true,
    };
}

/// The actor. See the module.
pub struct ClockWatch {
    parts: ClockWatchDeps,
    /// How far the time of day was ahead of the steady clock at the last comparison.
    offset: Option<TimeDelta>,
    /// The steps forward since the last step back.
    ahead_by: Vec<TimeDelta>,
    /// The check that is due.
    due: Option<Check>,
    comparisons: u32,
    is_busy: bool,
}

impl ClockWatch {
    /// A ClockWatch that checks storage when it starts.
    pub fn new(parts: ClockWatchDeps) -> Self {
        Self {
            parts,
            offset: None,
            ahead_by: Vec::new(),
            due: Some(Check::START),
            comparisons: 0,
            is_busy: false,
        }
    }

    fn compare(&mut self) {
        let offset = self.parts.clock.ahead_of_steady();
        let moved = self.offset.map_or(TimeDelta::zero(), |before| offset - before);
        self.offset = Some(offset);
        if moved > STEP_MIN {
            // With more than one it is not known which of them a due time was reckoned in.
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
        let parts = self.parts.clone();
        let set_back = async move { parts.set_back(check).await };
        ctx.spawn(set_back.into_actor(self).map(move |checked, watch, _| {
            watch.is_busy = false;
            if let Err(failure) = checked {
                log_failure!(failure, "due times could not be checked against the clock: {failure}");
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
        *self = Self::new(self.parts.clone());
    }
}

report_mailbox_lag!(ClockWatch);
