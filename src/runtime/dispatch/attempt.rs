//! One attempt of a job: its handler, timeout, cancellation and panic.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span, info_span};

use super::attempt_reports::AttemptReports;
use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::values::json::Json;
use crate::domain::values::trace_context::{JobTrace, SamplingRatio, TraceId};
use crate::handlers::limits::HandlerLimits;
use crate::handlers::{HandlerRegistry, JobContext};
use crate::runtime::actor::supervisor::panic_text;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::monitoring::job_spans::Traces;

/// Dependencies of attempts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AttemptContext {
    /// Handlers of jobs.
    pub handlers: Arc<HandlerRegistry>,
    /// Size limits of results and errors.
    pub limits: HandlerLimits,
    /// The threads of handlers.
    pub handler_threads: Handle,
    /// Time that a cancelled job has to finish.
    pub cancel_grace: Duration,
    /// Lease of the node, which running jobs depend on.
    pub node_lease: SharedNodeLease,
    /// Spans of jobs.
    pub traces: Traces,
}

/// Request to a running attempt to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Continue.
    None,
    /// The job was cancelled: finish within the grace period.
    Cancel,
    /// The node is shutting down or has lost its lease: stop at once.
    Interrupt,
}

/// A stopped handler that has not returned yet.
pub(crate) type UnreturnedHandler = AbortOnDropHandle<Result<Option<Json>, Failure>>;

/// Runs one attempt of a job until it finishes, times out or is stopped.
pub(crate) async fn run_attempt(
    context: &AttemptContext,
    job: &Arc<Job>,
    reports: &AttemptReports,
    mut signals: watch::Receiver<StopSignal>,
) -> (Outcome, Option<UnreturnedHandler>) {
    let Some(handler) = context.handlers.get(&job.job_type).cloned() else {
        let failure = Failure::new(format!("this node has no handler for the job type {}", job.job_type));
        return (Outcome::Failed(failure), None);
    };
    // The process may have been paused for longer than its lease since the job was started.
    if !context.node_lease.is_open() {
        return (Outcome::Interrupted, None);
    }
    let cancellation = CancellationToken::new();
    let job_context = JobContext {
        job: Arc::clone(job),
        cancellation: cancellation.clone(),
        trace_parent: Some(context.traces.run_span_context(job)),
        reports: reports.sink(),
    };
    let span = span_of(job);
    let run = async move { handler.run(job_context).await }.instrument(span);
    // Aborted if the worker is restarted, which drops this future.
    let mut running = AbortOnDropHandle::new(context.handler_threads.spawn(run));
    let mut deadline = std::pin::pin!(tokio::time::sleep(job.timeout.to_std()));
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            biased;
            finished = &mut running => return (match finished {
                // A handler that fails after its cancellation is cancelled; one that succeeds has completed.
                Ok(Ok(result)) => match context.limits.bound_result(result) {
                    Ok(result) => Outcome::Completed(result),
                    Err(failure) => Outcome::Failed(failure),
                },
                Ok(Err(_)) if is_cancelled => Outcome::Cancelled,
                Ok(Err(failure)) => Outcome::Failed(context.limits.bound_failure(failure)),
                Err(stopped) if stopped.is_panic() => {
                    let panic = stopped.into_panic();
                    let failure = Failure::new(format!("the handler panicked: {}", panic_text(&*panic)));
                    Outcome::Failed(context.limits.bound_failure(failure))
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
            changed = signals.changed() => {
                let signal = if changed.is_ok() { *signals.borrow_and_update() } else { StopSignal::Interrupt };
                match signal {
                    StopSignal::None => {}
                    StopSignal::Cancel => {
                        is_cancelled = true;
                        cancellation.cancel();
                        let end = deadline.deadline().min(tokio::time::Instant::now() + context.cancel_grace);
                        deadline.as_mut().reset(end);
                    }
                    StopSignal::Interrupt => {
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

/// The span of log messages of the handler.
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

/// The trace of a job, exported or not.
pub(crate) fn trace_id(job: &Job) -> TraceId {
    JobTrace::of(job, SamplingRatio::all()).trace_id
}
