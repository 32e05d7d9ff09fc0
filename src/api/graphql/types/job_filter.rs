//! Which jobs are meant, and in which order.

use async_graphql::{InputObject, Result};

use super::super::errors;
use super::super::scalars::{DateTime, Uuid};
use super::enums::{JobOrderField, JobStatus, OrderDirection, Priority};
use super::reading::{self, Place};
use crate::api::rest::jobs::list::{check_range, check_types, parse_search};
use crate::domain::name::JobType;
use crate::storage::query::{JobFilter, Order};

/// Which jobs are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Debug, Default, InputObject)]
pub(in super::super) struct JobFilterInput {
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
    /// Created at this time or later; a date is its beginning.
    from: Option<DateTime>,
    /// Created at this time or earlier; a date is its end.
    to: Option<DateTime>,
}

impl JobFilterInput {
    /// The filter that is meant.
    pub(in super::super) fn into_filter(self) -> Result<JobFilter> {
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
            reading::parse::<JobType>(&field, text)
        });
        let filter = JobFilter {
            statuses: status.unwrap_or_default().into_iter().map(Into::into).collect(),
            job_types: job_types.collect::<Result<_>>()?,
            queue: queue
                .map(|text| reading::queue_name(&place.field("queue"), &text))
                .transpose()?,
            recurring_id: recurring_job_id
                .map(|Uuid(text)| reading::recurring_id(&place.field("recurringJobId"), &text))
                .transpose()?,
            priority: priority.map(Into::into),
            search: search
                .filter(|text| !text.is_empty())
                .map(|text| reading::parse_with(&place.field("search"), &text, parse_search))
                .transpose()?,
            created_from: from
                .map(|time| reading::from_time(&place.field("from"), time))
                .transpose()?,
            created_to: to.map(|time| reading::to_time(&place.field("to"), time)).transpose()?,
        };
        check_range(filter.created_from, filter.created_to)
            .map_err(|detail| errors::invalid(&place.field("from"), &detail))?;
        Ok(filter)
    }
}

/// In which order jobs come.
#[derive(Debug, InputObject)]
pub(in super::super) struct JobOrder {
    /// By what.
    field: JobOrderField,
    /// In which direction.
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
