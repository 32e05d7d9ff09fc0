//! How fast the server is, beside the storage that it stands on: everything in one run, on one machine.
//!
//! `cargo bench --bench throughput` prints a table for SQLite, and for PostgreSQL when `TICKERQ_BENCH_POSTGRES` names an
//! empty database. `-- --jobs 20000` changes how many jobs each line takes.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures, reads the real clock and is told its database"
)]

mod database;
mod http;
mod life_cycle;
mod raw;

use std::time::Duration;

use tickerq::storage::sea::Durability;

use database::Database;
use http::Callers;

/// What a run has measured.
struct Line {
    what: &'static str,
    per_second: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == flag);
        place
            .and_then(|place| arguments.get(place + 1))
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let jobs = number("--jobs", 100_000);
    let only = arguments
        .iter()
        .position(|argument| argument == "--only")
        .and_then(|place| arguments.get(place + 1));
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut databases = vec![Database::Sqlite];
    if let Ok(url) = std::env::var("TICKERQ_BENCH_POSTGRES") {
        databases.push(Database::Postgres(url));
    }
    println!("{jobs} jobs a line; durability full survives a power cut, normal the end of the process\n");
    for database in databases {
        for durability in [Durability::Full, Durability::Normal] {
            println!("{} / {durability:?}", database.name());
            let wants = |line: &str| only.is_none_or(|only| line.starts_with(only.as_str()));
            let mut lines = Vec::new();
            let mut raw = None;
            if wants("raw") {
                let measured = run(raw::measure(&database, durability, jobs));
                lines.push(Line {
                    what: "raw insert",
                    per_second: measured.inserts,
                });
                lines.push(Line {
                    what: "raw claim and complete",
                    per_second: measured.runs,
                });
                let sum = 1.0 / (1.0 / measured.inserts + 1.0 / measured.runs);
                lines.push(Line {
                    what: "raw life cycle (both)",
                    per_second: sum,
                });
                raw = Some(sum);
            }
            if wants("life") {
                let per_second = run(life_cycle::measure(&database, durability, jobs));
                lines.push(Line {
                    what: "life cycle in process",
                    per_second,
                });
            }
            if wants("http") {
                let idle = run(http::measure(&database, durability, jobs, true, Callers::Anybody));
                lines.push(Line {
                    what: "HTTP enqueue, queue paused",
                    per_second: idle,
                });
                let with_key = run(http::measure(&database, durability, jobs, true, Callers::WithKey));
                lines.push(Line {
                    what: "HTTP enqueue, key and record",
                    per_second: with_key,
                });
                let busy = run(http::measure(&database, durability, jobs, false, Callers::Anybody));
                lines.push(Line {
                    what: "HTTP enqueue, jobs running",
                    per_second: busy,
                });
            }
            for Line { what, per_second } in lines {
                let ratio = raw
                    .map(|raw| format!("{:.2} of raw", per_second / raw))
                    .unwrap_or_default();
                println!("  {what:<30} {per_second:>9.0} /s   {ratio}");
            }
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
    }
}

fn run<T>(measurement: impl Future<Output = T>) -> T {
    actix::System::new().block_on(measurement)
}
