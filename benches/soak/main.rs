//! Tables do not grow: half a million jobs pass through a server with a short retention.
//!
//! `cargo bench --bench soak` runs on SQLite, and on PostgreSQL when `TICKERQ_BENCH_POSTGRES` names an empty database.
//! It prints the size of all tables and indexes over time. Goal: no growth once the first jobs
//! have been pruned. `-- --jobs 100000 --per-second 2000` sets the number and rate of jobs; `--no-sqlite` omits SQLite.

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
mod size;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tickerq::domain::access::caller::Caller;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::internals::{Retention, RuntimeOptions};
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::Durability;

use database::Database;
use life_cycle::{Noop, new_job, options, start};
use size::Size;

/// Retention of finished jobs. The pruner runs once a minute.
const KEPT: TimeSpan = TimeSpan::from_secs(10);
const BATCH: usize = 50;
const LOOK: Duration = Duration::from_secs(20);
/// In the first part tables fill, are vacuumed for the first time, and reach their size.
const SETTLED: f64 = 0.5;
/// Allowed growth at the end: a vacuum or a round of the Pruner may just be due.
const GROWTH_MAX: f64 = 1.1;

fn main() {
    let jobs = arguments::number("--jobs", 500_000);
    let per_second = arguments::number("--per-second", 1_500);
    for database in Database::measured() {
        println!(
            "{}: {jobs} jobs, {per_second} a second, kept for {KEPT} after their end",
            database.name()
        );
        actix::System::new().block_on(soak(&database, jobs, per_second));
    }
}

async fn soak(database: &Database, count: usize, per_second: usize) {
    let fresh = database.fresh(Durability::Full).await;
    let repository: Arc<dyn JobRepository> = fresh.repository.clone();
    let kept = Retention {
        completed: Some(KEPT),
        failed: Some(KEPT),
        cancelled: Some(KEPT),
        audit: Some(KEPT),
        deliveries: None,
        changes: None,
        metrics: None,
    };
    let options = RuntimeOptions {
        retention: kept,
        ..options(Arc::new(Noop))
    };
    let (runtime, jobs) = start(&repository, options).await;
    let (started_at, mut made, mut next_look) = (Instant::now(), 0, LOOK);
    let (mut before, mut after) = (Size::default(), Size::default());
    println!("      jobs   stored   tables and indexes");
    while made < count {
        let requested = (started_at.elapsed().as_secs_f64() * per_second as f64) as usize;
        while made < requested.min(count) {
            if jobs
                .schedule_batch(&Caller::local(), vec![new_job(); BATCH], None)
                .await
                .is_ok()
            {
                made += BATCH;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        if started_at.elapsed() >= next_look {
            next_look += LOOK;
            let size = Size::of(&fresh.url).await;
            println!(
                "  {made:>8} {:>8}   {:>6.1} MB   {}",
                size.jobs,
                size.megabytes(),
                size.detail
            );
            // The largest of each half: variation within a round does not count.
            let half = if (made as f64) < count as f64 * SETTLED {
                &mut before
            } else {
                &mut after
            };
            half.take_larger(size);
        }
    }
    let growth = after.megabytes() / before.megabytes();
    println!(
        "  the second half needs {growth:.2} times the maximum of the first half: {}\n",
        if growth <= GROWTH_MAX { "flat" } else { "GROWING" }
    );
    runtime.stop(Duration::from_secs(5)).await;
}
