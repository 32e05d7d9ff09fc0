//! Traces of jobs.

use super::Job;
use crate::values::trace_context::{JobTrace, SamplingRatio};

impl JobTrace {
    /// The trace of a job. The sampling decision of a creating request applies; other jobs are sampled by `ratio`.
    pub fn of(job: &Job, ratio: SamplingRatio) -> Self {
        Self::new(job.id, job.trace_parent, ratio)
    }
}
