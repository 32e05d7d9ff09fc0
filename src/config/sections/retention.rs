//! `[retention]`: how long finished jobs, and the record of changes, are kept.

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Check, DURATION_MAX, Setting, Wrong, between, quoted};
use crate::config::loader::value::Value;
use crate::domain::values::time_span::TimeSpan;

/// `[retention]`: how long jobs are kept after they ended; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Those that succeeded.
    pub completed: Option<TimeSpan>,
    /// Those that failed for good.
    pub failed: Option<TimeSpan>,
    /// Those that were cancelled.
    pub cancelled: Option<TimeSpan>,
    /// Not jobs, but the records of who has changed what, after the change.
    pub audit: Option<TimeSpan>,
    /// Deliveries to webhook endpoints, after the event that they tell.
    pub deliveries: Option<TimeSpan>,
    /// The feed of changed jobs, after the change.
    pub changes: Option<TimeSpan>,
    /// What is summed up of jobs over time, which `/metrics` shows, whatever becomes of the jobs.
    pub metrics: Option<TimeSpan>,
}

impl RetentionConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let mut kept = |key, days: i64| {
            let default = Kept(Some(TimeSpan::from_secs(days * 24 * 3600)));
            let Kept(time) = section.get_if(key, default, |Kept(time): &Kept| match time {
                Some(time) => between(TimeSpan::ZERO, DURATION_MAX).check(time),
                None => Ok(()),
            });
            time
        };
        Self {
            completed: kept("completed", 7),
            failed: kept("failed", 30),
            cancelled: kept("cancelled", 7),
            audit: kept("audit", 90),
            deliveries: kept("deliveries", 7),
            changes: kept("changes", 7),
            metrics: kept("metrics", 90),
        }
    }
}

/// A duration, or `never`: removed never.
struct Kept(Option<TimeSpan>);

impl Setting for Kept {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.as_text() {
            Some("never") => Ok(Self(None)),
            Some(_) | None => match TimeSpan::read(value) {
                Ok(time) => Ok(Self(Some(time))),
                Err(wrong) => Err(Wrong {
                    message: format!("{}, or \"never\"", wrong.message),
                    ..wrong
                }),
            },
        }
    }

    fn show(&self) -> String {
        match self {
            Self(Some(time)) => time.show(),
            Self(None) => quoted("never"),
        }
    }
}
