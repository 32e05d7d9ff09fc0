//! Batches the reads of many objects of one request: attempts, jobs that were read as summaries, large texts,
//! explanations, and states of queues.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, Error, Result};
use futures_util::future::BoxFuture;

use super::context::Services;
use super::execution::budget;
use super::execution::budget::Budget;
use crate::domain::access::caller::Caller;
use crate::domain::explanation::Explanation;
use crate::domain::job::Job;
use crate::domain::job::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::JobId;
use crate::domain::values::name::QueueName;
use crate::service::error::ServiceError;
use crate::service::jobs::{Explanations, Jobs};
use crate::service::limits::ReadLane;
use crate::service::queues::Queues;
use crate::service::queues::overview::QueueOverview;
use crate::service::recurring::Recurring;
use crate::storage::query::{JobSummary, JobText};

/// Exceeds the size of any page: all keys of one step of a request are loaded batching.
const KEYS_MAX: usize = 100_000;

/// Maximum number of attempts read in one step: the errors of each have up to 17 kB.
const ATTEMPTS_MAX: usize = 500;

/// Approximate size of a job without its large texts, in bytes.
const JOB_BYTES: usize = 1_024;

/// Approximate size of a reason, in bytes.
const REASON_BYTES: usize = 1_024;

/// Approximate size of the state of a queue, in bytes.
const OVERVIEW_BYTES: usize = 256;

/// Number of recurring jobs whose last occurrences are read in one step.
const OCCURRENCES_PART: usize = 50;

/// Number of turns without new keys after which the batch is loaded.
const QUIET_TURNS: u32 = 2;

/// Loaders of one request. They cache nothing: a later step of the request reads again.
pub(super) struct Loaders {
    attempts: DataLoader<EndedAttempts>,
    jobs: DataLoader<BriefJobs>,
    texts: DataLoader<JobTexts>,
    explanations: DataLoader<ExplainedJobs>,
    overviews: DataLoader<QueueOverviews>,
    occurrences: DataLoader<LastOccurrences>,
    requested: RequestedKeys,
}

/// Number of requested keys.
#[derive(Clone, Default)]
struct RequestedKeys(Arc<AtomicUsize>);

struct EndedAttempts {
    jobs: Jobs,
    caller: Caller,
    budget: Arc<Budget>,
}

struct BriefJobs {
    jobs: Jobs,
    caller: Caller,
    budget: Arc<Budget>,
}

struct JobTexts {
    jobs: Jobs,
    caller: Caller,
    budget: Arc<Budget>,
}

struct ExplainedJobs {
    explanations: Explanations,
    caller: Caller,
    budget: Arc<Budget>,
}

struct LastOccurrences {
    recurring: Recurring,
    caller: Caller,
    budget: Arc<Budget>,
}

struct QueueOverviews {
    queues: Queues,
    caller: Caller,
    budget: Arc<Budget>,
}

/// Reason why a value was not loaded.
#[derive(Clone)]
enum NotLoaded {
    Service(ServiceError),
    /// The budget of the request is exhausted.
    Stopped,
}

