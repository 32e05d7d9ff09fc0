//! Reads of operators with few and with very many jobs in storage: metrics, queues, and lists of jobs by each filter,
//! on the first page and deep ones. Their time should not depend on the number of jobs.
//!
//! `cargo bench --bench scale` measures with 10⁴ and 10⁶ jobs on SQLite, and on PostgreSQL when
//! `TICKERQ_BENCH_POSTGRES` names an empty database. `-- --jobs 10000,1000000,10000000` sets other numbers (ten million
//! take 6 GB of disk), `--rounds 200` the number of requests, `--no-sqlite` omits SQLite. Goals: p99 below 10 ms, and
//! less than 1.5 times the time with the fewest jobs.
//!
//! `-- --queues 200 --types 500` measures the reads of a wide server, alone and beside eight dashboards that repeat theirs
//! without a pause. Goal: p99 below 20 ms.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures, reads the real clock and takes its database from the environment"
)]

#[path = "../arguments.rs"]
#[expect(dead_code, reason = "this benchmark has no default of a number")]
mod arguments;
#[path = "../throughput/database.rs"]
mod database;
mod reads;
#[path = "../graphql/repeated_request.rs"]
mod repeated_request;
mod rows;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use tickerq::Server;
use tickerq::config::{Sources, load};
use tickerq::domain::metrics::rollup::DAYS_KEPT_BY_HOUR;
use tickerq::storage::change::{Applied, Change, MaintenanceChange};
use tickerq::storage::repository::JobStore;
use tickerq::storage::sea::Durability;

use database::Database;
use reads::Read;
use repeated_request::RepeatedRequest;
use rows::Shape;

/// Times below this always pass.
const P99_MAX: Duration = Duration::from_millis(10);
/// The same on a wide server.
const WIDE_P99_MAX: Duration = Duration::from_millis(20);
/// Time budget of one request; a slower one is repeated less often.
const READ_MAX: Duration = Duration::from_secs(5);
/// Allowed ratio of a read's time to its time with the fewest jobs.
const GROWTH_MAX: f64 = 1.5;

/// Response times of one read.
struct Times {
    p50: Duration,
    p99: Duration,
}

fn main() {
    let sizes: Vec<u64> = arguments::value("--jobs")
        .unwrap_or_else(|| "10000,1000000".to_owned())
        .split(',')
        .map(|text| text.parse().expect("--jobs is followed by numbers with commas between"))
        .collect();
    let number = |flag: &str| arguments::value(flag).map(|text| text.parse().expect("a number follows"));
    let shape = match (number("--queues"), number("--types")) {
        (None, None) => Shape::Narrow,
        (queues, types) => Shape::Wide(queues.unwrap_or(1), types.unwrap_or(1)),
    };
    let rounds =
        arguments::value("--rounds").map_or(100, |text| text.parse().expect("--rounds is followed by a number"));
    rustls::crypto::ring::default_provider().install_default().ok();
    for database in Database::measured() {
        let columns: Vec<Vec<Times>> = sizes
            .iter()
            .flat_map(|jobs| actix::System::new().block_on(measure(&database, *jobs, shape, rounds)))
            .collect();
        match shape {
            Shape::Narrow => show(database.name(), &sizes, &columns),
            Shape::Wide(..) => show_wide(database.name(), &sizes, shape, &columns),
        }
    }
}

/// Sends all requests to a server with this number of jobs. A wide server gets them twice: alone, and beside dashboards.
async fn measure(database: &Database, jobs: u64, shape: Shape, rounds: usize) -> Vec<Vec<Times>> {
    let fresh = database.fresh(Durability::Full).await;
    let connection = database::plain_connection(&fresh.url, Durability::Normal).await;
    let started = Instant::now();
    rows::fill(&connection, jobs, shape).await;
    println!(
        "{}: {jobs} jobs stored in {:.0} s",
        database.name(),
        started.elapsed().as_secs_f64()
    );
    // As the server does every minute, until nothing is left.
    let started = Instant::now();
    let mut steps = 0;
    loop {
        let compact = Change::Maintenance(MaintenanceChange::CompactRollups {
            ended_before: Utc::now() - TimeDelta::minutes(2),
            by_days_before: Utc::now() - TimeDelta::days(DAYS_KEPT_BY_HOUR),
            rollups_before: None,
        });
        let committed = fresh.repository.commit(&[compact].into()).await.expect("a commit");
        if !matches!(committed.results.as_slice(), [Ok(Applied::Removed(1..))]) {
            break;
        }
        steps += 1;
    }
    println!(
        "{}: rollups compacted in {:.1} s and {steps} steps",
        database.name(),
        started.elapsed().as_secs_f64()
    );
    // The server is the only client of its database.
    let url = fresh.url;
    drop(fresh.repository);
    connection.close().await.expect("a connection that closes");
    let configuration = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    let text = format!(
        "[database]\nurl = \"{url}\"\n[retention]\ncompleted = \"never\"\nfailed = \"never\"\ncancelled = \"never\"\n"
    );
    std::fs::write(configuration.path(), text).expect("a configuration");
    let sources = Sources {
        file: Some(configuration.path().to_owned()),
        environment: std::iter::empty(),
        flags: Vec::new(),
    };
    let server = Server::builder()
        .config(load(sources).expect("a sound configuration"))
        .listen("127.0.0.1:0".parse().expect("an address"))
        .start()
        .await
        .expect("a server");
    let address = server.addresses()[0];
    // On a separate thread, like an external client.
    let reading = std::thread::spawn(move || {
        let read = reads::all(jobs, shape);
        let mut columns = vec![measure_all(address, &read, rounds)];
        if matches!(shape, Shape::Wide(..)) {
            let dashboards = Dashboards::open(address);
            columns.push(measure_all(address, &read, rounds));
            dashboards.close();
        }
        columns
    });
    while !reading.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let times = reading.join().expect("responses");
    server.stop().await;
    times
}

