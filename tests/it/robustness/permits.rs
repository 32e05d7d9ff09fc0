//! Requests for large jobs, which hold permits, beside waits for turns and for connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tickerq::domain::access::caller::Caller;
use tickerq::domain::cron::CronExpression;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{Due, NewJob};
use tickerq::domain::job::priority::Priority;
use tickerq::domain::job::state_machine::JobUpdate;
use tickerq::domain::recurring::misfire::MisfirePolicy;
use tickerq::domain::recurring::overlap::OverlapPolicy;
use tickerq::domain::recurring::{NewRecurringJob, Schedule, Template};
use tickerq::domain::values::id::JobId;
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::{JobName, JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::domain::values::time_zone::TimeZoneName;
use tickerq::internals::{Clock, JobLimits, Runtime};
use tickerq::service::Jobs;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::query::JobFilter;
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};
use tokio::sync::Semaphore;

use super::supervision::{options, rules};
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

/// Number of permits for changes of large jobs that one caller can have.
const PERMITS: usize = 31;

/// Maximum time of requests that wait for each other, less than the timeout of the wait for a permit.
const TIME: Duration = Duration::from_secs(20);

/// A storage in which the first change of a job reads a small and outdated job, waits in its second try, and the next
/// changes read an outdated job under their permits.
struct Contended {
    inner: SeaRepository,
    is_contended: AtomicBool,
    brief_reads: AtomicUsize,
    whole_reads: AtomicUsize,
    second_try: Semaphore,
}

impl DelegatingRepository for Contended {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

/// A job before another change.
fn outdated(job: &Job) -> Job {
    Job {
        revision: job.revision + 1_000,
        ..job.clone()
    }
}

#[async_trait]
impl DelegatingJobs for Contended {
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        let found = self.inner.job(id).await?;
        let is_contended = self.is_contended.load(Ordering::SeqCst);
        if is_contended && self.whole_reads.fetch_add(1, Ordering::SeqCst) < PERMITS {
            return Ok(found.map(|job| Arc::new(outdated(&job))));
        }
        Ok(found)
    }

    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        if !self.is_contended.load(Ordering::SeqCst) {
            return self.inner.job_if_small(id, bytes_max).await;
        }
        match self.brief_reads.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let found = self.inner.job(id).await?;
                return Ok(found.map(|job| {
                    Arc::new(Job {
                        parameters: Json::null(),
                        ..outdated(&job)
                    })
                }));
            }
            1 => drop(self.second_try.acquire().await),
            _ => {}
        }
        self.inner.job_if_small(id, bytes_max).await
    }
}

impl DelegatingRecurring for Contended {}
impl DelegatingCluster for Contended {}
impl DelegatingWebhooks for Contended {}
impl DelegatingMetrics for Contended {}
impl DelegatingOperations for Contended {}

fn large() -> Json {
    Json::from_valid(format!("\"{}\"", "x".repeat(40_000)))
}

#[actix::test]
async fn a_change_holds_no_turn_while_it_waits_for_a_permit() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    let contended = Arc::new(Contended {
        inner,
        is_contended: AtomicBool::new(false),
        brief_reads: AtomicUsize::new(0),
        whole_reads: AtomicUsize::new(0),
        second_try: Semaphore::new(0),
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&contended) as Arc<dyn JobRepository>;
    let runtime = Runtime::start(Arc::clone(&repository), options(Clock::system()))
        .await
        .expect("a runtime");
    let jobs = Jobs::new(repository, runtime.handle().clone(), Arc::new(rules()));
    let new = NewJob {
        due: Due::After(TimeSpan::from_secs(3_600)),
        parameters: large(),
        ..NewJob::of_type(JobType::parse("NoopJob").expect("a type"))
    };
    let scheduled = jobs.schedule(&Caller::local(), new, None).await.expect("a job");
    let id = scheduled.jobs[0].job.id;
    contended.is_contended.store(true, Ordering::SeqCst);
    let caller = Caller::local();
    let change = || {
        let update = JobUpdate {
            parameters: Some(large()),
            ..JobUpdate::default()
        };
        jobs.patch(&caller, id, update, None)
    };
    let first = change();
    let others = async {
        eventually("the first change has a turn", async || {
            (contended.brief_reads.load(Ordering::SeqCst) == 2).then_some(())
        })
        .await;
        join_all((0..PERMITS).map(|_| change())).await
    };
    let release = async {
        eventually("the others have all permits", async || {
            (contended.whole_reads.load(Ordering::SeqCst) == PERMITS).then_some(())
        })
        .await;
        contended.second_try.add_permits(1);
    };
    let all = async { tokio::join!(first, others, release) };
    let (first, others, ()) = tokio::time::timeout(TIME, all).await.expect("none waits for another");
    first.expect("the first change");
    for other in others {
        other.expect("a change");
    }
    runtime.stop(Duration::from_secs(5)).await;
}

