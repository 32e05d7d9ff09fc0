//! Sizes of changes in rows: a commit has a limited number of them.

use std::sync::Arc;

use crate::domain::job::Job;

/// Bytes of a job's parameters that count as a row: a commit of long parameters has fewer jobs.
const ROW_BYTES: usize = 16 * 1024;

/// The size of new jobs.
pub(super) fn new_job_rows(jobs: &[Arc<Job>]) -> usize {
    jobs.iter()
        .map(|job| 1 + job.parameters.as_str().len() / ROW_BYTES)
        .sum()
}

/// The size of a change of at most this number of rows.
pub(super) fn limit_rows(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
