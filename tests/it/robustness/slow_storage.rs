//! Slow storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{Due, NewJob};
use tickerq::domain::metrics::health::HealthState;
use tickerq::domain::queue::StoredQueue;
use tickerq::domain::values::name::JobType;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::internals::{Clock, Health, Metrics, Readiness, Runtime, RuntimeOptions, SamplerOptions};
use tickerq::service::Jobs;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};
use tokio::sync::Semaphore;

use super::supervision::{options, rules};
use crate::harness::eventually;

/// A storage whose check of due times blocks.
struct Late {
    inner: SeaRepository,
    checks: AtomicUsize,
    responses: Semaphore,
}

impl DelegatingRepository for Late {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Late {
    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        drop(self.responses.acquire().await);
        self.inner.due_computed_after(after, limit).await
    }
}

impl DelegatingRecurring for Late {}
impl DelegatingCluster for Late {}
impl DelegatingWebhooks for Late {}
impl DelegatingMetrics for Late {}
impl DelegatingOperations for Late {}

#[actix::test]
async fn jobs_that_are_created_while_due_times_are_checked_keep_their_due_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    let late = Arc::new(Late {
        inner,
        checks: AtomicUsize::new(0),
        responses: Semaphore::new(0),
    });
    let passed = Arc::new(AtomicI64::new(0));
    let clock = Clock::new({
        let passed = Arc::clone(&passed);
        move || Utc::now() + TimeDelta::seconds(passed.load(Ordering::SeqCst))
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&late) as Arc<dyn JobRepository>;
    let runtime = Runtime::start(Arc::clone(&repository), options(clock))
        .await
        .expect("a runtime");
    let jobs = Jobs::new(Arc::clone(&repository), runtime.handle().clone(), Arc::new(rules()));
    eventually("the check at the start waits for storage", async || {
        (late.checks.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;

    passed.store(20, Ordering::SeqCst);
    let new = NewJob {
        due: Due::After(TimeSpan::from_secs(3_600)),
        ..NewJob::of_type(JobType::parse("NoopJob").expect("a type"))
    };
    let scheduled = jobs.schedule(&Caller::local(), new, None).await.expect("a job");
    let created = &scheduled.jobs[0].job;
    late.responses.add_permits(1_000);
    eventually("the next check, or another round of this one", async || {
        (late.checks.load(Ordering::SeqCst) > 1).then_some(())
    })
    .await;
    let stored = repository.job(created.id).await.expect("storage").expect("the job");
    assert_eq!((stored.due_at, stored.revision), (created.due_at, created.revision));
    runtime.stop(Duration::from_secs(5)).await;
}

/// A storage whose connections for reads may all be busy.
struct Busy {
    inner: SeaRepository,
    is_busy: AtomicBool,
    checks: AtomicUsize,
}

impl DelegatingRepository for Busy {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Busy {
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        if self.is_busy.load(Ordering::SeqCst) {
            self.checks.fetch_add(1, Ordering::SeqCst);
            return Err(RepositoryError::Busy);
        }
        self.inner.queues(now).await
    }
}

impl DelegatingRecurring for Busy {}
impl DelegatingCluster for Busy {}
impl DelegatingWebhooks for Busy {}
impl DelegatingMetrics for Busy {}
impl DelegatingOperations for Busy {}

#[actix::test]
async fn busy_connections_are_no_outage() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    let busy = Arc::new(Busy {
        inner,
        is_busy: AtomicBool::new(false),
        checks: AtomicUsize::new(0),
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&busy) as Arc<dyn JobRepository>;
    let options = RuntimeOptions {
        sampler: SamplerOptions {
            system_every: Duration::from_millis(100),
            ..SamplerOptions::default()
        },
        ..options(Clock::system())
    };
    let runtime = Runtime::start(Arc::clone(&repository), options)
        .await
        .expect("a runtime");
    let metrics = Metrics::new(Arc::clone(&repository), runtime.handle().clone());
    let health = Health::new(Arc::clone(&repository), runtime.handle().clone());
    let before = metrics.system(&Caller::local()).await.expect("metrics");
    assert_eq!(before.metrics.health, HealthState::Healthy);
    busy.is_busy.store(true, Ordering::SeqCst);
    eventually("several checks find the connections busy", async || {
        (busy.checks.load(Ordering::SeqCst) > 3).then_some(())
    })
    .await;
    let report = metrics.system(&Caller::local()).await.expect("metrics");
    assert_eq!(
        (report.metrics.health, report.health.reasons),
        (HealthState::Healthy, Vec::new())
    );
    assert!(!busy.inner.outage().expect("it has one").is_ongoing());
    let readiness = health.readiness().await;
    assert!(matches!(readiness, Readiness::Ready { .. }), "{readiness:?}");
    runtime.stop(Duration::from_secs(5)).await;
}
