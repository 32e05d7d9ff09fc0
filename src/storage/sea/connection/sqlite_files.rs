//! The files of an open SQLite database, and its checkpoints.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex as AsyncMutex;

use super::file_watch::FileWatch;

/// The time between two checkpoints of a log that does not grow.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// Growth of the log since the last checkpoint, or half of it left by that checkpoint, that causes a checkpoint at
/// the next call. SQLite itself checkpoints a log of 16 MB and restarts it in the same file: only its growth shows
/// the contents, not its size.
const LARGE_WAL: u64 = 8 << 20;

/// The files of an open SQLite database.
pub(crate) struct SqliteFiles {
    pub(crate) watch: Arc<FileWatch>,
    pub(crate) wal: PathBuf,
    /// A connection that does nothing: as long as one is open SQLite keeps its log, and a new connection of a pool finds the
    /// files that are watched.
    pub(crate) guard: AsyncMutex<Option<SqliteConnection>>,
    pub(crate) checkpoints: Arc<Checkpoints>,
}

/// The last checkpoint, and the one in progress.
#[derive(Default)]
pub(crate) struct Checkpoints {
    last: Mutex<LastCheckpoint>,
    /// Held during a checkpoint.
    pub(super) turn: Arc<AsyncMutex<()>>,
}

/// The last finished checkpoint.
#[derive(Clone, Copy)]
pub(super) struct LastCheckpoint {
    pub(super) at: Instant,
    /// Size of the log file.
    pub(super) file_size: u64,
    /// Number of bytes that it left in the log.
    pub(super) kept: u64,
}

impl Default for LastCheckpoint {
    fn default() -> Self {
        Self {
            at: Instant::now(),
            file_size: 0,
            kept: 0,
        }
    }
}

impl LastCheckpoint {
    /// `true` if the next one is due, given the current size of the file.
    pub(super) fn is_next_due(&self, file_size: u64) -> bool {
        self.kept >= LARGE_WAL / 2
            || file_size >= self.file_size.saturating_add(LARGE_WAL)
            || self.at.elapsed() >= CHECKPOINT_INTERVAL
    }
}

impl Checkpoints {
    pub(super) fn last(&self) -> MutexGuard<'_, LastCheckpoint> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_used_again_is_checkpointed_once_a_minute_and_one_that_grows_at_once() {
        let after_the_first_fill = LastCheckpoint {
            at: Instant::now(),
            file_size: 16 << 20,
            kept: 100 << 10,
        };
        assert!(!after_the_first_fill.is_next_due(16 << 20));
        assert!(after_the_first_fill.is_next_due(24 << 20));
        let minute_ago = LastCheckpoint {
            at: Instant::now() - CHECKPOINT_INTERVAL,
            ..after_the_first_fill
        };
        assert!(minute_ago.is_next_due(16 << 20));
        let under_a_reader = LastCheckpoint {
            kept: 12 << 20,
            ..after_the_first_fill
        };
        assert!(under_a_reader.is_next_due(16 << 20), "the reader may have ended");
    }
}
