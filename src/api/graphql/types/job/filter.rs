//! Filter and order of jobs.

use async_graphql::{InputObject, Result};

use crate::api::contract::filters::{check_range, check_types, parse_search};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::api::graphql::types::enums::{JobOrderField, JobStatus, OrderDirection, Priority};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::values::name::JobType;
use crate::storage::query::{JobFilter, Order};

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
    /// Jobs with this text in their name or type, in any case; at most 200 characters.
    search: Option<String>,
    /// Jobs created at this time or later; a date stands for its start.
    from: Option<DateTime>,
    /// Jobs created at this time or earlier; a date stands for its end.
    to: Option<DateTime>,
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
        } = self;
        let place = Place::argument("filter");
        let job_types = job_type.unwrap_or_default();
        check_types(job_types.len()).map_err(|detail| errors::invalid(&place.field("type"), &detail))?;
        let job_types = job_types.iter().enumerate().map(|(index, text)| {
            let field = format!("{}.{index}", place.field("type"));
            scalar_parsing::parse::<JobType>(&field, text)
        });
        let filter = JobFilter {
            statuses: status.unwrap_or_default().into_iter().map(Into::into).collect(),
            job_types: job_types.collect::<Result<_>>()?,
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
            created_from: from
                .map(|time| scalar_parsing::from_time(&place.field("from"), time))
                .transpose()?,
            created_to: to
                .map(|time| scalar_parsing::to_time(&place.field("to"), time))
                .transpose()?,
        };
        check_range(filter.created_from, filter.created_to)
            .map_err(|detail| errors::invalid(&place.field("from"), &detail))?;
        Ok(filter)
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

impl From<JobOrder> for Order {
    fn from(order: JobOrder) -> Self {
        let JobOrder { field, direction } = order;
        match (field, direction) {
            (JobOrderField::CreatedAt, OrderDirection::Asc) => Self::OldestFirst,
            (JobOrderField::CreatedAt, OrderDirection::Desc) => Self::NewestFirst,
        }
    }
}
