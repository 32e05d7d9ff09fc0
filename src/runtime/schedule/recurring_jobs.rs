//! The RecurringScheduler: turns due times of recurring jobs into occurrences.
//!
//! Every node has one, and one of them leads: it holds a lease in storage with a fencing token
//! ([`crate::domain::cluster::leadership`]). The leader sleeps until the earliest due time, reads what is due, works out each
//! tick by [`crate::domain::recurring::planner`], and has the occurrences stored together with the recurring job as it is
//! then. What it sends carries its token: a leader that was stopped or cut off and wakes up can't create anything. The
//! others ask at a third of the lease's life whether they may lead, so that an occurrence is late by at most a lease when
//! the leader dies. Storage keeps the identity of occurrences unique besides.
//!
//! The time of day may be wrong for a while and then be right again. What was worked out meanwhile would keep recurring jobs
//! silent until the time that the clock has shown. So whenever a node begins to lead, or its time of day falls behind its
//! steady clock, all recurring jobs are checked against the time that it is now; and once a minute, because the clock of
//! another node, which stores recurring jobs too, may have been wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta, Utc};
use tracing::{error, info, warn};

use super::messages::{RecurringChanged, StopLeading};
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::clock_step::STEP_MIN;
use crate::domain::job::new_job::DefaultsByType;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::actor::failure_log::{MaybeOutage, log_failure};
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::renewal_interval::renewal_interval;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, ChangeError, Fire};
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// How many recurring jobs one round takes.
const ROUND: u32 = 200;
/// The time between two checks of all recurring jobs against the time of day.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// The longest sleep: the machine's clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// The longest sleep where other nodes change recurring jobs: what they signal may be lost.
const SLEEP_MAX_SHARED: Duration = Duration::from_secs(1);
/// The wait before storage that could not be read or written is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// What a RecurringScheduler is made of.
#[derive(Clone)]
pub struct RecurringSchedulerDeps {
    /// Where it looks.
    pub repository: Arc<dyn JobRepository>,
    /// Where it writes.
    pub writer: WriterHandle,
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids of occurrences.
    pub ids: Arc<IdSource>,
    /// What occurrences get that their template leaves open.
    pub defaults: Arc<DefaultsByType>,
    /// This node.
    pub node: NodeId,
    /// How long it leads without asking again.
    pub lease: TimeSpan,
}

/// Why a round could not be finished.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Read(#[from] RepositoryError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl MaybeOutage for RoundError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

/// What a round has found.
struct Round {
    /// Whether there may be more that is due.
    is_full: bool,
    /// Whether something due was changed by somebody meanwhile, and is due perhaps.
    has_conflict: bool,
    /// Whether the token has fallen.
    has_lost_lead: bool,
    /// The earliest due time that is left.
    next: Option<DateTime<Utc>>,
}

impl RecurringSchedulerDeps {
    async fn ask_to_lead(&self) -> Result<Option<FencingToken>, WriteError> {
        let lead = Change::Lead {
            node: self.node,
            lease: self.lease,
        };
        match self.writer.write_one(lead, WritePriority::Internal).await? {
            Ok(Applied::Led(token)) => Ok(token),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Sets recurring jobs back whose next run was worked out by a clock that was ahead. False: this node no longer leads.
    async fn set_back(&self, token: FencingToken) -> Result<bool, RoundError> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            let found = self.repository.recurring_after(after, ROUND).await?;
            let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
            after = found.last().map(|last| last.id).or(after);
            let changes: Vec<Change> = found
                .into_iter()
                .filter_map(|before| {
                    let after = before.set_back(now)?;
                    info!(recurring.id = %before.id, "the clock was ahead: recurring job {} runs next at {}", before.id, after.next_run_at.unwrap_or(now));
                    Some(Change::Fire(Fire {
                        before,
                        after: Arc::new(after),
                        occurrences: Vec::new(),
                        leader: Some((self.node, token)),
                    }))
                })
                .collect();
            if !changes.is_empty() {
                // One that was changed meanwhile was worked out by the clock as it is now.
                let results = self.writer.write(changes, WritePriority::Internal).await?;
                if results.contains(&Err(ChangeError::NoLease)) {
                    return Ok(false);
                }
            }
            if count < ROUND {
                return Ok(true);
            }
        }
    }

