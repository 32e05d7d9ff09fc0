//! A worker: runs one job at a time and stores its result.
//!
//! The handler runs as a task on the handler threads, so that a handler that computes delays no actor. When the attempt has
//! finished or was abandoned, the worker reports to its queue that it is idle, and retries storing the result until it is
//! stored; the result of an attempt that has lost its lease changes nothing.
//!
//! A handler that blocks its thread can't be stopped. Its attempt times out nevertheless, but the worker and the permit of
//! the job type stay in use until the handler returns, as the thread does.

use std::sync::Arc;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, Supervised, WrapFuture};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::attempt::{AttemptContext, StopSignal, run_attempt};
use super::attempt_reports::AttemptReports;
use super::attempt_result::{AttemptResult, store};
use super::attempt_start::{AttemptStart, run_with_start};
use super::blocked_handlers::BlockedHandlers;
use super::messages::{CancelAttempt, Interrupt, InterruptAttempt, ReportState, RunJob, Stop, WorkerIdle, WorkerState};
use crate::domain::job::attempt::AttemptKey;
use crate::domain::values::name::JobType;
use crate::runtime::actor::clock::{Clock, draw_jitter};
use crate::runtime::writer::completion_batcher::CompletionBatcher;
use crate::runtime::writer::handle::WriterHandle;

/// Capacity of the mailbox: one job to run, and stop signals.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Dependencies of a worker.
#[derive(Clone)]
pub(crate) struct WorkerDeps {
    /// The dispatcher of its queue.
    pub queue: Recipient<WorkerIdle>,
    /// Its index among the workers of the queue.
    pub index: usize,
    /// Writes results.
    pub completions: CompletionBatcher,
    /// Writes reports of running attempts.
    pub writer: WriterHandle,
    /// Dependencies of attempts.
    pub context: AttemptContext,
    /// The time of day.
    pub clock: Clock,
    /// Handlers that block a thread after their attempt has finished.
    pub blocked: BlockedHandlers,
}

/// The actor.
pub(crate) struct Worker {
    deps: WorkerDeps,
    current: Option<Running>,
    /// Attempts whose result is not stored yet.
    unstored: Vec<AttemptKey>,
    /// `true` if the handler of a finished attempt still blocks its thread.
    is_blocked: bool,
}

struct Running {
    attempt: AttemptKey,
    job_type: JobType,
    stop: watch::Sender<StopSignal>,
}

impl Worker {
    /// An idle worker.
    pub(crate) fn new(deps: WorkerDeps) -> Self {
        Self {
            deps,
            current: None,
            unstored: Vec::new(),
            is_blocked: false,
        }
    }

    fn report_idle(&self, finished: Option<AttemptKey>, ctx: &mut Context<Self>) {
        let idle = WorkerIdle {
            worker: self.deps.index,
            finished,
        };
        if let Err(actix::prelude::SendError::Full(idle)) = self.deps.queue.try_send(idle) {
            let queue = self.deps.queue.clone();
            // The queue is gone only when the server stops.
            ctx.spawn(
                async move {
                    let _ = queue.send(idle).await;
                }
                .into_actor(self),
            );
        }
    }

    fn runs(&self, attempt: AttemptKey) -> bool {
        self.current.as_ref().is_some_and(|running| running.attempt == attempt)
    }

    fn stop_attempt(&self, signal: StopSignal) {
        if let Some(running) = &self.current {
            running.stop.send_if_modified(|known| {
                let is_new = *known != StopSignal::Interrupt && *known != signal;
                if is_new {
                    *known = signal;
                }
                is_new
            });
        }
    }
}

/// Stores a result after its start. The first write of a result whose start is not being stored is sent during the call.
fn store_after(
    start: AttemptStart,
    completions: CompletionBatcher,
    result: AttemptResult,
) -> LocalBoxFuture<'static, ()> {
    match start {
        AttemptStart::Stored | AttemptStart::WithEnd => store(completions, result).boxed_local(),
        AttemptStart::Storing(storing) => Box::pin(async move {
            // A start whose task has panicked is recovered with its attempt.
            let _ = storing.await;
            store(completions, result).await;
        }),
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.report_idle(None, ctx);
    }
}

