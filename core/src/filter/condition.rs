//! Conditions on jobs.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::job::priority::Priority;
use crate::job::status::JobStatus;
use crate::metrics::fingerprint::Fingerprint;
use crate::recurring::RecurringId;
use crate::values::id::{JobId, NodeId};
use crate::values::time_span::TimeSpan;

/// A condition, or its negation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term {
    /// True if the condition must not hold.
    pub is_negated: bool,
    /// The condition.
    pub condition: Condition,
}

/// A condition on one field: one of the values must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// One of these jobs.
    Id(Vec<JobId>),
    /// One of these statuses.
    Status(Vec<JobStatus>),
    /// One of these priorities.
    Priority(Vec<Priority>),
    /// A text that matches.
    Text(TextField, Vec<TextMatch>),
    /// An occurrence of one of these recurring jobs; `None` stands for jobs that are no occurrence.
    Recurring(Vec<Option<RecurringId>>),
    /// One of these fingerprints of the last failure; `None` stands for jobs whose last attempt did not fail.
    Fingerprint(Vec<Option<Fingerprint>>),
    /// Started, at last, by one of these nodes or remote workers.
    Node(Vec<NodeMatch>),
    /// A number in one of these intervals.
    Number(NumberField, Vec<Interval<u32>>),
    /// A time that matches.
    Time(TimeField, Vec<TimeMatch>),
    /// Duration of the last attempt of a finished job, in one of these intervals.
    Duration(Vec<Interval<TimeSpan>>),
    /// A part of the name or of the type, in any case of ASCII letters. Or the id, or at least its first eight digits.
    Search(Arc<str>),
}

/// A field with a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextField {
    /// Type.
    Type,
    /// Queue.
    Queue,
    /// Display name.
    Name,
    /// Each of its tags.
    Tag,
    /// Unique key.
    Unique,
    /// Error of the last attempt, in one line.
    Error,
    /// The parameter at this path, as a text.
    Parameter(Arc<str>),
}

/// Match of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextMatch {
    /// The field is empty.
    Missing,
    /// This text.
    Is(Arc<str>),
    /// A text with this start.
    StartsWith(Arc<str>),
    /// A text that contains this one, in any case of ASCII letters.
    Contains(Arc<str>),
}

/// Match of the node that has started the last attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeMatch {
    /// No attempt has started.
    Missing,
    /// The node or remote worker with this id.
    Id(NodeId),
    /// A node or remote worker with this name.
    Name(Arc<str>),
}

/// A field with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberField {
    /// Number of started attempts.
    Attempt,
    /// Number of retries since the count was last reset.
    Retries,
}

/// A field with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeField {
    /// Creation.
    Created,
    /// Due time.
    Due,
    /// Start of the last attempt.
    Started,
    /// End.
    Finished,
}

/// Match of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeMatch {
    /// The job has no such time yet.
    Missing,
    /// A time in this interval.
    Within(Interval<DateTime<Utc>>),
}

/// An interval that includes its bounds; a missing bound is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval<T> {
    /// The least value.
    pub from: Option<T>,
    /// The greatest value.
    pub to: Option<T>,
}

impl<T: Ord> Interval<T> {
    /// Returns whether the interval has this value.
    pub fn contains(&self, value: &T) -> bool {
        self.from.as_ref().is_none_or(|from| from <= value) && self.to.as_ref().is_none_or(|to| value <= to)
    }

    /// Returns whether the interval has no value.
    pub fn is_empty(&self) -> bool {
        matches!((&self.from, &self.to), (Some(from), Some(to)) if from > to)
    }
}

impl From<Condition> for Term {
    fn from(condition: Condition) -> Self {
        Self {
            is_negated: false,
            condition,
        }
    }
}
