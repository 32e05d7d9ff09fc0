//! Filters of jobs: the conditions of all facades become one [`JobFilter`].

use chrono::Utc;

use super::filters::TimeBounds;
use crate::domain::filter::{Condition, InvalidFilter, JobFilter, NodeMatch, TextField};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::RecurringId;
use crate::domain::values::name::{JobType, QueueName};

/// Conditions that have parameters of their own, all of which must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobConditions {
    /// One of these statuses; empty for any.
    pub(crate) statuses: Vec<JobStatus>,
    /// One of these types; empty for any.
    pub(crate) job_types: Vec<JobType>,
    /// The queue.
    pub(crate) queue: Option<QueueName>,
    /// The recurring job.
    pub(crate) recurring_id: Option<RecurringId>,
    /// The priority.
    pub(crate) priority: Option<Priority>,
    /// A text in the name or the type, or an id.
    pub(crate) search: Option<String>,
    /// The time of creation.
    pub(crate) created: TimeBounds,
    /// Further terms, in the filter language.
    pub(crate) filter: Option<JobFilter>,
}

impl From<JobConditions> for JobFilter {
    fn from(conditions: JobConditions) -> Self {
        let JobConditions {
            statuses,
            job_types,
            queue,
            recurring_id,
            priority,
            search,
            created: TimeBounds { from, to },
            filter,
        } = conditions;
        let mut all = Self::default().with_statuses(&statuses).with_types(&job_types);
        if let Some(queue) = queue {
            all = all.with_queue(&queue);
        }
        if let Some(id) = recurring_id {
            all = all.with_recurring(id);
        }
        if let Some(priority) = priority {
            all = all.with_priority(priority);
        }
        if let Some(search) = search {
            all = all.with_search(&search);
        }
        all.with_created(from, to).and(filter.unwrap_or_default())
    }
}

/// Parses a filter text.
#[expect(clippy::disallowed_methods, reason = "times of a filter are relative to its request")]
pub(crate) fn parse_filter(text: &str) -> Result<JobFilter, InvalidFilter> {
    JobFilter::parse(text, Utc::now())
}

/// Parses a filter text of a subscription: events have ids of nodes, and no searchable parameters.
pub(crate) fn parse_event_filter(text: &str) -> Result<JobFilter, String> {
    let filter = parse_filter(text).map_err(|error| error.to_string())?;
    for term in filter.terms() {
        match &term.condition {
            Condition::Text(TextField::Parameter(path), _) => {
                return Err(format!(
                    "param.{path} is not available in subscriptions; filter lists by it"
                ));
            }
            Condition::Node(nodes) if nodes.iter().any(|node| matches!(node, NodeMatch::Name(_))) => {
                return Err("nodes and workers have no names in subscriptions; give their ids".to_owned());
            }
            Condition::Text(_, _)
            | Condition::Node(_)
            | Condition::Search(_)
            | Condition::Id(_)
            | Condition::Status(_)
            | Condition::Priority(_)
            | Condition::Recurring(_)
            | Condition::Fingerprint(_)
            | Condition::Number(_, _)
            | Condition::Time(_, _)
            | Condition::Duration(_) => {}
        }
    }
    Ok(filter)
}
