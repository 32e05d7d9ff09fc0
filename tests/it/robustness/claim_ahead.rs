//! Jobs that a node claims ahead of their start, over a storage whose commits take longer than the handlers.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{Due, NewJob};
use tickerq::domain::job::outcome::Failure;
use tickerq::domain::job::priority::Priority;
use tickerq::domain::job::state_machine::JobUpdate;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::values::id::JobId;
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::handlers::{JobContext, JobHandler};
use tickerq::internals::{Clock, HandlerRegistry, Runtime, RuntimeOptions};
use tickerq::service::{CancelOutcome, Jobs, Queues};
use tickerq::storage::change::{Applied, Change, JobChange};
use tickerq::storage::commit::{Commit, Committed};
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tokio::sync::Notify;

use super::supervision::{options, rules};
use crate::harness::eventually;

const WORKERS: u32 = 10;

/// A storage in memory whose commits take a few milliseconds.
struct SlowCommits {
    inner: MemoryRepository,
    /// The jobs that were claimed ahead.
    claimed: Mutex<Vec<JobId>>,
    /// Number of starts that were stored with the end of their attempt.
    starts_with_end: AtomicUsize,
    /// Maximum number of running jobs after a commit.
    running_max: AtomicUsize,
}

impl SlowCommits {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryRepository::new(),
            claimed: Mutex::default(),
            starts_with_end: AtomicUsize::new(0),
            running_max: AtomicUsize::new(0),
        })
    }

    async fn all(&self, ids: &[JobId]) -> Vec<Arc<Job>> {
        self.inner.jobs_by_id(ids).await.expect("memory works")
    }
}

impl DelegatingRepository for SlowCommits {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for SlowCommits {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let committed = self.inner.commit(commit).await?;
        for (change, result) in commit.changes.iter().zip(&committed.results) {
            match (change, result) {
                (Change::Job(JobChange::Claim(claim)), Ok(Applied::Claimed(jobs))) if claim.is_ahead => {
                    self.claimed.lock().expect("ids").extend(jobs.iter().map(|job| job.id));
                }
                (Change::Job(JobChange::Finish { started: Some(_), .. }), Ok(_)) => {
                    self.starts_with_end.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
        }
        let queues = self.inner.queues(chrono::Utc::now()).await?;
        let running: u64 = queues.iter().map(|queue| queue.counts.running).sum();
        let running = usize::try_from(running).unwrap_or(usize::MAX);
        self.running_max.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(4)).await;
        Ok(committed)
    }
}

impl DelegatingRecurring for SlowCommits {}
impl DelegatingCluster for SlowCommits {}
impl DelegatingWebhooks for SlowCommits {}
impl DelegatingMetrics for SlowCommits {}
impl DelegatingOperations for SlowCommits {}

/// A handler that returns at once, or waits while it is closed.
#[derive(Default)]
struct Latch {
    is_closed: AtomicBool,
    opened: Notify,
    ran: Mutex<Vec<(JobId, u32)>>,
}

impl Latch {
    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    fn ran(&self) -> Vec<(JobId, u32)> {
        self.ran.lock().expect("ids").clone()
    }
}

struct LatchedHandler(Arc<Latch>);

#[async_trait]
impl JobHandler for LatchedHandler {
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure> {
        self.0
            .ran
            .lock()
            .expect("ids")
            .push((context.job.id, context.job.attempt));
        loop {
            let opened = self.0.opened.notified();
            if !self.0.is_closed.load(Ordering::SeqCst) || context.cancellation.is_cancelled() {
                return Ok(None);
            }
            opened.await;
        }
    }
}

struct Site {
    storage: Arc<SlowCommits>,
    latch: Arc<Latch>,
    runtime: Runtime,
    jobs: Jobs,
    queues: Queues,
    ids: Vec<JobId>,
}

impl Site {
    /// A node with ten workers and this number of due jobs, its queue paused.
    async fn with_jobs(count: usize) -> Self {
        let (storage, latch) = (SlowCommits::new(), Arc::<Latch>::default());
        let repository: Arc<dyn JobRepository> = Arc::clone(&storage) as _;
        let mut handlers = HandlerRegistry::new();
        handlers.register(job_type(), Arc::new(LatchedHandler(Arc::clone(&latch))));
        let mut options = RuntimeOptions {
            handlers,
            ..options(Clock::system())
        };
        options.queues[0].workers = NonZeroU32::new(WORKERS).expect("workers");
        let configured: Arc<[_]> = options.queues.clone().into();
        let runtime = Runtime::start(Arc::clone(&repository), options)
            .await
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let limits = Arc::new(rules());
        let jobs = Jobs::new(Arc::clone(&repository), handle.clone(), Arc::clone(&limits));
        let queues = Queues::new(repository, handle, configured, NonZeroU32::MIN, limits);
        let mut site = Self {
            storage,
            latch,
            runtime,
            jobs,
            queues,
            ids: Vec::new(),
        };
        site.queues
            .pause(&Caller::local(), &QueueName::default())
            .await
            .expect("a queue");
        for _ in 0..count.div_ceil(100) {
            let new = vec![NewJob::of_type(job_type()); count.min(100)];
            let batch = site.jobs.schedule_batch(&Caller::local(), new, None).await;
            site.ids
                .extend(batch.expect("a batch").jobs.iter().map(|scheduled| scheduled.job.id));
        }
        site
    }

