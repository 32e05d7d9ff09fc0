//! Time from due to started, in a server in this process whose clock is set forward to the due times.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::job::outcome::Failure;
use tickerq::domain::queue::QueueSettings;
use tickerq::domain::values::json::Json;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::handlers::{JobContext, JobHandler};
use tickerq::internals::{
    Clock, HandlerLimits, HandlerRegistry, Retention, Runtime, RuntimeOptions, SamplerOptions, SyncOptions, Traces,
    WebhookOptions,
};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use super::million::{job_type, queue};

/// Time for the server to start and become idle before the first job is due.
const BEFORE: Duration = Duration::from_secs(2);
/// Warm-up: the first starts are not measured.
const WARM_UP: Duration = Duration::from_secs(1);
const WORKERS: u32 = 50;

/// Lateness of each job's start.
#[derive(Default)]
pub(crate) struct Lateness(pub(crate) Vec<Duration>);

/// Of both kinds of jobs.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) delayed: Lateness,
    pub(crate) recurring: Lateness,
}

/// Records its lateness and does nothing else.
struct Stopwatch {
    clock: Clock,
    measure_from: DateTime<Utc>,
    measured: Arc<Mutex<Measured>>,
}

#[async_trait::async_trait]
impl JobHandler for Stopwatch {
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure> {
        let now = self.clock.now();
        let JobContext { job, .. } = context;
        // An occurrence is a job that is due at its creation; the schedule defines its time.
        let due_at = job.occurrence.map_or(job.due_at, |occurrence| occurrence.due_at);
        if due_at >= self.measure_from {
            let late = (now - due_at).to_std().expect("no job starts before it is due");
            let mut measured = self.measured.lock().expect("times");
            let Measured { delayed, recurring } = &mut *measured;
            let times = if job.occurrence.is_some() { recurring } else { delayed };
            times.0.push(late);
        }
        Ok(None)
    }
}

pub(crate) async fn measure(url: &str, first_due: DateTime<Utc>, seconds: u32) -> Measured {
    let repository = SeaRepository::connect(SeaOptions::new(url))
        .await
        .expect("the database opens");
    let ahead = first_due - Utc::now() - TimeDelta::from_std(BEFORE).expect("a span");
    let clock = Clock::new(move || Utc::now() + ahead);
    let measured = Arc::<Mutex<Measured>>::default();
    let stopwatch = Stopwatch {
        clock: clock.clone(),
        measure_from: first_due + TimeDelta::from_std(WARM_UP).expect("a span"),
        measured: Arc::clone(&measured),
    };
    let runtime = Runtime::start(Arc::new(repository), options(stopwatch, clock))
        .await
        .expect("a runtime");
    tokio::time::sleep(BEFORE + WARM_UP + Duration::from_secs(seconds.into())).await;
    runtime.stop(Duration::from_secs(5)).await;
    std::mem::take(&mut *measured.lock().expect("times"))
}

fn options(handler: Stopwatch, clock: Clock) -> RuntimeOptions {
    let mut handlers = HandlerRegistry::new();
    handlers.register(job_type(), Arc::new(handler));
    RuntimeOptions {
        log_jobs: false,
        queues: vec![QueueSettings {
            name: queue(),
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
        clock,
        defaults: Arc::default(),
        webhooks: WebhookOptions::off().expect("clients"),
        sync: SyncOptions::default(),
        on_job_event: None,
        traces: Traces::default(),
    }
}
