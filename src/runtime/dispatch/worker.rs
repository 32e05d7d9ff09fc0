//! A Worker: runs one job at a time and reports how it ended.
//!
//! The handler runs as a task of the handlers' own threads, so that one that computes stalls no actor. The Worker watches
//! it: its time, its being told to stop, its panic. When it has ended (or was abandoned) the Worker tells its queue that
//! it is free, and the Writer how the attempt ended, again and again until that is stored; an attempt that has lost its
//! lease meanwhile changes nothing there.
//!
//! A handler that blocks its thread can't be stopped. Its attempt ends in time all the same, but the Worker and the permit
//! of the job type stay occupied until the handler returns: the thread does.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span, error, info, info_span, warn};

use super::attempt_reports::AttemptReports;
use super::blocked_handlers::BlockedHandlers;
use super::messages::{CancelAttempt, Interrupt, InterruptAttempt, ReportState, RunJob, Stop, WorkerIdle, WorkerState};
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptKey};
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::retry::Jitter;
use crate::domain::job::status::JobStatus;
use crate::domain::values::json::Json;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::{JobTrace, Share, TraceId};
use crate::handlers::limits::HandlerLimits;
use crate::handlers::{HandlerRegistry, JobContext};
use crate::runtime::actor::clock::{Clock, draw_jitter};
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::supervisor::panic_text;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::writer::completion_batcher::CompletionBatcher;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::ChangeResult;
use crate::storage::change::{Applied, Finished};

/// How many messages the mailbox holds: one job to run, and orders to stop it.
pub const MAILBOX_CAPACITY: usize = 16;

/// The wait before the end of an attempt that could not be stored is stored again.
const RECORD_RETRY_WAIT: Duration = Duration::from_millis(250);

/// Why a running job should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Go on.
    None,
    /// Somebody cancelled it: it has the grace time.
    Cancel,
    /// The server stops, and its grace time is over: at once.
    Interrupt,
}

/// What a Worker is made of.
#[derive(Clone)]
pub struct WorkerDeps {
    /// Whose jobs it runs.
    pub queue: Recipient<WorkerIdle>,
    /// Which of the queue's workers it is.
    pub index: usize,
    /// Where it reports.
    pub completions: CompletionBatcher,
    /// Stores what running attempts report.
    pub writer: WriterHandle,
    /// What runs the jobs.
    pub handlers: Arc<HandlerRegistry>,
    /// How large results and errors may be.
    pub limits: HandlerLimits,
    /// Where handlers run.
    pub handler_threads: Handle,
    /// Tells the time.
    pub clock: Clock,
    /// How long a job that was told to stop may take to do so.
    pub cancel_grace: Duration,
    /// Whether what runs here belongs to this node.
    pub gate: SharedNodeLease,
    /// Where jobs stand in traces.
    pub traces: Traces,
    /// Handlers that block a thread after their attempt has ended.
    pub blocked: BlockedHandlers,
}

/// The actor. See the module.
pub struct Worker {
    parts: WorkerDeps,
    current: Option<Running>,
    /// Attempts whose end is not stored yet.
    unstored: Vec<AttemptKey>,
    /// Whether the handler of an attempt that has ended still blocks its thread.
    is_blocked: bool,
}

struct Running {
    attempt: AttemptKey,
    job_type: JobType,
    orders: watch::Sender<Order>,
}

impl Worker {
    /// A Worker with nothing to do.
    pub fn new(parts: WorkerDeps) -> Self {
        Self {
            parts,
            current: None,
            unstored: Vec::new(),
            is_blocked: false,
        }
    }

    fn tell_free(&self, ended: Option<AttemptKey>, ctx: &mut Context<Self>) {
        let free = WorkerIdle {
            worker: self.parts.index,
            finished: ended,
        };
        if let Err(actix::prelude::SendError::Full(free)) = self.parts.queue.try_send(free) {
            let queue = self.parts.queue.clone();
            // The queue is gone only when the server stops.
            ctx.spawn(
                async move {
                    let _ = queue.send(free).await;
                }
                .into_actor(self),
            );
        }
    }

    fn runs(&self, attempt: AttemptKey) -> bool {
        self.current.as_ref().is_some_and(|running| running.attempt == attempt)
    }

    fn order(&self, order: Order) {
        if let Some(running) = &self.current {
            running.orders.send_if_modified(|known| {
                let is_new = *known != Order::Interrupt && *known != order;
                if is_new {
                    *known = order;
                }
                is_new
            });
        }
    }
}

/// A handler that was told to stop and has not returned yet.
type Unreturned = AbortOnDropHandle<Result<Option<Json>, Failure>>;