    async fn round(&self, token: FencingToken) -> Result<Round, RoundError> {
        let now = self.clock.now();
        let due = self.repository.due_recurring(now, ROUND).await?;
        let is_full = due.len() >= usize::try_from(ROUND).unwrap_or(usize::MAX);
        let unfinished = self.unfinished_of(&due).await?;
        let fires: Vec<Change> = due
            .into_iter()
            .filter_map(|before| {
                let open = unfinished.get(&before.id).copied().unwrap_or_default();
                self.fire(before, now, open, token)
            })
            .collect();
        let has_any = !fires.is_empty();
        let (mut has_lost_lead, mut has_conflict) = (false, false);
        if has_any {
            for result in self.writer.write(fires, WritePriority::Internal).await? {
                match result {
                    Ok(_) => {}
                    Err(ChangeError::Conflict) => has_conflict = true,
                    Err(ChangeError::NoLease) => has_lost_lead = true,
                    Err(refused) => error!("occurrences could not be stored: {refused}"),
                }
            }
        }
        Ok(Round {
            is_full: is_full && has_any,
            has_conflict,
            has_lost_lead,
            // What was due at `now` was dealt with; what still is can't be, and is not waited for.
            next: self.repository.next_recurring(now).await?,
        })
    }

    /// How many occurrences are unfinished, of those recurring jobs for which it matters.
    async fn unfinished_of(&self, due: &[Arc<RecurringJob>]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        let ids: Vec<RecurringId> = due
            .iter()
            .filter(|recurring| recurring.overlap_policy != OverlapPolicy::Allow || !recurring.waiting.is_empty())
            .map(|recurring| recurring.id)
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.repository.unfinished_occurrences(&ids).await
    }

    fn fire(&self, before: Arc<RecurringJob>, now: DateTime<Utc>, open: u64, token: FencingToken) -> Option<Change> {
        let tick = before.tick(now, open)?;
        let defaults = self.defaults.of(&before.template.job_type);
        let occurrences = tick
            .occurrences
            .iter()
            .map(|due_at| Arc::new(before.occurrence(*due_at, defaults, now, self.ids.next())))
            .collect();
        Some(Change::Fire(Fire {
            before,
            after: Arc::new(tick.after),
            occurrences,
            leader: Some((self.node, token)),
        }))
    }

    fn sleep_max(&self) -> Duration {
        if self.repository.is_shared() {
            SLEEP_MAX_SHARED
        } else {
            SLEEP_MAX
        }
    }
}

/// That recurring jobs were checked against the time of day.
#[derive(Clone, Copy)]
struct Checked {
    at: Instant,
    /// How far the time of day was ahead of the steady clock at the last look.
    offset: TimeDelta,
}

impl Checked {
    /// Whether the next check is due, now that the time of day is so far ahead of the steady clock.
    fn is_next_due(self, offset: TimeDelta) -> bool {
        offset < self.offset - STEP_MIN || self.at.elapsed() >= CHECK_INTERVAL
    }
}

/// The actor. See the module.
pub struct RecurringScheduler {
    parts: RecurringSchedulerDeps,
    token: Option<FencingToken>,
    timer: Option<SpawnHandle>,
    /// The next request to lead, or the one that is on its way.
    asking: Option<SpawnHandle>,
    /// The last look; `None` before the first one as the leader, and after one that failed.
    checked: Option<Checked>,
    is_busy: bool,
    must_look_again: bool,
}

impl RecurringScheduler {
    /// A RecurringScheduler that asks to lead when it starts.
    pub fn new(parts: RecurringSchedulerDeps) -> Self {
        Self {
            parts,
            token: None,
            timer: None,
            asking: None,
            checked: None,
            is_busy: false,
            must_look_again: false,
        }
    }

    fn ask_to_lead(&mut self, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        let asked = async move { parts.ask_to_lead().await };
        self.asking = Some(ctx.spawn(asked.into_actor(self).map(|answer, scheduler, ctx| {
            match answer {
                Ok(token) => {
                    if token.is_some() && token != scheduler.token && scheduler.parts.repository.is_shared() {
                        info!("this node creates the occurrences of recurring jobs from now on");
                    }
                    let is_new = token != scheduler.token;
                    scheduler.token = token;
                    if is_new {
                        scheduler.checked = None;
                        scheduler.look(ctx);
                    }
                }
                Err(failure) => log_failure!(failure, "whether this node leads is not known: {failure}"),
            }
            scheduler.asking = Some(
                ctx.run_later(renewal_interval(scheduler.parts.lease), |scheduler, ctx| {
                    scheduler.ask_to_lead(ctx)
                }),
            );
        })));
    }

