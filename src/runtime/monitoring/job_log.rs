//! Log records of completed jobs, if enabled (`[log] jobs = true`).

use tracing::info;

use crate::domain::job::status::JobStatus;
use crate::domain::values::trace_context::{JobTrace, SamplingRatio};
use crate::storage::change::{Applied, Change, Finished, JobChange};

/// Logs a stored completion. Failures are logged in any case, where they occur.
pub(crate) fn log_end(change: &Change, applied: &Applied) {
    let (Change::Job(JobChange::Finish { job, attempt, .. }), Applied::Finished(Finished::Stored)) = (change, applied)
    else {
        return;
    };
    let what = match job.status {
        JobStatus::Completed => "completed",
        JobStatus::Cancelled => "was cancelled",
        JobStatus::Pending | JobStatus::Running | JobStatus::Failed => return,
    };
    let took = attempt.ended_at.unwrap_or(attempt.started_at) - attempt.started_at;
    info!(
        job.id = %job.id,
        job.type = %job.job_type,
        queue = %job.queue,
        attempt = attempt.number,
        duration_ms = took.num_milliseconds(),
        trace_id = %JobTrace::of(job, SamplingRatio::all()).trace_id,
        "job {} {what}",
        job.id
    );
}
