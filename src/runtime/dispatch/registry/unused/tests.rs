//! Dispatchers and workers of queues that storage no longer has.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use actix::{Handler, Message};

use super::*;
use crate::domain::job::Job;
use crate::domain::job::new_job::{JobDefaults, NewJob};
use crate::domain::job::status::JobStatus;
use crate::domain::queue::QueueSettings;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::HandlerRegistry;
use crate::handlers::NoopHandler;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::actor::clock::Clock;
use crate::runtime::dispatch::dispatcher::QueueDispatcher;
use crate::runtime::dispatch::messages::ReportAllActivity;
use crate::runtime::dispatch::worker::Worker;
use crate::runtime::maintenance::pruner::Retention;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::monitoring::metrics_sampler::SamplerOptions;
use crate::runtime::outbound::options::{SyncOptions, WebhookOptions};
use crate::runtime::writer::messages::WritePriority;
use crate::runtime::{Runtime, RuntimeHandle, RuntimeOptions};
use crate::storage::change::{Applied, Change, JobChange, QueueChange};
use crate::storage::memory::MemoryRepository;
use crate::storage::repository::JobRepository;

/// Checks for unused queues now, as a timer does.
#[derive(Message)]
#[rtype(result = "()")]
struct Check;

impl Handler<Check> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, Check: Check, ctx: &mut Context<Self>) {
        self.stop_unused(ctx);
    }
}

/// The actors of a queue.
#[derive(Message)]
#[rtype(result = "Option<(actix::Addr<QueueDispatcher>, Vec<actix::Addr<Worker>>)>")]
struct Actors(QueueName);

impl Handler<Actors> for QueueRegistry {
    type Result = actix::MessageResult<Actors>;

    fn handle(&mut self, Actors(name): Actors, _: &mut Context<Self>) -> Self::Result {
        let running = self.queues.get(&name);
        actix::MessageResult(running.map(|queue| (queue.address.clone(), queue.workers.to_vec())))
    }
}

const NEVER: Retention = Retention {
    completed: None,
    failed: None,
    cancelled: None,
    audit: None,
    deliveries: None,
    changes: None,
    metrics: None,
};

fn options() -> RuntimeOptions {
    let mut handlers = HandlerRegistry::new();
    handlers.register(job_type(), Arc::new(NoopHandler));
    RuntimeOptions {
        log_jobs: false,
        queues: vec![QueueSettings {
            name: QueueName::default(),
            workers: NonZeroU32::MIN,
            pending_max: None,
            rate_limit: None,
        }],
        workers_by_default: NonZeroU32::MIN,
        concurrency: Vec::new(),
        handlers,
        handler_limits: HandlerLimits::default(),
        handler_threads: 1,
        cancel_grace: Duration::from_secs(1),
        retention: NEVER,
        node_name: Arc::from("test"),
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

fn job_type() -> JobType {
    JobType::parse("NoopJob").expect("a type")
}

fn brief() -> QueueName {
    QueueName::parse("brief").expect("a queue")
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a job in the queue.
async fn run_job(runtime: &RuntimeHandle, repository: &Arc<dyn JobRepository>, number: u128) {
    let new = NewJob {
        queue: Some(brief()),
        ..NewJob::of_type(job_type())
    };
    let job: Job = new.into_job(&JobDefaults::default(), runtime.clock.now(), number);
    let insert = Change::Job(JobChange::Insert {
        jobs: vec![Arc::new(job.clone())],
        idempotency: None,
    });
    let inserted = runtime.writer.write_one(insert, WritePriority::Internal).await;
    assert!(matches!(inserted, Ok(Ok(Applied::Inserted(_)))));
    until("the job has run", || async {
        let stored = repository.job(job.id).await.expect("storage reads");
        stored.is_some_and(|job| job.status == JobStatus::Completed)
    })
    .await;
}

async fn started() -> (Arc<dyn JobRepository>, Runtime, RuntimeHandle) {
    let repository: Arc<dyn JobRepository> = Arc::new(MemoryRepository::new());
    let runtime = Runtime::start(Arc::clone(&repository), options())
        .await
        .expect("a runtime");
    let handle = runtime.handle().clone();
    (repository, runtime, handle)
}

#[actix::test]
async fn the_actors_of_a_deleted_queue_stop_and_start_again_with_its_next_job() {
    let (repository, runtime, handle) = started().await;
    run_job(&handle, &repository, 1).await;
    let actors = handle.queues.send(Actors(brief())).await.expect("a response");
    let (queue, workers) = actors.expect("the queue runs");
    handle.queues.send(Check).await.expect("a response");
    assert!(queue.connected(), "it is stored");
    let delete = Change::Queue(QueueChange::Delete { queue: brief() });
    let deleted = handle.writer.write_one(delete, WritePriority::Internal).await;
    assert!(matches!(deleted, Ok(Ok(Applied::QueuesRemoved(names))) if names == [brief()]));
    until("the queue has stopped", || async {
        handle.queues.send(Check).await.expect("a response");
        let running = handle.queues.send(ReportAllActivity).await.expect("a response");
        let is_any_alive = queue.connected() || workers.iter().any(|worker| worker.connected());
        !running.contains_key(&brief()) && !is_any_alive
    })
    .await;
    run_job(&handle, &repository, 2).await;
    let running = handle.queues.send(ReportAllActivity).await.expect("a response");
    assert!(running.contains_key(&brief()) && running.contains_key(&QueueName::default()));
    runtime.stop(Duration::from_secs(5)).await;
}