fn measure_all(address: SocketAddr, reads: &[Read], rounds: usize) -> Vec<Times> {
    let send = |(_, head): &Read| {
        let mut repeated_request = RepeatedRequest::new(address, head, "");
        // Warm-up, not counted: connections, caches and branch prediction.
        repeat(&mut repeated_request, rounds.div_ceil(5));
        repeated_request.times.clear();
        repeat(&mut repeated_request, rounds);
        let (p50, p99) = repeated_request.percentiles();
        Times { p50, p99 }
    };
    reads.iter().map(send).collect()
}

/// Clients that repeat their reads until they are closed.
struct Dashboards {
    is_closed: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Dashboards {
    fn open(address: SocketAddr) -> Self {
        let is_closed = Arc::new(AtomicBool::new(false));
        let open = |head: String| {
            let is_closed = Arc::clone(&is_closed);
            std::thread::spawn(move || {
                let mut repeated_request = RepeatedRequest::new(address, &head, "");
                repeated_request.refused = Some(0);
                while !is_closed.load(Ordering::Relaxed) {
                    repeated_request.send();
                }
                repeated_request.refused.unwrap_or_default()
            })
        };
        let threads = reads::dashboards().into_iter().map(open).collect();
        Self { is_closed, threads }
    }

    fn close(self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let refused: u64 = self
            .threads
            .into_iter()
            .map(|thread| thread.join().expect("a dashboard"))
            .sum();
        println!("{refused} requests of dashboards were refused");
    }
}

/// Repeats a request this number of times, within its time budget.
fn repeat(repeated_request: &mut RepeatedRequest, rounds: usize) {
    let end = Instant::now() + READ_MAX;
    for _ in 0..rounds {
        repeated_request.send();
        if Instant::now() > end {
            return;
        }
    }
}

fn show(database: &str, sizes: &[u64], columns: &[Vec<Times>]) {
    println!("\n{database}, p50 and p99 in milliseconds");
    print!("{:<34}", "jobs");
    for size in sizes {
        print!("{size:>18}");
    }
    println!("{:>10}", "growth");
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for (place, (name, _)) in reads::all(1, Shape::Narrow).iter().enumerate() {
        print!("{name:<34}");
        for times in columns {
            print!("{:>10.2} {:>7.2}", millis(times[place].p50), millis(times[place].p99));
        }
        let (Some(first), Some(last)) = (columns.first(), columns.last()) else {
            return;
        };
        let growth = millis(last[place].p50) / millis(first[place].p50);
        let is_met = columns.iter().all(|times| times[place].p99 < P99_MAX) && growth < GROWTH_MAX;
        println!("{growth:>10.2}{}", if is_met { "" } else { "  goal missed" });
    }
    println!();
}

/// Two columns for each number of jobs: alone, and beside dashboards.
fn show_wide(database: &str, sizes: &[u64], shape: Shape, columns: &[Vec<Times>]) {
    println!("\n{database}, p50 and p99 in milliseconds, alone and beside eight dashboards");
    print!("{:<34}", "jobs");
    for size in sizes {
        print!("{size:>18}{:>18}", "beside");
    }
    println!();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for (place, (name, _)) in reads::all(1, shape).iter().enumerate() {
        print!("{name:<34}");
        for times in columns {
            print!("{:>10.2} {:>7.2}", millis(times[place].p50), millis(times[place].p99));
        }
        let is_met = columns.iter().all(|times| times[place].p99 < WIDE_P99_MAX);
        println!("{}", if is_met { "" } else { "  goal missed" });
    }
    println!();
}
