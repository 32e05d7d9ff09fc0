//! Steps of the schema.

use std::path::Path;

use migration::Migrator;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use super::options::{ConnectError, SeaOptions};
use super::sqlite_file;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::{not_written, sqlx_text};
use crate::storage::sea::repository::SeaRepository;

/// A step of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name.
    pub name: String,
    /// `true` if the database has it.
    pub is_applied: bool,
    /// `true` if this version of the program has it.
    pub is_known: bool,
}

/// Why the schema could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer version of the program has changed it.
    #[error(
        "the database was migrated by a newer version of tickerq (this is {}, which does not have: {}); install that \
         version or a later one, or restore a backup from before the upgrade",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    )]
    Newer {
        /// The migrations that this version does not have.
        names: Vec<String>,
    },
    /// Servers use the database.
    #[error("servers use this database: {}; stop them first", names.join(", "))]
    InUse {
        /// Their names.
        names: Vec<String>,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// The library's table of applied migrations.
const TAKEN: &str = "SELECT version FROM seaql_migrations ORDER BY version";
/// The advisory lock that a server holds while it migrates: a number that no other program is likely to use.
const LOCK: i64 = 0x0054_6963_6b65_7251;
/// Drops named statements on a pooler's server connection, which would collide with ours.
const FORGET_STATEMENTS: &str = "DEALLOCATE ALL";

impl SeaRepository {
    /// Applies all pending migrations. A server does so when it starts.
    pub async fn migrate_up(&self) -> Result<(), MigrationError> {
        self.in_one_transaction(async |transaction| Migrator::up(transaction, None).await)
            .await
    }

    /// Reverts the last migrations, with the data of their tables.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), MigrationError> {
        let names = self.live_servers().await.map_err(|error| not_written(&error))?;
        if !names.is_empty() {
            return Err(MigrationError::InUse { names });
        }
        self.in_one_transaction(async |transaction| Migrator::down(transaction, Some(steps)).await)
            .await
    }

    /// The names of the servers with a lease. On SQLite there are none: the lock on the file excludes them.
    async fn live_servers(&self) -> Result<Vec<String>, DbErr> {
        let readers = self.readers();
        let backend = self.backend();
        let there = "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema() \
                     AND table_name = 'nodes' AND column_name = 'worker'";
        if !self.is_postgres()
            || readers
                .query_one_raw(Statement::from_string(backend, there))
                .await?
                .is_none()
        {
            return Ok(Vec::new());
        }
        let live = self.live_sql();
        let sql = format!("SELECT name FROM nodes WHERE worker IS NULL AND {live} ORDER BY name");
        let rows = readers.query_all_raw(Statement::from_string(backend, sql)).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    /// One transaction for the migrations and their entries: a server that dies meanwhile, or whose disk is full,
    /// leaves nothing behind. On PostgreSQL other servers wait for its end and then find the entries.
    async fn in_one_transaction(
        &self,
        steps: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
    ) -> Result<(), MigrationError> {
        let failed = |error: DbErr| MigrationError::Storage(not_written(&error));
        let transaction = self.begin_steps().await.map_err(failed)?;
        let taken = self.taken_steps(&transaction).await.map_err(failed)?;
        let states = states(&taken);
        let unknown = states.iter().filter(|state| !state.is_known);
        let names: Vec<String> = unknown.map(|state| state.name.clone()).collect();
        if !names.is_empty() {
            drop(transaction.rollback().await);
            return Err(MigrationError::Newer { names });
        }
        let ended = match steps(&transaction).await {
            Ok(()) => {
                if self.writer().is_pooled() {
                    transaction
                        .execute_unprepared(FORGET_STATEMENTS)
                        .await
                        .map_err(failed)?;
                }
                transaction.commit().await
            }
            Err(failure) => {
                // If that fails as well, the connection is closed, which ends the transaction.
                drop(transaction.rollback().await);
                Err(failure)
            }
        };
        ended.map_err(failed)
    }

    async fn begin_steps(&self) -> Result<DatabaseTransaction, DbErr> {
        let writer = self.writer();
        let transaction = writer.begin_schema_change().await?;
        if writer.is_pooled() {
            transaction.execute_unprepared(FORGET_STATEMENTS).await?;
        }
        if self.is_postgres() {
            // Migrations of many rows take long, also for a server that waits for another one's.
            transaction
                .execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
            let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }

    /// The names of the applied migrations.
    async fn taken_steps(&self, connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
        let backend = self.backend();
        let there = if self.is_postgres() {
            "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL"
        } else {
            "SELECT 1 FROM sqlite_schema WHERE name = 'seaql_migrations'"
        };
        let is_there = connection.query_one_raw(Statement::from_string(backend, there)).await?;
        if is_there.is_none() {
            return Ok(Vec::new());
        }
        let rows = connection.query_all_raw(Statement::from_string(backend, TAKEN)).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    /// All migrations, in order; those that this version does not have are at the end. Changes nothing.
    pub async fn migration_states(&self) -> Result<Vec<MigrationState>, RepositoryError> {
        let taken = self.taken_steps(&self.readers()).await;
        Ok(states(&taken.map_err(|error| not_written(&error))?))
    }

    /// The same of a database that another server may have open, and that may not exist yet. Changes nothing.
    pub async fn migration_states_of(options: SeaOptions) -> Result<Vec<MigrationState>, MigrationError> {
        let refused = |error: ConnectError| {
            MigrationError::Storage(RepositoryError::Unavailable {
                reason: error.to_string(),
            })
        };
        let Some(file) = sqlite_file::named_by(&options.url) else {
            let repository = Self::connect(options).await.map_err(refused)?;
            return Ok(repository.migration_states().await?);
        };
        let file = file.map_err(refused)?;
        let taken = if file.exists() {
            taken_in_file(&file)
                .await
                .map_err(|error| RepositoryError::Unavailable {
                    reason: sqlx_text(&error),
                })?
        } else {
            Vec::new()
        };
        Ok(states(&taken))
    }
}

/// The steps that a file of SQLite has taken. Without the lock that a server holds.
async fn taken_in_file(file: &Path) -> Result<Vec<String>, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .pragma("query_only", "on")
        .disable_statement_logging();
    let mut connection: SqliteConnection = options.connect().await?;
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'seaql_migrations'";
    let tables: i64 = sqlx::query_scalar(there).fetch_one(&mut connection).await?;
    let taken = if tables == 0 {
        Vec::new()
    } else {
        sqlx::query_scalar(TAKEN).fetch_all(&mut connection).await?
    };
    connection.close().await?;
    Ok(taken)
}

fn states(taken: &[String]) -> Vec<MigrationState> {
    let known: Vec<String> = Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    let unknown = taken.iter().filter(|name| !known.contains(name)).cloned();
    let unknown: Vec<MigrationState> = unknown
        .map(|name| MigrationState {
            name,
            is_applied: true,
            is_known: false,
        })
        .collect();
    let known = known.into_iter().map(|name| MigrationState {
        is_applied: taken.contains(&name),
        is_known: true,
        name,
    });
    known.chain(unknown).collect()
}
