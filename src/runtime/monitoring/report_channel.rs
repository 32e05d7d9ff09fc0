//! Bounded channels from the runtime to exporters. Reports are sent once there is a subscriber; a full channel drops and
//! counts them, so that an exporter never delays the runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

/// Maximum number of reports that wait for the subscriber.
const CAPACITY: usize = 4_096;

/// A channel for reports of one type. Clones are the same channel.
#[derive(Debug)]
pub struct ReportChannel<T> {
    sender: Arc<OnceLock<mpsc::Sender<T>>>,
    dropped: Arc<AtomicU64>,
}

impl<T> Clone for ReportChannel<T> {
    fn clone(&self) -> Self {
        Self {
            sender: Arc::clone(&self.sender),
            dropped: Arc::clone(&self.dropped),
        }
    }
}

impl<T> Default for ReportChannel<T> {
    fn default() -> Self {
        Self {
            sender: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

impl<T> ReportChannel<T> {
    /// All reports from now on; `None` if there is a subscriber already.
    pub fn subscribe(&self) -> Option<mpsc::Receiver<T>> {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        self.sender.set(sender).is_ok().then_some(receiver)
    }

    /// The number of dropped reports.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// `true` if there is a subscriber.
    pub(crate) fn has_subscriber(&self) -> bool {
        self.sender.get().is_some()
    }

    /// Sends a report to the subscriber, or drops it if the channel is full.
    pub(crate) fn try_send(&self, report: T) {
        if let Some(sender) = self.sender.get()
            && sender.try_send(report).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
