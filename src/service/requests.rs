//! How many requests were answered, for who exports numbers: facades count, and nobody waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What requests are counted by. All of them are of a few: a route is its pattern and no path, a method one of HTTP's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKind {
    /// The route's pattern: `/api/tickerq/jobs/{id}`.
    pub route: Arc<str>,
    /// The method.
    pub method: &'static str,
    /// The answer's status.
    pub status: u16,
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestSums {
    /// How many were answered.
    pub count: u64,
    /// How long that took, all together.
    pub took: Duration,
}

/// Requests that were answered since the server started.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<RequestKind, RequestSums>>>);

impl Requests {
    /// Counts one more.
    pub fn add(&self, kind: RequestKind, took: Duration) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.entry(kind).or_default();
        sums.count += 1;
        sums.took += took;
    }

    /// All that were counted.
    pub fn sums(&self) -> BTreeMap<RequestKind, RequestSums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
