//! Limits and defaults of jobs on this server, and the validation of jobs by them.

use std::collections::{HashMap, HashSet};

use std::sync::Arc;

use chrono::Datelike;

use crate::domain::job::labels::check_tags;
use crate::domain::job::new_job::{DefaultsByType, Due, NewJob};
use crate::domain::job::state_machine::JobUpdate;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::json;
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::service::error::ServiceError;

/// Maximum nesting depth of parameters, which common JSON parsers support.
const PARAMETERS_DEPTH_MAX: usize = 64;
/// Maximum number of retries of a job.
pub(crate) const MAX_RETRIES_MAX: u32 = 1_000;
/// Maximum number of retry intervals.
pub(crate) const RETRY_INTERVALS_MAX: usize = 100;

/// Treatment of jobs with an unconfigured type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownJobTypes {
    /// They wait for a worker that handles the type.
    #[default]
    Accept,
    /// They are rejected.
    Reject,
}

/// Limits and defaults of this server.
#[derive(Clone, Debug)]
pub struct JobLimits {
    /// Defaults of jobs.
    pub defaults: Arc<DefaultsByType>,
    /// Treatment of unconfigured types.
    pub unknown_job_types: UnknownJobTypes,
    /// Maximum size of parameters, in bytes of JSON text.
    pub parameters_bytes_max: usize,
    /// Maximum number of jobs in a batch.
    pub batch_jobs_max: usize,
    /// Maximum number of queues in addition to the configured ones.
    pub queues_max: usize,
    /// Limit of new queues per caller.
    pub new_queues_per_caller: RateLimit,
    /// Limit of new jobs with a unique key per caller.
    pub unique_keys_per_caller: RateLimit,
    /// Maximum number of live remote workers per caller.
    pub workers_per_caller: u32,
    /// The queues of the configuration, which may always be named.
    pub queues: HashSet<QueueName>,
    /// Maximum number of pending jobs of queues with a limit: new jobs and triggered occurrences beyond it are
    /// rejected. Retries, requeued and moved jobs, and scheduled occurrences are exempt.
    pub pending_max: HashMap<QueueName, u64>,
}

impl JobLimits {
    /// Validates the number of jobs in a batch.
    pub fn check_batch_size(&self, count: usize) -> Result<(), ServiceError> {
        let max = self.batch_jobs_max;
        if (1..=max).contains(&count) {
            return Ok(());
        }
        let detail = format!("a batch has 1 to {max} jobs; this one has {count}");
        Err(ServiceError::invalid("jobs", detail))
    }

    /// Validates a new job; `index` is its index in a batch.
    pub fn check(&self, new: &NewJob, index: Option<usize>) -> Result<(), ServiceError> {
        let invalid = |field, detail| Err(ServiceError::Invalid { field, index, detail });
        if self.unknown_job_types == UnknownJobTypes::Reject && !self.defaults.by_type.contains_key(&new.job_type) {
            let mut known: Vec<&str> = self.defaults.by_type.keys().map(JobType::as_str).collect();
            known.sort_unstable();
            let detail = format!(
                "job type '{}' is not configured on this server; configured are: {}",
                new.job_type,
                known.join(", ")
            );
            return invalid("type", detail);
        }
        let found = self
            .check_parameters(&new.parameters)
            .or_else(|| check_due(Some(new.due)))
            .or_else(|| check_retries(new.max_retries, new.retry_intervals.as_deref()))
            .or_else(|| check_spans(new.timeout, new.retry_delay))
            .or_else(|| check_tags(new.tags.len()).err().map(|detail| ("tags", detail)));
        found.map_or(Ok(()), |(field, detail)| invalid(field, detail))
    }

    /// Validates an update of a job.
    pub fn check_patch(&self, patch: &JobUpdate) -> Result<(), ServiceError> {
        let found = patch
            .parameters
            .as_ref()
            .and_then(|parameters| self.check_parameters(parameters))
            .or_else(|| check_due(patch.due))
            .or_else(|| check_retries(patch.max_retries, patch.retry_intervals.as_deref()))
            .or_else(|| check_spans(patch.timeout, patch.retry_delay))
            .or_else(|| {
                let count = patch.tags.as_ref().map_or(0, Vec::len);
                check_tags(count).err().map(|detail| ("tags", detail))
            });
        found.map_or(Ok(()), |(field, detail)| {
            Err(ServiceError::Invalid {
                field,
                index: None,
                detail,
            })
        })
    }

    fn check_parameters(&self, parameters: &Json) -> Option<Finding> {
        let (length, max) = (parameters.as_str().len(), self.parameters_bytes_max);
        if length > max {
            return Some((
                "parameters",
                format!("parameters have {length} bytes of JSON; the maximum is {max}"),
            ));
        }
        let depth = json::depth(parameters.as_str());
        (depth > PARAMETERS_DEPTH_MAX).then(|| {
            let detail = format!("parameters have a nesting depth of {depth}; the maximum is {PARAMETERS_DEPTH_MAX}");
            ("parameters", detail)
        })
    }
}

/// The invalid field, and the reason.
type Finding = (&'static str, String);

/// Validates a start time. A delay is not negative, and at most ten years.
pub(crate) fn check_due(due: Option<Due>) -> Option<Finding> {
    match due {
        Some(Due::After(delay)) => check_span("delay", Some(delay), true),
        Some(Due::At(time)) if !(1..=9999).contains(&time.year()) => {
            Some(("runAt", "runAt is outside the years 1 to 9999".to_owned()))
        }
        Some(Due::At(_) | Due::Now) | None => None,
    }
}

fn check_retries(max_retries: Option<u32>, intervals: Option<&[TimeSpan]>) -> Option<Finding> {
    if let Some(count) = max_retries.filter(|count| *count > MAX_RETRIES_MAX) {
        return Some((
            "maxRetries",
            format!("maxRetries is {count}; allowed are 0 to {MAX_RETRIES_MAX}"),
        ));
    }
    let intervals = intervals.unwrap_or_default();
    if intervals.len() > RETRY_INTERVALS_MAX {
        let detail = format!(
            "retryIntervals has {} entries; the maximum is {RETRY_INTERVALS_MAX}",
            intervals.len()
        );
        return Some(("retryIntervals", detail));
    }
    intervals
        .iter()
        .find_map(|interval| check_span("retryIntervals", Some(*interval), true))
}

fn check_spans(timeout: Option<TimeSpan>, retry_delay: Option<TimeSpan>) -> Option<Finding> {
    check_span("timeout", timeout, false).or_else(|| check_span("retryDelay", retry_delay, true))
}

/// Validates a duration.
pub(crate) fn check_span(field: &'static str, span: Option<TimeSpan>, may_be_zero: bool) -> Option<Finding> {
    let span = span?;
    let is_wrong = span.is_negative() || span > TimeSpan::LONGEST || (!may_be_zero && span == TimeSpan::ZERO);
    is_wrong.then(|| {
        let least = if may_be_zero { "00:00:00" } else { "more than 00:00:00" };
        (
            field,
            format!("{field} is {span}; allowed is {least} to {}", TimeSpan::LONGEST),
        )
    })
}
