//! Whether the database can be used now.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};

use super::connect::{SeaRepository, begin_writing};
use super::error::unavailable;
use crate::storage::repository::RepositoryError;

/// Who asks whether a server is ready does not wait as long as a commit may.
const PATIENCE: Duration = Duration::from_secs(2);

impl SeaRepository {
    pub(super) async fn ping_storage(&self) -> Result<(), RepositoryError> {
        if self.is_postgres() {
            let readers = self.readers();
            return match tokio::time::timeout(PATIENCE, readers.execute_unprepared("SELECT 1")).await {
                Ok(answer) => answer.map(drop).map_err(|error| unavailable(&error)),
                Err(_) => Err(RepositoryError::Unavailable {
                    reason: format!("PostgreSQL has not answered for {} seconds", PATIENCE.as_secs()),
                }),
            };
        }
        match tokio::time::timeout(PATIENCE, self.try_to_write()).await {
            Ok(tried) => tried.map_err(|error| unavailable(&error)),
            Err(_) => Err(RepositoryError::Unavailable {
                reason: format!(
                    "the database is locked: nothing could be written for {} seconds",
                    PATIENCE.as_secs()
                ),
            }),
        }
    }

    /// Takes SQLite's lock, as a commit does. When the last commit failed it also writes a page: only that finds out
    /// whether there is room on the disk.
    async fn try_to_write(&self) -> Result<(), DbErr> {
        let transaction = begin_writing(&self.writer()).await?;
        if !self.has_failed.load(Ordering::Relaxed) {
            return transaction.rollback().await;
        }
        // A number for programs, which this one does not use. Setting it writes the page that it stands in.
        transaction.execute_unprepared("PRAGMA user_version = 0").await?;
        transaction.commit().await?;
        self.has_failed.store(false, Ordering::Relaxed);
        Ok(())
    }
}
