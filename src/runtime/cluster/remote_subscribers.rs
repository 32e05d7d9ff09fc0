//! Subscribers to job events on other nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the notifier, read by the writer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RemoteSubscribers(Arc<AtomicBool>);

impl RemoteSubscribers {
    /// `true` if another node has a subscriber.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, is_any: bool) {
        self.0.store(is_any, Ordering::Relaxed);
    }
}
