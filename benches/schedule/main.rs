//! Lateness of starts: from the due time of a job to the start of its handler, with a million delayed
//! jobs in storage; and wake-ups of an idle server.
//!
//! `cargo bench --bench schedule` measures on SQLite, and on PostgreSQL when `TICKERQ_BENCH_POSTGRES` names an empty
//! database. `-- --jobs 100000` stores fewer jobs, `--seconds 20` shortens the measurement, `--no-sqlite` omits SQLite.
//! Goals, on an idle machine: p99 below 10 ms, and no polling loop that wakes an idle server more than once a second.

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
mod idle;
mod lateness;
mod million;
#[path = "../program.rs"]
mod program;

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tickerq::storage::sea::Durability;

use database::Database;
use lateness::Lateness;

/// Number of jobs that become due per second.
const DUE_PER_SECOND: u32 = 100;
const P99_MAX: Duration = Duration::from_millis(10);

fn main() {
    let jobs = arguments::number("--jobs", 1_000_000);
    let seconds = arguments::number("--seconds", 60);
    for database in Database::measured() {
        println!(
            "{}, {jobs} delayed jobs, {DUE_PER_SECOND} of them due a second",
            database.name()
        );
        actix::System::new().block_on(measure(&database, jobs, seconds));
    }
}

async fn measure(database: &Database, jobs: u32, seconds: u32) {
    let fresh = database.fresh(Durability::Full).await;
    // A day ahead, so that nothing is due while they are stored and while the idle server is measured. The clock of
    // the measured server is set forward later.
    let first_due = (Utc::now() + TimeDelta::days(1)).trunc_subsecs(0);
    million::store(&*fresh.repository, first_due, jobs).await;
    // The idle server is the only client of its database.
    drop(fresh.repository);
    let url = fresh.url;
    let idle = idle::wake_ups(&url).await;
    println!(
        "  idle: {:.1} wake-ups a second, of all threads, and {:.2} % of a processor",
        idle.per_second, idle.busy
    );
    let lateness = lateness::measure(&url, first_due, seconds).await;
    show("delayed jobs", lateness.delayed);
    show("recurring jobs", lateness.recurring);
}

fn show(what: &str, Lateness(mut times): Lateness) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let verdict = if at(0.99) < P99_MAX { "met" } else { "MISSED" };
    println!(
        "  {what:<14} {:>5} started   due to started: p50 {:.2} ms   p90 {:.2} ms   p99 {:.2} ms   most {:.2} ms   {}",
        times.len(),
        millis(at(0.5)),
        millis(at(0.9)),
        millis(at(0.99)),
        millis(at(1.0)),
        verdict
    );
}

/// Due time of the job with this number: evenly spread, and never on a full second.
fn due_at(first_due: DateTime<Utc>, number: u32) -> DateTime<Utc> {
    let spread = 1_000_000_u64 / u64::from(DUE_PER_SECOND);
    // Offsets by a prime number of microseconds within each job's interval: no correlation with timers.
    let offset = u64::from(number) * spread + u64::from(number) * 7_919 % spread;
    first_due + TimeDelta::microseconds(i64::try_from(offset).expect("a time"))
}
