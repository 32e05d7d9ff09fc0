//! Reasons of failures that were counted today, so that their number is bounded.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::metrics::failure_reason::{OTHER, REASONS_MAX, normalise};
use crate::domain::metrics::rollup::{HOURS_PER_DAY, RollupEntry};
use crate::domain::values::name::JobType;

/// The reasons of the latest day, by type.
#[derive(Debug, Default)]
pub(crate) struct FailureReasonLimiter {
    today: Mutex<Today>,
}

#[derive(Debug, Default)]
struct Today {
    day: i64,
    by_type: HashMap<JobType, HashSet<String>>,
}

impl FailureReasonLimiter {
    /// The reason under which a failure is counted; `None` if there is no failure. Errors with ever new texts do not
    /// fill the storage: beyond the first reasons of a day they have a common one.
    pub(super) fn reason(&self, mark: &RollupEntry, error: Option<&str>) -> Option<String> {
        if !mark.has_failed {
            return None;
        }
        let reason = normalise(error.unwrap_or_default());
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let day = mark.time_bucket.hour().div_euclid(HOURS_PER_DAY);
        if day > today.day {
            today.day = day;
            today.by_type.clear();
        }
        let known = today.by_type.entry(mark.job_type.clone()).or_default();
        if known.contains(&reason) {
            return Some(reason);
        }
        if known.len() >= REASONS_MAX {
            return Some(OTHER.to_owned());
        }
        known.insert(reason.clone());
        Some(reason)
    }
}
