//! Cost of many WebSocket subscribers: memory while idle, and the time until all have received an event.
//!
//! `cargo bench --bench fanout` starts the server as a separate process; the clients are in this one, on the same
//! machine. Goals: 5,000 idle subscribers take less than 150 MB of the server's memory; with 1,000 subscribers to all
//! job events, 20 jobs a second (three events each) arrive within 100 ms at the 99th percentile.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures and reads the real clock"
)]

mod client;
#[path = "../program.rs"]
mod program;
mod server;

use std::time::Duration;

use client::{Clients, Latencies};
use server::Server;

const IDLE_CLIENTS: usize = 5_000;
const IDLE_BYTES_MAX: u64 = 150_000_000;
const BUSY_CLIENTS: usize = 1_000;
const JOBS_PER_SECOND: u32 = 20;
const SECONDS: u32 = 15;
const EVENTS_PER_JOB: u32 = 3;
const P99_MAX: Duration = Duration::from_millis(100);

fn main() {
    let memory = idle_memory();
    let per_client = memory / IDLE_CLIENTS as u64;
    println!(
        "{IDLE_CLIENTS} idle subscribers: {:.1} MB of the server's memory, {:.1} kB each; goal {} MB: {}",
        memory as f64 / 1e6,
        per_client as f64 / 1e3,
        IDLE_BYTES_MAX / 1_000_000,
        verdict(memory < IDLE_BYTES_MAX)
    );
    let (latencies, processor) = fan_out();
    let Latencies { count, p50, p99, max } = latencies;
    let expected = BUSY_CLIENTS as u64 * u64::from(JOBS_PER_SECOND * SECONDS * EVENTS_PER_JOB);
    assert_eq!(count, expected, "every subscriber receives every event");
    let show = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    println!(
        "{BUSY_CLIENTS} subscribers, {JOBS_PER_SECOND} jobs/s for {SECONDS} s, {count} messages: p50 {}, p99 {}, max {}; \
         goal p99 {}: {}",
        show(p50),
        show(p99),
        show(max),
        show(P99_MAX),
        verdict(p99 < P99_MAX)
    );
    let [of_server, of_clients] = processor;
    println!("the server took {of_server:.0} % of a core, its clients {of_clients:.0} %");
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

/// Growth of the server's memory by its subscribers.
fn idle_memory() -> u64 {
    let server = Server::start();
    // Warm-up: memory that is allocated once does not belong to the subscribers.
    let warm = Clients::connect(&server, 10);
    drop(warm);
    let before = server.memory();
    let clients = Clients::connect(&server, IDLE_CLIENTS);
    std::thread::sleep(Duration::from_secs(2));
    let after = server.memory();
    drop(clients);
    after.saturating_sub(before)
}

/// Latency of events, and the load of server and clients meanwhile, in percent of a core.
fn fan_out() -> (Latencies, [f64; 2]) {
    let server = Server::start();
    let clients = Clients::connect(&server, BUSY_CLIENTS);
    let taken = || [server.pid(), std::process::id()].map(server::processor_time);
    let before = taken();
    let start = std::time::Instant::now();
    let latencies = clients.measure(&server, JOBS_PER_SECOND, SECONDS, EVENTS_PER_JOB);
    let seconds = start.elapsed().as_secs_f64();
    let after = taken();
    let share = |index: usize| (after[index] - before[index]).as_secs_f64() / seconds * 100.0;
    (latencies, [share(0), share(1)])
}
