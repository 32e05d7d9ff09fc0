//! Whether due jobs wait for workers on this node: what is less urgent steps back then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many queues have due jobs that wait.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// Whether any jobs wait.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// The part of one queue, which has none yet.
    pub(crate) fn part(&self) -> BacklogPart {
        BacklogPart {
            backlog: self.clone(),
            is_any: false,
        }
    }
}

/// Whether due jobs of one queue wait. Gone, none do.
#[derive(Debug)]
pub(crate) struct BacklogPart {
    backlog: Backlog,
    is_any: bool,
}

impl BacklogPart {
    /// Says whether jobs wait.
    pub(crate) fn set(&mut self, is_any: bool) {
        if is_any == self.is_any {
            return;
        }
        self.is_any = is_any;
        let Backlog(queues) = &self.backlog;
        if is_any {
            queues.fetch_add(1, Ordering::Relaxed);
        } else {
            queues.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for BacklogPart {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog;

    #[test]
    fn jobs_wait_as_long_as_those_of_any_queue_do() {
        let backlog = Backlog::default();
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
