//! Orders of jobs by other values than their ids.

use std::cmp::Ordering;
use std::fmt;

use super::jobs::JobSummary;
use crate::domain::values::id::JobId;

/// A value by which jobs are ordered. Jobs without the value are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortField {
    /// Due time.
    Due,
    /// Time at which they completed, failed permanently or were cancelled.
    Finished,
    /// Duration of the last attempt of finished jobs.
    Duration,
}

/// An order of jobs, and of jobs with the same value by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSort {
    /// The value.
    pub field: SortField,
    /// True if the greatest value is the first.
    pub is_descending: bool,
}

/// The place of a job in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortPlace {
    /// Its value, in microseconds.
    pub value: i64,
    /// The job.
    pub id: JobId,
}

/// A page of jobs in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedPage {
    /// The order.
    pub sort: JobSort,
    /// The page has the jobs after this place.
    pub after: Option<SortPlace>,
    /// Maximum number of jobs.
    pub limit: u32,
    /// Maximum number of matching jobs that are sorted. Orders of an index are not limited.
    pub sorted_max: u32,
}

impl JobSort {
    /// The opposite order.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            is_descending: !self.is_descending,
            ..self
        }
    }

    /// The place of a job; `None` if it does not have the value.
    pub fn place_of(self, job: &JobSummary) -> Option<SortPlace> {
        let value = match self.field {
            SortField::Due => Some(job.due_at.timestamp_micros()),
            SortField::Finished => job.finished_at.map(|at| at.timestamp_micros()),
            SortField::Duration => job.duration().map(|duration| duration.as_micros()),
        };
        value.map(|value| SortPlace { value, id: job.id })
    }

    /// The order of two places.
    pub fn compare(self, one: SortPlace, other: SortPlace) -> Ordering {
        if self.is_descending {
            other.cmp(&one)
        } else {
            one.cmp(&other)
        }
    }
}

impl SortPlace {
    /// Parses the text of a place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let place = parts.and_then(|(value, id)| Some((value.parse().ok()?, JobId::parse(id).ok()?)));
        place.map(|(value, id)| Self { value, id }).ok_or_else(|| {
            let given: String = text.chars().take(64).collect();
            format!("'{given}' is not the endCursor of a page in this order")
        })
    }
}

impl fmt::Display for SortPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.value, self.id)
    }
}
