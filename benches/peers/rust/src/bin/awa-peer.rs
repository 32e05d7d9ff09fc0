//! awa.

use std::env;
use std::time::Duration;

use awa::model::insert::params;
use awa::{Client, InsertParams, JobArgs, JobResult, QueueConfig, insert, insert_many_copy_from_pool, migrations};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, query_scalar};
use tickerq_peers::{BATCH_SIZE, Peer, connections, handler_started, measure};

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
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

#[derive(Clone)]
struct Awa {
    pool: PgPool,
}

impl Peer for Awa {
    async fn enqueue(&self) {
        insert(&self.pool, &noop()).await.expect("a job");
    }

    async fn enqueue_many(&self) {
        let jobs: Vec<InsertParams> = (0..BATCH_SIZE).map(|_| params(&noop()).expect("a job")).collect();
        insert_many_copy_from_pool(&self.pool, &jobs).await.expect("jobs");
    }

    async fn work(&self, is_tuned: bool) {
        // Tuned: the settings of the project's own benchmark.
        let queue = if is_tuned {
            QueueConfig {
                max_workers: 100,
                claim_batch_size: 512,
                poll_interval: Duration::from_millis(50),
                deadline_duration: Duration::ZERO,
                ..QueueConfig::default()
            }
        } else {
            QueueConfig::default()
        };
        let client = Client::builder(self.pool.clone())
            .queue("default", queue)
            .register::<Noop, _, _>(|_, _| async {
                handler_started();
                Ok(JobResult::Completed)
            })
            .build()
            .expect("a client");
        client.start().await.expect("workers");
        // Workers stop with their client.
        std::mem::forget(client);
    }

    async fn unfinished(&self) -> i64 {
        query_scalar("SELECT count(*) FROM awa.jobs WHERE state <> 'completed'")
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
    migrations::run(&pool).await.expect("a schema");
    measure(Awa { pool }).await;
}
