//! How many requests were answered, for who exports numbers: facades count, and nobody waits for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
pub struct Requests(Arc<Counted>);

#[derive(Default)]
struct Counted {
    sums: Mutex<BTreeMap<RequestKind, RequestSums>>,
    /// Receives each request as well.
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
    /// Calls `observer` with each request from now on; only the first one is called. It must not wait.
    pub fn observe(&self, observer: impl Fn(&RequestKind, Duration) + Send + Sync + 'static) {
        // A second one would be a second export of the same server, which there is not.
        let _ = self.0.observer.set(Box::new(observer));
    }

    /// Counts one more.
    pub fn add(&self, kind: RequestKind, took: Duration) {
        if let Some(observer) = self.0.observer.get() {
            observer(&kind, took);
        }
        let mut sums = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.entry(kind).or_default();
        sums.count += 1;
        sums.took += took;
    }

    /// All that were counted.
    pub fn sums(&self) -> BTreeMap<RequestKind, RequestSums> {
        self.0.sums.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
