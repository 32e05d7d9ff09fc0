//! The RecurringScheduler: creates occurrences of due recurring jobs.
//!
//! Every node has one, of which one leads: it holds a lease in storage with a fencing token
//! ([`crate::domain::cluster::leadership`]). The leader sleeps until the earliest due time, reads due recurring jobs,
//! plans their occurrences ([`crate::domain::recurring::planner`]), and stores them together with the updated
//! recurring jobs. Its writes carry the token: a leader that was paused or cut off can't create occurrences when it
//! resumes. The other nodes request leadership at a third of the lease, so that occurrences are late by at most a
//! lease when the leader dies. In addition, storage enforces the unique identity of occurrences.
//!
//! The time of day may be wrong for some time. Recurring jobs that were planned meanwhile would not run until the
//! time that the clock showed. Therefore all recurring jobs are checked against the current time whenever a node
//! becomes the leader or its time of day falls behind its steady clock; and once a minute, because another node,
//! which also stores recurring jobs, may have had a wrong clock.

mod round;

use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

pub(crate) use self::round::RecurringSchedulerDeps;
use self::round::Round;
use super::messages::{RecurringChanged, StopLeading};
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::clock_step::STEP_MIN;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::renewal_interval::renewal_interval;

/// Capacity of the mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 1_024;

/// Interval of the check of all recurring jobs against the time of day.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum sleep: the system clock may be set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(5);
/// Maximum sleep if other nodes change recurring jobs: their signals may be lost.
const MAX_SLEEP_SHARED: Duration = Duration::from_secs(1);
/// Delay before a failed read or write of storage is retried.
const RETRY_DELAY: Duration = Duration::from_millis(500);

impl RecurringSchedulerDeps {
    fn sleep_max(&self) -> Duration {
        if self.repository.is_shared() {
            MAX_SLEEP_SHARED
        } else {
            MAX_SLEEP
        }
    }
}

/// A completed check of recurring jobs against the time of day.
#[derive(Clone, Copy)]
struct Checked {
    at: Instant,
    /// Difference between the time of day and the steady clock at the check.
    offset: TimeDelta,
}

impl Checked {
    /// `true` if the next check is due, given the current difference of the clocks.
    fn is_next_due(self, offset: TimeDelta) -> bool {
        offset < self.offset - STEP_MIN || self.at.elapsed() >= CHECK_INTERVAL
    }
}

/// The actor.
pub(crate) struct RecurringScheduler {
    deps: RecurringSchedulerDeps,
    token: Option<FencingToken>,
    timer: Option<SpawnHandle>,
    /// Timer of the next request for leadership, or the request in progress.
    election: Option<SpawnHandle>,
    /// The last check; `None` before the first one as the leader, and after a failure.
    checked: Option<Checked>,
    is_busy: bool,
    must_read_again: bool,
    /// `true` once the node is about to leave. A cancelled timer that is already due fires again.
    has_stopped: bool,
}

impl RecurringScheduler {
    /// A RecurringScheduler that requests leadership when it starts.
    pub(crate) fn new(deps: RecurringSchedulerDeps) -> Self {
        Self {
            deps,
            token: None,
            timer: None,
            election: None,
            checked: None,
            is_busy: false,
            must_read_again: false,
            has_stopped: false,
        }
    }

    fn campaign(&mut self, ctx: &mut Context<Self>) {
        if self.has_stopped {
            return;
        }
        let deps = self.deps.clone();
        let election = async move { deps.request_leadership().await };
        self.election = Some(ctx.spawn(election.into_actor(self).map(|elected, scheduler, ctx| {
            if scheduler.has_stopped {
                return;
            }
            match elected {
                Ok(token) => {
                    if token.is_some() && token != scheduler.token && scheduler.deps.repository.is_shared() {
                        info!("elected scheduler leader");
                    }
                    let is_new = token != scheduler.token;
                    scheduler.token = token;
                    if is_new {
                        scheduler.checked = None;
                        scheduler.start_round(ctx);
                    }
                }
                Err(failure) => log_failure!(failure, "leader election failed: {failure}"),
            }
            scheduler.election = Some(ctx.run_later(renewal_interval(scheduler.deps.lease), |scheduler, ctx| {
                scheduler.campaign(ctx)
            }));
        })));
    }

