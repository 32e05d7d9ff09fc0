//! Classification of reads as expensive, by the rows that they may scan in addition to their result.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::access::audit::AuditAction;
use crate::domain::filter::{Condition, TextField, TextMatch};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::query::{AuditFilter, FilterParts, JobFilter, Page};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum number of jobs that a list may skip: a matter of milliseconds.
const FEW: u64 = 10_000;

/// Maximum number of values for which an index is queried separately; with more of them storage reads jobs of all types
/// or queues.
const VALUES_MAX: usize = 16;

/// True if the matching jobs are counted row by row, because no counter exists.
pub(crate) fn is_counted_one_by_one(filter: &JobFilter) -> bool {
    let parts = FilterParts::of(filter);
    // Few jobs are read by their ids.
    !parts.is_counted() && !parts.is_by_id()
}

/// The conditions of a filter with counters and indexes, each in a filter of its own.
fn counted_conditions(parts: &FilterParts<'_>) -> Vec<JobFilter> {
    let conditions = [
        of_statuses(parts),
        of_types(parts).filter(|_| types(parts) <= VALUES_MAX),
        of_queues(parts).filter(|_| queues(parts) <= VALUES_MAX),
        // Most jobs have the normal priority, so it narrows nothing, and has no index.
        of_priorities(parts).filter(|_| !has_normal(parts)),
    ];
    conditions.into_iter().flatten().collect()
}

fn of_statuses(parts: &FilterParts<'_>) -> Option<JobFilter> {
    let statuses = parts.statuses.as_ref()?;
    Some(JobFilter::default().with(Condition::Status(statuses.clone())))
}

fn of_priorities(parts: &FilterParts<'_>) -> Option<JobFilter> {
    let priorities = parts.priorities.as_ref()?;
    Some(JobFilter::default().with(Condition::Priority(priorities.clone())))
}

fn of_types(parts: &FilterParts<'_>) -> Option<JobFilter> {
    Some(of_names(TextField::Type, parts.job_types.as_ref()?))
}

fn of_queues(parts: &FilterParts<'_>) -> Option<JobFilter> {
    Some(of_names(TextField::Queue, parts.queues.as_ref()?))
}

fn of_names(field: TextField, names: &BTreeSet<Arc<str>>) -> JobFilter {
    let names = names.iter().map(|name| TextMatch::Is(Arc::clone(name))).collect();
    JobFilter::default().with(Condition::Text(field, names))
}

fn types(parts: &FilterParts<'_>) -> usize {
    parts.job_types.as_ref().map_or(0, BTreeSet::len)
}

fn queues(parts: &FilterParts<'_>) -> usize {
    parts.queues.as_ref().map_or(0, BTreeSet::len)
}

fn has_normal(parts: &FilterParts<'_>) -> bool {
    let priorities = parts.priorities.as_ref();
    priorities.is_some_and(|priorities| priorities.contains(&Priority::Normal))
}

/// Pairs of conditions that an index serves, each in a filter of its own.
fn indexed_pairs(parts: &FilterParts<'_>) -> Vec<JobFilter> {
    let have_ended = |status: &JobStatus| matches!(status, JobStatus::Failed | JobStatus::Cancelled);
    let statuses = parts
        .statuses
        .as_ref()
        .filter(|statuses| statuses.iter().all(have_ended));
    let priorities = parts.priorities.as_ref().filter(|_| !has_normal(parts));
    let pair = |first: Option<JobFilter>, names: usize, second: Option<JobFilter>, values: usize| {
        let is_served = (1..=VALUES_MAX).contains(&(names * values));
        first
            .zip(second)
            .filter(|_| is_served)
            .map(|(first, second)| first.and(second))
    };
    let ended = || statuses.and_then(|_| of_statuses(parts));
    let count = statuses.map_or(0, Vec::len);
    let urgent = priorities.and_then(|_| of_priorities(parts));
    let pairs = [
        pair(of_queues(parts), queues(parts), ended(), count),
        pair(of_types(parts), types(parts), ended(), count),
        pair(of_queues(parts), queues(parts), urgent, priorities.map_or(0, Vec::len)),
    ];
    pairs.into_iter().flatten().collect()
}

/// True if no index selects the matching records.
pub(crate) fn is_expensive_audit(filter: &AuditFilter) -> bool {
    let AuditFilter {
        actor,
        action,
        job_id,
        from: _,
        to: _,
    } = filter;
    let conditions = [actor.is_some(), action.is_some(), job_id.is_some()];
    // A job has few records.
    let is_few = job_id.is_some();
    let several = conditions.into_iter().filter(|is_given| *is_given).count() > 1;
    // The creation of jobs has no index, which would contain most of all records.
    !is_few && (several || *action == Some(AuditAction::JobCreate))
}

