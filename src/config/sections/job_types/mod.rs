//! `[job_types.NAME]`: defaults and handlers of job types.

pub(crate) mod handler;

use std::num::NonZeroU32;
use std::sync::Arc;

use self::handler::HandlerSettings;
use super::jobs::{RETRIES_MAX, TIMEOUT_MIN};
use crate::config::loader::render;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Check, DURATION_MAX, between};
use crate::domain::job::labels::{SEARCHABLE_MAX, check_path};
use crate::domain::job::new_job::JobDefaults;
use crate::domain::job::retry::RetryPolicy;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;

/// `[job_types.NAME]`.
#[derive(Clone)]
pub(crate) struct JobTypeSettings {
    /// NAME.
    pub job_type: JobType,
    /// Defaults of its jobs.
    pub defaults: JobDefaults,
    /// Maximum number of running jobs of this type per node; `None` for as many as its queue has workers.
    pub concurrency: Option<NonZeroU32>,
    /// Remote workers may lease its jobs although there is a handler.
    pub remote_workers: bool,
    /// Its handler.
    pub handler: HandlerSettings,
}

/// Maximum length of a list of delays.
const INTERVALS_MAX: usize = 100;

impl JobTypeSettings {
    /// All types, in the order of the file.
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
            searchable: _,
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
                searchable: section
                    .get_if("search", Vec::new(), check_paths)
                    .iter()
                    .map(|path: &String| Arc::from(path.as_str()))
                    .collect(),
            },
            concurrency: section.optional("concurrency"),
            remote_workers: section.get("remote_workers", false),
            // Last, because its table follows the type's settings in the rendered configuration.
            handler: HandlerSettings::read(section, header),
        }
    }
}

#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
fn check_paths(paths: &Vec<String>) -> Result<(), String> {
    if paths.len() > SEARCHABLE_MAX {
        let count = paths.len();
        return Err(format!(
            "{count} paths are too many; at most {SEARCHABLE_MAX} are allowed"
        ));
    }
    paths.iter().try_for_each(|path| check_path(path))
}

// The parameter has the type of the setting, which is a Vec.
#[expect(clippy::ptr_arg, reason = "the check of a setting takes the setting's own type")]
pub(crate) fn check_intervals(intervals: &Vec<TimeSpan>) -> Result<(), String> {
    if intervals.len() > INTERVALS_MAX {
        return Err(format!(
            "{} delays are too many; at most {INTERVALS_MAX} are allowed",
            intervals.len()
        ));
    }
    intervals
        .iter()
        .try_for_each(|interval| between(TimeSpan::ZERO, DURATION_MAX).check(interval))
}