    /// Looks at what is due, now or as soon as the present look is over.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let Some(token) = self.token else { return };
        if self.is_busy {
            self.must_look_again = true;
            return;
        }
        self.is_busy = true;
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let parts = self.parts.clone();
        let offset = parts.clock.ahead_of_steady();
        let must_check = self.checked.is_none_or(|checked| checked.is_next_due(offset));
        let round = async move {
            let checked = if must_check {
                parts.set_back(token).await
            } else {
                Ok(true)
            };
            if matches!(checked, Ok(false)) {
                let lost = Round {
                    is_full: false,
                    has_conflict: false,
                    has_lost_lead: true,
                    next: None,
                };
                return (checked, Ok(lost));
            }
            // A check that fails does not keep what is due from running.
            (checked, parts.round(token).await)
        };
        ctx.spawn(round.into_actor(self).map(move |(checked, round), scheduler, ctx| {
            scheduler.is_busy = false;
            match checked {
                // A clock that goes forward is followed: it may come back.
                Ok(_) => {
                    let at = scheduler.checked.filter(|_| !must_check);
                    let at = at.map_or_else(Instant::now, |checked| checked.at);
                    scheduler.checked = Some(Checked { at, offset });
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "failed to check recurring jobs against the clock, retrying: {failure}"
                    );
                }
            }
            let must_look_again = std::mem::take(&mut scheduler.must_look_again);
            match round {
                Ok(Round {
                    has_lost_lead: true, ..
                }) => {
                    warn!("this node no longer leads: another one may create occurrences, or its lease has run out");
                    scheduler.token = None;
                    // After a pause, or when the clock was set, nobody else may lead.
                    if let Some(asking) = scheduler.asking.take() {
                        ctx.cancel_future(asking);
                        scheduler.ask_to_lead(ctx);
                    }
                }
                Ok(Round {
                    is_full,
                    has_conflict,
                    has_lost_lead: false,
                    next,
                }) => {
                    if is_full || has_conflict || must_look_again {
                        scheduler.look(ctx);
                    } else {
                        scheduler.sleep_until(next, ctx);
                    }
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "due recurring jobs could not be looked at, trying again: {failure}"
                    );
                    scheduler.look_later(RETRY_WAIT, ctx);
                }
            }
        }));
    }

    fn sleep_until(&mut self, next: Option<DateTime<Utc>>, ctx: &mut Context<Self>) {
        let longest = self.parts.sleep_max();
        let wait = next.map_or(longest, |next| {
            let left = (next - self.parts.clock.now()).to_std().unwrap_or_default();
            left.min(longest)
        });
        self.look_later(wait, ctx);
    }

    fn look_later(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.run_later(wait, |scheduler, ctx| {
            scheduler.timer = None;
            scheduler.look(ctx);
        }));
    }
}

impl Actor for RecurringScheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.ask_to_lead(ctx);
    }
}

impl Supervised for RecurringScheduler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.parts.clone());
    }
}

report_mailbox_lag!(RecurringScheduler);

impl Handler<StopLeading> for RecurringScheduler {
    type Result = ();

    fn handle(&mut self, StopLeading: StopLeading, ctx: &mut Context<Self>) {
        self.token = None;
        for timer in [self.asking.take(), self.timer.take()].into_iter().flatten() {
            ctx.cancel_future(timer);
        }
    }
}

impl Handler<RecurringChanged> for RecurringScheduler {
    type Result = ();

    fn handle(&mut self, RecurringChanged: RecurringChanged, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_checked_when_the_clock_was_set_back_and_once_a_minute() {
        let hour = TimeDelta::hours(1);
        let checked = Checked {
            at: Instant::now(),
            offset: hour,
        };
        assert!(!checked.is_next_due(hour));
        assert!(!checked.is_next_due(hour * 2), "a clock that goes forward is followed");
        assert!(checked.is_next_due(TimeDelta::zero()));
        let minute_ago = Checked {
            at: Instant::now() - CHECK_INTERVAL,
            ..checked
        };
        assert!(minute_ago.is_next_due(hour), "another node's clock may have been wrong");
    }
}
