//! `[job_types.NAME]`: what jobs of a type get, and what runs them.

pub(crate) mod handler;

use std::num::NonZeroU32;
use std::sync::Arc;

use self::handler::HandlerSettings;
use super::jobs::{RETRIES_MAX, TIMEOUT_MIN};
use crate::config::loader::render;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Check, DURATION_MAX, between};
use crate::domain::job::new_job::JobDefaults;
use crate::domain::job::retry::RetryPolicy;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;

/// `[job_types.NAME]`.
#[derive(Clone)]
pub struct JobTypeSettings {
    /// NAME.
    pub job_type: JobType,
    /// What a job of this type gets that says nothing else.
    pub defaults: JobDefaults,
    /// How many jobs of this type run at the same time on one node; `None` for as many as its queue has workers.
    pub concurrency: Option<NonZeroU32>,
    /// Whether remote workers may lease its jobs although a handler runs them here.
    pub remote_workers: bool,
    /// What runs it.
    pub handler: HandlerSettings,
}

/// The most waits that a list of them may have.
const INTERVALS_MAX: usize = 100;

impl JobTypeSettings {
    /// All types, in the order in which they were written.
    pub(crate) fn read_all(root: &mut Section<'_>, defaults: &JobDefaults) -> Vec<Self> {
        let mut section = root.child("job_types");
        let mut all = Vec::new();
        for (name, entry) in section.members() {
            let job_type = match JobType::parse(name) {
                Ok(job_type) => job_type,
                Err(error) => {
                    section.error(&entry.source, name, error);
                    continue;
                }
            };
            let path = section.path_of(name);
            let header = format!("job_types.{}", render::key(name));
            let mut section = section.open(path, format!("[{header}]"), Some(entry));
            all.push(Self::read(&mut section, job_type, defaults, &header));
            section.finish();
        }
        all
    }

    fn read(section: &mut Section<'_>, job_type: JobType, defaults: &JobDefaults, header: &str) -> Self {
        let JobDefaults {
            queue,
            max_retries,
            timeout,
            retry_policy,
        } = defaults.clone();
        Self {
            job_type,
            defaults: JobDefaults {
                queue: section.get("queue", queue),
                max_retries: section.get_if("max_retries", max_retries, between(0, RETRIES_MAX)),
                timeout: section.get_if("timeout", timeout, between(TIMEOUT_MIN, DURATION_MAX)),
                retry_policy: RetryPolicy {
                    delay: section.get_if("retry_delay", retry_policy.delay, between(TimeSpan::ZERO, DURATION_MAX)),
                    intervals: section
                        .optional_if("retry_intervals", check_intervals)
                        .map_or(retry_policy.intervals, Arc::from),
                },
            },
            concurrency: section.optional("concurrency"),
            remote_workers: section.get("remote_workers", false),
            // Last, because its own table follows the type's settings where they are shown.
            handler: HandlerSettings::read(section, header),
        }
    }
}

// A parameter of the type that is read, which is a Vec.
#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
pub(crate) fn check_intervals(intervals: &Vec<TimeSpan>) -> Result<(), String> {
    if intervals.len() > INTERVALS_MAX {
        return Err(format!(
            "{} waits are too many; at most {INTERVALS_MAX} are allowed",
            intervals.len()
        ));
    }
    intervals
        .iter()
        .try_for_each(|interval| between(TimeSpan::ZERO, DURATION_MAX).check(interval))
}
