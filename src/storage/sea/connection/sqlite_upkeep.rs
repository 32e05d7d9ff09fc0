//! Maintenance of SQLite: checkpoints, checks of its files, and closing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx::Connection;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tracing::{debug, warn};

use super::sqlite_files::LastCheckpoint;
use crate::storage::repository::{Maintenance, RepositoryError};
use crate::storage::sea::error::not_written;
use crate::storage::sea::repository::SeaRepository;

/// Timeout of reads in progress when the database is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

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
            // It was truncated: its growth is counted from here.
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
        // Over a connection for reads, so that writes are not blocked. In a separate task: the caller may stop
        // waiting, the checkpoint continues, and no second one starts beside it.
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
        let (readers, internal) = (self.pools.callers_readers(), self.pools.internal());
        let (writer, scanners) = (self.writer(), self.pools.scanners());
        let all = async { tokio::join!(readers.close(), internal.close(), scanners.close()) };
        if tokio::time::timeout(CLOSE_TIMEOUT, all).await.is_err() {
            warn!(
                "reads of the database have not ended within {} s",
                CLOSE_TIMEOUT.as_secs()
            );
        }
        if let Some(files) = &self.sqlite {
            if let Some(fault) = self.known_fault() {
                // SQLite would remove files by their names, which may be another database's, or hold the only good
                // pages.
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
        if tokio::time::timeout(CLOSE_TIMEOUT, writer.close()).await.is_err() {
            warn!(
                "a write to the database has not ended within {} s",
                CLOSE_TIMEOUT.as_secs()
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

/// Result of a checkpoint.
#[derive(Default)]
struct Checkpoint {
    /// `true` if other connections blocked it.
    is_busy: bool,
    /// Number of pages left in the log.
    kept_pages: u64,
}