/// Runs one attempt to its end, whatever that is.
async fn attempt(
    parts: &WorkerDeps,
    job: &Arc<Job>,
    reports: &AttemptReports,
    mut orders: watch::Receiver<Order>,
) -> (Outcome, Option<Unreturned>) {
    let Some(handler) = parts.handlers.get(&job.job_type).cloned() else {
        let failure = Failure::new(format!("this node has no handler for the job type {}", job.job_type));
        return (Outcome::Failed(failure), None);
    };
    // Between its start and this moment the node may have been stopped for longer than its lease.
    if !parts.gate.is_open() {
        return (Outcome::Interrupted, None);
    }
    let cancellation = CancellationToken::new();
    let context = JobContext {
        job: Arc::clone(job),
        cancellation: cancellation.clone(),
        trace_parent: Some(parts.traces.place_of_run(job)),
        reports: reports.sink(),
    };
    let span = span_of(job);
    let run = async move { handler.run(context).await }.instrument(span);
    // Dropped with this future, should the Worker itself be restarted.
    let mut running = AbortOnDropHandle::new(parts.handler_threads.spawn(run));
    let mut deadline = std::pin::pin!(tokio::time::sleep(job.timeout.to_std()));
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return (match ended {
                // A handler that stops because it was told to is cancelled, whatever it says; one that succeeded all
                // the same has done its work.
                Ok(Ok(result)) => match parts.limits.bound_result(result) {
                    Ok(result) => Outcome::Completed(result),
                    Err(failure) => Outcome::Failed(failure),
                },
                Ok(Err(_)) if is_cancelled => Outcome::Cancelled,
                Ok(Err(failure)) => Outcome::Failed(parts.limits.bound_failure(failure)),
                Err(ended) if ended.is_panic() => {
                    let panic = ended.into_panic();
                    let failure = Failure::new(format!("the handler panicked: {}", panic_text(&*panic)));
                    Outcome::Failed(parts.limits.bound_failure(failure))
                }
                Err(_) => Outcome::Interrupted,
            }, None),
            () = &mut deadline => {
                running.abort();
                let outcome = if is_cancelled {
                    Outcome::Cancelled
                } else {
                    Outcome::Failed(Failure::new(format!("timed out after {}", job.timeout)))
                };
                return (outcome, Some(running));
            }
            changed = orders.changed() => {
                let order = if changed.is_ok() { *orders.borrow_and_update() } else { Order::Interrupt };
                match order {
                    Order::None => {}
                    Order::Cancel => {
                        is_cancelled = true;
                        cancellation.cancel();
                        let end = deadline.deadline().min(tokio::time::Instant::now() + parts.cancel_grace);
                        deadline.as_mut().reset(end);
                    }
                    Order::Interrupt => {
                        cancellation.cancel();
                        running.abort();
                        let outcome = if is_cancelled { Outcome::Cancelled } else { Outcome::Interrupted };
                        return (outcome, Some(running));
                    }
                }
            }
        }
    }
}

/// How an attempt ended, and what its end is worked out from.
struct Ending {
    job: Arc<Job>,
    outcome: Outcome,
    at: DateTime<Utc>,
    jitter: Jitter,
}

impl Ending {
    /// The job as it will be, and the attempt for the history.
    fn work_out(&self) -> (Job, Attempt) {
        self.job.finish(self.outcome.clone(), self.at, self.jitter)
    }

    /// The same end of a job that somebody has asked to be cancelled.
    fn of_cancelled(self) -> Self {
        let job = Job {
            cancel_requested: true,
            ..(*self.job).clone()
        };
        Self {
            job: Arc::new(job),
            ..self
        }
    }
}

/// Stores how an attempt ended, however long that takes. The first try is on its way when this returns.
fn report(completions: CompletionBatcher, ending: Ending) -> impl Future<Output = ()> {
    let (job, attempt) = ending.work_out();
    log_end(&job, &attempt);
    let first = completions.write(job, attempt);
    report_until_stored(completions, ending, first)
}

async fn report_until_stored(
    completions: CompletionBatcher,
    mut ending: Ending,
    first: impl Future<Output = Result<ChangeResult, WriteError>>,
) {
    let (id, number) = (ending.job.id, ending.job.attempt);
    let mut result = first.await;
    loop {
        match result {
            Ok(Ok(Applied::Finished(Finished::Stored))) => return,
            Ok(Ok(Applied::Finished(Finished::CancelRequested))) => ending = ending.of_cancelled(),
            Ok(Ok(_)) => {
                warn!(job.id = %id, attempt = number, "attempt {number} of job {id} ended after it had lost its lease; nothing is changed");
                return;
            }
            Ok(Err(refused)) => {
                error!(job.id = %id, attempt = number, "the end of attempt {number} of job {id} can't be stored: {refused}");
                return;
            }
            Err(failure) => {
                log_failure!(failure, job.id = %id, attempt = number, "the end of attempt {number} of job {id} is not stored yet: {failure}");
                tokio::time::sleep(RECORD_RETRY_WAIT).await;
            }
        }
        let (job, attempt) = ending.work_out();
        result = completions.write(job, attempt).await;
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tell_free(None, ctx);
    }
}

