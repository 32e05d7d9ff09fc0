//! Filter and order of jobs.

use async_graphql::{InputObject, Result};

use crate::api::contract::filters::parse_search;
use crate::api::contract::job_filter::{JobConditions, parse_filter};
use crate::api::contract::job_order::ListOrder;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::api::graphql::types::enums::{JobOrderField, JobStatus, OrderDirection, Priority};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::storage::query::{JobFilter, JobSort, Order, SortField};

/// Conditions on jobs. All given conditions must hold; an empty filter matches all.
#[derive(Debug, Default, InputObject)]
pub(crate) struct JobFilterInput {
    /// Jobs with one of these statuses.
    status: Option<Vec<JobStatus>>,
    /// Jobs of one of these types.
    #[graphql(name = "type")]
    job_type: Option<Vec<String>>,
    /// Jobs of this queue.
    queue: Option<String>,
    /// Occurrences of this recurring job.
    recurring_job_id: Option<Uuid>,
    /// Jobs of this priority.
    priority: Option<Priority>,
    /// Jobs with this text in their name or type, in any case, or the job whose id it is; at most 200 characters.
    search: Option<String>,
    /// Jobs created at this time or later; a date stands for its start.
    from: Option<DateTime>,
    /// Jobs created at this time or earlier; a date stands for its end.
    to: Option<DateTime>,
    /// Jobs that match this text in the filter language, such as `type:Email* attempts:>3`; at most 8192 bytes.
    query: Option<String>,
}

impl JobFilterInput {
    /// The filter of the input.
    pub(crate) fn into_filter(self) -> Result<JobFilter> {
        let Self {
            status,
            job_type,
            queue,
            recurring_job_id,
            priority,
            search,
            from,
            to,
            query,
        } = self;
        let place = Place::argument("filter");
        let conditions = JobConditions {
            statuses: status.unwrap_or_default().into_iter().map(Into::into).collect(),
            job_types: place.job_types(job_type)?,
            queue: queue
                .map(|text| scalar_parsing::queue_name(&place.field("queue"), &text))
                .transpose()?,
            recurring_id: recurring_job_id
                .map(|Uuid(text)| scalar_parsing::recurring_id(&place.field("recurringJobId"), &text))
                .transpose()?,
            priority: priority.map(Into::into),
            search: search
                .filter(|text| !text.is_empty())
                .map(|text| scalar_parsing::parse_with(&place.field("search"), &text, parse_search))
                .transpose()?,
            created: place.time_bounds(from, to)?,
            filter: query
                .map(|text| scalar_parsing::parse_with(&place.field("query"), &text, parse_filter))
                .transpose()?,
        };
        Ok(conditions.into())
    }
}

/// Order of jobs.
#[derive(Debug, InputObject)]
pub(crate) struct JobOrder {
    /// Field by which they are ordered.
    field: JobOrderField,
    /// Direction of the order.
    direction: OrderDirection,
}

impl From<JobOrder> for ListOrder {
    fn from(order: JobOrder) -> Self {
        let JobOrder { field, direction } = order;
        let is_descending = direction == OrderDirection::Desc;
        let by = |field| Self::Value(JobSort { field, is_descending });
        match field {
            JobOrderField::CreatedAt if is_descending => Self::Created(Order::NewestFirst),
            JobOrderField::CreatedAt => Self::Created(Order::OldestFirst),
            JobOrderField::DueAt => by(SortField::Due),
            JobOrderField::FinishedAt => by(SortField::Finished),
            JobOrderField::Duration => by(SortField::Duration),
        }
    }
}
