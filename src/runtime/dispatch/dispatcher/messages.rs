//! What a queue is told and asked, and what it does then.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};

use super::{EARLY_CANCELS_MAX, Queue, Source};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::values::id::JobId;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::dispatch::worker::{Cancel, InterruptAttempt};

/// These jobs of the queue are stored, pending and due.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Due {
    /// The jobs.
    pub jobs: Vec<Arc<Job>>,
}

/// Storage has due jobs, or something else has changed: look again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Look;

/// Storage may have due jobs that another node has no worker for: look, as soon as a worker here has nothing to do.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Offered;

/// The node has lost its lease: give up what runs, and go on when it has one again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GiveUp;

/// These attempts belong to other nodes by now: stop those that run here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GiveUpAttempts {
    /// Which.
    pub attempts: Arc<HashSet<AttemptKey>>,
}

/// A type that was at its limit may have room.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LookAgainAtTypes;

/// A worker has nothing to do.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WorkerFree {
    /// Which worker.
    pub worker: usize,
    /// The attempt that it has just run.
    pub ended: Option<AttemptKey>,
}

/// Stop this attempt of a job, if it runs here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CancelAttempt {
    /// Which job.
    pub job_id: JobId,
    /// Which attempt.
    pub attempt: u32,
}

/// The queue was paused or resumed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Switch {
    /// Which of the two.
    pub is_paused: bool,
}

/// The queue's node drains, or no longer does.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SwitchDrain {
    /// Which of the two.
    pub is_drained: bool,
}

/// Start nothing more: the server stops.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Give up what runs: the server's grace time is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct InterruptAll;

/// What runs here, or is about to.
#[derive(Message)]
#[rtype(result = "Activity")]
pub struct ReportActivity;

/// What a queue is doing.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// The attempts that its workers run.
    pub running: Vec<AttemptKey>,
    /// How many starts are on their way to storage.
    pub starting: usize,
    /// How many workers it has.
    pub workers: usize,
}

impl Handler<Due> for Queue {
    type Result = ();

    fn handle(&mut self, Due { jobs }: Due, ctx: &mut Context<Self>) {
        let mut has_foreign_types = false;
        match self.ready.source() {
            Source::Memory => {
                let job_types = &self.parts.job_types;
                let count = jobs.len();
                let own: Vec<Arc<Job>> = jobs
                    .into_iter()
                    .filter(|job| job_types.contains(&job.job_type))
                    .collect();
                has_foreign_types = own.len() < count;
                self.ready.add(own);
                if self.ready.source() == Source::Storage {
                    // They were too many to hold: storage has them.
                    self.look_into_storage();
                }
            }
            Source::Storage => self.look_into_storage(),
        }
        self.dispatch(ctx);
        self.offer_to_others(has_foreign_types);
    }
}

impl Handler<Look> for Queue {
    type Result = ();

    fn handle(&mut self, Look: Look, ctx: &mut Context<Self>) {
        self.look_into_storage();
        self.dispatch(ctx);
        if self.is_drained {
            self.offer_to_others(false);
        }
    }
}

impl Handler<Offered> for Queue {
    type Result = ();

    fn handle(&mut self, Offered: Offered, ctx: &mut Context<Self>) {
        match self.ready.source() {
            Source::Memory => self.is_offered = true,
            Source::Storage => self.look_into_storage(),
        }
        self.dispatch(ctx);
    }
}

impl Handler<GiveUp> for Queue {
    type Result = ();

    fn handle(&mut self, GiveUp: GiveUp, ctx: &mut Context<Self>) {
        self.interrupt_workers(ctx);
    }
}

impl Handler<GiveUpAttempts> for Queue {
    type Result = ();

    fn handle(&mut self, GiveUpAttempts { attempts }: GiveUpAttempts, ctx: &mut Context<Self>) {
        for (attempt, (worker, _)) in &self.running {
            if attempts.contains(attempt) {
                deliver(
                    &self.parts.workers[*worker],
                    InterruptAttempt { attempt: *attempt },
                    ctx,
                );
            }
        }
    }
}

impl Handler<LookAgainAtTypes> for Queue {
    type Result = ();

    fn handle(&mut self, LookAgainAtTypes: LookAgainAtTypes, ctx: &mut Context<Self>) {
        self.ready.unpark();
        self.dispatch(ctx);
    }
}

impl Handler<WorkerFree> for Queue {
    type Result = ();

    fn handle(&mut self, WorkerFree { worker, ended }: WorkerFree, ctx: &mut Context<Self>) {
        let mut freed_type = None;
        match ended {
            Some(attempt) => freed_type = self.running.remove(&attempt).map(|(_, job_type)| job_type),
            // It has just started, perhaps again after a panic: then what it ran runs no more.
            None => self.running.retain(|_, (busy, _)| *busy != worker),
        }
        if freed_type.is_some_and(|job_type| self.parts.type_limits.is_limited(&job_type)) {
            self.ready.unpark();
            self.nudge_others(ctx);
        }
        self.free(worker, ctx);
    }
}

impl Handler<CancelAttempt> for Queue {
    type Result = ();

    fn handle(&mut self, CancelAttempt { job_id, attempt }: CancelAttempt, ctx: &mut Context<Self>) {
        if let Some((worker, _)) = self.running.get(&(job_id, attempt)) {
            let worker = self.parts.workers[*worker].clone();
            // The worker is gone only when the server stops.
            ctx.spawn(
                async move {
                    let _ = worker.send(Cancel { job_id, attempt }).await;
                }
                .into_actor(self),
            );
        } else if self.reserved > 0 && self.early_cancels.len() < EARLY_CANCELS_MAX {
            self.early_cancels.insert((job_id, attempt));
        }
    }
}

impl Handler<Switch> for Queue {
    type Result = ();

    fn handle(&mut self, Switch { is_paused }: Switch, ctx: &mut Context<Self>) {
        self.is_paused = is_paused;
        self.dispatch(ctx);
    }
}

impl Handler<SwitchDrain> for Queue {
    type Result = ();

    fn handle(&mut self, SwitchDrain { is_drained }: SwitchDrain, ctx: &mut Context<Self>) {
        self.is_drained = is_drained;
        // Meanwhile other nodes may have taken what is known here, and others have come.
        self.look_into_storage();
        self.dispatch(ctx);
        self.offer_to_others(false);
    }
}

impl Handler<Drain> for Queue {
    type Result = ();

    fn handle(&mut self, Drain: Drain, _: &mut Context<Self>) {
        self.is_draining = true;
    }
}

impl Handler<InterruptAll> for Queue {
    type Result = ();

    fn handle(&mut self, InterruptAll: InterruptAll, ctx: &mut Context<Self>) {
        self.is_draining = true;
        self.interrupt_workers(ctx);
    }
}

impl Handler<ReportActivity> for Queue {
    type Result = MessageResult<ReportActivity>;

    fn handle(&mut self, ReportActivity: ReportActivity, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Activity {
            running: self.running.keys().copied().collect(),
            starting: self.reserved,
            workers: self.parts.workers.len(),
        })
    }
}