impl Supervised for Worker {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // What it ran is dropped with its futures; the OrphanRecovery finds it and has it run again.
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
        let (sender, orders) = watch::channel(Order::None);
        if is_cancelled {
            sender.send_replace(Order::Cancel);
        }
        self.current = Some(Running {
            attempt: (job.id, job.attempt),
            job_type: job.job_type.clone(),
            orders: sender,
        });
        let parts = self.parts.clone();
        let running = async move {
            let reports = AttemptReports::new(
                &job,
                parts.writer.clone(),
                parts.limits,
                parts.clock.clone(),
                Handle::current(),
            );
            let (outcome, unreturned) = attempt(&parts, &job, &reports, orders).await;
            // Before its reports are written, which may take a while.
            let at = parts.clock.now();
            reports.close().await;
            (job, outcome, at, unreturned)
        };
        let running = running.into_actor(self);
        ctx.spawn(running.map(|(job, outcome, at, unreturned), worker, ctx| {
            worker.current = None;
            let attempt = (job.id, job.attempt);
            let ending = Ending {
                job: Arc::clone(&job),
                outcome,
                at,
                jitter: draw_jitter(),
            };
            // Sent before the queue hears that the Worker is free: the end of this job and the start of the next one can
            // then share a commit.
            let stored = report(worker.parts.completions.clone(), ending);
            worker.unstored.push(attempt);
            ctx.spawn(stored.into_actor(worker).map(move |(), worker, _| {
                worker.unstored.retain(|unstored| *unstored != attempt);
            }));
            let Some(unreturned) = unreturned else {
                drop(permit);
                worker.tell_free(Some(attempt), ctx);
                return;
            };
            worker.is_blocked = true;
            let returned = worker.parts.blocked.clone().wait(unreturned, job);
            ctx.spawn(returned.into_actor(worker).map(move |(), worker, ctx| {
                worker.is_blocked = false;
                drop(permit);
                worker.tell_free(Some(attempt), ctx);
            }));
        }));
    }
}

/// What a handler says in the log, it says of its job.
fn span_of(job: &Job) -> Span {
    info_span!(
        "run",
        job.id = %job.id,
        job.type = %job.job_type,
        queue = %job.queue,
        attempt = job.attempt,
        trace_id = %trace_id(job)
    )
}

/// The trace that a job belongs to, whether it is exported or not.
fn trace_id(job: &Job) -> TraceId {
    JobTrace::of(job, Share::all()).trace_id
}

fn log_end(job: &Job, attempt: &Attempt) {
    let (number, error) = (attempt.number, attempt.error.as_deref().unwrap_or("no error"));
    match job.status {
        JobStatus::Pending => {
            info!(job.id = %job.id, job.type = %job.job_type, queue = %job.queue, attempt = number, trace_id = %trace_id(job), "attempt {number} of job {} has {} ({error}), next attempt at {}", job.id, attempt.status.as_str(), job.due_at);
        }
        JobStatus::Failed => {
            warn!(job.id = %job.id, job.type = %job.job_type, queue = %job.queue, attempt = number, trace_id = %trace_id(job), "job {} has failed: {error}", job.id);
        }
        JobStatus::Running | JobStatus::Completed | JobStatus::Cancelled => {}
    }
}

impl Handler<CancelAttempt> for Worker {
    type Result = ();

    fn handle(&mut self, CancelAttempt { job_id, attempt }: CancelAttempt, _: &mut Context<Self>) {
        if self.runs((job_id, attempt)) {
            self.order(Order::Cancel);
        }
    }
}

impl Handler<InterruptAttempt> for Worker {
    type Result = ();

    fn handle(&mut self, InterruptAttempt { attempt }: InterruptAttempt, _: &mut Context<Self>) {
        if self.runs(attempt) {
            self.order(Order::Interrupt);
        }
    }
}

impl Handler<Interrupt> for Worker {
    type Result = ();

    fn handle(&mut self, Interrupt: Interrupt, _: &mut Context<Self>) {
        self.order(Order::Interrupt);
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
