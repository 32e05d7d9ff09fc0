//! The Scheduler: the next due time of each queue.
//!
//! It keeps the earliest due time per queue and one timer for the earliest of all. When a job is due it wakes the
//! queue, which claims due jobs from storage, and reads the next times. Any number of delayed jobs therefore costs no
//! memory, and an idle server sleeps. It also polls storage for unclaimed due jobs: another node may have stored
//! delayed jobs and died, or a local actor may have stopped before it sent a notification.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::messages::{ResyncDueTimes, ScheduleWakeup};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::messages::{JobsAvailable, QueuesDue};
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::storage::repository::JobRepository;

/// Capacity of the mailbox: a message contains the due times of one commit.
pub(crate) const MAILBOX_CAPACITY: usize = 1_024;

/// Maximum sleep: the system clock may be set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(5);
/// Poll interval of storage that is shared with other nodes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Poll interval of storage that only this node uses, where notifications are lost only by a fault of an actor.
const POLL_INTERVAL_SINGLE_NODE: Duration = Duration::from_secs(10);
/// Minimum interval between two polls as a multiple of the duration of a poll, up to [`POLL_INTERVAL_SINGLE_NODE`]. A poll passes over the index entries of jobs that have
/// started since the oldest snapshot of the database.
const POLL_FACTOR: u32 = 20;
/// Delay before a failed read of storage is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Dependencies of the Scheduler.
#[derive(Clone)]
pub(crate) struct SchedulerDeps {
    /// Reads due times.
    pub repository: Arc<dyn JobRepository>,
    /// The time of day.
    pub clock: Clock,
    /// Receives wake-ups.
    pub queues: Addr<QueueRegistry>,
}

/// The actor.
pub(crate) struct Scheduler {
    deps: SchedulerDeps,
    next: HashMap<QueueName, DateTime<Utc>>,
    timer: Option<(DateTime<Utc>, SpawnHandle)>,
    is_asking: bool,
    is_polling: bool,
    /// The next poll is not before this time.
    next_poll: Instant,
    /// Read the next due times after this time.
    read_after: Option<DateTime<Utc>>,
}

impl Scheduler {
    /// A Scheduler that reads due times from storage when it starts.
    pub(crate) fn new(deps: SchedulerDeps) -> Self {
        Self {
            deps,
            next: HashMap::new(),
            timer: None,
            is_asking: false,
            is_polling: false,
            next_poll: Instant::now(),
            read_after: None,
        }
    }

    fn arm(&mut self, queue: QueueName, due_at: DateTime<Utc>) {
        self.next
            .entry(queue)
            .and_modify(|known| *known = due_at.min(*known))
            .or_insert(due_at);
    }

    fn set_timer(&mut self, ctx: &mut Context<Self>) {
        let Some(&earliest) = self.next.values().min() else {
            return;
        };
        if let Some((at, handle)) = self.timer {
            if at <= earliest {
                return;
            }
            ctx.cancel_future(handle);
        }
        // A past time fires at once, a distant one is checked again in between.
        let wait = (earliest - self.deps.clock.now())
            .to_std()
            .unwrap_or_default()
            .min(MAX_SLEEP);
        let handle = ctx.run_later(wait, |scheduler, ctx| {
            scheduler.timer = None;
            scheduler.fire(ctx);
        });
        self.timer = Some((earliest, handle));
    }

    fn fire(&mut self, ctx: &mut Context<Self>) {
        let now = self.deps.clock.now();
        let due: Vec<QueueName> = self
            .next
            .iter()
            .filter(|(_, due_at)| **due_at <= now)
            .map(|(queue, _)| queue.clone())
            .collect();
        if due.is_empty() {
            self.set_timer(ctx);
            return;
        }
        for queue in &due {
            self.next.remove(queue);
        }
        if self.deps.queues.try_send(QueuesDue { queues: due.clone() }).is_err() {
            // The mailbox is full: the times remain and fire again at once.
            for queue in due {
                self.arm(queue, now);
            }
            ctx.run_later(Duration::from_millis(10), |scheduler, ctx| scheduler.fire(ctx));
            return;
        }
        // From the time before the wake-up: the queues may have missed jobs that became due since.
        self.read_next(now, ctx);
    }

    /// Reads the queues with due jobs that no node has claimed, and notifies the local queues.
    fn poll(&mut self, ctx: &mut Context<Self>) {
        let started = Instant::now();
        if self.is_polling || started < self.next_poll {
            return;
        }
        self.is_polling = true;
        let repository = Arc::clone(&self.deps.repository);
        let next = async move { repository.next_due(DateTime::<Utc>::MIN_UTC).await };
        ctx.spawn(next.into_actor(self).map(move |next, scheduler, ctx| {
            scheduler.is_polling = false;
            let now = Instant::now();
            scheduler.next_poll = now + ((now - started) * POLL_FACTOR).min(POLL_INTERVAL_SINGLE_NODE);
            let times = match next {
                Ok(times) => times,
                Err(failure) => {
                    log_failure!(failure, "polling for due jobs failed: {failure}");
                    return;
                }
            };
            let now = scheduler.deps.clock.now();
            for (queue, due_at) in times {
                if due_at > now {
                    scheduler.arm(queue, due_at);
                } else {
                    deliver(&scheduler.deps.queues, JobsAvailable { queue }, ctx);
                }
            }
            scheduler.set_timer(ctx);
        }));
    }

    /// Reads the next due time of each queue after this time.
    fn read_next(&mut self, after: DateTime<Utc>, ctx: &mut Context<Self>) {
        if self.is_asking {
            let earlier = self.read_after.map_or(after, |known| known.min(after));
            self.read_after = Some(earlier);
            return;
        }
        self.is_asking = true;
        let repository = Arc::clone(&self.deps.repository);
        let next = async move { repository.next_due(after).await };
        ctx.spawn(next.into_actor(self).map(move |next, scheduler, ctx| {
            scheduler.is_asking = false;
            match next {
                Ok(times) => {
                    for (queue, due_at) in times {
                        scheduler.arm(queue, due_at);
                    }
                    if let Some(after) = scheduler.read_after.take() {
                        scheduler.read_next(after, ctx);
                    }
                    scheduler.set_timer(ctx);
                }
                Err(failure) => {
                    log_failure!(failure, "failed to read next due times, retrying: {failure}");
                    scheduler.set_timer(ctx);
                    ctx.run_later(RETRY_DELAY, move |scheduler, ctx| scheduler.read_next(after, ctx));
                }
            }
        }));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.read_next(self.deps.clock.now(), ctx);
        let is_shared = self.deps.repository.is_shared();
        ctx.run_interval(
            if is_shared {
                POLL_INTERVAL
            } else {
                POLL_INTERVAL_SINGLE_NODE
            },
            Self::poll,
        );
    }
}

impl Supervised for Scheduler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.deps.clone());
    }
}

report_mailbox_lag!(Scheduler);

impl Handler<ScheduleWakeup> for Scheduler {
    type Result = ();

    fn handle(&mut self, ScheduleWakeup { due }: ScheduleWakeup, ctx: &mut Context<Self>) {
        for (queue, due_at) in due {
            self.arm(queue, due_at);
        }
        self.set_timer(ctx);
    }
}

impl Handler<ResyncDueTimes> for Scheduler {
    type Result = ();

    fn handle(&mut self, ResyncDueTimes: ResyncDueTimes, ctx: &mut Context<Self>) {
        self.read_next(self.deps.clock.now(), ctx);
    }
}
