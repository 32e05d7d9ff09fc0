//! What SQLite needs beside calls: checkpoints while it is open and at its end, and an eye on its files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::Mutex as AsyncMutex;
use tracing::{debug, warn};

use super::file_watch::FileWatch;
use super::open::SeaRepository;
use crate::domain::metrics::storage_fault::StorageFault;
use crate::storage::repository::{Maintenance, RepositoryError};
use crate::storage::sea::error::not_written;

/// The time between two checkpoints of a log that does not grow.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// A log that has grown by so much since the last checkpoint, or had half of it left in it then, is checkpointed at the next
/// call. SQLite itself checkpoints a log of 16 MB and begins it anew, in the same file: its size says nothing of what is
/// in it, only its growth does.
const LARGE_WAL: u64 = 8 << 20;
/// How long reads may take to end when the database is closed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a fault of PostgreSQL is remembered that its calls have shown: a bad page may not be read again soon.
const FAULT_KEPT: Duration = Duration::from_secs(300);

/// The files of an open SQLite database.
pub(crate) struct SqliteFiles {
    pub(crate) watch: Arc<FileWatch>,
    pub(crate) wal: PathBuf,
    /// A connection that does nothing: as long as one is open SQLite keeps its log, and a new connection of a pool finds the
    /// files that are watched.
    pub(crate) guard: AsyncMutex<Option<SqliteConnection>>,
    pub(crate) checkpoints: Arc<Checkpoints>,
}

/// What is known of checkpoints, and that one is going on.
#[derive(Default)]
pub(crate) struct Checkpoints {
    last: Mutex<LastCheckpoint>,
    /// Held by one that is going on.
    turn: Arc<AsyncMutex<()>>,
}

/// The last checkpoint that has ended.
#[derive(Clone, Copy)]
struct LastCheckpoint {
    at: Instant,
    /// The size of the log's file.
    file_size: u64,
    /// How many bytes it left in the log.
    kept: u64,
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
    /// Whether the next one is due, now that the file has this size.
    fn is_next_due(&self, file_size: u64) -> bool {
        self.kept >= LARGE_WAL / 2
            || file_size >= self.file_size.saturating_add(LARGE_WAL)
            || self.at.elapsed() >= CHECKPOINT_INTERVAL
    }
}

impl Checkpoints {
    fn last(&self) -> MutexGuard<'_, LastCheckpoint> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A corrupt image that a call has found.
#[derive(Default)]
pub(crate) struct FoundFault(Mutex<Option<(Instant, RepositoryError)>>);

impl FoundFault {
    /// Remembers what a call has found.
    pub(crate) fn note(&self, failure: &RepositoryError) {
        if let RepositoryError::Fault {
            fault: StorageFault::Corrupt,
            ..
        } = failure
        {
            let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *found = Some((Instant::now(), failure.clone()));
        }
    }

    /// What is known. A file that was corrupt stays so until it is opened anew.
    fn get(&self, is_file: bool) -> Option<RepositoryError> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, failure) = found.as_ref()?;
        (is_file || at.elapsed() < FAULT_KEPT).then(|| failure.clone())
    }
}

impl SeaRepository {
    /// The fault that is known without a call.
    pub(crate) fn known_fault(&self) -> Option<RepositoryError> {
        let files = self.sqlite.as_ref();
        let watched = files.and_then(|files| files.watch.check().err());
        watched.or_else(|| self.pools.found_fault().get(files.is_some()))
    }

    /// As above, and also finds an empty file and one that is read-only.
    pub(crate) fn fault_by_state(&self) -> Option<RepositoryError> {
        let files = self.sqlite.as_ref();
        let watched = files.and_then(|files| files.watch.check_state().err());
        watched.or_else(|| self.pools.found_fault().get(files.is_some()))
    }

