//! Checks that the database is available.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbErr};

use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::not_written;
use crate::storage::sea::repository::SeaRepository;

/// Timeout of a readiness check, shorter than that of a commit.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum age of a write that proves that the database can be written, so that frequent checks are cheap.
const FRESH: Duration = Duration::from_secs(5);

impl SeaRepository {
    pub(crate) async fn ping_storage(&self) -> Result<(), RepositoryError> {
        let pinged = self.try_storage().await;
        if let Err(failure) = &pinged {
            self.pools.record_failure(failure);
        }
        pinged
    }

    async fn try_storage(&self) -> Result<(), RepositoryError> {
        if let Some(fault) = self.fault_by_state() {
            return Err(fault);
        }
        let Ok(_turn) = tokio::time::timeout(PING_TIMEOUT, self.pinging.lock()).await else {
            return Err(self.no_response());
        };
        if self.was_written_within(FRESH) {
            return Ok(());
        }
        match tokio::time::timeout(PING_TIMEOUT, self.try_to_write()).await {
            Ok(Ok(())) => {
                self.record_write(true);
                Ok(())
            }
            Ok(Err(error)) => Err(not_written(&error)),
            Err(_) => Err(self.no_response()),
        }
    }

    fn no_response(&self) -> RepositoryError {
        let seconds = PING_TIMEOUT.as_secs();
        RepositoryError::Unavailable {
            reason: if self.is_postgres() {
                format!("PostgreSQL has not responded for {seconds} seconds")
            } else {
                format!("the database is locked: nothing could be written for {seconds} seconds")
            },
        }
    }

    /// Writes something that changes nothing, as a commit does: only that finds a full disk, or a standby that rejects
    /// writes.
    async fn try_to_write(&self) -> Result<(), DbErr> {
        if self.is_postgres() {
            // Not the connection that commits: a long commit is no fault. The table has one row, always, which is left
            // out while another commit has locked it.
            let sql = "UPDATE webhook_endpoint_version SET version = version \
                       WHERE id IN (SELECT id FROM webhook_endpoint_version FOR UPDATE SKIP LOCKED)";
            return self.pools.internal().execute_unprepared(sql).await.map(drop);
        }
        let transaction = self.writer().begin().await?;
        // A number for programs, which this one does not use. Setting it writes the header page.
        transaction.execute_unprepared("PRAGMA user_version = 0").await?;
        transaction.commit().await
    }

    /// Records whether a commit has succeeded.
    pub(crate) fn record_write(&self, has_succeeded: bool) {
        let mut written = self.last_written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = has_succeeded.then(Instant::now);
    }

    fn was_written_within(&self, time: Duration) -> bool {
        let written = self.last_written.lock().unwrap_or_else(PoisonError::into_inner);
        written.is_some_and(|at| at.elapsed() < time)
    }
}
