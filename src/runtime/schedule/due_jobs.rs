//! The Scheduler: when the next pending job of each queue will be due.
//!
//! It holds one time a queue, the earliest, and one timer for the earliest of all. When a time has come it wakes the
//! queue, which claims from storage what is due, and asks storage for the next times. So a million delayed jobs cost it
//! nothing, and an idle server sleeps. It also asks from time to time what is due that nobody has been told of: another node
//! may have stored delayed jobs and died, an actor here may have ended before it could tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, Utc};

use super::messages::{ResyncDueTimes, ScheduleWakeup};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::messages::{JobsAvailable, QueuesDue};
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::storage::repository::JobRepository;

/// How many messages the mailbox holds: each is what one commit has armed.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// The longest sleep: the machine's clock may be set while the Scheduler sleeps.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// How often storage that other nodes use as well is asked.
const POLL: Duration = Duration::from_secs(1);
/// How often storage is asked that only this node uses: nothing is missed there but by an actor's fault.
const POLL_ALONE: Duration = Duration::from_secs(10);
/// The wait before storage that could not be read is asked again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// What the Scheduler is made of.
#[derive(Clone)]
pub struct SchedulerDeps {
    /// Where it asks for due times.
    pub repository: Arc<dyn JobRepository>,
    /// Tells the time.
    pub clock: Clock,
    /// Whom it wakes.
    pub queues: Addr<QueueRegistry>,
}

/// The actor. See the module.
pub struct Scheduler {
    parts: SchedulerDeps,
    next: HashMap<QueueName, DateTime<Utc>>,
    timer: Option<(DateTime<Utc>, SpawnHandle)>,
    is_asking: bool,
    is_polling: bool,
    /// After which time it must ask once more.
    ask_again: Option<DateTime<Utc>>,
}

impl Scheduler {
    /// A Scheduler that will read its times from storage when it starts.
    pub fn new(parts: SchedulerDeps) -> Self {
        Self {
            parts,
            next: HashMap::new(),
            timer: None,
            is_asking: false,
            is_polling: false,
            ask_again: None,
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
        // A time that has passed is now; a far one is looked at again in between.
        let wait = (earliest - self.parts.clock.now())
            .to_std()
            .unwrap_or_default()
            .min(SLEEP_MAX);
        let handle = ctx.run_later(wait, |scheduler, ctx| {
            scheduler.timer = None;
            scheduler.fire(ctx);
        });
        self.timer = Some((earliest, handle));
    }

    fn fire(&mut self, ctx: &mut Context<Self>) {
        let now = self.parts.clock.now();
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
        if self.parts.queues.try_send(QueuesDue { queues: due.clone() }).is_err() {
            // The mailbox is full: the times stay and fire again right away.
            for queue in due {
                self.arm(queue, now);
            }
            ctx.run_later(Duration::from_millis(10), |scheduler, ctx| scheduler.fire(ctx));
            return;
        }
        // After the time of before the queues were woken: what has become due since then they may not have seen.
        self.ask(now, ctx);
    }

    /// Asks storage which queues have due jobs that no node has taken yet, and offers them to the queues here.
    fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.is_polling {
            return;
        }
        self.is_polling = true;
        let repository = Arc::clone(&self.parts.repository);
        let asked = async move { repository.next_due(DateTime::<Utc>::MIN_UTC).await };
        ctx.spawn(asked.into_actor(self).map(|answer, scheduler, ctx| {
            scheduler.is_polling = false;
            let times = match answer {
                Ok(times) => times,
                Err(failure) => {
                    log_failure!(
                        failure,
                        "due jobs that nobody has been told of could not be looked for: {failure}"
                    );
                    return;
                }
            };
            let now = scheduler.parts.clock.now();
            for (queue, due_at) in times {
                if due_at > now {
                    scheduler.arm(queue, due_at);
                } else {
                    deliver(&scheduler.parts.queues, JobsAvailable { queue }, ctx);
                }
            }
            scheduler.set_timer(ctx);
        }));
    }

    /// Asks storage for the next due time of each queue after this time.
    fn ask(&mut self, after: DateTime<Utc>, ctx: &mut Context<Self>) {
        if self.is_asking {
            let earlier = self.ask_again.map_or(after, |known| known.min(after));
            self.ask_again = Some(earlier);
            return;
        }
        self.is_asking = true;
        let repository = Arc::clone(&self.parts.repository);
        let asked = async move { repository.next_due(after).await };
        ctx.spawn(asked.into_actor(self).map(move |answer, scheduler, ctx| {
            scheduler.is_asking = false;
            match answer {
                Ok(times) => {
                    for (queue, due_at) in times {
                        scheduler.arm(queue, due_at);
                    }
                    if let Some(after) = scheduler.ask_again.take() {
                        scheduler.ask(after, ctx);
                    }
                    scheduler.set_timer(ctx);
                }
                Err(failure) => {
                    log_failure!(failure, "the next due times could not be read, trying again: {failure}");
                    scheduler.set_timer(ctx);
                    ctx.run_later(RETRY_WAIT, move |scheduler, ctx| scheduler.ask(after, ctx));
                }
            }
        }));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.ask(self.parts.clock.now(), ctx);
        let is_shared = self.parts.repository.is_shared();
        ctx.run_interval(if is_shared { POLL } else { POLL_ALONE }, Self::poll);
    }
}

impl Supervised for Scheduler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.parts.clone());
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
        self.ask(self.parts.clock.now(), ctx);
    }
}
