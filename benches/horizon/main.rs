//! PostgreSQL with a snapshot held open elsewhere, as by a report or a backup: no dead version of a row is removed.
//!
//! `TICKERQ_BENCH_POSTGRES=… cargo bench --bench horizon` holds a snapshot for ten minutes while 1,000 jobs/s run, in
//! batches of 100, on ten workers. It prints start latency, backlog and dead rows of each minute, and those after the
//! release. Goal: p99 below a second and no backlog throughout. `-- --minutes 3 --per-second 500` sets the duration and the
//! rate; `--no-snapshot` holds none.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures, reads the real clock and takes its database from the environment"
)]

#[path = "../arguments.rs"]
mod arguments;
#[path = "../throughput/database.rs"]
#[expect(dead_code, reason = "the other benchmark writes without a repository, too")]
mod database;
#[path = "../throughput/life_cycle.rs"]
#[expect(dead_code, reason = "the other benchmark measures how fast it is, too")]
mod life_cycle;
#[path = "../query.rs"]
mod query;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tickerq::domain::access::caller::Caller;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::Durability;

use database::{Database, connection};
use life_cycle::{Noop, new_job, options, start};
use query::{number, one, pair};

const BATCH: usize = 100;
const MINUTE: Duration = Duration::from_secs(60);
/// The default number of workers of a queue.
const WORKERS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Time for vacuum after the release: it runs once a minute.
const RELEASED: Duration = Duration::from_secs(130);

fn main() {
    let Ok(url) = std::env::var("TICKERQ_BENCH_POSTGRES") else {
        println!("TICKERQ_BENCH_POSTGRES names no database");
        return;
    };
    let load = Load {
        minutes: arguments::number("--minutes", 10),
        per_second: arguments::number("--per-second", 1_000),
        is_held: !arguments::has("--no-snapshot"),
    };
    actix::System::new().block_on(load.run(&Database::Postgres(url)));
}

struct Load {
    minutes: u64,
    per_second: u64,
    /// A snapshot is held open throughout.
    is_held: bool,
}

impl Load {
    async fn run(&self, database: &Database) {
        let fresh = database.fresh(Durability::Full).await;
        let repository: Arc<dyn JobRepository> = fresh.repository.clone();
        let mut options = options(Arc::new(Noop));
        for queue in &mut options.queues {
            queue.workers = WORKERS;
        }
        let (runtime, jobs) = start(&repository, options).await;
        let (watch, holder) = (connection(&fresh.url).await, connection(&fresh.url).await);
        let snapshot = holder.begin().await.expect("a transaction");
        if self.is_held {
            for sql in ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"] {
                snapshot.execute_unprepared(sql).await.expect("a snapshot");
            }
        }
        println!(
            "{} jobs/s, snapshot {}\n  minute   start p50    p99   pending   dead rows",
            self.per_second,
            if self.is_held { "held" } else { "not held" }
        );
        let (started_at, mut sent) = (Instant::now(), 0);
        for minute in 1..=self.minutes {
            while started_at.elapsed() < MINUTE * u32::try_from(minute).expect("few") {
                let wanted = started_at.elapsed().as_secs_f64() * self.per_second as f64;
                while (sent as f64) < wanted {
                    sent += BATCH;
                    let jobs = jobs.clone();
                    // Beside the others: a slow commit does not lower the rate.
                    actix::spawn(async move {
                        jobs.schedule_batch(&Caller::local(), vec![new_job(); BATCH], None)
                            .await
                            .expect("the jobs are accepted");
                    });
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            report(&watch, &minute.to_string()).await;
        }
        snapshot.commit().await.expect("a transaction");
        tokio::time::sleep(RELEASED).await;
        report(&watch, "after").await;
        runtime.stop(Duration::from_secs(5)).await;
    }
}

/// Prints the latency of the jobs of the last minute, and the state of the tables.
async fn report(connection: &DatabaseConnection, label: &str) {
    // A job that has not started has waited until now.
    let waits = "SELECT COALESCE(started_at, EXTRACT(EPOCH FROM now()) * 1000000) - due_at AS wait FROM jobs \
                 WHERE due_at > EXTRACT(EPOCH FROM now()) * 1000000 - 60000000";
    let percentile =
        |part: &str| format!("COALESCE(PERCENTILE_CONT({part}) WITHIN GROUP (ORDER BY wait) / 1000, 0)::bigint");
    let latency = format!(
        "SELECT {}, {} FROM ({waits}) AS w",
        percentile("0.5"),
        percentile("0.99")
    );
    let (p50, p99) = pair(connection, &latency).await;
    let pending = "SELECT COALESCE(SUM(count), 0)::bigint FROM job_counters WHERE status = 0";
    let pending = number(connection, pending).await;
    let dead = "SELECT STRING_AGG(relname || ' ' || n_dead_tup, ', ' ORDER BY n_dead_tup DESC) \
                FROM pg_stat_user_tables WHERE n_dead_tup > 1000";
    let dead: Option<String> = one(connection, dead).await.try_get_by_index(0).expect("a text");
    println!(
        "  {label:>6} {p50:>8} ms {p99:>5} ms {pending:>7}   {}",
        dead.unwrap_or_default()
    );
}
