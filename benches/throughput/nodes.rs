//! Throughput of one PostgreSQL: full life cycles per second with one, two and three nodes on this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tickerq::domain::access::caller::Caller;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::{Durability, SeaOptions, SeaRepository};

use super::database::Database;
use super::life_cycle::{Noop, completed, new_job, options, start};

const PRODUCERS_PER_NODE: usize = 8;
const BATCH: usize = 50;

/// Full life cycles per second of this number of nodes, each with its share of the jobs.
pub(crate) async fn measure(database: &Database, durability: Durability, count: usize, nodes: usize) -> f64 {
    let fresh = database.fresh(durability).await;
    let mut running = Vec::with_capacity(nodes);
    for shard in 0..nodes {
        let options = SeaOptions {
            durability,
            shard: i16::try_from(shard).expect("few nodes"),
            ..SeaOptions::new(fresh.url.clone())
        };
        let repository: Arc<dyn JobRepository> = Arc::new(SeaRepository::connect(options).await.expect("a connection"));
        running.push(start(&repository, self::options(Arc::new(Noop))).await);
    }
    let producers = nodes * PRODUCERS_PER_NODE;
    let start = Instant::now();
    let producing: Vec<_> = (0..producers)
        .map(|number| {
            let jobs = running[number % nodes].1.clone();
            actix::spawn(async move {
                let mut left = count / producers;
                while left > 0 {
                    let batch = left.min(BATCH);
                    match jobs
                        .schedule_batch(&Caller::local(), vec![new_job(); batch], None)
                        .await
                    {
                        Ok(_) => left -= batch,
                        // Busy: the server reports it instead of growing.
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            })
        })
        .collect();
    for producer in producing {
        producer.await.expect("a producer");
    }
    let expected = count / producers * producers;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    while completed(&repository).await < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let per_second = expected as f64 / start.elapsed().as_secs_f64();
    for (runtime, _) in running {
        runtime.stop(Duration::from_secs(5)).await;
    }
    per_second
}
