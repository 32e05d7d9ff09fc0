//! What runs a job.

pub mod command;
pub mod http;
pub mod in_process;
pub mod limits;
pub mod noop;
mod output;
pub mod report;
#[cfg(test)]
mod sample_job;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use crate::domain::cluster::remote_worker::LogLevel;
use crate::domain::job::Job;
use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::TraceParent;

use self::report::ReportSink;

/// Runs the jobs of a type.
///
/// The future that `run` returns is dropped when the job is cancelled and does not end within the grace time, when its
/// time is up and when the server stops: whatever it holds must clean up when it is dropped. A panic is a failed attempt.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// Runs one attempt of a job. `Ok` completes it, with a result or without; an error says whether a retry is worth it.
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure>;
}

/// What a handler is given.
#[derive(Clone)]
pub struct JobContext {
    /// The job, running: its id, parameters, and the number of this attempt.
    pub job: Arc<Job>,
    /// Is cancelled when the job should stop. A handler that ends by itself then is recorded as cancelled.
    pub cancellation: CancellationToken,
    /// The span of this attempt, for requests that the handler sends (its text is the header `traceparent`);
    /// `job.propagated` has `tracestate` and `baggage`. `None` only where no server runs the attempt.
    pub trace_parent: Option<TraceParent>,
    /// Where the attempt's progress and log lines go.
    pub reports: Arc<dyn ReportSink>,
}

impl JobContext {
    /// Sets the progress of this attempt, in percent; values outside 0 to 100 are limited to that range. It is part of the
    /// job (`progress`) and of live updates (`job-progress`).
    pub fn progress(&self, percent: f64) {
        self.reports.progress(report::progress_of(percent, None));
    }

    /// Sets the progress of this attempt, with a line that says what it does at the moment.
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

/// Which handler runs which type, on this node.
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    by_type: HashMap<JobType, Arc<dyn JobHandler>>,
    remote: HashSet<JobType>,
}

impl HandlerRegistry {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `handler` run the jobs of a type, in place of the one that did before.
    pub fn register(&mut self, job_type: JobType, handler: Arc<dyn JobHandler>) {
        self.by_type.insert(job_type, handler);
    }

    /// What runs this type here.
    pub fn get(&self, job_type: &JobType) -> Option<&Arc<dyn JobHandler>> {
        self.by_type.get(job_type)
    }

    /// Lets remote workers lease jobs of a type that has a handler here.
    pub fn allow_remote_workers(&mut self, job_type: JobType) {
        self.remote.insert(job_type);
    }

    /// The types that run here, and that remote workers may lease too.
    pub fn remote_types(&self) -> impl Iterator<Item = &JobType> {
        self.remote
            .iter()
            .filter(|job_type| self.by_type.contains_key(*job_type))
    }

    /// The types that run here.
    pub fn job_types(&self) -> impl Iterator<Item = &JobType> {
        self.by_type.keys()
    }
}
