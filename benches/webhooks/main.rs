//! Webhook throughput: deliveries per second to a fast receiver on the same machine, and the cost of endpoints to jobs.
//!
//! ```sh
//! cargo bench --bench webhooks                                            # SQLite
//! BENCH_POSTGRES=postgres://… cargo bench --bench webhooks                # and an empty PostgreSQL database
//! BENCH_DELIVERIES=10000 BENCH_JOBS=20000 cargo bench --bench webhooks    # a smaller run
//! ```

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement fails by panicking, prints its findings, and is configured by the environment"
)]

mod database;
mod receiver;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickerq::domain::access::caller::Caller;
use tickerq::domain::job::new_job::NewJob;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::queue::QueueSettings;
use tickerq::domain::queue::rate_limit::RateLimit;
use tickerq::domain::values::id::JobId;
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::domain::webhooks::delivery::Message;
use tickerq::domain::webhooks::endpoint::SigningSecret;
use tickerq::domain::webhooks::event::WebhookEvents;
use tickerq::handlers::NoopHandler;
use tickerq::internals::{
    CallReporter, Clock, ConfiguredEndpoint, DeliveryOptions, HandlerLimits, HandlerRegistry, JobLimits,
    OutboundClients, Retention, Runtime, RuntimeOptions, SamplerOptions, SyncOptions, Traces, UnknownJobTypes,
    WebhookOptions, endpoint_id,
};
use tickerq::service::Jobs;
use tickerq::storage::change::{Change, WebhookChange};
use tickerq::storage::outbox::OutboxMessage;
use tickerq::storage::query::JobFilter;
use tickerq::storage::repository::JobRepository;

use self::database::Database;
use self::receiver::Receiver;

const PRODUCERS: usize = 4;
const BATCH: usize = 250;
const WORKERS: u32 = 64;

