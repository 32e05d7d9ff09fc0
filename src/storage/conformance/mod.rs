//! The suite that every [`JobRepository`] passes: what [`super::change`] and the trait promise, a case a promise.
//!
//! Whoever writes a storage runs it in a test of their own (with the feature `conformance`):
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
//! A case that fails panics and says what was found and what was promised. The cases need a tokio runtime with a timer.

#![expect(clippy::expect_used, reason = "a case fails by panicking")]

mod audit;
mod batch;
mod claim;
mod clear;
mod clock_step;
mod feed;
mod finish;
mod fire;
mod idempotency;
mod insert;
mod leader;
mod life;
mod list;
mod nodes;
mod queues;
mod race;
mod recurring;
mod rollups;
mod sample;
mod search;
mod start;
mod subject;
mod unique;
mod update;
mod values;
mod webhooks;
mod workers;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt;

pub use self::subject::Subject;
#[cfg(doc)]
use super::repository::JobRepository;

type Run = fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence: `a_claim_takes_the_most_urgent_first`.
    pub name: &'static str,
    run: Run,
}

impl Case {
    /// Tests an empty storage. Panics when it does not keep the promise.
    pub async fn check(&self, subject: Subject) {
        (self.run)(subject).await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Makes cases of functions.
macro_rules! cases_of {
    ($($function:ident),* $(,)?) => {
        vec![$($crate::storage::conformance::Case {
            name: stringify!($function),
            run: |subject| Box::pin($function(subject)),
        }),*]
    };
}
use cases_of;

/// All cases.
pub fn cases() -> Vec<Case> {
    [
        batch::cases(),
        insert::cases(),
        unique::cases(),
        idempotency::cases(),
        start::cases(),
        claim::cases(),
        finish::cases(),
        update::cases(),
        clear::cases(),
        nodes::cases(),
        leader::cases(),
        queues::cases(),
        clock_step::cases(),
        recurring::cases(),
        fire::cases(),
        audit::cases(),
        webhooks::cases(),
        feed::cases(),
        list::cases(),
        search::cases(),
        values::cases(),
        rollups::cases(),
        race::cases(),
        life::cases(),
        workers::cases(),
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
