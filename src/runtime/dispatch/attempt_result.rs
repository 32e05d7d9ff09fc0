//! Results of attempts, on their way to storage.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::{error, info, warn};

use super::attempt::trace_id;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::retry::Jitter;
use crate::domain::job::status::JobStatus;
use crate::domain::values::timestamp;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::writer::completion_batcher::CompletionBatcher;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::ChangeResult;
use crate::storage::change::{Applied, Finished};

/// Delay before a failed write is retried.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// The result of an attempt.
pub(crate) struct AttemptResult {
    /// The job after its start, if the start is stored with the result.
    pub(crate) started: Option<Arc<Job>>,
    pub(crate) job: Arc<Job>,
    pub(crate) outcome: Outcome,
    pub(crate) at: DateTime<Utc>,
    pub(crate) jitter: Jitter,
}

impl AttemptResult {
    /// The job after the attempt, and the attempt for the history.
    fn apply(&self) -> (Job, Attempt) {
        self.job.finish(self.outcome.clone(), self.at, self.jitter)
    }

    /// The same result for a job that was cancelled in the meantime.
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

/// Stores the result of an attempt, with retries until it succeeds. The first write is sent before this returns.
pub(crate) fn store(completions: CompletionBatcher, result: AttemptResult) -> impl Future<Output = ()> {
    let (job, attempt) = result.apply();
    log_result(&job, &attempt);
    let first = completions.write(result.started.clone(), job, attempt);
    retry_until_stored(completions, result, first)
}

async fn retry_until_stored(
    completions: CompletionBatcher,
    mut result: AttemptResult,
    first: impl Future<Output = Result<ChangeResult, WriteError>>,
) {
    let (id, number) = (result.job.id, result.job.attempt);
    let mut written = first.await;
    loop {
        match written {
            Ok(Ok(Applied::Finished(Finished::Stored))) => return,
            Ok(Ok(Applied::Finished(Finished::CancelRequested))) => result = result.of_cancelled(),
            Ok(Ok(_)) => {
                warn!(job.id = %id, attempt = number, "discarded late result of attempt {number} of job {id} (lease lost)");
                return;
            }
            Ok(Err(refused)) => {
                error!(job.id = %id, attempt = number, "the result of attempt {number} of job {id} was rejected by storage: {refused}");
                return;
            }
            Err(failure) => {
                log_failure!(failure, job.id = %id, attempt = number, "failed to store the result of attempt {number} of job {id}, retrying: {failure}");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
        let (job, attempt) = result.apply();
        written = completions.write(result.started.clone(), job, attempt).await;
    }
}

fn log_result(job: &Job, attempt: &Attempt) {
    let (number, error) = (attempt.number, attempt.error.as_deref().unwrap_or("no error"));
    match job.status {
        JobStatus::Pending => {
            info!(job.id = %job.id, job.type = %job.job_type, queue = %job.queue, attempt = number, trace_id = %trace_id(job), "attempt {number} of job {} has {} ({error}), next attempt at {}", job.id, attempt.status.as_str(), timestamp::to_text(job.due_at));
        }
        JobStatus::Failed => {
            warn!(job.id = %job.id, job.type = %job.job_type, queue = %job.queue, attempt = number, trace_id = %trace_id(job), "job {} has failed: {error}", job.id);
        }
        JobStatus::Running | JobStatus::Completed | JobStatus::Cancelled => {}
    }
}
