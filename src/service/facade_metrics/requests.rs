//! Number and duration of HTTP requests, for export. Recording never blocks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Labels of requests, of limited cardinality: the route is a pattern, the method one of HTTP's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKind {
    /// Pattern of the route: `/api/tickerq/jobs/{id}`.
    pub route: Arc<str>,
    /// Method.
    pub method: &'static str,
    /// Status of the response.
    pub status: u16,
}

/// Totals of one kind of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestSums {
    /// Number of requests.
    pub count: u64,
    /// Total duration.
    pub took: Duration,
}

/// Number of responses since the server's start.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Counted>);

#[derive(Default)]
struct Counted {
    sums: Mutex<BTreeMap<RequestKind, RequestSums>>,
    /// Observer of each request.
    observer: OnceLock<Box<Observer>>,
}

type Observer = dyn Fn(&RequestKind, Duration) + Send + Sync;

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("sums", &self.sums)
            .finish_non_exhaustive()
    }
}

impl Requests {
    /// Calls `observer` with each future request. Only the first call has an effect. The observer must not block.
    pub fn observe(&self, observer: impl Fn(&RequestKind, Duration) + Send + Sync + 'static) {
        // A server has only one export.
        let _ = self.0.observer.set(Box::new(observer));
    }

    /// Counts a request.
    pub fn add(&self, kind: RequestKind, took: Duration) {
        if let Some(observer) = self.0.observer.get() {
            observer(&kind, took);
        }
        let mut sums = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.entry(kind).or_default();
        sums.count += 1;
        sums.took += took;
    }

    /// The totals of all requests.
    pub fn sums(&self) -> BTreeMap<RequestKind, RequestSums> {
        self.0.sums.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
