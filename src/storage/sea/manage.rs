//! Steps of the schema.

use migration::Migrator;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationStatus, MigratorTrait};

use super::connect::{SeaRepository, begin_writing};
use super::error::unavailable;
use crate::storage::repository::RepositoryError;

/// A step of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name.
    pub name: String,
    /// Whether the database has taken it.
    pub is_applied: bool,
}

/// The advisory lock that a server holds while it takes steps; any number does that no other program is likely to use.
const LOCK: i64 = 0x0054_6963_6b65_7251;

impl SeaRepository {
    /// Takes all steps that the database has not taken. A server does so when it starts.
    pub async fn migrate_up(&self) -> Result<(), RepositoryError> {
        let transaction = self.begin_steps().await.map_err(|error| unavailable(&error))?;
        let taken = Migrator::up(&transaction, None).await;
        end_steps(transaction, taken).await
    }

    /// Takes back the last steps, and with them what they hold.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), RepositoryError> {
        let transaction = self.begin_steps().await.map_err(|error| unavailable(&error))?;
        let taken_back = Migrator::down(&transaction, Some(steps)).await;
        end_steps(transaction, taken_back).await
    }

    /// One transaction for the steps and the marks that they are taken: a server that dies on the way, or whose disk is full,
    /// leaves nothing that the next start would trip over. On PostgreSQL other servers wait for its end, then find the marks.
    async fn begin_steps(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = begin_writing(&self.writer()).await?;
        if self.is_postgres() {
            // Steps on many rows take their time, and whoever waits for another server's waits as long.
            transaction
                .execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
            let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }

    /// All steps, in order.
    pub async fn migration_states(&self) -> Result<Vec<MigrationState>, RepositoryError> {
        let migrations = Migrator::get_migration_with_status(&self.writer())
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(migrations
            .iter()
            .map(|migration| MigrationState {
                name: migration.name().to_owned(),
                is_applied: migration.status() == MigrationStatus::Applied,
            })
            .collect())
    }
}

async fn end_steps(transaction: DatabaseTransaction, taken: Result<(), DbErr>) -> Result<(), RepositoryError> {
    let ended = match taken {
        Ok(()) => transaction.commit().await,
        Err(failure) => {
            // The connection is thrown away when even that fails, and the transaction with it.
            drop(transaction.rollback().await);
            Err(failure)
        }
    };
    ended.map_err(|error| unavailable(&error))
}
