//! The way from those who do something to who exports it: reports are told once somebody has opened the tap, and nobody
//! waits for them to be taken in. Who is too slow misses some, and how many is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

/// How many reports may wait to be taken in.
const WAITING_MAX: usize = 4_096;

/// A way for reports of one kind. Copies are the same way.
#[derive(Debug)]
pub struct Tap<T> {
    sender: Arc<OnceLock<mpsc::Sender<T>>>,
    missed: Arc<AtomicU64>,
}

impl<T> Clone for Tap<T> {
    fn clone(&self) -> Self {
        Self {
            sender: Arc::clone(&self.sender),
            missed: Arc::clone(&self.missed),
        }
    }
}

impl<T> Default for Tap<T> {
    fn default() -> Self {
        Self {
            sender: Arc::default(),
            missed: Arc::default(),
        }
    }
}

impl<T> Tap<T> {
    /// Everything from now on; `None` when somebody has it already.
    pub fn open(&self) -> Option<mpsc::Receiver<T>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        self.sender.set(sender).is_ok().then_some(receiver)
    }

    /// How many reports were missed.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Whether somebody listens.
    pub(crate) fn is_open(&self) -> bool {
        self.sender.get().is_some()
    }

    /// Tells who listens, and nobody if it can't be taken in now.
    pub(crate) fn tell(&self, report: T) {
        if let Some(sender) = self.sender.get()
            && sender.try_send(report).is_err()
        {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
