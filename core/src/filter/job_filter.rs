//! A filter of jobs.

use std::fmt;

use chrono::{DateTime, Utc};

use super::condition::{Condition, Interval, Term, TextField, TextMatch, TimeField, TimeMatch};
use super::invalid::InvalidFilter;
use super::parser;
use crate::job::Job;
use crate::job::priority::Priority;
use crate::job::status::JobStatus;
use crate::recurring::RecurringId;
use crate::values::name::{JobType, QueueName};

/// A filter of jobs. All of its terms must hold; an empty filter selects all jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobFilter {
    terms: Vec<Term>,
}

impl JobFilter {
    /// The filter that selects all jobs.
    pub const fn all() -> Self {
        Self { terms: Vec::new() }
    }

    /// Parses a filter text. Times such as `-1h` are relative to `now`.
    pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, InvalidFilter> {
        parser::terms(text, now).map(|terms| Self { terms })
    }

    /// The terms, all of which must hold.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Returns whether the filter has no terms and selects all jobs.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The filter with a further condition.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        self.terms.push(condition.into());
        self
    }

    /// The filter without the jobs that meet a condition.
    #[must_use]
    pub fn without(mut self, condition: Condition) -> Self {
        self.terms.push(Term {
            is_negated: true,
            condition,
        });
        self
    }

    /// The jobs that both filters select.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    /// The filter with one of these statuses; with any status if there are none.
    #[must_use]
    pub fn with_statuses(self, statuses: &[JobStatus]) -> Self {
        if statuses.is_empty() {
            return self;
        }
        self.with(Condition::Status(statuses.to_vec()))
    }

    /// The filter with one of these types; with any type if there are none.
    #[must_use]
    pub fn with_types(self, types: &[JobType]) -> Self {
        if types.is_empty() {
            return self;
        }
        let types = types.iter().map(|name| TextMatch::Is(name.as_str().into())).collect();
        self.with(Condition::Text(TextField::Type, types))
    }

    /// The filter with this queue.
    #[must_use]
    pub fn with_queue(self, queue: &QueueName) -> Self {
        let queue = TextMatch::Is(queue.as_str().into());
        self.with(Condition::Text(TextField::Queue, vec![queue]))
    }

    /// The filter with this priority.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        self.with(Condition::Priority(vec![priority]))
    }

    /// The filter with the occurrences of this recurring job.
    #[must_use]
    pub fn with_recurring(self, id: RecurringId) -> Self {
        self.with(Condition::Recurring(vec![Some(id)]))
    }

    /// The filter with this text in the name or the type, or with the job whose id it is.
    #[must_use]
    pub fn with_search(self, text: &str) -> Self {
        self.with(Condition::Search(text.into()))
    }

    /// The filter with a time of creation between these times, both included; all jobs if both are missing.
    #[must_use]
    pub fn with_created(self, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Self {
        if from.is_none() && to.is_none() {
            return self;
        }
        self.with(Condition::Time(
            TimeField::Created,
            vec![TimeMatch::Within(Interval { from, to })],
        ))
    }

    /// Returns whether the filter selects a job.
    pub fn matches(&self, job: &Job) -> bool {
        self.terms.iter().all(|term| term.matches(job))
    }
}

impl FromIterator<Term> for JobFilter {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Self {
        Self {
            terms: terms.into_iter().collect(),
        }
    }
}

impl fmt::Display for JobFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}
