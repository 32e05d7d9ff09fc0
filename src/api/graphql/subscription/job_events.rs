//! What happens to jobs.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Result, SimpleObject, Subscription};
use futures_util::Stream;

use super::event_stream::{listen, told};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::{JobEvent, JobStatus};
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::job::report::JobReport;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::events::event::{Event, JobEventKind, Topic};
use crate::domain::events::filter::EventClause;

/// Which changes of jobs are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Debug, Default, InputObject)]
pub(super) struct JobEventFilter {
    /// Of one of these jobs.
    job_id: Option<Vec<ID>>,
    /// Of jobs in one of these queues.
    queue: Option<Vec<String>>,
    /// Of jobs of one of these types.
    #[graphql(name = "type")]
    job_type: Option<Vec<String>>,
    /// One of these events.
    event: Option<Vec<JobEvent>>,
    /// After which the job has one of these statuses.
    status: Option<Vec<JobStatus>>,
}

impl JobEventFilter {
    /// The clause that is meant; `None` when no event can meet it.
    fn into_clause(self) -> Result<Option<EventClause>> {
        let Self {
            job_id,
            queue,
            job_type,
            event,
            status,
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

/// Something that has happened to a job.
#[derive(Debug, SimpleObject)]
pub(super) struct JobStatusChange {
    /// What.
    event: JobEvent,
    /// When.
    at: DateTime,
    /// The job's id.
    job_id: ID,
    /// The job's status after it; null when it was deleted.
    status: Option<JobStatus>,
    /// The job as it was right after.
    job: Job,
}

impl JobStatusChange {
    fn of(event: &Event) -> Option<Self> {
        let Event::Job { kind, at, job } = event else {
            return None;
        };
        let status = (*kind != JobEventKind::Deleted).then(|| job.status.into());
        Some(Self {
            event: (*kind).into(),
            at: (*at).into(),
            job_id: ID(job.id.to_string()),
            status,
            job: std::sync::Arc::clone(job).into(),
        })
    }
}

/// Which reports of running jobs are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Debug, Default, InputObject)]
pub(super) struct JobReportFilter {
    /// Of one of these jobs.
    job_id: Option<Vec<ID>>,
    /// Of jobs in one of these queues.
    queue: Option<Vec<String>>,
    /// Of jobs of one of these types.
    #[graphql(name = "type")]
    job_type: Option<Vec<String>>,
}

#[derive(Default)]
pub(super) struct JobEventSubscriptions;

#[Subscription]
impl JobEventSubscriptions {
    /// What happens to jobs from now on: those of one job in their order.
    async fn job_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which changes; all by default.")] filter: Option<JobEventFilter>,
    ) -> Result<impl Stream<Item = Result<JobStatusChange>>> {
        let clause = filter.unwrap_or_default().into_clause()?;
        let never = clause.is_none();
        let events = listen(ctx, clause.unwrap_or_else(|| EventClause::all_of(Topic::Jobs))).await?;
        Ok(told(
            events,
            move |event| {
                if never { None } else { JobStatusChange::of(event) }
            },
        ))
    }

    /// What running jobs report from now on: how far they have got, and what they log.
    async fn job_reported(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which reports; all by default.")] filter: Option<JobReportFilter>,
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
        let events = listen(ctx, clause.unwrap_or_else(|| EventClause::all_of(Topic::Jobs))).await?;
        Ok(told(events, |event| match event {
            Event::JobReport { report, .. } => Some(JobReport::from(&**report)),
            Event::Job { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::SystemAlert { .. } => None,
        }))
    }
}