fn number(variable: &str, default: usize) -> usize {
    let given = std::env::var(variable).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn endpoint(receiver: &Receiver, name: &str) -> ConfiguredEndpoint {
    ConfiguredEndpoint {
        name: Arc::from(name),
        url: Arc::from(receiver.url(name)),
        events: WebhookEvents::parse(["job.completed", "job.failed", "system.alert"]).expect("events"),
        secret: SigningSecret::new("webhook-secret-key"),
        previous_secret: None,
        max_retries: 3,
        retry_delay: TimeSpan::from_secs(30),
    }
}

fn options(endpoints: Vec<ConfiguredEndpoint>) -> RuntimeOptions {
    let mut handlers = HandlerRegistry::new();
    handlers.register(JobType::parse("NoopJob").expect("a type"), Arc::new(NoopHandler));
    RuntimeOptions {
        log_jobs: false,
        queues: vec![QueueSettings {
            name: QueueName::default(),
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
            metrics: None,
            deliveries: None,
            changes: None,
        },
        node_name: Arc::from("bench"),
        lease: TimeSpan::from_secs(30),
        sampler: SamplerOptions::default(),
        clock: Clock::system(),
        defaults: Arc::default(),
        webhooks: WebhookOptions {
            delivery: DeliveryOptions {
                enable: true,
                endpoints,
                timeout: Duration::from_secs(15),
                disable_after: TimeSpan::from_secs(3_600),
                remove_unconfigured_after: TimeSpan::from_secs(3_600),
                concurrency: 32,
            },
            clients: OutboundClients::new(None).expect("clients"),
            calls: CallReporter::default(),
        },
        sync: SyncOptions::default(),
        on_job_event: None,
        traces: Traces::default(),
    }
}

/// Deliveries per second from this backlog.
async fn drain(database: &Database, count: usize) -> f64 {
    let fresh = database.fresh().await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let (receiver, clock) = (Receiver::open().await, Clock::system());
    let subscribed = endpoint(&receiver, "one");
    let now = clock.now();
    for first in (0..count).step_by(1_000) {
        let messages = (first..count.min(first + 1_000)).map(|number| {
            let id = JobId::new(now, number.try_into().expect("a number"));
            let body = format!(
                "{{\"event\":\"job.completed\",\"timestamp\":\"2024-01-15T10:31:30Z\",\"data\":{{\"jobId\":\"{id}\",\
                 \"jobType\":\"EmailNotificationJob\",\"status\":\"completed\",\"duration\":\"00:00:30\",\"result\":\
                 {{\"messageId\":\"msg-456\",\"deliveryStatus\":\"delivered\"}}}}}}"
            );
            OutboxMessage {
                message: Message {
                    id: id.as_uuid(),
                    event: Arc::from("job.completed"),
                    at: now,
                    ordering_key: id.as_uuid(),
                    job_id: Some(id),
                    trace_parent: None,
                    propagated: None,
                    body: Arc::from(body),
                },
                endpoints: vec![endpoint_id("one")],
            }
        });
        let posted = repository
            .commit(&[Change::Webhook(WebhookChange::Enqueue(messages.collect()))].into())
            .await;
        assert!(posted.expect("storage").results[0].is_ok());
    }
    let start = Instant::now();
    let runtime = Runtime::start(Arc::clone(&repository), options(vec![subscribed]))
        .await
        .expect("a runtime");
    all_have_come(&receiver, count).await;
    let per_second = count as f64 / start.elapsed().as_secs_f64();
    runtime.stop(Duration::from_secs(5)).await;
    println!(
        "  {count} deliveries: {per_second:.0}/s, lost {}, sent again {}",
        count - receiver.count(),
        receiver.repeated()
    );
    per_second
}

async fn all_have_come(receiver: &Receiver, count: usize) {
    while receiver.count() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Jobs per second from creation to completion, with this number of endpoints that receive each event.
async fn jobs(database: &Database, count: usize, endpoints: usize) -> f64 {
    let fresh = database.fresh().await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let receiver = Receiver::open().await;
    let subscribed = ["one", "two", "three"].iter().take(endpoints);
    let subscribed = subscribed.map(|name| endpoint(&receiver, name)).collect();
    let runtime = Runtime::start(Arc::clone(&repository), options(subscribed))
        .await
        .expect("a runtime");
    let rules = JobLimits {
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
    };
    let jobs = Jobs::new(Arc::clone(&repository), runtime.handle().clone(), Arc::new(rules));
    let start = Instant::now();
    let producers = (0..PRODUCERS).map(|_| {
        let jobs = jobs.clone();
        actix::spawn(async move {
            let mut left = count / PRODUCERS;
            while left > 0 {
                let batch = left.min(BATCH);
                let new = vec![NewJob::of_type(JobType::parse("NoopJob").expect("a type")); batch];
                match jobs.schedule_batch(&Caller::local(), new, None).await {
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
    let count = count / PRODUCERS * PRODUCERS;
    let filter = JobFilter::default().with_statuses(&[JobStatus::Completed]);
    while repository.count(&filter).await.expect("a count") < u64::try_from(count).expect("a count") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let per_second = count as f64 / start.elapsed().as_secs_f64();
    all_have_come(&receiver, count * endpoints).await;
    let elapsed = start.elapsed().as_secs_f64();
    runtime.stop(Duration::from_secs(5)).await;
    println!("  {count} jobs, {endpoints} endpoints: {per_second:.0} jobs/s, all delivered after {elapsed:.1} s");
    per_second
}

#[actix::main]
async fn main() {
    let mut databases = vec![Database::Sqlite];
    databases.extend(std::env::var("BENCH_POSTGRES").ok().map(Database::Postgres));
    let (deliveries, count) = (number("BENCH_DELIVERIES", 100_000), number("BENCH_JOBS", 40_000));
    for database in &databases {
        println!("{}", database.name());
        drain(database, deliveries).await;
        let without = jobs(database, count, 0).await;
        let with = jobs(database, count, 3).await;
        println!("  with three endpoints jobs go at {:.2} of their speed", with / without);
    }
}
