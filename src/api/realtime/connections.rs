//! How many connections there are, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts connections of all kinds together.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    open: Arc<AtomicUsize>,
    max: usize,
}

/// The right to one connection; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Connections {
    /// None yet, and so many at the most.
    pub(super) fn new(max: usize) -> Self {
        Self {
            open: Arc::default(),
            max,
        }
    }

    /// One more, if there may be.
    pub(super) fn enter(&self) -> Option<Permit> {
        let one_more = |open| (open < self.max).then_some(open + 1);
        let entered = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Permit(Arc::clone(&self.open)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;

    #[test]
    fn who_leaves_makes_room() {
        let connections = Connections::new(1);
        let first = connections.enter();
        assert!(first.is_some());
        assert!(connections.clone().enter().is_none());
        drop(first);
        assert!(connections.enter().is_some());
    }
}
