//! Throughput of the server compared with that of its storage alone, in one run on one machine.
//!
//! `cargo bench --bench throughput` prints a table for SQLite, and for PostgreSQL when `TICKERQ_BENCH_POSTGRES` names
//! an empty database. After `--`: `--jobs 20000` sets the number of jobs per line, `--database sqlite` (or
//! `postgresql`) the measured database, `--only raw` (or `life`, `drain`, `watched`, `http`, `latency`, `memory`) the
//! measurement.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures, reads the real clock and takes its database from the environment"
)]

#[path = "../arguments.rs"]
mod arguments;
mod collector;
mod database;
mod drain;
mod http;
mod life_cycle;
mod memory;
mod nodes;
#[path = "../program.rs"]
mod program;
mod raw;
mod watched;

use std::time::Duration;

use tickerq::internals::Traces;
use tickerq::storage::sea::Durability;

use database::Database;
use http::{Callers, Enqueued};
use memory::Memory;

fn main() {
    let jobs = arguments::number("--jobs", 100_000);
    let (only, requested) = (arguments::value("--only"), arguments::value("--database"));
    let wants = |what: &str| only.as_ref().is_none_or(|only| only == what);
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut databases = Database::measured();
    databases.retain(|database| {
        requested
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(database.name()))
    });
    println!("{jobs} jobs a line; durability full survives a power cut, normal the end of the process\n");
    for database in databases {
        for durability in [Durability::Full, Durability::Normal] {
            println!("{} / {durability:?}", database.name());
            print_rates(&wants, jobs, &database, durability);
            if wants("latency") {
                let latency = run(life_cycle::latency(&database, durability, 1_000));
                let show = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
                println!(
                    "  accepted to started, idle       p50 {}   p99 {}",
                    show(latency.p50),
                    show(latency.p99)
                );
            }
            println!();
        }
        if wants("memory") {
            let fresh = run(database.fresh(Durability::Full));
            let Memory {
                idle,
                loaded,
                restarted,
            } = memory::measure(&database, &fresh);
            println!(
                "{} / memory of the program\n  idle {idle:.1} MB, a million pending jobs add {:.1} MB, started again with them {restarted:.1} MB\n",
                database.name(),
                loaded - idle
            );
        }
    }
}

/// Measures and prints a rate.
fn print_rates(wants: &impl Fn(&str) -> bool, jobs: usize, database: &Database, durability: Durability) {
    let mut raw = None;
    let print = |what: &str, per_second: f64, raw: Option<f64>, details: &str| {
        let ratio = raw
            .map(|raw| format!("{:.2} of raw", per_second / raw))
            .unwrap_or_default();
        println!("  {what:<30} {per_second:>9.0} /s   {ratio}{details}");
    };
    if wants("raw") {
        let raw::Raw { inserts, runs } = run(raw::measure(database, durability, jobs));
        let sum = 1.0 / (1.0 / inserts + 1.0 / runs);
        print("raw insert", inserts, None, "");
        print("raw claim and complete", runs, None, "");
        print("raw life cycle (both)", sum, None, "");
        raw = Some(sum);
    }
    if wants("life") {
        let per_second = run(life_cycle::measure(
            database,
            durability,
            jobs,
            Traces::default(),
            |_, _| None,
        ));
        print("life cycle in process", per_second, raw, "");
    }
    if wants("drain") {
        let rate = |workers| run(drain::measure(database, durability, 20_000, workers));
        let (few, many) = (rate(10), rate(256));
        print("backlog of 20,000, 10 workers", few, None, "");
        print(
            "backlog of 20,000, 256 workers",
            many,
            None,
            &format!("{:.2} with 10 workers", few / many),
        );
    }
    if wants("watched") {
        let cost = watched::measure(database, durability, jobs);
        println!(
            "  life cycle, unwatched {:.0} /s, all exported {:.0} /s: {:.3} of it",
            cost.unwatched, cost.watched, cost.ratio
        );
    }
    // Several nodes require a shared database.
    if wants("nodes") && matches!(database, Database::Postgres(_)) {
        for (count, what) in [(1, "life cycle, one node"), (2, "two nodes"), (3, "three nodes")] {
            print(what, run(nodes::measure(database, durability, jobs, count)), raw, "");
        }
    }
    if wants("http") {
        let http = |what: &str, is_paused: bool, callers: Callers| {
            let Enqueued { per_second, completed } = run(http::measure(database, durability, jobs, is_paused, callers));
            let details = format!(", {:.0} % of them completed meanwhile", completed * 100.0);
            print(what, per_second, raw, if is_paused { "" } else { &details });
        };
        http("HTTP enqueue, queue paused", true, Callers::Anonymous);
        http("HTTP enqueue, key and record", true, Callers::WithKey);
        http("HTTP enqueue, jobs running", false, Callers::Anonymous);
    }
}

fn run<T>(measurement: impl Future<Output = T>) -> T {
    actix::System::new().block_on(measurement)
}
