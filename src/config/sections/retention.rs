//! `[retention]`: retention of finished jobs, audit records and other history.

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Check, DURATION_MAX, Setting, Wrong, between, quoted};
use crate::config::loader::value::Value;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::maintenance::pruner::Retention;

pub(crate) fn read(section: &mut Section<'_>) -> Retention {
    let mut kept = |key, days: i64| {
        let default = Kept(Some(TimeSpan::from_secs(days * 24 * 3600)));
        let Kept(time) = section.get_if(key, default, |Kept(time): &Kept| match time {
            Some(time) => between(TimeSpan::ZERO, DURATION_MAX).check(time),
            None => Ok(()),
        });
        time
    };
    Retention {
        completed: kept("completed", 7),
        failed: kept("failed", 30),
        cancelled: kept("cancelled", 7),
        audit: kept("audit", 90),
        deliveries: kept("deliveries", 7),
        changes: kept("change_feed", 7),
        metrics: kept("metrics", 90),
    }
}

/// A duration, or `never` for no limit.
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
