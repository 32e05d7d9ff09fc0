//! Evaluation of filters on a job in memory.

use super::condition::{Condition, Interval, NodeMatch, NumberField, Term, TextField, TextMatch, TimeField, TimeMatch};
use super::searched_ids::ids_starting_with;
use crate::job::Job;
use crate::metrics::fingerprint::Fingerprint;

impl Term {
    /// Returns whether a job meets the term.
    pub fn matches(&self, job: &Job) -> bool {
        self.condition.matches(job) != self.is_negated
    }
}

impl Condition {
    /// Returns whether a job meets the condition. Names of nodes match no job: they are replaced by ids before.
    pub fn matches(&self, job: &Job) -> bool {
        match self {
            Self::Id(ids) => ids.contains(&job.id),
            Self::Status(statuses) => statuses.contains(&job.status),
            Self::Priority(priorities) => priorities.contains(&job.priority),
            Self::Text(field, values) => values.iter().any(|value| text_matches(field, value, job)),
            Self::Recurring(ids) => ids.contains(&job.occurrence.map(|occurrence| occurrence.recurring_id)),
            Self::Fingerprint(fingerprints) => fingerprints.contains(&Fingerprint::of_job(job)),
            Self::Node(nodes) => nodes.iter().any(|node| match node {
                NodeMatch::Missing => job.node.is_none(),
                NodeMatch::Id(id) => job.node == Some(*id),
                NodeMatch::Name(_) => false,
            }),
            Self::Number(field, intervals) => {
                let number = match field {
                    NumberField::Attempt => job.attempt,
                    NumberField::Retries => job.retry_count,
                };
                within(intervals, &number)
            }
            Self::Time(field, times) => {
                let time = match field {
                    TimeField::Created => Some(job.created_at),
                    TimeField::Due => Some(job.due_at),
                    TimeField::Started => job.started_at,
                    TimeField::Finished => job.finished_at,
                };
                times.iter().any(|wanted| match wanted {
                    TimeMatch::Missing => time.is_none(),
                    TimeMatch::Within(interval) => time.is_some_and(|time| interval.contains(&time)),
                })
            }
            Self::Duration(intervals) => job.duration().is_some_and(|duration| within(intervals, &duration)),
            Self::Search(text) => match ids_starting_with(text) {
                Some(ids) => ids.contains(&job.id),
                None => contains(job.name.as_str(), text) || contains(job.job_type.as_str(), text),
            },
        }
    }
}

fn within<T: Ord>(intervals: &[Interval<T>], value: &T) -> bool {
    intervals.iter().any(|interval| interval.contains(value))
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

fn text_matches(field: &TextField, value: &TextMatch, job: &Job) -> bool {
    match field {
        TextField::Type => value.matches(Some(job.job_type.as_str())),
        TextField::Queue => value.matches(Some(job.queue.as_str())),
        TextField::Name => value.matches(Some(job.name.as_str())),
        TextField::Unique => value.matches(job.unique_key.as_ref().map(AsRef::as_ref)),
        TextField::Error => value.matches(job.error.as_deref()),
        TextField::Tag => match job.tags() {
            [] => value.matches(None),
            tags => tags.iter().any(|tag| value.matches(Some(tag.as_str()))),
        },
        TextField::Parameter(path) => {
            let labels = job.labels.as_ref();
            value.matches(labels.and_then(|labels| labels.parameter(path)))
        }
    }
}

impl TextMatch {
    /// Returns whether a text matches; `None` is an empty field.
    pub fn matches(&self, text: Option<&str>) -> bool {
        match (self, text) {
            (Self::Missing, text) => text.is_none(),
            (Self::Is(wanted), Some(text)) => **wanted == *text,
            (Self::StartsWith(start), Some(text)) => text.starts_with(&**start),
            (Self::Contains(part), Some(text)) => contains(text, part),
            (Self::Is(_) | Self::StartsWith(_) | Self::Contains(_), None) => false,
        }
    }
}
