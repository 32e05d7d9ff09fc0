//! A filter of jobs in parts: those that indexes and counters serve, and the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::jobs::Facet;
use crate::domain::filter::{
    Condition, Interval, JobFilter, Term, TextField, TextMatch, TimeField, TimeMatch, ids_starting_with,
};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::JobId;

/// The parts of a filter; a job must meet all of them. `None` is no condition, an empty set matches no job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterParts<'a> {
    /// The statuses.
    pub(crate) statuses: Option<Vec<JobStatus>>,
    /// The priorities.
    pub(crate) priorities: Option<Vec<Priority>>,
    /// The types.
    pub(crate) job_types: Option<BTreeSet<Arc<str>>>,
    /// The queues.
    pub(crate) queues: Option<BTreeSet<Arc<str>>>,
    /// The recurring jobs.
    pub(crate) recurring: Option<BTreeSet<RecurringId>>,
    /// The fingerprints of the last failure.
    pub(crate) fingerprints: Option<BTreeSet<Fingerprint>>,
    /// The jobs themselves.
    pub(crate) ids: Option<BTreeSet<JobId>>,
    /// The least and the greatest id.
    pub(crate) bounds: (Option<JobId>, Option<JobId>),
    /// True if a text is an id or the start of one: then the bounds are close together.
    pub(crate) has_searched_id: bool,
    /// A field of labels and values, of which a job must have one. The term is among the rest as well.
    pub(crate) labels: Option<(&'a TextField, BTreeSet<Arc<str>>)>,
    /// Patterns of types and queues, which the counters can answer.
    pub(crate) patterns: Vec<&'a Term>,
    /// All other terms, which only the jobs themselves can answer.
    pub(crate) rest: Vec<&'a Term>,
}

impl<'a> FilterParts<'a> {
    /// The parts of a filter.
    pub(crate) fn of(filter: &'a JobFilter) -> Self {
        let mut parts = Self::default();
        for term in filter.terms() {
            parts.add(term);
        }
        // All statuses or priorities are no condition.
        parts.statuses = parts.statuses.filter(|statuses| statuses.len() < JobStatus::ALL.len());
        let all = Priority::BY_URGENCY.len();
        parts.priorities = parts.priorities.filter(|priorities| priorities.len() < all);
        for (field, names) in [
            (TextField::Type, &mut parts.job_types),
            (TextField::Queue, &mut parts.queues),
        ] {
            if let Some(names) = names {
                names.retain(|name| {
                    let mut patterns = parts.patterns.iter().filter(|term| is_of(term, &field));
                    patterns.all(|term| meets(term, name))
                });
                parts.patterns.retain(|term| !is_of(term, &field));
            }
        }
        parts
    }

