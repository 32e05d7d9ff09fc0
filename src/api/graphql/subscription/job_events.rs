//! Events of jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Result, SimpleObject, Subscription};
use futures_util::Stream;

use super::event_stream::{results, subscribe};
use crate::api::contract::job_filter::parse_event_filter;
use crate::api::contract::view::event::JobStatusView;
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::{JobEvent, JobStatus};
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::job::report::JobReport;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::events::event::{Event, JobEventKind, Topic};
use crate::domain::events::filter::EventClause;
use crate::views::values::Time;

/// Conditions on changes of jobs. All given conditions must hold; an empty filter matches all.
#[derive(Debug, Default, InputObject)]
pub(super) struct JobEventFilter {
    /// Changes of these jobs.
    job_id: Option<Vec<ID>>,
    /// Changes of jobs in these queues.
    queue: Option<Vec<String>>,
    /// Changes of jobs of these types.
    #[graphql(name = "type")]
    job_type: Option<Vec<String>>,
    /// These events.
    event: Option<Vec<JobEvent>>,
    /// Changes after which the job has one of these statuses.
    status: Option<Vec<JobStatus>>,
    /// Changes after which the job matches this text in the filter language, such as `attempts:>3`; at most 8192 bytes.
    /// Parameters and names of nodes are not available.
    query: Option<String>,
}

impl JobEventFilter {
    /// The clause of the filter; `None` if no event can match.
    fn into_clause(self) -> Result<Option<EventClause>> {
        let Self {
            job_id,
            queue,
            job_type,
            event,
            status,
            query,
        } = self;
        let place = Place::argument("filter");
        let mut clause = EventClause::all_of(Topic::Jobs);
        for id in job_id.unwrap_or_default() {
            clause.jobs.insert(scalar_parsing::job_id(&place.field("jobId"), &id)?);
        }
        for name in queue.unwrap_or_default() {
            clause
                .queues
                .insert(scalar_parsing::queue_name(&place.field("queue"), &name)?);
        }
        for name in job_type.unwrap_or_default() {
            clause
                .job_types
                .insert(scalar_parsing::parse(&place.field("type"), &name)?);
        }
        if let Some(text) = query {
            clause.filter = scalar_parsing::parse_with(&place.field("query"), &text, parse_event_filter)?;
        }
        let events: BTreeSet<JobEventKind> = event.unwrap_or_default().into_iter().map(Into::into).collect();
        let statuses = status.unwrap_or_default();
        if events.is_empty() && statuses.is_empty() {
            return Ok(Some(clause));
        }
        let has_status = |kind: &JobEventKind| {
            statuses.is_empty() || kind.status().is_some_and(|status| statuses.contains(&status.into()))
        };
        clause.kinds = JobEventKind::ALL
            .into_iter()
            .filter(|kind| (events.is_empty() || events.contains(kind)) && has_status(kind))
            .collect();
        Ok((!clause.kinds.is_empty()).then_some(clause))
    }
}

/// An event of a job.
#[derive(Debug, SimpleObject)]
pub(super) struct JobStatusChange {
    /// Type of the event.
    event: JobEvent,
    /// Time of the event.
    at: DateTime,
    /// The job's id.
    job_id: ID,
    /// Status of the job after the event; null if it was deleted.
    status: Option<JobStatus>,
    /// The job directly after the event. Large parameters, results and error details are read when the event is sent.
    job: Job,
}

impl JobStatusChange {
    fn of(event: &Event) -> Option<Self> {
        let Event::Job { kind, at, job } = event else {
            return None;
        };
        let view = JobStatusView::new(*kind, job);
        Some(Self {
            event: view.event.0.into(),
            at: Time(*at).into(),
            job_id: view.job.id.into(),
            status: view.status().map(Into::into),
            job: Arc::clone(job).into(),
        })
    }
}

/// Conditions on reports of running jobs. All given conditions must hold; an empty filter matches all.
#[derive(Debug, Default, InputObject)]
pub(super) struct JobReportFilter {
    /// Reports of these jobs.
    job_id: Option<Vec<ID>>,
    /// Reports of jobs in these queues.
    queue: Option<Vec<String>>,
    /// Reports of jobs of these types.
    #[graphql(name = "type")]
    job_type: Option<Vec<String>>,
}

#[derive(Default)]
pub(super) struct JobEventSubscriptions;

#[Subscription]
impl JobEventSubscriptions {
    /// Events of jobs from now on, in order for each job.
    async fn job_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the changes; all by default.")] filter: Option<JobEventFilter>,
    ) -> Result<impl Stream<Item = Result<JobStatusChange>>> {
        let clause = filter.unwrap_or_default().into_clause()?;
        let never = clause.is_none();
        let events = subscribe(ctx, clause.unwrap_or_else(|| EventClause::all_of(Topic::Jobs))).await?;
        Ok(results(
            events,
            move |event| {
                if never { None } else { JobStatusChange::of(event) }
            },
        ))
    }

    /// Reports of running jobs from now on: their progress and log lines.
    async fn job_reported(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the reports; all by default.")] filter: Option<JobReportFilter>,
    ) -> Result<impl Stream<Item = Result<JobReport>>> {
        let JobReportFilter {
            job_id,
            queue,
            job_type,
        } = filter.unwrap_or_default();
        let filter = JobEventFilter {
            job_id,
            queue,
            job_type,
            ..JobEventFilter::default()
        };
        let clause = filter.into_clause()?;
        let events = subscribe(ctx, clause.unwrap_or_else(|| EventClause::all_of(Topic::Jobs))).await?;
        Ok(results(events, |event| match event {
            Event::JobReport { at: _, job, report } => Some(JobReport::new(job, report)),
            Event::Job { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::SystemAlert { .. }
            | Event::Operation { .. } => None,
        }))
    }
}
