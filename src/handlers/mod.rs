//! What runs a job.

pub mod command;
pub mod http;
pub mod in_process;
pub mod limits;
pub mod noop;
mod output;
#[cfg(test)]
mod sample_job;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::job::Job;
use crate::domain::json::Json;
use crate::domain::name::JobType;
use crate::domain::outcome::Failure;
use crate::domain::trace::TraceParent;

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
#[derive(Clone, Debug)]
pub struct JobContext {
    /// The job, running: its id, parameters, and the number of this attempt.
    pub job: Arc<Job>,
    /// Is cancelled when the job should stop. A handler that ends by itself then is recorded as cancelled.
    pub cancellation: CancellationToken,
    /// The place of this attempt in a trace, for those whom the handler calls (its text is the header `traceparent`):
    /// `None` when the job came with none and the server exports none.
    pub trace_parent: Option<TraceParent>,
}

/// Which handler runs which type, on this node.
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    by_type: HashMap<JobType, Arc<dyn JobHandler>>,
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

    /// The types that run here.
    pub fn job_types(&self) -> impl Iterator<Item = &JobType> {
        self.by_type.keys()
    }
}
