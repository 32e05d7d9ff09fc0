//! A case of the suite.

use std::fmt;
use std::pin::Pin;

use super::subject::Subject;

type Run = fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence: `a_claim_returns_the_most_urgent_jobs_first`.
    pub name: &'static str,
    pub(super) run: Run,
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
        vec![$($crate::storage::conformance::case::Case {
            name: stringify!($function),
            run: |subject| Box::pin($function(subject)),
        }),*]
    };
}
pub(super) use cases_of;
