//! Actors that panic during their work are restarted, and no job is lost.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{Due, NewJob};
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::queue::rate_limit::RateLimit;
use tickerq::domain::queue::{QueueSettings, StoredQueue};
use tickerq::domain::values::id::{JobId, NodeId};
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::handlers::NoopHandler;
use tickerq::internals::{
    CallReporter, Clock, DeliveryOptions, HandlerLimits, HandlerRegistry, JobLimits, OutboundClients, Retention,
    Runtime, RuntimeOptions, SamplerOptions, SyncOptions, Traces, UnknownJobTypes, WebhookOptions,
};
use tickerq::service::Jobs;
use tickerq::storage::commit::{Commit, Committed};
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::query::{DueRecurring, RunningJob};
use tickerq::storage::repository::{JobRepository, JobStore, RecurringStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::eventually;

const JOBS: usize = 60;

/// Counts down on the actors' threads, and panics once.
struct Fuse(AtomicI64);

impl Fuse {
    fn burn(&self) {
        let is_actor = std::thread::current()
            .name()
            .is_some_and(|name| name.contains("arbiter"));
        if is_actor && self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            panic!("a planned panic");
        }
    }
}

/// A storage whose every call may panic.
struct Fused {
    inner: SeaRepository,
    fuse: Arc<Fuse>,
}

impl DelegatingRepository for Fused {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Fused {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        self.fuse.burn();
        let results = self.inner.commit(commit).await;
        // After the commit too: then its effects are not reported.
        self.fuse.burn();
        results
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.fuse.burn();
        self.inner.job(id).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        self.fuse.burn();
        self.inner.queues(now).await
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        self.fuse.burn();
        self.inner.next_due(after).await
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        self.fuse.burn();
        self.inner.due_types(now).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.fuse.burn();
        self.inner.orphans(observer, limit).await
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        self.fuse.burn();
        self.inner.running_on(node).await
    }
}

#[async_trait]
impl DelegatingRecurring for Fused {
    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        self.fuse.burn();
        self.inner.due_recurring(now, limit).await
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        self.fuse.burn();
        self.inner.next_recurring(after).await
    }
}

impl DelegatingCluster for Fused {}
impl DelegatingWebhooks for Fused {}
impl DelegatingMetrics for Fused {}
impl DelegatingOperations for Fused {}

/// A runtime of one queue that runs `NoopJob`, with a lease of a second.
pub fn options(clock: Clock) -> RuntimeOptions {
    let mut handlers = HandlerRegistry::new();
    handlers.register(JobType::parse("NoopJob").expect("a type"), Arc::new(NoopHandler));
    RuntimeOptions {
        log_jobs: false,
        queues: vec![QueueSettings {
            name: QueueName::default(),
            workers: NonZeroU32::new(4).expect("workers"),
            pending_max: None,
            rate_limit: None,
        }],
        workers_by_default: NonZeroU32::MIN,
        concurrency: Vec::new(),
        handlers,
        handler_limits: HandlerLimits::default(),
        handler_threads: 1,
        cancel_grace: Duration::from_secs(1),
        retention: Retention {
            completed: None,
            failed: None,
            cancelled: None,
            audit: None,
            deliveries: None,
            changes: None,
            metrics: None,
        },
        node_name: Arc::from("test"),
        lease: TimeSpan::from_secs(1),
        sampler: SamplerOptions::default(),
        clock,
        defaults: Arc::default(),
        webhooks: WebhookOptions {
            delivery: DeliveryOptions {
                enable: true,
                endpoints: Vec::new(),
                timeout: Duration::from_secs(1),
                disable_after: TimeSpan::from_secs(60),
                remove_unconfigured_after: TimeSpan::from_secs(3_600),
                concurrency: 1,
            },
            clients: OutboundClients::new(None).expect("clients"),
            calls: CallReporter::default(),
        },
        sync: SyncOptions::default(),
        on_job_event: None,
        traces: Traces::default(),
    }
}

