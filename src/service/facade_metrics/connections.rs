//! HTTP connections, for export.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Open and rejected connections, and their limits. Clones share the counters.
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

    /// Counts an opened connection.
    pub fn opened(&self) {
        self.0.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a closed connection.
    pub fn closed(&self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a rejected connection.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of open connections.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Number of connections that were closed or rejected with 503 because of the limit.
    pub fn refused_total(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Limit of connections; `None` if the host application has its own HTTP server.
    pub fn max(&self) -> Option<u64> {
        known(&self.0.max)
    }

    /// Limit of the process's open files, if known.
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
    fn clones_share_the_counters() {
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
