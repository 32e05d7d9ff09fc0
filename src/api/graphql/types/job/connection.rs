//! Pages of jobs as Relay's cursor connections.
//!
//! A cursor is a job's position in the order of ids, which is the order of creation, or in the order of a value and the id: it
//! stays valid when jobs are created or deleted.

use async_graphql::{Context, Error, Object, Result, SelectionField};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Job;
use super::nodes::JobNodes;
use crate::api::contract::filters::{COUNT_LIMIT_MAX, LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::contract::job_order::ListOrder;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::types::connection::PageInfo;
use crate::api::graphql::types::scalar_parsing;
use crate::domain::values::id::JobId;
use crate::service::jobs::{JobPage, SORTED_MAX};
use crate::storage::query::{JobFilter, JobSort, JobSummary, Order, Page, SortPlace, SortedPage};

/// First byte of a cursor: other kinds of lists have other bytes.
const KIND: u8 = b'j';
/// First byte of a cursor in the order of a value.
const SORTED_KIND: u8 = b's';

/// Arguments of a page.
#[derive(Debug)]
pub(crate) struct PageArguments {
    /// Maximum number of jobs from the start.
    pub first: Option<i32>,
    /// Cursor after which the page starts.
    pub after: Option<String>,
    /// Maximum number of jobs from the end.
    pub last: Option<i32>,
    /// Cursor before which the page ends.
    pub before: Option<String>,
}

/// A page of jobs.
pub(crate) struct JobConnection {
    filter: JobFilter,
    /// The value that orders the list; `None` for the order of creation.
    sort: Option<JobSort>,
    jobs: Vec<Job>,
    has_next_page: bool,
    has_previous_page: bool,
    /// Number of jobs that match the filter, if it was requested together with the page.
    total_count: Option<u64>,
}

/// A page of jobs.
#[Object]
impl JobConnection {
    /// Jobs with their cursors, in the order of the list.
    async fn edges(&self) -> Vec<JobEdge<'_>> {
        let edge = |job| JobEdge { job, sort: self.sort };
        self.jobs.iter().map(edge).collect()
    }

    /// Jobs without their cursors, in the order of the list.
    async fn nodes(&self) -> JobNodes<'_> {
        JobNodes(&self.jobs)
    }

    /// Position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        let cursor = |job: Option<&Job>| job.map(|job| cursor_in(self.sort, job.summary()));
        PageInfo {
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            start_cursor: cursor(self.jobs.first()),
            end_cursor: cursor(self.jobs.last()),
        }
    }

    /// Number of jobs that match the filter, on all pages. Its cost does not depend on the number, unless the filter
    /// has dates, `search`, `recurringJobId` or fields without counters.
    #[graphql(complexity = 10)]
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Counts up to this number, 1 to 1000000; then there may be more jobs.")] up_to: Option<i32>,
    ) -> Result<i32> {
        let limit = up_to.map(|up_to| {
            let max = u32::try_from(COUNT_LIMIT_MAX).unwrap_or(u32::MAX);
            scalar_parsing::count("upTo", Some(up_to), max, max).map(u64::from)
        });
        let count = match (limit.transpose()?, self.total_count) {
            (None, Some(count)) => count,
            (Some(limit), Some(count)) => count.min(limit),
            (None, None) => services(ctx)?.jobs.count(caller(ctx)?, &self.filter).await?,
            (Some(limit), None) => {
                let jobs = &services(ctx)?.jobs;
                jobs.count_up_to(caller(ctx)?, &self.filter, limit).await?
            }
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A job with its cursor.
pub(crate) struct JobEdge<'a> {
    job: &'a Job,
    sort: Option<JobSort>,
}

/// A job with its cursor.
#[Object]
impl<'a> JobEdge<'a> {
    /// Cursor of the job, for `after` and `before`.
    async fn cursor(&self) -> String {
        cursor_in(self.sort, self.job.summary())
    }

    /// The job.
    async fn node(&self) -> &'a Job {
        self.job
    }
}

impl JobConnection {
    /// Reads a page.
    pub(crate) async fn read(
        ctx: &Context<'_>,
        filter: JobFilter,
        order: ListOrder,
        page: PageArguments,
    ) -> Result<Self> {
        match order {
            ListOrder::Created(order) => Self::read_by_age(ctx, filter, order, page).await,
            ListOrder::Value(sort) => Self::read_by_value(ctx, filter, sort, page).await,
        }
    }

    async fn read_by_value(ctx: &Context<'_>, filter: JobFilter, sort: JobSort, page: PageArguments) -> Result<Self> {
        let after = page.after.as_deref().map(|text| place_of("after", text)).transpose()?;
        let before = page
            .before
            .as_deref()
            .map(|text| place_of("before", text))
            .transpose()?;
        let Part { limit, is_from_the_end } = Part::of(&page)?;
        let (start, stop, read_sort) = if is_from_the_end {
            (before, after, sort.reversed())
        } else {
            (after, before, sort)
        };
        let page = SortedPage {
            sort: read_sort,
            after: start,
            limit,
            sorted_max: SORTED_MAX,
        };
        let jobs = &services(ctx)?.jobs;
        let (mut jobs, has_more) = jobs.sorted_page(caller(ctx)?, &filter, page, "orderBy").await?;
        let read = jobs.len();
        jobs.retain(|job| {
            let place = read_sort.place_of(job);
            stop.zip(place)
                .is_none_or(|(stop, place)| read_sort.compare(place, stop).is_lt())
        });
        let (ahead, behind) = (has_more || jobs.len() < read || stop.is_some(), start.is_some());
        let (has_next_page, has_previous_page) = if is_from_the_end {
            (behind, ahead)
        } else {
            (ahead, behind)
        };
        if is_from_the_end {
            jobs.reverse();
        }
        Ok(Self {
            filter,
            sort: Some(sort),
            jobs: jobs.into_iter().map(Job::from).collect(),
            has_next_page,
            has_previous_page,
            total_count: None,
        })
    }