pub(super) fn rules() -> JobLimits {
    JobLimits {
        defaults: Arc::default(),
        unknown_job_types: UnknownJobTypes::Accept,
        parameters_bytes_max: 1 << 20,
        batch_jobs_max: 1_000,
        queues_max: 1_000,
        new_queues_per_caller: RateLimit::UNLIMITED,
        unique_keys_per_caller: RateLimit::UNLIMITED,
        workers_per_caller: 1_000,
        queues: Default::default(),
        pending_max: Default::default(),
    }
}

/// Runs jobs while an actor panics at its `storage_calls`th call of storage or its `clock_readings`th reading of the
/// clock, and waits until all of them have completed. Returns the number of restarted actors.
async fn complete_all_in_spite_of_a_panic(storage_calls: i64, clock_readings: i64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    // No panic before the runtime has started: a failed start is returned to the caller.
    let storage_fuse = Arc::new(Fuse(AtomicI64::new(i64::MAX)));
    let clock_fuse = Arc::new(Fuse(AtomicI64::new(i64::MAX)));
    let clock = Clock::new({
        let fuse = Arc::clone(&clock_fuse);
        move || {
            fuse.burn();
            Utc::now()
        }
    });
    let repository: Arc<dyn JobRepository> = Arc::new(Fused {
        inner,
        fuse: Arc::clone(&storage_fuse),
    });
    let runtime = Runtime::start(Arc::clone(&repository), options(clock))
        .await
        .expect("a runtime");
    let jobs = Jobs::new(Arc::clone(&repository), runtime.handle().clone(), Arc::new(rules()));
    storage_fuse.0.store(storage_calls, Ordering::SeqCst);
    clock_fuse.0.store(clock_readings, Ordering::SeqCst);

    let mut accepted = Vec::new();
    while accepted.len() < JOBS {
        let due = if accepted.len().is_multiple_of(3) {
            Due::After(TimeSpan::from_micros(50_000))
        } else {
            Due::Now
        };
        let new = NewJob {
            due,
            ..NewJob::of_type(JobType::parse("NoopJob").expect("a type"))
        };
        // A caller that receives `unavailable` retries; the first request may have taken effect.
        if let Ok(scheduled) = jobs.schedule(&Caller::local(), new, None).await {
            accepted.push(scheduled.jobs[0].job.id);
        }
    }
    eventually("all jobs have completed", || async {
        for id in &accepted {
            let job = repository.job(*id).await.ok()??;
            if job.status != JobStatus::Completed {
                return None;
            }
        }
        Some(())
    })
    .await;
    let restarts = runtime.handle().supervisor.restarts();
    runtime.stop(Duration::from_secs(5)).await;
    restarts
}

/// Each in a thread and an actix system of its own, all at the same time.
fn each(cases: impl IntoIterator<Item = (i64, i64)>) -> Vec<u64> {
    let threads: Vec<_> = cases
        .into_iter()
        .map(|(storage_calls, clock_readings)| {
            std::thread::spawn(move || {
                actix::System::new().block_on(complete_all_in_spite_of_a_panic(storage_calls, clock_readings))
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().expect("all jobs complete"))
        .collect()
}

#[test]
fn no_job_is_lost_when_an_actor_panics_while_it_calls_storage() {
    let restarts = each([1, 2, 3, 4, 5, 7, 10, 15, 22, 33].map(|calls| (calls, i64::MAX)));
    assert!(restarts.iter().all(|restarts| *restarts >= 1), "{restarts:?}");
}

#[test]
fn no_job_is_lost_when_an_actor_panics_in_the_middle_of_a_message() {
    let restarts = each([1, 2, 3, 4, 5, 7, 10, 15, 22, 33].map(|readings| (i64::MAX, readings)));
    assert!(restarts.iter().all(|restarts| *restarts >= 1), "{restarts:?}");
}
