//! The suite that every [`JobRepository`] passes: the guarantees of [`super::change`] and the trait, one per case.
//!
//! The author of a storage runs it in a test (with the feature `conformance`):
//!
//! ```
//! use std::sync::Arc;
//! use tickerq::storage::conformance;
//! use tickerq::storage::conformance::Subject;
//! use tickerq::storage::memory::MemoryRepository;
//!
//! # fn main() {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(
//! conformance::run(|| async { Subject::alone(Arc::new(MemoryRepository::new())) })
//! # );
//! # }
//! ```
//!
//! A case that fails panics with the found and the expected value. The cases need a tokio runtime with a timer.

#![expect(clippy::expect_used, reason = "a case fails by panicking")]

mod audit;
mod case;
mod cluster;
mod jobs;
mod metrics;
mod operations;
mod queues;
mod reads;
mod recurring;
mod sample;
mod subject;
mod webhooks;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

pub use self::case::Case;
pub use self::subject::Subject;
#[cfg(doc)]
use super::repository::JobRepository;

/// All cases.
pub fn cases() -> Vec<Case> {
    [
        jobs::cases(),
        queues::cases(),
        cluster::cases(),
        recurring::cases(),
        audit::cases(),
        webhooks::cases(),
        reads::cases(),
        metrics::cases(),
        operations::cases(),
    ]
    .concat()
}

/// Runs all cases, each over an empty storage that the factory makes.
///
/// # Panics
///
/// When a case fails, once all of them have run: with the names of those that have.
pub async fn run<F, Fut>(mut factory: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Subject>,
{
    let mut failed = Vec::new();
    for case in cases() {
        let subject = factory().await;
        // What a case leaves behind is thrown away with its storage.
        if AssertUnwindSafe(case.check(subject)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(
        failed.is_empty(),
        "the storage does not keep {} of its promises:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
