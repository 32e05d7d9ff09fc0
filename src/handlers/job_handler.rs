//! Handlers of jobs and the context of an attempt.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::report::{self, ReportSink};
use crate::domain::cluster::remote_worker::LogLevel;
use crate::domain::job::Job;
use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;
use crate::domain::values::trace_context::TraceParent;

/// Runs the jobs of a type.
///
/// The future of `run` is dropped when a cancelled job does not end within the grace period, when its timeout elapses
/// and when the server shuts down: its values must clean up on drop. A panic is a failed attempt.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// Runs one attempt of a job. `Ok` completes it, with an optional result; a failure includes advice about retries.
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure>;
}

/// Context of an attempt.
#[derive(Clone)]
pub struct JobContext {
    /// The running job: id, parameters and the number of this attempt.
    pub job: Arc<Job>,
    /// Cancelled when the job should stop. If the handler then ends by itself, the job is recorded as cancelled.
    pub cancellation: CancellationToken,
    /// Span context of this attempt, for requests that the handler sends (its text is the header `traceparent`);
    /// `job.propagated` has `tracestate` and `baggage`. `None` only outside a server.
    pub trace_parent: Option<TraceParent>,
    /// Sink of the attempt's progress and log lines.
    pub reports: Arc<dyn ReportSink>,
}

impl JobContext {
    /// Sets the progress of this attempt, in percent, clamped to 0 to 100. It is published in the job (`progress`) and
    /// in live updates (`job-progress`).
    pub fn progress(&self, percent: f64) {
        self.reports.progress(report::progress_of(percent, None));
    }

    /// Sets the progress of this attempt, with a description of the current step.
    pub fn progress_with(&self, percent: f64, message: &str) {
        self.reports.progress(report::progress_of(percent, Some(message)));
    }

    /// Appends a line to the log of the job, which keeps the last 200.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.reports.log(level, message);
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            cancellation,
            trace_parent,
            reports: _,
        } = self;
        f.debug_struct("JobContext")
            .field("job", job)
            .field("cancellation", cancellation)
            .field("trace_parent", trace_parent)
            .finish_non_exhaustive()
    }
}
