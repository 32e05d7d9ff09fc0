//! What this server accepts of a new job, beyond what every job must keep to.

use std::collections::{HashMap, HashSet};

use std::sync::Arc;

use chrono::Datelike;

use crate::domain::job::new_job::{DefaultsByType, Due, NewJob};
use crate::domain::job::state_machine::JobPatch;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::json;
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::service::error::ServiceError;

/// How deep parameters may be nested: what JSON parsers commonly take.
const PARAMETERS_DEPTH_MAX: usize = 64;
/// How many retries a job may have.
pub const MAX_RETRIES_MAX: u32 = 1_000;
/// How many waits a list of retry intervals may have.
pub const RETRY_INTERVALS_MAX: usize = 100;

/// What becomes of a job whose type nobody has configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownJobTypes {
    /// It waits for a worker that knows it.
    #[default]
    Accept,
    /// It is refused.
    Reject,
}

/// What this server accepts, and what it fills in.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What a job gets that does not say otherwise.
    pub defaults: Arc<DefaultsByType>,
    /// What becomes of the others.
    pub unknown_job_types: UnknownJobTypes,
    /// How large parameters may be, in bytes of JSON text.
    pub parameters_bytes_max: usize,
    /// How many jobs one batch may have.
    pub batch_jobs_max: usize,
    /// How many queues may exist beside those of the configuration.
    pub queues_max: usize,
    /// How many new queues a caller may name in a time.
    pub new_queues_per_caller: RateLimit,
    /// How many jobs with a unique key a caller may create in a time.
    pub unique_keys_per_caller: RateLimit,
    /// How many remote workers of a caller may live.
    pub workers_per_caller: u32,
    /// The queues of the configuration, which may always be named.
    pub queues: HashSet<QueueName>,
    /// How many pending jobs a queue may have, where that is limited: new jobs and triggered occurrences are refused beyond
    /// it. A retry, a job that is moved or queued again, and a scheduled occurrence are not.
    pub pending_max: HashMap<QueueName, u64>,
}

impl Rules {
    /// Checks a new job; `index` is its place in a batch.
    pub fn check(&self, new: &NewJob, index: Option<usize>) -> Result<(), ServiceError> {
        let invalid = |field, detail| Err(ServiceError::Invalid { field, index, detail });
        if self.unknown_job_types == UnknownJobTypes::Reject && !self.defaults.by_type.contains_key(&new.job_type) {
            let mut known: Vec<&str> = self.defaults.by_type.keys().map(JobType::as_str).collect();
            known.sort_unstable();
            let detail = format!(
                "the job type '{}' is not configured on this server; configured are: {}",
                new.job_type,
                known.join(", ")
            );
            return invalid("type", detail);
        }
        let found = self
            .check_parameters(&new.parameters)
            .or_else(|| check_due(Some(new.due)))
            .or_else(|| check_retries(new.max_retries, new.retry_intervals.as_deref()))
            .or_else(|| check_spans(new.timeout, new.retry_delay));
        found.map_or(Ok(()), |(field, detail)| invalid(field, detail))
    }

    /// Checks what of a job is to be changed.
    pub fn check_patch(&self, patch: &JobPatch) -> Result<(), ServiceError> {
        let found = patch
            .parameters
            .as_ref()
            .and_then(|parameters| self.check_parameters(parameters))
            .or_else(|| check_due(patch.due))
            .or_else(|| check_retries(patch.max_retries, patch.retry_intervals.as_deref()))
            .or_else(|| check_spans(patch.timeout, patch.retry_delay));
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
                format!("parameters have {length} bytes of JSON; at most {max} are allowed"),
            ));
        }
        let depth = json::depth(parameters.as_str());
        (depth > PARAMETERS_DEPTH_MAX).then(|| {
            let detail =
                format!("parameters are nested {depth} deep; at most {PARAMETERS_DEPTH_MAX} levels are allowed");
            ("parameters", detail)
        })
    }
}

/// The field that is wrong, and why.
type Finding = (&'static str, String);

/// Checks when a job is to start. A delay is not negative, and not longer than ten years.
pub fn check_due(due: Option<Due>) -> Option<Finding> {
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
            "retryIntervals has {} entries; at most {RETRY_INTERVALS_MAX} are allowed",
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

/// Checks a duration that a caller has given.
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
