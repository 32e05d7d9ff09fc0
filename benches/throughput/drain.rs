//! A backlog of jobs that do nothing, run by few and by many workers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickerq::domain::access::caller::Caller;
use tickerq::domain::values::name::QueueName;
use tickerq::internals::RuntimeOptions;
use tickerq::service::Queues;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::Durability;

use super::database::Database;
use super::life_cycle::{Noop, completed, new_job, options, rules, start};

const BATCH: usize = 500;

/// Jobs a second from the moment at which their queue is resumed.
pub(crate) async fn measure(database: &Database, durability: Durability, count: usize, workers: u32) -> f64 {
    let fresh = database.fresh(durability).await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let mut options: RuntimeOptions = options(Arc::new(Noop));
    options.queues[0].workers = NonZeroU32::new(workers).expect("workers");
    let configured: Arc<[_]> = options.queues.clone().into();
    let (runtime, jobs) = start(&repository, options).await;
    let (handle, limits) = (runtime.handle().clone(), Arc::new(rules()));
    let queues = Queues::new(Arc::clone(&repository), handle, configured, NonZeroU32::MIN, limits);
    let (caller, queue) = (Caller::local(), QueueName::parse("bench").expect("a queue"));
    queues.pause(&caller, &queue).await.expect("a paused queue");
    for _ in 0..count / BATCH {
        jobs.schedule_batch(&caller, vec![new_job(); BATCH], None)
            .await
            .expect("accepted jobs");
    }
    let expected = count / BATCH * BATCH;
    let start = Instant::now();
    queues.resume(&caller, &queue).await.expect("a resumed queue");
    while completed(&repository).await < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let per_second = expected as f64 / start.elapsed().as_secs_f64();
    runtime.stop(Duration::from_secs(5)).await;
    per_second
}
