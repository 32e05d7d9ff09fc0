//! What SQLite needs beside calls: checkpoints while it is open and at its end, and an eye on its files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::Mutex as AsyncMutex;
use tracing::{debug, warn};

use super::connect::SeaRepository;
use super::error::unavailable;
use super::file_watch::FileWatch;
use crate::domain::storage_fault::StorageFault;
use crate::storage::repository::{Maintenance, RepositoryError};

/// The time between two checkpoints of a log that is small.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
/// A log of this size is moved into the database at each call: below it SQLite gathers.
const LARGE_WAL: u64 = 8 << 20;
/// How long reads may take to end when the database is closed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a fault of PostgreSQL is remembered that its calls have shown: a bad page may not be read again soon.
const FAULT_KEPT: Duration = Duration::from_secs(300);

/// The files of an open SQLite database.
pub(super) struct SqliteFiles {
    pub(super) watch: Arc<FileWatch>,
    pub(super) wal: PathBuf,
    /// A connection that does nothing: as long as one is open SQLite keeps its log, and a new connection of a pool finds the
    /// files that are watched.
    pub(super) guard: AsyncMutex<Option<SqliteConnection>>,
    pub(super) last_checkpoint: Mutex<Instant>,
}

/// A corrupt image that a call has found.
#[derive(Default)]
pub(super) struct FoundFault(Mutex<Option<(Instant, RepositoryError)>>);

impl FoundFault {
    /// Remembers what a call has found.
    pub(super) fn note(&self, failure: &RepositoryError) {
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
    pub(super) fn known_fault(&self) -> Option<RepositoryError> {
        let files = self.sqlite.as_ref();
        let watched = files.and_then(|files| files.watch.check().err());
        watched.or_else(|| self.pools.found_fault().get(files.is_some()))
    }

    /// As above, and also finds an empty file and one that is read-only.
    pub(super) fn fault_by_state(&self) -> Option<RepositoryError> {
        let files = self.sqlite.as_ref();
        let watched = files.and_then(|files| files.watch.check_state().err());
        watched.or_else(|| self.pools.found_fault().get(files.is_some()))
    }

    /// Checks the files, and moves what SQLite's log holds into the database, without waiting for anyone.
    pub(super) async fn checkpoint_now_and_then(&self) -> Result<Maintenance, RepositoryError> {
        if let Some(fault) = self.fault_by_state() {
            return Err(fault);
        }
        let Some(files) = &self.sqlite else {
            return Ok(Maintenance::default());
        };
        let size = std::fs::metadata(&files.wal).map_or(0, |metadata| metadata.len());
        {
            let mut last = files.last_checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            if size < LARGE_WAL && last.elapsed() < CHECKPOINT_INTERVAL {
                return Ok(Maintenance::default());
            }
            *last = Instant::now();
        }
        // Over a connection that reads: it holds up none that writes.
        let Checkpoint { kept_pages, .. } = self.checkpoint("PASSIVE", &self.readers()).await?;
        let page = self.page_size().await?;
        Ok(Maintenance {
            wal_kept: kept_pages.saturating_mul(page),
        })
    }

    async fn page_size(&self) -> Result<u64, RepositoryError> {
        let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA page_size");
        let row = self.readers().query_one_raw(statement).await;
        let size = match row.map_err(|error| unavailable(&error))? {
            Some(row) => row.try_get_by_index::<i64>(0).map_err(|error| unavailable(&error))?,
            None => 0,
        };
        Ok(u64::try_from(size).unwrap_or_default())
    }

    async fn checkpoint(&self, mode: &str, link: &impl ConnectionTrait) -> Result<Checkpoint, RepositoryError> {
        let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA wal_checkpoint({mode})"));
        let row = link
            .query_one_raw(statement)
            .await
            .map_err(|error| unavailable(&error))?;
        let Some(row) = row else {
            return Ok(Checkpoint::default());
        };
        let number = |index| {
            let number = row
                .try_get_by_index::<i64>(index)
                .map_err(|error| unavailable(&error))?;
            Ok::<_, RepositoryError>(u64::try_from(number).unwrap_or_default())
        };
        let (busy, pages, moved) = (number(0)?, number(1)?, number(2)?);
        Ok(Checkpoint {
            is_busy: busy != 0,
            kept_pages: pages.saturating_sub(moved),
        })
    }

    /// Closes all connections. SQLite's database is one file then, with everything in it.
    pub(super) async fn close_all(&self) {
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
            match self.checkpoint("TRUNCATE", &writer).await {
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

/// What a checkpoint has done.
#[derive(Default)]
struct Checkpoint {
    /// Whether others were in the way.
    is_busy: bool,
    /// How many pages it left in the log.
    kept_pages: u64,
}
