//! The connections over HTTP in numbers, for exports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Open and refused connections, and their limits. All copies count together.
#[derive(Clone, Debug, Default)]
pub struct HttpConnections(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    open: AtomicU64,
    refused: AtomicU64,
    max: AtomicU64,
    files_max: AtomicU64,
}

impl HttpConnections {
    /// Sets the limits of connections and of the process's open files.
    pub fn set_limits(&self, max: usize, files_max: Option<usize>) {
        self.0.max.store(max as u64, Ordering::Relaxed);
        self.0.files_max.store(files_max.unwrap_or(0) as u64, Ordering::Relaxed);
    }

    /// Counts a connection that is open.
    pub fn opened(&self) {
        self.0.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of one.
    pub fn closed(&self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a connection without a place.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of open connections.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// The number of connections that were closed or answered with 503 for want of a place.
    pub fn refused_total(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The limit of connections; none where a program has an HTTP server of its own.
    pub fn max(&self) -> Option<u64> {
        known(&self.0.max)
    }

    /// The limit of the process's open files, if there is one that is known.
    pub fn files_max(&self) -> Option<u64> {
        known(&self.0.files_max)
    }
}

fn known(limit: &AtomicU64) -> Option<u64> {
    Some(limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
}

#[cfg(test)]
mod tests {
    use super::HttpConnections;

    #[test]
    fn copies_count_together() {
        let connections = HttpConnections::default();
        assert_eq!((connections.max(), connections.files_max()), (None, None));
        let copy = connections.clone();
        copy.set_limits(7, Some(100));
        copy.opened();
        copy.opened();
        connections.closed();
        copy.refused();
        assert_eq!((connections.open(), connections.refused_total()), (1, 1));
        assert_eq!((connections.max(), connections.files_max()), (Some(7), Some(100)));
    }
}
