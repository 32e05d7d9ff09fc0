//! Servers in separate folders, and clients of tests.

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

/// Timeout of every wait in a test, far longer than any takes on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Polls until there is a result, and fails the test on timeout.
pub async fn eventually<T, F>(what: &str, mut check: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + TIMEOUT;
    loop {
        if let Some(response) = check().await {
            return response;
        }
        assert!(Instant::now() < end, "in {TIMEOUT:?} it did not happen that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
