//! How many spans were lost: they were not taken, or more came than could be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::service::traces::Traces;

/// Spans that nobody will see.
#[derive(Clone)]
pub(super) struct LostSpans {
    /// Those that came as far as a destination.
    unsent: Arc<AtomicU64>,
    /// Knows the others.
    traces: Traces,
}

impl LostSpans {
    /// None yet.
    pub(super) fn new(traces: Traces) -> Self {
        Self {
            unsent: Arc::default(),
            traces,
        }
    }

    /// So many more could not be sent.
    pub(super) fn add(&self, count: u64) {
        self.unsent.fetch_add(count, Ordering::Relaxed);
    }

    /// All that were lost.
    pub(super) fn count(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed) + self.traces.missed()
    }
}
