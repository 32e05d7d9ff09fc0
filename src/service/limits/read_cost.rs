//! Classification of reads as expensive, by the rows that they may scan in addition to their result.

use crate::domain::access::audit::AuditAction;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::query::{AuditFilter, JobFilter, Page};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum number of jobs that a list may skip: a matter of milliseconds.
const FEW: u64 = 10_000;

/// Maximum number of types for which an index is queried separately; with more of them storage reads jobs of all types.
const TYPES_MAX: usize = 16;

/// True if the matching jobs are counted row by row, because no counter exists.
pub(crate) fn is_counted_one_by_one(filter: &JobFilter) -> bool {
    if filter.searched_ids().is_some() {
        // The range of the primary key is short.
        return false;
    }
    filter.search.is_some()
        || filter.created_from.is_some()
        || filter.created_to.is_some()
        || filter.recurring_id.is_some()
}

/// The conditions of a filter with counters, each in a filter of its own.
fn counted_conditions(filter: &JobFilter) -> Vec<JobFilter> {
    let any = JobFilter::default;
    let JobFilter {
        statuses,
        job_types,
        queue,
        recurring_id: _,
        priority,
        search: _,
        created_from: _,
        created_to: _,
    } = filter;
    let conditions = [
        (!statuses.is_empty()).then(|| JobFilter {
            statuses: statuses.clone(),
            ..any()
        }),
        (!job_types.is_empty() && job_types.len() <= TYPES_MAX).then(|| JobFilter {
            job_types: job_types.clone(),
            ..any()
        }),
        queue.as_ref().map(|queue| JobFilter {
            queue: Some(queue.clone()),
            ..any()
        }),
        // Most jobs have the normal priority, so it narrows nothing, and has no index.
        priority
            .filter(|priority| *priority != Priority::Normal)
            .map(|priority| JobFilter {
                priority: Some(priority),
                ..any()
            }),
    ];
    conditions.into_iter().flatten().collect()
}

/// Pairs of conditions that an index serves, each in a filter of its own.
fn indexed_pairs(filter: &JobFilter) -> Vec<JobFilter> {
    let have_ended = |status: &JobStatus| matches!(status, JobStatus::Failed | JobStatus::Cancelled);
    let are_ended = !filter.statuses.is_empty() && filter.statuses.iter().all(have_ended);
    let is_queue_given = filter.queue.is_some();
    let parts = filter.statuses.len() * filter.job_types.len();
    let of_queue = || JobFilter {
        queue: filter.queue.clone(),
        ..JobFilter::default()
    };
    let of_status = || JobFilter {
        statuses: filter.statuses.clone(),
        ..JobFilter::default()
    };
    let pairs = [
        (are_ended && is_queue_given).then(|| JobFilter {
            statuses: filter.statuses.clone(),
            ..of_queue()
        }),
        (are_ended && (1..=TYPES_MAX).contains(&parts)).then(|| JobFilter {
            job_types: filter.job_types.clone(),
            ..of_status()
        }),
        (is_queue_given && filter.priority.is_some_and(|priority| priority != Priority::Normal)).then(|| JobFilter {
            priority: filter.priority,
            ..of_queue()
        }),
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
    if filter.searched_ids().is_some() {
        return Ok(false);
    }
    if filter.search.is_some() || page.offset > FEW {
        return Ok(true);
    }
    let conditions = counted_conditions(filter);
    let is_unindexed = filter.priority == Some(Priority::Normal) || filter.job_types.len() > TYPES_MAX;
    if conditions.len() + usize::from(is_unindexed) + usize::from(filter.recurring_id.is_some()) <= 1 && !is_unindexed {
        // Served by one index, in its order.
        return Ok(false);
    }
    if filter.recurring_id.is_some() {
        // The occurrences of a recurring job are not counted.
        return Ok(true);
    }
    if conditions.is_empty() {
        return Ok(repository.count(&JobFilter::default()).await? > FEW);
    }
    let pairs = indexed_pairs(filter);
    let given = JobFilter {
        created_from: None,
        created_to: None,
        ..filter.clone()
    };
    if pairs.contains(&given) {
        return Ok(false);
    }
    for condition in conditions.iter().chain(&pairs) {
        if repository.count(condition).await? <= FEW {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::domain::values::id::JobId;

    #[test]
    fn totals_by_date_text_and_recurring_job_are_counted_row_by_row() {
        assert!(!is_counted_one_by_one(&JobFilter::default()));
        let by_status = JobFilter {
            statuses: vec![JobStatus::Failed],
            ..JobFilter::default()
        };
        assert!(!is_counted_one_by_one(&by_status));
        let by_text = JobFilter {
            search: Some("x".to_owned()),
            ..JobFilter::default()
        };
        let by_date = JobFilter {
            created_to: Some(DateTime::UNIX_EPOCH),
            ..JobFilter::default()
        };
        assert!(is_counted_one_by_one(&by_text) && is_counted_one_by_one(&by_date));
        let by_id = JobFilter {
            search: Some("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55".to_owned()),
            ..by_date
        };
        assert!(!is_counted_one_by_one(&by_id));
    }

    #[test]
    fn more_types_than_the_index_limit_narrow_nothing() {
        let of = |types: usize| JobFilter {
            job_types: (0..types)
                .filter_map(|number| crate::domain::values::name::JobType::parse(&format!("Type{number}")).ok())
                .collect(),
            ..JobFilter::default()
        };
        assert_eq!(counted_conditions(&of(TYPES_MAX)).len(), 1);
        assert!(counted_conditions(&of(TYPES_MAX + 1)).is_empty());
    }

    #[test]
    fn failed_and_cancelled_jobs_of_a_queue_or_type_and_priorities_of_a_queue_have_indexes() {
        let queue = crate::domain::values::name::QueueName::parse("mail").ok();
        let of = |statuses: &[JobStatus], priority| JobFilter {
            statuses: statuses.to_vec(),
            queue: queue.clone(),
            priority,
            ..JobFilter::default()
        };
        assert_eq!(indexed_pairs(&of(&[JobStatus::Failed], None)).len(), 1);
        assert_eq!(
            indexed_pairs(&of(&[JobStatus::Failed, JobStatus::Completed], None)).len(),
            0
        );
        assert_eq!(indexed_pairs(&of(&[], Some(Priority::High))).len(), 1);
        assert_eq!(indexed_pairs(&of(&[], Some(Priority::Normal))).len(), 0);
        assert_eq!(
            indexed_pairs(&of(&[JobStatus::Cancelled], Some(Priority::Low))).len(),
            2
        );
        let of_type = JobFilter {
            statuses: vec![JobStatus::Failed],
            job_types: crate::domain::values::name::JobType::parse("MailJob")
                .into_iter()
                .collect(),
            ..JobFilter::default()
        };
        assert_eq!(indexed_pairs(&of_type), [of_type]);
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
