//! River for Rust.

use std::env;
use std::time::Duration;

use riverqueue::migrate::PostgresMigrator;
use riverqueue::sqlx::postgres::PgPoolOptions;
use riverqueue::sqlx::{PgPool, query_scalar};
use riverqueue::{BoxError, Client, Job, JobArgs, QueueConfig, WorkContext, WorkOutcome, Workers};
use serde::{Deserialize, Serialize};
use tickerq_peers::{BATCH_SIZE, Peer, connections, handler_started, measure};

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "noop")]
struct Noop {
    recipient_email: String,
    template_id: String,
}

fn noop() -> Noop {
    Noop {
        recipient_email: "newuser@example.com".to_owned(),
        template_id: "welcome-email".to_owned(),
    }
}

async fn handle(_: WorkContext, _: Job<Noop>) -> Result<WorkOutcome, BoxError> {
    handler_started();
    Ok(WorkOutcome::Complete)
}

#[derive(Clone)]
struct River {
    pool: PgPool,
    /// Without workers.
    client: Client,
}

fn workers() -> Workers {
    let mut workers = Workers::new();
    workers.add_fn(handle).expect("a worker");
    workers
}

impl Peer for River {
    async fn enqueue(&self) {
        self.client.insert(noop()).await.expect("a job");
    }

    async fn enqueue_many(&self) {
        self.client.insert_many(vec![noop(); BATCH_SIZE]).await.expect("jobs");
    }

    async fn work(&self, is_tuned: bool) {
        // Tuned: the settings of the project's own benchmark.
        let queue = if is_tuned {
            QueueConfig::new(2_000)
                .with_fetch_cooldown(Duration::from_millis(2))
                .with_fetch_poll_interval(Duration::from_millis(20))
        } else {
            QueueConfig::new(100)
        };
        let client = Client::builder(self.pool.clone())
            .workers(workers())
            .queue("default", queue);
        client.build().expect("a client").start().expect("workers").detach();
    }

    async fn unfinished(&self) -> i64 {
        query_scalar("SELECT count(*) FROM river_job WHERE state <> 'completed'")
            .fetch_one(&self.pool)
            .await
            .expect("a number")
    }
}

#[tokio::main]
async fn main() {
    let pool = PgPoolOptions::new()
        .max_connections(connections())
        .connect(&env::var("PEERS_POSTGRES").expect("PEERS_POSTGRES names a database"))
        .await
        .expect("a pool");
    PostgresMigrator::new(pool.clone())
        .migrate_up()
        .await
        .expect("a schema");
    let client = Client::builder(pool.clone())
        .workers(workers())
        .build()
        .expect("a client");
    measure(River { pool, client }).await;
}
