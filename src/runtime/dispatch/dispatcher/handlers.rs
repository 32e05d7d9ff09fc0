//! Message handlers of a dispatcher.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use actix::{ActorContext, AsyncContext, Context, Handler, MessageResult, WrapFuture};

use super::{Assigned, MAX_EARLY_CANCELS, QueueDispatcher, Source};
use crate::domain::job::Job;
use crate::domain::values::timestamp;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::dispatch::messages::{
    CancelAttempt, ForceStop, InterruptAll, InterruptAttempt, InterruptAttempts, JobsReady, Poll, PollWhenIdle,
    QueueActivity, QueueCapacity, ReportActivity, ReportOwnCapacity, RetryLimitedTypes, SetNodeDraining, SetPaused,
    Stop, StopDispatching, WorkerIdle,
};

impl Handler<JobsReady> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, JobsReady { jobs }: JobsReady, ctx: &mut Context<Self>) {
        let mut has_foreign_types = false;
        match self.ready.source() {
            Source::Memory => {
                let job_types = &self.deps.job_types;
                let count = jobs.len();
                let own: Vec<Arc<Job>> = jobs
                    .into_iter()
                    .filter(|job| job_types.contains(&job.job_type))
                    .collect();
                has_foreign_types = own.len() < count;
                self.ready.add(own);
                if self.ready.source() == Source::Storage {
                    // They exceed the memory limit or lack their parameters: they are claimed from storage.
                    self.fetch_from_storage();
                }
            }
            Source::Storage => {
                if let Some(next) = self.claimed.next_priority() {
                    self.urgent += jobs.iter().filter(|job| job.priority > next).count();
                }
                self.fetch_from_storage();
            }
        }
        self.dispatch(ctx);
        self.offer_to_others(has_foreign_types);
    }
}

impl Handler<Poll> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, Poll: Poll, ctx: &mut Context<Self>) {
        self.fetch_from_storage();
        self.dispatch(ctx);
        if self.is_drained {
            self.offer_to_others(false);
        }
    }
}

impl Handler<PollWhenIdle> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, PollWhenIdle: PollWhenIdle, ctx: &mut Context<Self>) {
        match self.ready.source() {
            Source::Memory => self.is_offered = true,
            Source::Storage => self.fetch_from_storage(),
        }
        self.dispatch(ctx);
    }
}

impl Handler<InterruptAll> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, InterruptAll: InterruptAll, ctx: &mut Context<Self>) {
        self.interrupt_workers(ctx);
        self.release_all(ctx);
    }
}

impl Handler<InterruptAttempts> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, InterruptAttempts { attempts }: InterruptAttempts, ctx: &mut Context<Self>) {
        let claimed = self.claimed.take_these(&attempts);
        self.release(claimed, ctx);
        for (attempt, assigned) in &self.running {
            if attempts.contains(attempt) {
                deliver(
                    &self.deps.workers[assigned.worker],
                    InterruptAttempt { attempt: *attempt },
                    ctx,
                );
            }
        }
    }
}

impl Handler<RetryLimitedTypes> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, RetryLimitedTypes: RetryLimitedTypes, ctx: &mut Context<Self>) {
        self.ready.unpark();
        self.dispatch(ctx);
    }
}

impl Handler<WorkerIdle> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, WorkerIdle { worker, finished }: WorkerIdle, ctx: &mut Context<Self>) {
        let mut freed_type = None;
        match finished {
            Some(attempt) => {
                if let Some(Assigned { job_type, at, .. }) = self.running.remove(&attempt) {
                    let now = Instant::now();
                    self.pace.attempt_ended(now.duration_since(at), now);
                    freed_type = Some(job_type);
                }
            }
            // The worker has started, possibly after a panic: its former attempt is no longer running.
            None => self.running.retain(|_, assigned| assigned.worker != worker),
        }
        if freed_type.is_some_and(|job_type| self.deps.type_limits.is_limited(&job_type)) {
            self.ready.unpark();
            self.notify_limit_freed(ctx);
        }
        self.free(worker, ctx);
    }
}

impl Handler<CancelAttempt> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, CancelAttempt { job_id, attempt }: CancelAttempt, ctx: &mut Context<Self>) {
        if let Some(Assigned { worker, .. }) = self.running.get(&(job_id, attempt)) {
            let worker = self.deps.workers[*worker].clone();
            // The worker is gone only when the server stops.
            ctx.spawn(
                async move {
                    let _ = worker.send(CancelAttempt { job_id, attempt }).await;
                }
                .into_actor(self),
            );
            return;
        }
        let claimed = self.claimed.take_these(&HashSet::from([(job_id, attempt)]));
        if !claimed.is_empty() {
            self.release(claimed, ctx);
        } else if self.is_storing() && self.early_cancels.len() < MAX_EARLY_CANCELS {
            self.early_cancels.insert((job_id, attempt));
        }
    }
}

impl Handler<SetPaused> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, SetPaused { is_paused }: SetPaused, ctx: &mut Context<Self>) {
        self.is_paused = is_paused;
        if is_paused {
            self.release_all(ctx);
        }
        self.dispatch(ctx);
    }
}

impl Handler<SetNodeDraining> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, SetNodeDraining { is_draining }: SetNodeDraining, ctx: &mut Context<Self>) {
        self.is_drained = is_draining;
        if is_draining {
            self.release_all(ctx);
        }
        // In the meantime other nodes may have claimed known jobs, and others may have arrived.
        self.fetch_from_storage();
        self.dispatch(ctx);
        self.offer_to_others(false);
    }
}

impl Handler<StopDispatching> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, StopDispatching: StopDispatching, ctx: &mut Context<Self>) {
        self.is_draining = true;
        self.release_all(ctx);
    }
}

impl Handler<ForceStop> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, ForceStop: ForceStop, ctx: &mut Context<Self>) {
        self.is_draining = true;
        self.release_all(ctx);
        self.interrupt_workers(ctx);
    }
}

impl Handler<ReportActivity> for QueueDispatcher {
    type Result = MessageResult<ReportActivity>;

    fn handle(&mut self, ReportActivity: ReportActivity, _: &mut Context<Self>) -> Self::Result {
        MessageResult(QueueActivity {
            running: self.running.keys().copied().collect(),
            claimed: self.claimed.attempts().chain(self.releasing.keys().copied()).collect(),
            starting: self.reserved + self.claims_ahead,
            workers: self.deps.workers.len(),
        })
    }
}

impl Handler<ReportOwnCapacity> for QueueDispatcher {
    type Result = MessageResult<ReportOwnCapacity>;

    fn handle(&mut self, ReportOwnCapacity: ReportOwnCapacity, _: &mut Context<Self>) -> Self::Result {
        let workers = self.deps.workers.len();
        let now = self.deps.clock.now();
        let next_start = self.bucket.as_mut().and_then(|bucket| {
            (bucket.available(now) == 0).then(|| timestamp::truncate_to_millis(now + bucket.time_to_next()))
        });
        MessageResult(QueueCapacity {
            workers,
            busy: workers.saturating_sub(self.idle.len().saturating_sub(self.reserved)),
            rate_limit: self.deps.settings.rate_limit,
            next_start,
        })
    }
}

impl Handler<Stop> for QueueDispatcher {
    type Result = ();

    fn handle(&mut self, Stop: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