    async fn resume(&self) {
        self.queues
            .resume(&Caller::local(), &QueueName::default())
            .await
            .expect("a queue");
    }

    async fn pause(&self) {
        self.queues
            .pause(&Caller::local(), &QueueName::default())
            .await
            .expect("a queue");
    }

    /// Jobs that are claimed and have not begun.
    async fn waiting(&self) -> Vec<Arc<Job>> {
        let ran: Vec<JobId> = self.latch.ran().into_iter().map(|(id, _)| id).collect();
        let mut jobs = self.storage.all(&self.ids).await;
        jobs.retain(|job| job.claimed_by.is_some() && !ran.contains(&job.id));
        jobs
    }

    async fn all_completed(&self) {
        eventually("all jobs have ended", || async {
            let jobs = self.storage.all(&self.ids).await;
            jobs.iter().all(|job| job.status.is_finished()).then_some(())
        })
        .await;
    }
}

fn job_type() -> JobType {
    JobType::parse("NoopJob").expect("a type")
}

fn run(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

#[test]
fn workers_do_not_wait_for_commits_and_running_jobs_stay_within_the_workers() {
    run(async {
        let site = Site::with_jobs(1_000).await;
        site.resume().await;
        site.all_completed().await;
        assert!(
            site.storage.claimed.lock().expect("ids").len() > 500,
            "few were claimed ahead"
        );
        assert!(site.storage.starts_with_end.load(Ordering::SeqCst) > 500);
        assert!(site.storage.running_max.load(Ordering::SeqCst) <= WORKERS as usize);
        let mut ran = site.latch.ran();
        ran.sort();
        let expected: Vec<(JobId, u32)> = site.ids.iter().map(|id| (*id, 1)).collect();
        assert_eq!(ran, expected, "each has run once");
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn claimed_jobs_that_do_not_begin_are_released_and_a_paused_queue_begins_none() {
    run(async {
        let site = Site::with_jobs(2_000).await;
        site.resume().await;
        eventually("some jobs are claimed ahead", || async {
            (!site.waiting().await.is_empty()).then_some(())
        })
        .await;
        site.pause().await;
        eventually("no job is claimed", || async {
            let jobs = site.storage.all(&site.ids).await;
            jobs.iter().all(|job| job.claimed_by.is_none()).then_some(())
        })
        .await;
        let ran = site.latch.ran().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(site.latch.ran().len(), ran, "a job has begun in a paused queue");
        assert!(ran < 2_000);
        site.resume().await;
        site.all_completed().await;
        let jobs = site.storage.all(&site.ids).await;
        assert!(jobs.iter().all(|job| job.attempt == 1), "a released job has an attempt");
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn jobs_that_are_claimed_when_handlers_become_slow_are_released() {
    run(async {
        let site = Site::with_jobs(2_000).await;
        site.resume().await;
        eventually("some jobs are claimed ahead", || async {
            (!site.waiting().await.is_empty()).then_some(())
        })
        .await;
        site.latch.close();
        eventually("only running jobs are held", || async {
            let jobs = site.storage.all(&site.ids).await;
            let running = jobs.iter().filter(|job| job.status == JobStatus::Running).count();
            let is_claimed = jobs.iter().any(|job| job.claimed_by.is_some());
            (running == WORKERS as usize && !is_claimed).then_some(())
        })
        .await;
        site.latch.open();
        site.all_completed().await;
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_claimed_job_that_is_cancelled_does_not_run() {
    run(async {
        let site = Site::with_jobs(3_000).await;
        site.resume().await;
        let cancelled = eventually("a claimed job is cancelled before it begins", || async {
            site.latch.open();
            eventually("some jobs are claimed ahead", || async {
                (!site.waiting().await.is_empty()).then_some(())
            })
            .await;
            // The workers are busy now, and claimed jobs wait.
            site.latch.close();
            let next = site.waiting().await.into_iter().max_by_key(|job| job.id)?;
            let outcome = site.jobs.cancel(&Caller::local(), next.id, None).await.ok()?;
            let is_cancelled = matches!(outcome, CancelOutcome::Cancelled(_));
            let has_run = site.latch.ran().iter().any(|(id, _)| *id == next.id);
            (is_cancelled && !has_run).then_some(next)
        })
        .await;
        let cancelled = eventually("it has ended", || async {
            let job = site.storage.inner.job(cancelled.id).await.expect("memory works")?;
            job.status.is_finished().then_some(job)
        })
        .await;
        site.latch.open();
        assert_eq!(cancelled.status, JobStatus::Cancelled);
        let attempts = site.storage.inner.attempts(cancelled.id).await.expect("memory works");
        assert_eq!(attempts, []);
        site.all_completed().await;
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn an_urgent_job_overtakes_claimed_ones() {
    run(async {
        let site = Site::with_jobs(3_000).await;
        site.resume().await;
        eventually("some jobs are claimed ahead", || async {
            (site.waiting().await.len() > 20).then_some(())
        })
        .await;
        let urgent = NewJob {
            priority: Priority::Critical,
            ..NewJob::of_type(job_type())
        };
        let scheduled = site.jobs.schedule(&Caller::local(), urgent, None).await.expect("a job");
        let urgent = scheduled.jobs[0].job.id;
        let before = site.latch.ran().len();
        let place = eventually("the urgent job has run", || async {
            site.latch.ran().iter().position(|(id, _)| *id == urgent)
        })
        .await;
        assert!(place < before + 1_000, "{place} after {before}");
        site.all_completed().await;
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_claimed_job_is_changed_like_a_pending_one() {
    run(async {
        let site = Site::with_jobs(3_000).await;
        site.resume().await;
        let changed = eventually("a claimed job is changed before it begins", || async {
            site.latch.open();
            eventually("some jobs are claimed ahead", || async {
                (!site.waiting().await.is_empty()).then_some(())
            })
            .await;
            site.latch.close();
            let next = site.waiting().await.into_iter().max_by_key(|job| job.id)?;
            let patch = JobUpdate {
                priority: Some(Priority::Low),
                ..JobUpdate::default()
            };
            let changed = site.jobs.patch(&Caller::local(), next.id, patch, None).await;
            let has_run = site.latch.ran().iter().any(|(id, _)| *id == next.id);
            (!has_run).then(|| changed.expect("a pending job is changed"))
        })
        .await;
        assert_eq!((changed.status, changed.priority), (JobStatus::Pending, Priority::Low));
        assert_eq!((changed.attempt, changed.claimed_by), (0, None));
        site.latch.open();
        site.all_completed().await;
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}

#[test]
fn a_claimed_job_with_an_earlier_attempt_begins_after_its_start_is_stored() {
    run(async {
        let site = Site::with_jobs(600).await;
        site.resume().await;
        site.all_completed().await;
        site.pause().await;
        for id in &site.ids {
            let executed = site.jobs.execute(&Caller::local(), *id, None, Due::Now, None).await;
            assert_eq!(executed.expect("it has finished").status, JobStatus::Pending);
        }
        let (with_end, claimed) = (
            site.storage.starts_with_end.load(Ordering::SeqCst),
            site.storage.claimed.lock().expect("ids").len(),
        );
        // Short attempts have just ended: more jobs are claimed ahead.
        site.resume().await;
        site.all_completed().await;
        assert!(
            site.storage.claimed.lock().expect("ids").len() > claimed,
            "none was claimed"
        );
        assert_eq!(site.storage.starts_with_end.load(Ordering::SeqCst), with_end);
        let mut ran = site.latch.ran();
        ran.sort();
        let twice = |id: &JobId| [(*id, 1), (*id, 2)];
        assert_eq!(ran, site.ids.iter().flat_map(twice).collect::<Vec<_>>());
        site.runtime.stop(Duration::from_secs(5)).await;
    });
}
