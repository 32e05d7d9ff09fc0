//! `[jobs]`: the defaults and limits of jobs.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, between};
use crate::domain::job::new_job::{DefaultsByType, JobDefaults};
use crate::domain::job::retry::RetryPolicy;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::limits::HandlerLimits;
use crate::service::limits::job_limits::{JobLimits, UnknownJobTypes};

/// `[jobs]`.
#[derive(Clone, Debug)]
pub(crate) struct JobsConfig {
    /// The checks of new jobs, without the settings of queues and job types.
    pub limits: JobLimits,
    /// The sizes of results and errors.
    pub handler_limits: HandlerLimits,
    /// Time that a cancelled job has to finish before it is abandoned.
    pub cancel_grace: Duration,
}

/// A rate per hour.
const fn per_hour(count: u32) -> RateLimit {
    let (one, hour) = (NonZeroU32::MIN, NonZeroU32::new(3_600));
    RateLimit {
        jobs: match NonZeroU32::new(count) {
            Some(count) => count,
            None => one,
        },
        per_seconds: match hour {
            Some(hour) => hour,
            None => one,
        },
    }
}

/// Maximum number of retries of a job.
pub(crate) const RETRIES_MAX: u32 = 1000;

/// Minimum timeout of an attempt.
pub(crate) const TIMEOUT_MIN: TimeSpan = TimeSpan::from_millis(1);

impl JobsConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let JobDefaults {
            queue: _,
            max_retries,
            timeout,
            retry_policy,
            searchable,
        } = JobDefaults::default();
        let size = |section: &mut Section<'_>, key| {
            let range = between(ByteSize::bytes(2), ByteSize::mib(64));
            section.get_if(key, ByteSize::mib(1), range).as_usize()
        };
        let count = |section: &mut Section<'_>, key, default: u32, most| {
            usize::try_from(section.get_if(key, default, between(1, most))).unwrap_or(usize::MAX)
        };
        let general = JobDefaults {
            queue: QueueName::default(),
            max_retries: section.get_if("max_retries", max_retries, between(0, RETRIES_MAX)),
            timeout: section.get_if("timeout", timeout, between(TIMEOUT_MIN, DURATION_MAX)),
            retry_policy: RetryPolicy {
                delay: section.get_if("retry_delay", retry_policy.delay, between(TimeSpan::ZERO, DURATION_MAX)),
                intervals: retry_policy.intervals,
            },
            searchable,
        };
        let cancel_grace = section.get_if(
            "cancel_grace",
            TimeSpan::from_secs(10),
            between(TimeSpan::ZERO, DURATION_MAX),
        );
        let parameters_bytes_max = size(section, "max_parameters_size");
        let result_bytes_max = size(section, "max_result_size");
        Self {
            limits: JobLimits {
                defaults: Arc::new(DefaultsByType {
                    general,
                    by_type: HashMap::new(),
                }),
                unknown_job_types: UnknownJobTypes::default(),
                parameters_bytes_max,
                batch_jobs_max: count(section, "max_batch_size", 10_000, 100_000),
                queues_max: count(section, "max_queues", 1_000, 1_000_000),
                new_queues_per_caller: section.get("new_queues_per_caller", per_hour(100)),
                unique_keys_per_caller: section.get("unique_keys_per_caller", per_hour(10_000_000)),
                workers_per_caller: section.get_if("max_workers_per_caller", 1_000, between(1_u32, 1_000_000)),
                queues: HashSet::new(),
                pending_max: HashMap::new(),
            },
            handler_limits: HandlerLimits {
                result_bytes_max,
                ..HandlerLimits::default()
            },
            cancel_grace: cancel_grace.to_std(),
        }
    }

    /// The defaults of jobs whose type has no settings.
    pub(crate) fn defaults(&self) -> &JobDefaults {
        &self.limits.defaults.general
    }
}
