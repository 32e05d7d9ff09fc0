//! The full life cycle of jobs in one process: enqueue, start, run, complete, everything committed.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::new_job::NewJob;
use tickerq::domain::job::outcome::Failure;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::queue::QueueSettings;
use tickerq::domain::queue::rate_limit::RateLimit;
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::handlers::{JobContext, JobHandler};
use tickerq::internals::{
    Clock, HandlerLimits, HandlerRegistry, JobLimits, Retention, Runtime, RuntimeHandle, RuntimeOptions,
    SamplerOptions, SyncOptions, TelemetryExport, Traces, UnknownJobTypes, WebhookOptions,
};
use tickerq::service::Jobs;
use tickerq::storage::query::JobFilter;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::Durability;
use tokio::sync::mpsc;

use super::database::Database;

/// The example of the dashboard API.
pub(crate) const PARAMETERS: &str = r#"{"recipientEmail":"newuser@example.com","templateId":"welcome-email"}"#;
const WORKERS: u32 = 1_000;
const PRODUCERS: usize = 16;
const BATCH: usize = 50;

pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Reports its start and does nothing else.
struct Stopwatch(mpsc::UnboundedSender<Instant>);

#[async_trait::async_trait]
impl JobHandler for Stopwatch {
    async fn run(&self, _: JobContext) -> Result<Option<Json>, Failure> {
        self.0.send(Instant::now()).ok();
        Ok(None)
    }
}

pub(crate) struct Noop;

#[async_trait::async_trait]
impl JobHandler for Noop {
    async fn run(&self, _: JobContext) -> Result<Option<Json>, Failure> {
        Ok(None)
    }
}

pub(crate) fn new_job() -> NewJob {
    let job_type = JobType::parse("NoopJob").expect("a type");
    NewJob {
        queue: Some(QueueName::parse("bench").expect("a queue")),
        parameters: Json::from_valid(PARAMETERS),
        ..NewJob::of_type(job_type)
    }
}

pub(crate) fn options(handler: Arc<dyn JobHandler>) -> RuntimeOptions {
    let mut handlers = HandlerRegistry::new();
    handlers.register(JobType::parse("NoopJob").expect("a type"), handler);
    RuntimeOptions {
        log_jobs: false,
        queues: vec![QueueSettings {
            name: QueueName::parse("bench").expect("a queue"),
            workers: NonZeroU32::new(WORKERS).expect("workers"),
            pending_max: None,
            rate_limit: None,
        }],
        workers_by_default: NonZeroU32::MIN,
        concurrency: Vec::new(),
        handlers,
        handler_limits: HandlerLimits::default(),
        handler_threads: 2,
        cancel_grace: Duration::from_secs(10),
        retention: Retention {
            completed: None,
            failed: None,
            cancelled: None,
            audit: None,
            deliveries: None,
            changes: None,
            metrics: None,
        },
        node_name: Arc::from("bench"),
        lease: TimeSpan::from_secs(30),
        sampler: SamplerOptions::default(),
        clock: Clock::system(),
        defaults: Arc::default(),
        webhooks: WebhookOptions::off().expect("clients"),
        sync: SyncOptions::default(),
        on_job_event: None,
        traces: Traces::default(),
    }
}

pub(crate) fn rules() -> JobLimits {
    JobLimits {
        defaults: Arc::default(),
        unknown_job_types: UnknownJobTypes::Accept,
        parameters_bytes_max: 1 << 20,
        batch_jobs_max: 10_000,
        queues_max: 1_000,
        new_queues_per_caller: RateLimit::UNLIMITED,
        unique_keys_per_caller: RateLimit::UNLIMITED,
        workers_per_caller: 1_000,
        queues: Default::default(),
        pending_max: Default::default(),
    }
}

/// Number of jobs stored as completed.
pub(crate) async fn completed(repository: &Arc<dyn JobRepository>) -> usize {
    let filter = JobFilter::default().with_statuses(&[JobStatus::Completed]);
    usize::try_from(repository.count(&filter).await.expect("a count")).expect("a count")
}

/// A runtime over a repository, and its use cases of jobs.
pub(crate) async fn start(repository: &Arc<dyn JobRepository>, options: RuntimeOptions) -> (Runtime, Jobs) {
    let runtime = Runtime::start(Arc::clone(repository), options)
        .await
        .expect("a runtime");
    let jobs = Jobs::new(Arc::clone(repository), runtime.handle().clone(), Arc::new(rules()));
    (runtime, jobs)
}

/// Full life cycles per second with the observers that `watch` starts, which receive these traces.
pub(crate) async fn measure(
    database: &Database,
    durability: Durability,
    count: usize,
    traces: Traces,
    watch: impl FnOnce(&Arc<dyn JobRepository>, &RuntimeHandle) -> Option<TelemetryExport>,
) -> f64 {
    let fresh = database.fresh(durability).await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let options = RuntimeOptions {
        traces,
        ..options(Arc::new(Noop))
    };
    let (runtime, jobs) = start(&repository, options).await;
    let telemetry = watch(&repository, runtime.handle());
    let start = Instant::now();
    let producers = (0..PRODUCERS).map(|_| {
        let jobs = jobs.clone();
        let caller = Caller::local();
        actix::spawn(async move {
            let mut left = count / PRODUCERS;
            while left > 0 {
                let batch = left.min(BATCH);
                match jobs.schedule_batch(&caller, vec![new_job(); batch], None).await {
                    Ok(_) => left -= batch,
                    // Busy: the server reports it instead of growing.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
    });
    for producer in producers.collect::<Vec<_>>() {
        producer.await.expect("a producer");
    }
    let expected = count / PRODUCERS * PRODUCERS;
    while completed(&repository).await < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let per_second = expected as f64 / start.elapsed().as_secs_f64();
    runtime.stop(Duration::from_secs(5)).await;
    if let Some(telemetry) = telemetry {
        telemetry.stop().await;
    }
    per_second
}

/// Time from the acceptance of a job to the start of its handler, one job at a time.
pub(crate) async fn latency(database: &Database, durability: Durability, count: usize) -> Latency {
    let fresh = database.fresh(durability).await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let (sender, mut started) = mpsc::unbounded_channel();
    let (runtime, jobs) = start(&repository, options(Arc::new(Stopwatch(sender)))).await;
    let times = Arc::new(Mutex::new(Vec::with_capacity(count)));
    for _ in 0..count {
        jobs.schedule(&Caller::local(), new_job(), None)
            .await
            .expect("an accepted job");
        let accepted = Instant::now();
        let start = started.recv().await.expect("a start");
        times
            .lock()
            .expect("times")
            .push(start.saturating_duration_since(accepted));
        // The server is idle again once the end of the job is stored.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    runtime.stop(Duration::from_secs(5)).await;
    let mut times = std::mem::take(&mut *times.lock().expect("times"));
    times.sort();
    Latency {
        p50: times[count / 2],
        p99: times[count * 99 / 100],
    }
}
