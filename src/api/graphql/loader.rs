//! Loads what many objects of one request need with one statement: attempts, and jobs that are only known in short.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, Result};

use super::schema::Services;
use crate::domain::attempt::Attempt;
use crate::domain::caller::Caller;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::service::error::ServiceError;
use crate::service::jobs::Jobs;

/// More than any page has: whatever one step of a request asks for is loaded together.
const KEYS_MAX: usize = 100_000;

/// What one request loads through. It remembers nothing: what a later step of a request asks for is read again.
pub(super) struct Loaders {
    attempts: DataLoader<EndedAttempts>,
    jobs: DataLoader<WholeJobs>,
}

struct EndedAttempts {
    jobs: Jobs,
    caller: Caller,
}

struct WholeJobs {
    jobs: Jobs,
    caller: Caller,
}

impl Loaders {
    /// What a request of this caller loads through.
    pub(super) fn new(services: &Services, caller: &Caller) -> Self {
        let attempts = EndedAttempts {
            jobs: services.jobs.clone(),
            caller: caller.clone(),
        };
        let jobs = WholeJobs {
            jobs: services.jobs.clone(),
            caller: caller.clone(),
        };
        Self {
            attempts: together(attempts),
            jobs: together(jobs),
        }
    }
}

/// Loads as soon as all objects that are there have asked: their fields are resolved before anything that was spawned runs.
fn together<L: Send + Sync + 'static>(loader: L) -> DataLoader<L> {
    DataLoader::new(loader, actix_web::rt::spawn)
        .delay(Duration::ZERO)
        .max_batch_size(KEYS_MAX)
}

impl Loader<JobId> for EndedAttempts {
    type Value = Vec<Attempt>;
    type Error = ServiceError;

    async fn load(&self, ids: &[JobId]) -> Result<HashMap<JobId, Vec<Attempt>>, ServiceError> {
        self.jobs.ended_attempts(&self.caller, ids).await
    }
}

impl Loader<JobId> for WholeJobs {
    type Value = Arc<Job>;
    type Error = ServiceError;

    async fn load(&self, ids: &[JobId]) -> Result<HashMap<JobId, Arc<Job>>, ServiceError> {
        let jobs = self.jobs.get_all(&self.caller, ids).await?;
        Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
    }
}

/// The attempts of a job that have ended.
pub(super) async fn ended_attempts(ctx: &Context<'_>, id: JobId) -> Result<Vec<Attempt>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    Ok(loaders.attempts.load_one(id).await?.unwrap_or_default())
}

/// A job, if it exists.
pub(super) async fn job(ctx: &Context<'_>, id: JobId) -> Result<Option<Arc<Job>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    Ok(loaders.jobs.load_one(id).await?)
}
