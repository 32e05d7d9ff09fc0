//! Gauge of due jobs that wait for workers on this node; background work is throttled then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of queues with waiting due jobs.
#[derive(Clone, Debug, Default)]
pub struct BacklogGauge(Arc<AtomicUsize>);

impl BacklogGauge {
    /// `true` if any due job waits.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// The part of a queue without waiting jobs.
    pub(crate) fn part(&self) -> QueueBacklog {
        QueueBacklog {
            backlog: self.clone(),
            is_any: false,
        }
    }
}

/// State of one queue: due jobs wait or not. Dropping it clears the state.
#[derive(Debug)]
pub(crate) struct QueueBacklog {
    backlog: BacklogGauge,
    is_any: bool,
}

impl QueueBacklog {
    /// Sets whether jobs wait.
    pub(crate) fn set(&mut self, is_any: bool) {
        if is_any == self.is_any {
            return;
        }
        self.is_any = is_any;
        let BacklogGauge(queues) = &self.backlog;
        if is_any {
            queues.fetch_add(1, Ordering::Relaxed);
        } else {
            queues.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for QueueBacklog {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::BacklogGauge;

    #[test]
    fn jobs_wait_as_long_as_those_of_any_queue_do() {
        let backlog = BacklogGauge::default();
        let (mut one, mut another) = (backlog.part(), backlog.part());
        assert!(!backlog.is_any());
        one.set(true);
        one.set(true);
        another.set(true);
        one.set(false);
        assert!(backlog.is_any());
        drop(another);
        assert!(!backlog.is_any());
    }
}