    fn add(&mut self, term: &'a Term) {
        let Term { is_negated, condition } = term;
        match condition {
            Condition::Status(statuses) => {
                let allowed = self.statuses.get_or_insert_with(|| JobStatus::ALL.to_vec());
                allowed.retain(|status| statuses.contains(status) != *is_negated);
            }
            Condition::Priority(priorities) => {
                let allowed = self.priorities.get_or_insert_with(|| Priority::BY_URGENCY.to_vec());
                allowed.retain(|priority| priorities.contains(priority) != *is_negated);
            }
            Condition::Text(TextField::Type, values) => match exact(values).filter(|_| !is_negated) {
                Some(names) => narrow(&mut self.job_types, names),
                None => self.patterns.push(term),
            },
            Condition::Text(TextField::Queue, values) => match exact(values).filter(|_| !is_negated) {
                Some(names) => narrow(&mut self.queues, names),
                None => self.patterns.push(term),
            },
            Condition::Text(field @ (TextField::Tag | TextField::Parameter(_)), values) => {
                if self.labels.is_none() && !is_negated {
                    self.labels = exact(values).map(|values| (field, values));
                }
                self.rest.push(term);
            }
            Condition::Recurring(ids) if !is_negated && ids.iter().all(Option::is_some) => {
                narrow(&mut self.recurring, ids.iter().copied().flatten().collect());
            }
            Condition::Fingerprint(values) if !is_negated && values.iter().all(Option::is_some) => {
                narrow(&mut self.fingerprints, values.iter().copied().flatten().collect());
            }
            Condition::Id(ids) if !is_negated => narrow(&mut self.ids, ids.iter().copied().collect()),
            Condition::Time(TimeField::Created, times) if !is_negated => match times.as_slice() {
                [TimeMatch::Within(Interval { from, to })] => {
                    self.bound(from.map(JobId::first_at), to.map(JobId::last_at));
                }
                _ => self.rest.push(term),
            },
            Condition::Search(text) if !is_negated => match ids_starting_with(text) {
                Some(ids) => {
                    self.has_searched_id = true;
                    self.bound(Some(*ids.start()), Some(*ids.end()));
                }
                None => self.rest.push(term),
            },
            Condition::Text(_, _)
            | Condition::Recurring(_)
            | Condition::Fingerprint(_)
            | Condition::Id(_)
            | Condition::Time(_, _)
            | Condition::Search(_)
            | Condition::Node(_)
            | Condition::Number(_, _)
            | Condition::Duration(_) => self.rest.push(term),
        }
    }

    fn bound(&mut self, first: Option<JobId>, last: Option<JobId>) {
        let (least, greatest) = &mut self.bounds;
        *least = (*least).max(first);
        *greatest = match (*greatest, last) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// True if the filter names the jobs, so that few rows are read.
    pub(crate) const fn is_by_id(&self) -> bool {
        self.has_searched_id || self.ids.is_some()
    }

    /// True if the counters can answer the filter.
    pub(crate) fn is_counted(&self) -> bool {
        let has_index_only = self.recurring.is_some() || self.fingerprints.is_some();
        self.rest.is_empty() && !has_index_only && self.ids.is_none() && self.bounds == (None, None)
    }

    /// The queue, if the filter selects all pending jobs of one queue, of some or all priorities.
    pub(crate) fn pending_queue(&self) -> Option<&Arc<str>> {
        let is_pending = self.statuses.as_deref() == Some(&[JobStatus::Pending]);
        let is_other = self.job_types.is_some() || !self.patterns.is_empty() || !self.is_counted();
        let queues = self
            .queues
            .as_ref()
            .filter(|queues| is_pending && !is_other && queues.len() == 1);
        queues.and_then(|queues| queues.first())
    }

    /// True if no job can match.
    pub(crate) fn is_impossible(&self) -> bool {
        let has_no_name = |names: &Option<BTreeSet<Arc<str>>>| names.as_ref().is_some_and(BTreeSet::is_empty);
        self.statuses.as_ref().is_some_and(Vec::is_empty)
            || self.priorities.as_ref().is_some_and(Vec::is_empty)
            || has_no_name(&self.job_types)
            || has_no_name(&self.queues)
            || self.recurring.as_ref().is_some_and(BTreeSet::is_empty)
            || self.fingerprints.as_ref().is_some_and(BTreeSet::is_empty)
            || self.ids.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// True if a counter of these values is one of the filter's, whose conditions are all counted.
    pub(crate) fn counts(&self, queue: &str, job_type: &str, status: JobStatus, priority: Priority) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&status))
            && self
                .priorities
                .as_ref()
                .is_none_or(|priorities| priorities.contains(&priority))
            && self.job_types.as_ref().is_none_or(|names| names.contains(job_type))
            && self.queues.as_ref().is_none_or(|names| names.contains(queue))
            && self.patterns.iter().all(|term| {
                let is_type = is_of(term, &TextField::Type);
                meets(term, if is_type { job_type } else { queue })
            })
    }
}

