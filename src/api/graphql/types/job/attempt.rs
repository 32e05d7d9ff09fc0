//! One execution of a job.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::api::graphql::types::enums::AttemptStatus;
use crate::api::graphql::types::worker::Worker;
use crate::domain::job::attempt::Attempt as DomainAttempt;
use crate::domain::values::id::NodeId;

/// One execution of a job.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Attempt {
    /// Number of the attempt, counted from 1.
    number: u32,
    /// Status of the attempt.
    status: AttemptStatus,
    /// Time of its start.
    started_at: DateTime,
    /// Time of its end; null while it runs.
    completed_at: Option<DateTime>,
    /// Duration; null while it runs.
    duration: Option<TimeSpan>,
    /// Error message, in one line.
    error: Option<String>,
    /// Details of the error.
    error_detail: Option<String>,
    /// The node or remote worker that ran it.
    node: Uuid,
    #[graphql(skip)]
    ran_by: NodeId,
}

#[ComplexObject]
impl Attempt {
    /// The remote worker that ran it; null if a server ran it, or the worker is no longer known.
    #[graphql(complexity = "20 + child_complexity")]
    async fn worker(&self, ctx: &Context<'_>) -> Result<Option<Worker>> {
        let workers = &services(ctx)?.workers;
        let found = if_any(workers.get(caller(ctx)?, self.ran_by).await)?;
        Ok(found.map(|worker| Worker::new(worker, workers)))
    }
}

impl From<DomainAttempt> for Attempt {
    fn from(attempt: DomainAttempt) -> Self {
        let duration = attempt.duration();
        let DomainAttempt {
            job_id: _,
            number,
            status,
            started_at,
            ended_at,
            error,
            error_detail,
            node,
        } = attempt;
        Self {
            number,
            status: status.into(),
            started_at: started_at.into(),
            completed_at: ended_at.map(DateTime::from),
            duration: duration.map(TimeSpan::from),
            error: error.map(|error| error.to_string()),
            error_detail: error_detail.map(|detail| detail.to_string()),
            node: node.as_uuid().into(),
            ran_by: node,
        }
    }
}
