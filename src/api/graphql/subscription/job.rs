//! One job: its state, and every change until it finishes.

use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::event_stream::subscribe;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::scalar_parsing;
use crate::domain::access::caller::Caller;
use crate::domain::events::event::{Event, JobEventKind, Topic};
use crate::domain::events::filter::EventClause;
use crate::domain::job::Job as DomainJob;
use crate::domain::values::id::JobId;
use crate::service::error::ServiceError;
use crate::service::events::{EventStream, StreamItem};
use crate::service::jobs::Jobs;

#[derive(Default)]
pub(super) struct JobSubscriptions;

#[Subscription]
impl JobSubscriptions {
    /// A job: its current state, then its state after every change, until it has completed, failed, been cancelled or
    /// been deleted. Slow clients receive the latest state.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Job>>> {
        let id = scalar_parsing::job_id("id", &id)?;
        let mut clause = EventClause::all_of(Topic::Jobs);
        clause.jobs.insert(id);
        // Subscribed first, so that changes during the read are received.
        let events = subscribe(ctx, clause).await?;
        let watch = JobWatch {
            id,
            events,
            jobs: services(ctx)?.jobs.clone(),
            caller: caller(ctx)?.clone(),
            last_published: None,
        };
        let first = watch.jobs.get(&watch.caller, id).await?;
        Ok(watch.from(first))
    }
}

/// Subscription to one job.
struct JobWatch {
    id: JobId,
    events: EventStream,
    jobs: Jobs,
    caller: Caller,
    /// Last published revision.
    last_published: Option<u32>,
}

impl JobWatch {
    /// The job as it was read, followed by its changes.
    fn from(mut self, first: Arc<DomainJob>) -> impl Stream<Item = Result<Job>> {
        self.last_published = Some(first.revision);
        let rest = (!first.status.is_finished()).then_some(self);
        let rest = stream::unfold(rest, |watch| async move {
            let mut watch = watch?;
            let changed = watch.next().await?;
            let goes_on = changed.as_ref().is_ok_and(|job| !job.status.is_finished());
            Some((changed.map(Job::from).map_err(Into::into), goes_on.then_some(watch)))
        });
        stream::once(std::future::ready(Ok(Job::from(first)))).chain(rest)
    }

    /// The job after the next change; `None` when it was deleted, or the server shuts down.
    async fn next(&mut self) -> Option<Result<Arc<DomainJob>, ServiceError>> {
        loop {
            let job = match self.events.next().await? {
                StreamItem::Event(published) => match published.event() {
                    Event::Job {
                        kind: JobEventKind::Deleted,
                        ..
                    } => return None,
                    Event::Job { job, .. } => Arc::clone(job),
                    Event::JobReport { .. }
                    | Event::Queue { .. }
                    | Event::QueueMetrics { .. }
                    | Event::SystemMetrics(_)
                    | Event::SystemAlert { .. }
                    | Event::Operation { .. } => continue,
                },
                StreamItem::Lagged { .. } => match self.jobs.get(&self.caller, self.id).await {
                    Ok(job) => job,
                    Err(ServiceError::NoSuchJob { .. }) => return None,
                    Err(error) => return Some(Err(error)),
                },
            };
            if self.last_published.is_none_or(|published| published < job.revision) {
                self.last_published = Some(job.revision);
                return Some(Ok(job));
            }
        }
    }
}
