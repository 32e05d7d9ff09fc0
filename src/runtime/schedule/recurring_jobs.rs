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

mod round;

use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

pub use self::round::RecurringSchedulerDeps;
use self::round::Round;
use super::messages::{RecurringChanged, StopLeading};
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::clock_step::STEP_MIN;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::renewal_interval::renewal_interval;

/// How many messages the mailbox holds.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// The time between two checks of all recurring jobs against the time of day.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// The longest sleep: the machine's clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// The longest sleep where other nodes change recurring jobs: what they signal may be lost.
const SLEEP_MAX_SHARED: Duration = Duration::from_secs(1);
/// The wait before storage that could not be read or written is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

impl RecurringSchedulerDeps {
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
        let asked = async move { parts.request_leadership().await };
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
            (checked, parts.create_occurrences(token).await)
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