/// True if a page of the matching jobs may scan many others.
pub(crate) async fn is_expensive_page(
    repository: &dyn JobRepository,
    filter: &JobFilter,
    page: Page,
) -> Result<bool, RepositoryError> {
    let parts = FilterParts::of(filter);
    if parts.is_by_id() || parts.is_impossible() {
        return Ok(false);
    }
    if parts.labels.is_some() && filter.terms().len() == 1 && page.offset <= FEW {
        // Served by the index of labels.
        return Ok(false);
    }
    if has_search(&parts) || page.offset > FEW {
        return Ok(true);
    }
    let conditions = counted_conditions(&parts);
    let given = [
        parts.statuses.is_some(),
        parts.priorities.is_some(),
        types(&parts) > 0,
        queues(&parts) > 0,
    ];
    let given = given.into_iter().filter(|is_given| *is_given).count();
    let is_unindexed = given > conditions.len() || !parts.patterns.is_empty() || !parts.rest.is_empty();
    let uncounted = [parts.recurring.is_some(), parts.fingerprints.is_some()];
    let uncounted = uncounted.into_iter().filter(|is_given| *is_given).count();
    if conditions.len() + uncounted <= 1 && !is_unindexed {
        // Served by one index, in its order.
        return Ok(false);
    }
    if uncounted > 0 {
        // Neither the occurrences of a recurring job nor the jobs with a fingerprint are counted.
        return Ok(true);
    }
    let pairs = indexed_pairs(&parts);
    if !is_unindexed && conditions.len() == 2 && !pairs.is_empty() {
        return Ok(false);
    }
    // The names of a pattern are conditions in storage.
    let patterns = parts
        .patterns
        .iter()
        .map(|term| JobFilter::from_iter([(*term).clone()]));
    for condition in conditions.iter().chain(&pairs).cloned().chain(patterns) {
        if repository.count(&condition).await? <= FEW {
            return Ok(false);
        }
    }
    // All jobs are read at worst.
    Ok(repository.count(&JobFilter::default()).await? > FEW)
}

/// True if the filter has a text without a field.
fn has_search(parts: &FilterParts<'_>) -> bool {
    let mut rest = parts.rest.iter();
    rest.any(|term| matches!(term.condition, Condition::Search(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::domain::values::id::JobId;

    fn filter(text: &str) -> JobFilter {
        JobFilter::parse(text, DateTime::UNIX_EPOCH).expect("a filter")
    }

    #[test]
    fn totals_by_date_text_and_recurring_job_are_counted_row_by_row() {
        let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
        let by_id = format!("{id} created<=2026-01-01");
        for counted in ["", "status:failed", "type:Mail* -queue:bulk", &by_id] {
            assert!(!is_counted_one_by_one(&filter(counted)), "{counted}");
        }
        let recurring = format!("recurring:{id}");
        let fingerprint = "fingerprint:f028e97f63b93e0a";
        for read in ["x", "created<=2026-01-01", "error:x", &recurring, fingerprint] {
            assert!(is_counted_one_by_one(&filter(read)), "{read}");
        }
    }

    #[test]
    fn more_types_than_the_index_limit_narrow_nothing() {
        let of = |types: usize| {
            let names: Vec<String> = (0..types).map(|number| format!("Type{number}")).collect();
            filter(&format!("type:{}", names.join(",")))
        };
        assert_eq!(counted_conditions(&FilterParts::of(&of(VALUES_MAX))).len(), 1);
        assert!(counted_conditions(&FilterParts::of(&of(VALUES_MAX + 1))).is_empty());
    }

    #[test]
    fn failed_and_cancelled_jobs_of_a_queue_or_type_and_priorities_of_a_queue_have_indexes() {
        for (text, pairs) in [
            ("queue:mail status:failed", 1),
            ("queue:mail status:failed,completed", 0),
            ("queue:mail priority:high", 1),
            ("queue:mail priority:normal", 0),
            ("queue:mail status:cancelled priority:low", 2),
            ("type:MailJob status:failed", 1),
            ("queue:a,b,c,d,e,f,g,h,i status:failed,cancelled", 0),
        ] {
            assert_eq!(indexed_pairs(&FilterParts::of(&filter(text))).len(), pairs, "{text}");
        }
    }

    #[test]
    fn records_are_cheap_by_one_condition_or_by_job() {
        let any = AuditFilter::default;
        let actor = Some(Arc::from("billing"));
        let of_actor = AuditFilter {
            actor: actor.clone(),
            ..any()
        };
        let of_action = AuditFilter {
            action: Some(AuditAction::QueuePause),
            ..any()
        };
        let of_job = AuditFilter {
            job_id: Some(JobId::first_at(DateTime::UNIX_EPOCH)),
            actor: actor.clone(),
            action: Some(AuditAction::JobCreate),
            ..any()
        };
        for cheap in [any(), of_actor, of_action, of_job] {
            assert!(!is_expensive_audit(&cheap), "{cheap:?}");
        }
        let creations = AuditFilter {
            action: Some(AuditAction::JobCreate),
            ..any()
        };
        let both = AuditFilter {
            actor,
            action: Some(AuditAction::QueuePause),
            ..any()
        };
        for expensive in [creations, both] {
            assert!(is_expensive_audit(&expensive), "{expensive:?}");
        }
    }
}
