//! Number of dropped spans, by failures of the exporter or full queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::service::traces::Traces;

/// Counter of dropped spans.
#[derive(Clone)]
pub(super) struct DroppedSpans {
    /// Spans dropped by exporters.
    unsent: Arc<AtomicU64>,
    /// Counts the reports dropped before.
    traces: Traces,
}

impl DroppedSpans {
    /// A counter at zero.
    pub(super) fn new(traces: Traces) -> Self {
        Self {
            unsent: Arc::default(),
            traces,
        }
    }

    /// Adds spans that could not be exported.
    pub(super) fn add(&self, count: u64) {
        self.unsent.fetch_add(count, Ordering::Relaxed);
    }

    /// The total number.
    pub(super) fn count(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed) + self.traces.dropped()
    }
}