impl From<ServiceError> for NotLoaded {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<NotLoaded> for Error {
    fn from(why: NotLoaded) -> Self {
        match why {
            NotLoaded::Service(error) => error.into(),
            NotLoaded::Stopped => budget::stopped_here(),
        }
    }
}

impl Loaders {
    /// Loaders of a request of this caller, within its budget.
    pub(super) fn new(services: &Services, caller: &Caller, budget: &Arc<Budget>) -> Self {
        let (jobs, budget) = (&services.jobs, || Arc::clone(budget));
        let attempts = EndedAttempts {
            jobs: jobs.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let explanations = ExplainedJobs {
            explanations: services.explanations.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let overviews = QueueOverviews {
            queues: services.queues.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let occurrences = LastOccurrences {
            recurring: services.recurring.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let texts = JobTexts {
            jobs: jobs.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let jobs = BriefJobs {
            jobs: jobs.clone(),
            caller: caller.clone(),
            budget: budget(),
        };
        let requested = RequestedKeys::default();
        Self {
            attempts: batching(attempts, caller, requested.clone()),
            jobs: batching(jobs, caller, requested.clone()),
            texts: batching(texts, caller, requested.clone()),
            explanations: batching(explanations, caller, requested.clone()),
            overviews: batching(overviews, caller, requested.clone()),
            occurrences: batching(occurrences, caller, requested.clone()),
            requested,
        }
    }
}

/// Loader of one batch per step, without a delay: a long list is resolved in many turns of its task, and its keys are
/// loaded after turns without new keys.
fn batching<L: Send + Sync + 'static>(loader: L, caller: &Caller, requested: RequestedKeys) -> DataLoader<L> {
    let lane = ReadLane::of(caller);
    let spawn = move |load: BoxFuture<'static, ()>| {
        let (lane, requested) = (lane.clone(), requested.clone());
        actix_web::rt::spawn(async move {
            requested.settled().await;
            lane.scope(load).await;
        })
    };
    DataLoader::new(loader, spawn)
        .delay(Duration::ZERO)
        .max_batch_size(KEYS_MAX)
}

impl RequestedKeys {
    fn record(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for turns without new keys.
    async fn settled(&self) {
        let mut quiet_turns = 0;
        let mut before = self.0.load(Ordering::Relaxed);
        while quiet_turns < QUIET_TURNS {
            yield_to_others().await;
            let now = self.0.load(Ordering::Relaxed);
            quiet_turns = if now == before { quiet_turns + 1 } else { 0 };
            before = now;
        }
    }
}

/// Yields to all other ready tasks of this thread.
async fn yield_to_others() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Loader<(JobId, u32)> for EndedAttempts {
    type Value = Vec<Attempt>;
    type Error = NotLoaded;

    async fn load(&self, keys: &[(JobId, u32)]) -> Result<HashMap<(JobId, u32), Vec<Attempt>>, NotLoaded> {
        let mut loaded = HashMap::with_capacity(keys.len());
        let mut keys = keys;
        while !keys.is_empty() {
            let (now, later) = keys.split_at(part_of(keys));
            keys = later;
            let ids: Vec<JobId> = now.iter().map(|(id, _)| *id).collect();
            let mut found = self.jobs.ended_attempts(&self.caller, &ids).await?;
            let size: usize = found.values().flatten().map(size_of_attempt).sum();
            if !self.budget.charge_read(size) {
                return Err(NotLoaded::Stopped);
            }
            loaded.extend(
                now.iter()
                    .filter_map(|key| found.remove(&key.0).map(|attempts| (*key, attempts))),
            );
        }
        Ok(loaded)
    }
}

/// Number of jobs whose attempts are read in one step, at least one.
fn part_of(keys: &[(JobId, u32)]) -> usize {
    let mut rows = 0_usize;
    let fitting = keys.iter().take_while(|(_, attempts)| {
        rows = rows.saturating_add(usize::try_from((*attempts).min(ATTEMPTS_KEPT)).unwrap_or(usize::MAX));
        rows <= ATTEMPTS_MAX
    });
    fitting.count().max(1)
}

fn size_of_attempt(attempt: &Attempt) -> usize {
    let texts = [&attempt.error, &attempt.error_detail];
    size_of::<Attempt>()
        + texts
            .iter()
            .filter_map(|text| text.as_ref())
            .map(|text| text.len())
            .sum::<usize>()
}

impl Loader<JobId> for BriefJobs {
    type Value = Arc<Job>;
    type Error = NotLoaded;

    async fn load(&self, ids: &[JobId]) -> Result<HashMap<JobId, Arc<Job>>, NotLoaded> {
        let jobs = self.jobs.in_brief(&self.caller, ids).await?;
        if !self.budget.charge_read(jobs.len() * JOB_BYTES) {
            return Err(NotLoaded::Stopped);
        }
        Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
    }
}

impl Loader<(JobId, JobText)> for JobTexts {
    type Value = Arc<str>;
    type Error = NotLoaded;

    async fn load(&self, keys: &[(JobId, JobText)]) -> Result<HashMap<(JobId, JobText), Arc<str>>, NotLoaded> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for text in JobText::ALL {
            let of_text = keys.iter().filter(|(_, requested)| *requested == text);
            let ids: Vec<JobId> = of_text.map(|(id, _)| *id).collect();
            if ids.is_empty() {
                continue;
            }
            // Each of them occurs in the response at least once.
            let size = self.jobs.size_of_texts(&self.caller, text, &ids).await?;
            let Some(_room) = self.budget.room_for(size) else {
                return Err(NotLoaded::Stopped);
            };
            let found = self.jobs.texts(&self.caller, text, &ids).await?;
            loaded.extend(found.into_iter().map(|(id, found)| ((id, text), found)));
        }
        Ok(loaded)
    }
}

impl Loader<JobId> for ExplainedJobs {
    type Value = Arc<Explanation>;
    type Error = NotLoaded;

    async fn load(&self, ids: &[JobId]) -> Result<HashMap<JobId, Arc<Explanation>>, NotLoaded> {
        let explanations = self.explanations.jobs(&self.caller, ids).await?;
        let reasons: usize = explanations.values().map(|explanation| explanation.reasons.len()).sum();
        if !self.budget.charge_read(reasons * REASON_BYTES) {
            return Err(NotLoaded::Stopped);
        }
        let explanations = explanations.into_iter();
        Ok(explanations
            .map(|(id, explanation)| (id, Arc::new(explanation)))
            .collect())
    }
}

impl Loader<(RecurringId, u32)> for LastOccurrences {
    type Value = Vec<JobSummary>;
    type Error = NotLoaded;

    async fn load(
        &self,
        keys: &[(RecurringId, u32)],
    ) -> Result<HashMap<(RecurringId, u32), Vec<JobSummary>>, NotLoaded> {
        let mut loaded = HashMap::with_capacity(keys.len());
        let mut by_limit: HashMap<u32, Vec<RecurringId>> = HashMap::new();
        for (id, limit) in keys {
            by_limit.entry(*limit).or_default().push(*id);
        }
        for (limit, ids) in by_limit {
            // In parts, so that the budget ends a long list.
            for ids in ids.chunks(OCCURRENCES_PART) {
                let found = self.recurring.last_occurrences(&self.caller, ids, limit).await?;
                let jobs: usize = found.values().map(Vec::len).sum();
                if !self.budget.charge_read(jobs * JOB_BYTES) {
                    return Err(NotLoaded::Stopped);
                }
                loaded.extend(found.into_iter().map(|(id, jobs)| ((id, limit), jobs)));
            }
        }
        Ok(loaded)
    }
}

impl Loader<QueueName> for QueueOverviews {
    type Value = Arc<QueueOverview>;
    type Error = NotLoaded;

    async fn load(&self, names: &[QueueName]) -> Result<HashMap<QueueName, Arc<QueueOverview>>, NotLoaded> {
        let overviews = self.queues.overviews_by_name(&self.caller, names).await?;
        if !self.budget.charge_read(overviews.len() * OVERVIEW_BYTES) {
            return Err(NotLoaded::Stopped);
        }
        let overviews = overviews.into_iter();
        Ok(overviews.map(|(name, overview)| (name, Arc::new(overview))).collect())
    }
}

/// Completed attempts of a job that has had this number of attempts.
pub(super) async fn ended_attempts(ctx: &Context<'_>, id: JobId, attempts: u32) -> Result<Vec<Attempt>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.attempts.load_one((id, attempts)).await?.unwrap_or_default())
}

/// A job without its large texts, or none if it does not exist.
pub(super) async fn job(ctx: &Context<'_>, id: JobId) -> Result<Option<Arc<Job>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.jobs.load_one(id).await?)
}

/// A large text of a job, or none if the job or the text does not exist.
pub(super) async fn job_text(ctx: &Context<'_>, id: JobId, text: JobText) -> Result<Option<Arc<str>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.texts.load_one((id, text)).await?)
}

/// The explanation of a job, or none if the job does not exist.
pub(super) async fn explanation(ctx: &Context<'_>, id: JobId) -> Result<Option<Arc<Explanation>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.explanations.load_one(id).await?)
}

/// The state of a queue, or none if the queue does not exist.
pub(super) async fn queue_overview(ctx: &Context<'_>, name: QueueName) -> Result<Option<Arc<QueueOverview>>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.overviews.load_one(name).await?)
}

/// Last occurrences of a recurring job.
pub(super) async fn last_occurrences(ctx: &Context<'_>, id: RecurringId, limit: u32) -> Result<Vec<JobSummary>> {
    let loaders = ctx.data::<Arc<Loaders>>()?;
    loaders.requested.record();
    Ok(loaders.occurrences.load_one((id, limit)).await?.unwrap_or_default())
}
