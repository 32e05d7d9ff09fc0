//! `[jobs]`: what jobs get whose type says nothing else, and how large they may be.

use std::num::NonZeroU32;

use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{DURATION_MAX, between};
use crate::domain::job::new_job::JobDefaults;
use crate::domain::job::retry::RetryPolicy;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;

/// `[jobs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsConfig {
    /// What a job gets that says nothing else and whose type says nothing else.
    pub defaults: JobDefaults,
    /// How long a running job may take to stop after it was cancelled, before it is abandoned.
    pub cancel_grace: TimeSpan,
    /// The greatest parameters of a job.
    pub parameters_bytes_max: usize,
    /// The greatest result of a job.
    pub result_bytes_max: usize,
    /// How many jobs one request may create.
    pub batch_jobs_max: usize,
    /// How many queues may exist beside the configured ones.
    pub max_queues: usize,
    /// How many new queues a caller may name in a time.
    pub new_queues_per_caller: RateLimit,
    /// How many jobs with a unique key a caller may create in a time.
    pub unique_keys_per_caller: RateLimit,
}

/// So many an hour.
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

/// The most retries that a job may have.
pub(crate) const RETRIES_MAX: u32 = 1000;

/// The shortest time that an attempt may be given.
pub(crate) const TIMEOUT_MIN: TimeSpan = TimeSpan::from_millis(1);

impl JobsConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let JobDefaults {
            queue: _,
            max_retries,
            timeout,
            retry_policy,
        } = JobDefaults::default();
        let sizes = || between(ByteSize::bytes(2), ByteSize::mib(64));
        Self {
            defaults: JobDefaults {
                queue: QueueName::default(),
                max_retries: section.get_if("max_retries", max_retries, between(0, RETRIES_MAX)),
                timeout: section.get_if("timeout", timeout, between(TIMEOUT_MIN, DURATION_MAX)),
                retry_policy: RetryPolicy {
                    delay: section.get_if("retry_delay", retry_policy.delay, between(TimeSpan::ZERO, DURATION_MAX)),
                    intervals: retry_policy.intervals,
                },
            },
            cancel_grace: section.get_if(
                "cancel_grace",
                TimeSpan::from_secs(10),
                between(TimeSpan::ZERO, DURATION_MAX),
            ),
            parameters_bytes_max: section
                .get_if("parameters_bytes_max", ByteSize::mib(1), sizes())
                .as_usize(),
            result_bytes_max: section.get_if("result_bytes_max", ByteSize::mib(1), sizes()).as_usize(),
            batch_jobs_max: usize::try_from(section.get_if("batch_jobs_max", 10_000, between(1_u32, 100_000)))
                .unwrap_or(usize::MAX),
            max_queues: usize::try_from(section.get_if("max_queues", 1_000, between(1_u32, 1_000_000)))
                .unwrap_or(usize::MAX),
            new_queues_per_caller: section.get("new_queues_per_caller", per_hour(100)),
            unique_keys_per_caller: section.get("unique_keys_per_caller", per_hour(10_000_000)),
        }
    }
}
