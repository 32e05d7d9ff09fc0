//! One execution of a job.

use async_graphql::{Context, Object, Result};

use crate::api::contract::view::attempt::AttemptView;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::api::graphql::types::enums::AttemptStatus;
use crate::api::graphql::types::worker::Worker;
use crate::domain::job::attempt::Attempt as DomainAttempt;

/// An attempt.
pub(crate) struct Attempt(DomainAttempt);

impl From<DomainAttempt> for Attempt {
    fn from(attempt: DomainAttempt) -> Self {
        Self(attempt)
    }
}

impl Attempt {
    fn view(&self) -> AttemptView<'_> {
        AttemptView::from(&self.0)
    }
}

/// One execution of a job.
#[Object]
impl Attempt {
    /// Number of the attempt, counted from 1.
    async fn number(&self) -> u32 {
        self.view().attempt
    }

    /// Status of the attempt.
    async fn status(&self) -> AttemptStatus {
        self.view().status.0.into()
    }

    /// Time of its start.
    async fn started_at(&self) -> DateTime {
        self.view().started_at.into()
    }

    /// Time of its end; null while it runs.
    async fn completed_at(&self) -> Option<DateTime> {
        self.view().completed_at.map(DateTime::from)
    }

    /// Duration; null while it runs.
    async fn duration(&self) -> Option<TimeSpan> {
        self.view().duration.map(TimeSpan::from)
    }

    /// Error message, in one line.
    async fn error(&self) -> Option<&str> {
        self.view().error
    }

    /// Details of the error.
    async fn error_detail(&self) -> Option<&str> {
        self.view().error_detail
    }

    /// The node or remote worker that ran it.
    async fn node(&self) -> Uuid {
        self.view().node.into()
    }

    /// The remote worker that ran it; null if a server ran it, or the worker is no longer known.
    #[graphql(complexity = "20 + child_complexity")]
    async fn worker(&self, ctx: &Context<'_>) -> Result<Option<Worker>> {
        let workers = &services(ctx)?.workers;
        let found = if_any(workers.get(caller(ctx)?, self.0.node).await)?;
        Ok(found.map(|worker| Worker::new(worker, workers)))
    }
}