impl Facet {
    /// True if the counters can answer the facet of a filter.
    pub(crate) fn is_counted(self, filter: &JobFilter) -> bool {
        self != Self::Tag && FilterParts::of(filter).is_counted()
    }
}

/// True if the term is a condition on this field.
pub(crate) fn is_of(term: &Term, field: &TextField) -> bool {
    matches!(&term.condition, Condition::Text(given, _) if given == field)
}

/// True if a name meets a term on texts.
fn meets(term: &Term, name: &str) -> bool {
    let Condition::Text(_, values) = &term.condition else {
        return false;
    };
    values.iter().any(|value| value.matches(Some(name))) != term.is_negated
}

/// The values, if each is a whole text.
fn exact(values: &[TextMatch]) -> Option<BTreeSet<Arc<str>>> {
    let whole = values.iter().map(|value| match value {
        TextMatch::Is(text) => Some(Arc::clone(text)),
        TextMatch::Missing | TextMatch::StartsWith(_) | TextMatch::Contains(_) => None,
    });
    whole.collect()
}

/// Restricts the allowed values to these.
fn narrow<T: Ord>(allowed: &mut Option<BTreeSet<T>>, values: BTreeSet<T>) {
    match allowed {
        Some(allowed) => allowed.retain(|value| values.contains(value)),
        None => *allowed = Some(values),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn filter(text: &str) -> JobFilter {
        JobFilter::parse(text, DateTime::UNIX_EPOCH).expect("a filter")
    }

    #[test]
    fn statuses_and_names_are_intersected() {
        let of = filter("status:failed,pending -status:pending type:A,Bc,Bd type:B* -type~D queue:x,y");
        let parts = FilterParts::of(&of);
        assert_eq!(parts.statuses, Some(vec![JobStatus::Failed]));
        assert_eq!(parts.job_types, Some(BTreeSet::from(["Bc".into()])));
        assert_eq!(parts.queues.as_ref().map(BTreeSet::len), Some(2));
        assert!(parts.patterns.is_empty() && parts.is_counted() && !parts.is_impossible());
        assert!(FilterParts::of(&filter("status:failed status:pending")).is_impossible());
        let every = filter("status:pending,running,completed,failed,cancelled priority>=low");
        assert_eq!(FilterParts::of(&every), FilterParts::default());
    }

    #[test]
    fn patterns_of_names_are_counted_and_other_fields_are_not() {
        let of = filter("type:Mail* -queue:bulk");
        let parts = FilterParts::of(&of);
        assert!(parts.is_counted());
        assert!(parts.counts("default", "MailJob", JobStatus::Failed, Priority::Low));
        assert!(!parts.counts("bulk", "MailJob", JobStatus::Failed, Priority::Low));
        assert!(!parts.counts("default", "Job", JobStatus::Failed, Priority::Low));
        for text in [
            "mail",
            "created:2026-01-01",
            "error:x",
            "attempt>1",
            "-created:2026-01-01",
            "recurring:none",
            "fingerprint:f028e97f63b93e0a",
        ] {
            assert!(!FilterParts::of(&filter(text)).is_counted(), "{text}");
        }
    }

    #[test]
    fn the_first_exact_tag_or_parameter_is_a_label() {
        let of = filter("tag:eu* -tag:x param.customer.id:4711 tag:vip");
        let parts = FilterParts::of(&of);
        let path = TextField::Parameter("customer.id".into());
        assert_eq!(parts.labels, Some((&path, BTreeSet::from(["4711".into()]))));
        assert_eq!(parts.rest.len(), 4);
    }

    #[test]
    fn an_id_and_times_of_creation_are_bounds() {
        let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
        let of = filter(&format!("{id} created>=2020-01-01"));
        let parts = FilterParts::of(&of);
        let id = JobId::parse(id).ok();
        assert_eq!(parts.bounds, (id, id));
        assert!(parts.is_by_id() && parts.rest.is_empty());
    }
}
