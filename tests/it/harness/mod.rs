//! A real server in a folder of its own, and what tests ask of it.

pub mod client;
pub mod cluster;
pub mod hub;
pub mod latch;
pub mod pooler;
pub mod program;
pub mod receiver;
pub mod server;
pub mod shell;
pub mod socket;
pub mod tcp_proxy;
pub mod tokens;

pub use self::program::{program, programs, repository};

use std::time::{Duration, Instant};

/// Time limit of every wait in a test: far longer than any takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer, and fails the test when there is none in time.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "in {PATIENCE:?} it did not happen that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