/// A storage whose counts of pending jobs wait.
struct SlowCounts {
    inner: MemoryRepository,
    is_slow: AtomicBool,
    waiting: AtomicUsize,
    counts: Semaphore,
}

impl DelegatingRepository for SlowCounts {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for SlowCounts {
    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        if self.is_slow.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            drop(self.counts.acquire().await);
        }
        self.inner.count(filter).await
    }
}

impl DelegatingRecurring for SlowCounts {}
impl DelegatingCluster for SlowCounts {}
impl DelegatingWebhooks for SlowCounts {}
impl DelegatingMetrics for SlowCounts {}
impl DelegatingOperations for SlowCounts {}

#[actix::test]
async fn a_trigger_holds_no_permit_while_it_waits_for_its_queue() {
    let storage = Arc::new(SlowCounts {
        inner: MemoryRepository::new(),
        is_slow: AtomicBool::new(false),
        waiting: AtomicUsize::new(0),
        counts: Semaphore::new(0),
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&storage) as Arc<dyn JobRepository>;
    let runtime = Runtime::start(Arc::clone(&repository), options(Clock::system()))
        .await
        .expect("a runtime");
    let queue = QueueName::parse("limited").expect("a name");
    let limits = JobLimits {
        pending_max: [(queue.clone(), 1_000)].into(),
        ..rules()
    };
    let jobs = Jobs::new(repository, runtime.handle().clone(), Arc::new(limits));
    let recurring = jobs.recurring();
    let caller = Caller::local();
    let new = NewRecurringJob {
        key: None,
        schedule: Schedule {
            cron: CronExpression::parse("@yearly").expect("an expression"),
            time_zone: TimeZoneName::default(),
            starts_at: None,
            ends_at: None,
        },
        template: Template {
            job_type: JobType::parse("UnknownJob").expect("a type"),
            name: JobName::parse("large").expect("a name"),
            queue: Some(queue),
            parameters: large(),
            priority: Priority::default(),
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            tags: Vec::new(),
        },
        is_enabled: false,
        misfire_policy: MisfirePolicy::default(),
        overlap_policy: OverlapPolicy::default(),
    };
    let (created, _) = recurring.create(&caller, new, None).await.expect("a recurring job");
    storage.is_slow.store(true, Ordering::SeqCst);
    let triggers = join_all((0..PERMITS).map(|_| recurring.trigger(&caller, created.id, None, Due::Now, None)));
    let change = async {
        eventually("all triggers wait for their queue", async || {
            (storage.waiting.load(Ordering::SeqCst) >= PERMITS).then_some(())
        })
        .await;
        let enabled = recurring.set_enabled(&caller, created.id, true, None).await;
        storage.is_slow.store(false, Ordering::SeqCst);
        storage.counts.add_permits(PERMITS);
        enabled
    };
    let both = async { tokio::join!(triggers, change) };
    let (triggered, enabled) = tokio::time::timeout(TIME, both).await.expect("the change has a permit");
    enabled.expect("a change");
    for job in triggered {
        assert_eq!(job.expect("an occurrence").parameters, large());
    }
    runtime.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn requests_of_two_callers_for_large_jobs_complete_over_one_connection() {
    let key = |name: &str| {
        format!(
            "[[api.keys]]\nname = \"{name}\"\nkey = \"tq_{name}-key-for-tests\"\n\
             scopes = [\"tickerq:read\", \"tickerq:write\"]\n"
        )
    };
    let config = format!("[database]\nmax_connections = 3\n{}{}", key("one"), key("two"));
    let site = Site::new(Storage::Postgres, &config);
    let server = site.start();
    let clients = ["one", "two"].map(|name| server.client().with_token(&format!("tq_{name}-key-for-tests")));
    let parameters = "x".repeat(100_000);
    let job = json!({ "type": "Unhandled", "delay": "01:00:00", "parameters": parameters });
    let created = clients[0].create(job).await;
    let path = format!("/jobs/{}", created["id"].as_str().expect("an id"));
    let requests = clients.iter().flat_map(|client| {
        let path = &path;
        (0..30).map(move |number| {
            let request = if number % 3 == 0 {
                let update = json!({ "name": format!("name {number}") });
                client.request(Method::PATCH, path).json(&update)
            } else {
                client.request(Method::GET, path)
            };
            client.send(request)
        })
    });
    let responses = tokio::time::timeout(TIME, join_all(requests)).await;
    for response in responses.expect("none waits for another") {
        assert_eq!(response.status, StatusCode::OK, "{:.300}", response.text);
        assert!(response.text.len() > parameters.len());
    }
}