impl Supervised for Worker {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // The attempt is dropped with its futures; orphan recovery requeues the job.
        self.current = None;
        self.unstored.clear();
        self.is_blocked = false;
    }
}

impl Handler<RunJob> for Worker {
    type Result = ();

    fn handle(&mut self, run: RunJob, ctx: &mut Context<Self>) {
        let RunJob {
            job,
            permit,
            is_cancelled,
        } = run;
        let (stop, signals) = watch::channel(StopSignal::None);
        if is_cancelled {
            stop.send_replace(StopSignal::Cancel);
        }
        let interrupt = stop.clone();
        self.current = Some(Running {
            attempt: (job.id, job.attempt),
            job_type: job.job_type.clone(),
            stop,
        });
        let deps = self.deps.clone();
        let running = async move {
            let reports = AttemptReports::new(
                &job,
                deps.writer.clone(),
                deps.context.limits,
                deps.clock.clone(),
                Handle::current(),
            );
            let attempt = run_attempt(&deps.context, &job, &reports, signals);
            let ((outcome, unreturned), start) = run_with_start(&job, &deps.writer, interrupt, attempt).await;
            // Before its reports are written, which may take some time.
            let at = deps.clock.now();
            reports.close().await;
            (job, outcome, at, unreturned, start)
        };
        let running = running.into_actor(self);
        ctx.spawn(running.map(|(job, outcome, at, unreturned, start), worker, ctx| {
            worker.current = None;
            let attempt = (job.id, job.attempt);
            let result = AttemptResult {
                started: matches!(start, AttemptStart::WithEnd).then(|| Arc::clone(&job)),
                job: Arc::clone(&job),
                outcome,
                at,
                jitter: draw_jitter(),
            };
            // Sent before the worker reports itself idle: the completion and the start of the next job can then share a
            // commit.
            let stored = store_after(start, worker.deps.completions.clone(), result);
            worker.unstored.push(attempt);
            ctx.spawn(stored.into_actor(worker).map(move |(), worker, _| {
                worker.unstored.retain(|unstored| *unstored != attempt);
            }));
            let Some(unreturned) = unreturned else {
                drop(permit);
                worker.report_idle(Some(attempt), ctx);
                return;
            };
            worker.is_blocked = true;
            let returned = worker.deps.blocked.clone().wait(unreturned, job);
            ctx.spawn(returned.into_actor(worker).map(move |(), worker, ctx| {
                worker.is_blocked = false;
                drop(permit);
                worker.report_idle(Some(attempt), ctx);
            }));
        }));
    }
}

impl Handler<CancelAttempt> for Worker {
    type Result = ();

    fn handle(&mut self, CancelAttempt { job_id, attempt }: CancelAttempt, _: &mut Context<Self>) {
        if self.runs((job_id, attempt)) {
            self.stop_attempt(StopSignal::Cancel);
        }
    }
}

impl Handler<InterruptAttempt> for Worker {
    type Result = ();

    fn handle(&mut self, InterruptAttempt { attempt }: InterruptAttempt, _: &mut Context<Self>) {
        if self.runs(attempt) {
            self.stop_attempt(StopSignal::Interrupt);
        }
    }
}

impl Handler<Interrupt> for Worker {
    type Result = ();

    fn handle(&mut self, Interrupt: Interrupt, _: &mut Context<Self>) {
        self.stop_attempt(StopSignal::Interrupt);
    }
}

impl Handler<ReportState> for Worker {
    type Result = WorkerState;

    fn handle(&mut self, ReportState: ReportState, _: &mut Context<Self>) -> WorkerState {
        let running = self
            .current
            .as_ref()
            .map(|running| (running.attempt, running.job_type.clone()));
        WorkerState {
            running,
            unstored: self.unstored.clone(),
            is_blocked: self.is_blocked,
        }
    }
}

impl Handler<Stop> for Worker {
    type Result = ();

    fn handle(&mut self, Stop: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
