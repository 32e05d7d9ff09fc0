//! Loads what many objects of one request need with one statement: attempts, and jobs that are only known in short.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, Result};
use futures_util::future::BoxFuture;

use super::schema::Services;
use crate::domain::attempt::Attempt;
use crate::domain::caller::Caller;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::service::error::ServiceError;
use crate::service::jobs::Jobs;

/// More than any page has: whatever one step of a request asks for is loaded together.
const KEYS_MAX: usize = 100_000;

/// How often the others get their turn without asking for more before what was asked for is loaded.
const QUIET_TURNS: u32 = 2;

/// What one request loads through. It remembers nothing: what a later step of a request asks for is read again.
pub(super) struct Loaders {
    attempts: DataLoader<EndedAttempts>,
    jobs: DataLoader<WholeJobs>,
    asked: Asked,
}

/// How often something was asked for.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

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
        let asked = Asked::default();
        Self {
            attempts: together(attempts, asked.clone()),
            jobs: together(jobs, asked.clone()),
            asked,
        }
    }
}

/// Loads as soon as all objects that are there have asked. No time is waited for: a long list is resolved in many turns of
/// its task, and what it asks for is loaded when its turns bring nothing new.
fn together<L: Send + Sync + 'static>(loader: L, asked: Asked) -> DataLoader<L> {
    let spawn = move |load: BoxFuture<'static, ()>| {
        let asked = asked.clone();
        actix_web::rt::spawn(async move {
            asked.quiet().await;
            load.await;
        })
    };
    DataLoader::new(loader, spawn)
        .delay(Duration::ZERO)
        .max_batch_size(KEYS_MAX)
}

impl Asked {
    fn once(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until nothing more is asked for.
    async fn quiet(&self) {
        let mut quiet_turns = 0;
        let mut before = self.0.load(Ordering::Relaxed);
        while quiet_turns < QUIET_TURNS {
            others_first().await;
            let now = self.0.load(Ordering::Relaxed);
            quiet_turns = if now == before { quiet_turns + 1 } else { 0 };
            before = now;
        }
    }
}

/// Lets all other tasks of this thread that are ready have their turn.
async fn others_first() {
    let mut is_behind = false;
    poll_fn(|cx| {
        if is_behind {
            return Poll::Ready(());
        }
        is_behind = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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
    loaders.asked.once();
    Ok(loaders.attempts.load_one(id).await?.unwrap_or_default())
}

/// A job, if it exists.
pub(super) async fn job(ctx: &Context<'_>, id: JobId) -> Result<Option<Arc<Job>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.asked.once();
    Ok(loaders.jobs.load_one(id).await?)
}