    /// Checks the files, and moves what SQLite's log holds into the database, without waiting for anyone.
    pub(crate) async fn checkpoint_now_and_then(&self) -> Result<Maintenance, RepositoryError> {
        if let Some(fault) = self.fault_by_state() {
            return Err(fault);
        }
        let Some(files) = &self.sqlite else {
            return Ok(Maintenance::default());
        };
        let file_size = std::fs::metadata(&files.wal).map_or(0, |metadata| metadata.len());
        let last = {
            let mut last = files.checkpoints.last();
            // It was cut: what it grows by is counted from here.
            last.file_size = last.file_size.min(file_size);
            *last
        };
        let known = Maintenance { wal_kept: last.kept };
        if !last.is_next_due(file_size) {
            return Ok(known);
        }
        let checkpoints = Arc::clone(&files.checkpoints);
        let Ok(turn) = Arc::clone(&checkpoints.turn).try_lock_owned() else {
            return Ok(known);
        };
        // Over a connection that reads: it holds up none that writes. In a task of its own: the caller may stop waiting, the
        // checkpoint goes on, and no second one begins beside it.
        let readers = self.readers();
        let moving = tokio::spawn(async move {
            let _turn = turn;
            let Checkpoint { kept_pages, .. } = checkpoint("PASSIVE", &readers).await?;
            let kept = kept_pages.saturating_mul(page_size(&readers).await?);
            *checkpoints.last() = LastCheckpoint {
                at: Instant::now(),
                file_size,
                kept,
            };
            Ok(Maintenance { wal_kept: kept })
        });
        // It is cancelled only when the process ends.
        moving.await.unwrap_or(Ok(known))
    }

    /// Closes all connections. SQLite's database is one file then, with everything in it.
    pub(crate) async fn close_all(&self) {
        self.outage.closed();
        let (readers, writer, scanners) = (self.readers(), self.writer(), self.pools.scanners());
        let both = async { tokio::join!(readers.close(), scanners.close()) };
        if tokio::time::timeout(CLOSE_PATIENCE, both).await.is_err() {
            warn!(
                "reads of the database have not ended within {} s",
                CLOSE_PATIENCE.as_secs()
            );
        }
        if let Some(files) = &self.sqlite {
            if let Some(fault) = self.known_fault() {
                // SQLite would remove files by their names, which may be another database's, or hold the only good pages.
                warn!("the database is not closed, and its write-ahead log is kept: {fault}");
                return;
            }
            let guard = files.guard.lock().await.take();
            if let Some(guard) = guard {
                // The process ends: how this connection does is of no matter.
                drop(guard.close().await);
            }
            // The end of the process waits for other programs' reads for a moment only.
            drop(writer.execute_unprepared("PRAGMA busy_timeout = 2000").await);
            match checkpoint("TRUNCATE", &writer).await {
                Ok(Checkpoint { is_busy: false, .. }) => debug!("checkpointed the database"),
                Ok(Checkpoint { is_busy: true, .. }) => warn!(
                    "another program reads the database: not all of its write-ahead log was moved into it; copy '{}' with \
                     the database",
                    files.wal.display()
                ),
                Err(failure) => warn!("the database could not be checkpointed: {failure}"),
            }
        }
        if tokio::time::timeout(CLOSE_PATIENCE, writer.close()).await.is_err() {
            warn!(
                "a write to the database has not ended within {} s",
                CLOSE_PATIENCE.as_secs()
            );
        }
    }
}

async fn page_size(link: &impl ConnectionTrait) -> Result<u64, RepositoryError> {
    let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA page_size");
    let row = link.query_one_raw(statement).await;
    let size = match row.map_err(|error| not_written(&error))? {
        Some(row) => row.try_get_by_index::<i64>(0).map_err(|error| not_written(&error))?,
        None => 0,
    };
    Ok(u64::try_from(size).unwrap_or_default())
}

async fn checkpoint(mode: &str, link: &impl ConnectionTrait) -> Result<Checkpoint, RepositoryError> {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA wal_checkpoint({mode})"));
    let row = link
        .query_one_raw(statement)
        .await
        .map_err(|error| not_written(&error))?;
    let Some(row) = row else {
        return Ok(Checkpoint::default());
    };
    let number = |index| {
        let number = row
            .try_get_by_index::<i64>(index)
            .map_err(|error| not_written(&error))?;
        Ok::<_, RepositoryError>(u64::try_from(number).unwrap_or_default())
    };
    let (busy, pages, moved) = (number(0)?, number(1)?, number(2)?);
    Ok(Checkpoint {
        is_busy: busy != 0,
        kept_pages: pages.saturating_sub(moved),
    })
}

/// What a checkpoint has done.
#[derive(Default)]
struct Checkpoint {
    /// Whether others were in the way.
    is_busy: bool,
    /// How many pages it left in the log.
    kept_pages: u64,
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