    async fn read_by_age(ctx: &Context<'_>, filter: JobFilter, order: Order, page: PageArguments) -> Result<Self> {
        let Part { limit, is_from_the_end } = Part::of(&page)?;
        let after = page.after.map(|text| job_of("after", &text)).transpose()?;
        let before = page.before.map(|text| job_of("before", &text)).transpose()?;
        let (start, stop, read_order) = if is_from_the_end {
            (before, after, order.reversed())
        } else {
            (after, before, order)
        };
        let page = Page {
            limit,
            offset: 0,
            after: start,
            order: read_order,
        };
        let (services, caller) = (&services(ctx)?.jobs, caller(ctx)?);
        // In parallel: sequential reads take twice as long.
        let counts = ctx.look_ahead().field("totalCount").selection_fields();
        let is_unlimited = |field: &SelectionField<'_>| field.arguments().is_ok_and(|arguments| arguments.is_empty());
        let (mut jobs, has_more, total_count) = if counts.iter().any(is_unlimited) {
            let JobPage {
                jobs,
                total_count,
                has_more,
            } = services.list(caller, &filter, page).await?;
            (jobs, has_more, Some(total_count))
        } else {
            let (jobs, has_more) = services.page(caller, &filter, page).await?;
            (jobs, has_more, None)
        };
        let read = jobs.len();
        jobs.retain(|job| stop.is_none_or(|stop| comes_before(job, stop, read_order)));
        // Jobs at or after the stop exist.
        let (ahead, behind) = (has_more || jobs.len() < read || stop.is_some(), start.is_some());
        let (has_next_page, has_previous_page) = if is_from_the_end {
            (behind, ahead)
        } else {
            (ahead, behind)
        };
        if is_from_the_end {
            jobs.reverse();
        }
        Ok(Self {
            filter,
            sort: None,
            jobs: jobs.into_iter().map(Job::from).collect(),
            has_next_page,
            has_previous_page,
            total_count,
        })
    }
}

/// The side and the size of a page.
struct Part {
    limit: u32,
    /// The end of a list is the start of the list in the opposite order.
    is_from_the_end: bool,
}

impl Part {
    fn of(page: &PageArguments) -> Result<Self> {
        let (field, size) = match (page.first, page.last) {
            (Some(_), Some(_)) => {
                return Err(errors::invalid(
                    "last",
                    "first and last are mutually exclusive; give one of them",
                ));
            }
            (first, None) => ("first", first),
            (None, last) => ("last", last),
        };
        Ok(Self {
            limit: scalar_parsing::count(field, size, LIMIT_DEFAULT, LIMIT_MAX)?,
            is_from_the_end: page.last.is_some(),
        })
    }
}

/// The cursor of a job in a list with this order.
fn cursor_in(sort: Option<JobSort>, job: &JobSummary) -> String {
    match sort.and_then(|sort| sort.place_of(job)) {
        Some(SortPlace { value, id }) => {
            let mut bytes = vec![SORTED_KIND];
            bytes.extend(value.to_be_bytes());
            bytes.extend(id.as_uuid().as_bytes());
            URL_SAFE_NO_PAD.encode(bytes)
        }
        None => cursor_of(job.id),
    }
}

fn place_of(field: &str, cursor: &str) -> Result<SortPlace> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place = bytes.and_then(|bytes| {
        let (kind, rest) = bytes.split_first()?;
        let (value, id) = rest.split_first_chunk::<8>().filter(|_| *kind == SORTED_KIND)?;
        Some(SortPlace {
            value: i64::from_be_bytes(*value),
            id: JobId::from_uuid(Uuid::from_slice(id).ok()?),
        })
    });
    place.ok_or_else(|| wrong_cursor(field, cursor))
}

fn wrong_cursor(field: &str, cursor: &str) -> Error {
    let given: String = cursor.chars().take(64).collect();
    let detail = format!("'{given}' is not a cursor of this list; take one from edges or pageInfo");
    errors::invalid(field, &detail)
}

fn comes_before(job: &JobSummary, stop: JobId, order: Order) -> bool {
    match order {
        Order::NewestFirst => job.id > stop,
        Order::OldestFirst => job.id < stop,
    }
}

fn cursor_of(id: JobId) -> String {
    let mut bytes = [KIND; 17];
    bytes[1..].copy_from_slice(id.as_uuid().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn job_of(field: &str, cursor: &str) -> Result<JobId> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let id = bytes.and_then(|bytes| match bytes.as_slice() {
        [KIND, id @ ..] => Uuid::from_slice(id).ok(),
        _ => None,
    });
    id.map(JobId::from_uuid).ok_or_else(|| wrong_cursor(field, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_parsed_and_other_texts_are_rejected() {
        let id = JobId::from_uuid(Uuid::from_u128(0x0196_3b5e_7d3a_7c1e_9f43_0d2f_6b1a_9c55));
        assert_eq!(job_of("after", &cursor_of(id)).ok(), Some(id));
        for text in ["", "x", "Zm9v", &cursor_of(id)[1..], &id.to_string()] {
            assert!(job_of("after", text).is_err(), "{text}");
            assert!(place_of("after", text).is_err(), "{text}");
        }
        assert!(place_of("after", &cursor_of(id)).is_err(), "a cursor of another order");
    }
}
