//! How much memory the server has, idle and with a million pending jobs.

use tickerq::Server;
use tickerq::domain::caller::Caller;
use tickerq::storage::sea::Durability;

use super::database::Database;
use super::http::{Callers, pause, server_options};
use super::life_cycle::new_job;

const BATCH: usize = 1_000;

/// Megabytes of resident memory.
pub(crate) struct Memory {
    pub(crate) idle: f64,
    pub(crate) added: f64,
}

/// The process's own: measured before anything else is.
pub(crate) async fn measure(database: &Database, durability: Durability, jobs: usize) -> Memory {
    let fresh = database.fresh(durability).await;
    pause(&fresh, true).await;
    let server = Server::start(fresh.repository.clone(), server_options(Callers::Anybody))
        .await
        .expect("a server");
    let idle = resident();
    for _ in 0..jobs / BATCH {
        server
            .jobs()
            .schedule_batch(&Caller::local(), vec![new_job(); BATCH], None)
            .await
            .expect("a batch");
    }
    let added = resident() - idle;
    server.stop().await;
    Memory { idle, added }
}

fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: f64 = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number of pages");
    pages * 4096.0 / 1e6
}