    /// Starts a round, now or after the current one.
    fn start_round(&mut self, ctx: &mut Context<Self>) {
        let Some(token) = self.token else { return };
        if self.is_busy {
            self.must_read_again = true;
            return;
        }
        self.is_busy = true;
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let deps = self.deps.clone();
        let offset = deps.clock.ahead_of_steady();
        let must_check = self.checked.is_none_or(|checked| checked.is_next_due(offset));
        let round = async move {
            let checked = if must_check {
                deps.set_back(token).await
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
            // A failed check does not prevent due occurrences.
            (checked, deps.create_occurrences(token).await)
        };
        ctx.spawn(round.into_actor(self).map(move |(checked, round), scheduler, ctx| {
            scheduler.is_busy = false;
            match checked {
                // A step forward is followed: the clock may return.
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
            let must_read_again = std::mem::take(&mut scheduler.must_read_again);
            match round {
                Ok(Round {
                    has_lost_lead: true, ..
                }) => {
                    warn!("lost scheduler leadership: its lease has expired or another node leads");
                    scheduler.token = None;
                    // After a pause or a step of the clock, possibly no other node leads.
                    if let Some(election) = scheduler.election.take() {
                        ctx.cancel_future(election);
                        scheduler.campaign(ctx);
                    }
                }
                Ok(Round {
                    is_full,
                    has_conflict,
                    has_lost_lead: false,
                    next,
                }) => {
                    if is_full || has_conflict || must_read_again {
                        scheduler.start_round(ctx);
                    } else {
                        scheduler.sleep_until(next, ctx);
                    }
                }
                Err(failure) => {
                    log_failure!(failure, "failed to process due recurring jobs, retrying: {failure}");
                    scheduler.check_later(RETRY_DELAY, ctx);
                }
            }
        }));
    }

    fn sleep_until(&mut self, next: Option<DateTime<Utc>>, ctx: &mut Context<Self>) {
        let longest = self.deps.sleep_max();
        let wait = next.map_or(longest, |next| {
            let left = (next - self.deps.clock.now()).to_std().unwrap_or_default();
            left.min(longest)
        });
        self.check_later(wait, ctx);
    }

    fn check_later(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.run_later(wait, |scheduler, ctx| {
            scheduler.timer = None;
            scheduler.start_round(ctx);
        }));
    }
}

impl Actor for RecurringScheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.campaign(ctx);
    }
}

impl Supervised for RecurringScheduler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self {
            has_stopped: self.has_stopped,
            ..Self::new(self.deps.clone())
        };
    }
}

report_mailbox_lag!(RecurringScheduler);

impl Handler<StopLeading> for RecurringScheduler {
    type Result = ();

    fn handle(&mut self, StopLeading: StopLeading, ctx: &mut Context<Self>) {
        self.has_stopped = true;
        self.token = None;
        for timer in [self.election.take(), self.timer.take()].into_iter().flatten() {
            ctx.cancel_future(timer);
        }
    }
}

impl Handler<RecurringChanged> for RecurringScheduler {
    type Result = ();

    fn handle(&mut self, RecurringChanged: RecurringChanged, ctx: &mut Context<Self>) {
        self.start_round(ctx);
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
        assert!(!checked.is_next_due(hour * 2), "a step forward is followed");
        assert!(checked.is_next_due(TimeDelta::zero()));
        let minute_ago = Checked {
            at: Instant::now() - CHECK_INTERVAL,
            ..checked
        };
        assert!(minute_ago.is_next_due(hour), "another node's clock may have been wrong");
    }
}
