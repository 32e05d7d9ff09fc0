//! Opens a database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend};
use tokio::sync::Mutex as AsyncMutex;

use super::caller_turns::CallerTurns;
use super::file_watch::FileWatch;
use super::links::{INTERNAL_MIN, Links, shares};
use super::options::{ConnectError, Durability, SeaOptions, plain};
use super::pool::Link;
use super::pools::{Pools, ReadTimes};
use super::postgres::{Opening, PostgresSource, try_postgres};
use super::sqlite_file;
use super::sqlite_files::SqliteFiles;
use crate::storage::failure_reason_limiter::FailureReasonLimiter;
use crate::storage::outage::StorageOutage;
use crate::storage::sea::commit::counter_epochs::CounterEpochs;
use crate::storage::sea::error::without_password;
use crate::storage::sea::jobs::claim_floors::ClaimFloors;
use crate::storage::sea::jobs::claim_order::ClaimOrders;
use crate::storage::sea::jobs::unreadable::UnreadableRows;
use crate::storage::sea::repository::SeaRepository;

impl SeaRepository {
    /// Opens a database. Makes a SQLite file that does not exist; tables are made by [`Self::migrate_up`].
    pub async fn connect(options: SeaOptions) -> Result<Self, ConnectError> {
        if let Some(file) = sqlite_file::named_by(&options.url) {
            return Self::open_sqlite(&file?, options).await;
        }
        let SeaOptions {
            url,
            max_connections,
            expensive_reads,
            expensive_read_time,
            read_time,
            durability,
            shard,
            counter_epoch,
            log_statements,
            write_timeout,
            pgbouncer,
            listen_url,
        } = options;
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(ConnectError::Url {
                url: without_password(&url),
            });
        }
        let redacted = without_password(&url);
        let refused = |reason| ConnectError::Refused {
            url: redacted.clone(),
            reason,
        };
        try_postgres(&url).await.map_err(refused)?;
        // A pooler would deliver notifications to the current user of its server connection.
        let listen_url = listen_url.or_else(|| (!pgbouncer).then(|| url.clone()));
        let source = PostgresSource {
            url,
            max_connections,
            durability,
            log_statements,
            pgbouncer,
            write_timeout,
            read_timeout: read_time,
            expensive_reads,
            expensive_read_time,
        };
        let links = source.open(Opening::AtOnce).await;
        let links = links.map_err(|error| refused(crate::storage::sea::error::text(&error)))?;
        let outage = StorageOutage::default();
        let times = ReadTimes {
            cheap: read_time,
            expensive: expensive_read_time,
        };
        Ok(Self {
            backend: DbBackend::Postgres,
            pools: Pools::new(links, Some(source), outage.clone(), None, times),
            listen_url,
            epochs: CounterEpochs::of(shard, counter_epoch),
            expensive_read_time,
            known_queues: Mutex::default(),
            claim_orders: ClaimOrders::default(),
            claim_floors: ClaimFloors::default(),
            unreadable: UnreadableRows::default(),
            reasons: FailureReasonLimiter::default(),
            last_written: Mutex::default(),
            pinging: AsyncMutex::default(),
            outage,
            sqlite: None,
            _lock: None,
        })
    }

    /// The folder that a database is in, if it is a file.
    pub fn folder(url: &str) -> Option<PathBuf> {
        let file = sqlite_file::named_by(url)?.ok()?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.map_or_else(|| PathBuf::from("."), Path::to_owned))
    }

    /// The file of a database, all symbolic links followed, if it is one.
    pub fn file(url: &str) -> Option<PathBuf> {
        sqlite_file::real(&sqlite_file::named_by(url)?.ok()?).ok()
    }

    async fn open_sqlite(file: &Path, options: SeaOptions) -> Result<Self, ConnectError> {
        let SeaOptions {
            url,
            max_connections,
            expensive_reads,
            expensive_read_time,
            read_time,
            durability,
            shard,
            // No version of a row outlives its update.
            counter_epoch: _,
            log_statements,
            // Writes wait only for the disk.
            write_timeout: _,
            pgbouncer: _,
            listen_url: _,
        } = options;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(ConnectError::NoFolder {
                folder: folder.to_owned(),
            });
        }
        let lock = sqlite_file::lock(file)?;
        let path = Arc::<Path>::from(file);
        let refused = |error| ConnectError::Refused {
            url: url.clone(),
            reason: crate::storage::sea::error::text(&error),
        };
        let pool = |connections: u32, is_writer: bool| {
            let path = Arc::clone(&path);
            let mut options = plain(ConnectOptions::new("sqlite::memory:"), log_statements);
            options
                .max_connections(connections)
                .min_connections(u32::from(is_writer));
            options.idle_timeout(if is_writer { None } else { Some(Duration::from_secs(60)) });
            options.max_lifetime(None::<Duration>);
            options.map_sqlx_sqlite_pool_opts(never_in_a_transaction);
            options.map_sqlx_sqlite_opts(move |sqlite| {
                let synchronous = if durability == Durability::Full {
                    SqliteSynchronous::Full
                } else {
                    SqliteSynchronous::Normal
                };
                // The default of 1,000 pages writes pages twice every few commits; the log stays small with this one
                // too.
                let sqlite = sqlite
                    .in_memory(false)
                    .shared_cache(false)
                    .filename(&*path)
                    .create_if_missing(is_writer)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .foreign_keys(false)
                    .busy_timeout(Duration::from_secs(10))
                    .statement_cache_capacity(256)
                    .pragma("wal_autocheckpoint", "4000")
                    .pragma("temp_store", "memory");
                // Negative: in KiB.
                if is_writer {
                    // A log that grew under a long reader is truncated to its usual size, which is overwritten.
                    let sqlite = sqlite.pragma("journal_size_limit", "33554432");
                    sqlite.pragma("cache_size", "-16000")
                } else {
                    sqlite.pragma("query_only", "on")
                }
            });
            Database::connect(options)
        };
        let writer = Link::direct(pool(1, true).await.map_err(refused)?);
        try_write(&writer, file).await?;
        let (reading, scanning) = shares(max_connections, expensive_reads);
        let readers = Link::sqlite_readers(pool(reading, false).await.map_err(refused)?, reading, read_time);
        // More of them are free.
        let internal = Link::sqlite_readers(
            pool(INTERNAL_MIN, false).await.map_err(refused)?,
            INTERNAL_MIN,
            read_time,
        );
        let scanners = Link::direct(pool(scanning, false).await.map_err(refused)?);
        let files = watched_files(file).await?;
        let watch = Arc::clone(&files.watch);
        let outage = StorageOutage::default();
        let times = ReadTimes {
            cheap: read_time,
            expensive: expensive_read_time,
        };
        let links = Links {
            writer,
            readers,
            internal,
            scanners,
            canceller: None,
            // As long as for the read itself.
            turns: Arc::new(CallerTurns::new(reading, read_time)),
        };
        Ok(Self {
            backend: DbBackend::Sqlite,
            pools: Pools::new(links, None, outage.clone(), Some(watch), times),
            sqlite: Some(files),
            listen_url: None,
            epochs: CounterEpochs::none(shard),
            expensive_read_time,
            known_queues: Mutex::default(),
            claim_orders: ClaimOrders::default(),
            claim_floors: ClaimFloors::default(),
            unreadable: UnreadableRows::default(),
            reasons: FailureReasonLimiter::default(),
            last_written: Mutex::default(),
            pinging: AsyncMutex::default(),
            outage,
            _lock: Some(lock),
        })
    }
}

/// Closes a connection that is returned within a transaction.
///
/// When a commit fails (a full disk), SQLite may have ended the transaction or not, and the driver still counts it:
/// it would turn the next one into a savepoint, whose release looks like a commit and stores nothing.
fn never_in_a_transaction(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| Box::pin(is_outside(connection)))
        .before_acquire(|connection, _| Box::pin(is_outside(connection)))
}

async fn is_outside(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A dropped transaction is rolled back before this ping; its response follows the rollback.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Checks that a SQLite database can be written: SQLite silently opens a read-only file.
async fn try_write(writer: &Link, file: &Path) -> Result<(), ConnectError> {
    let tried = async {
        let transaction = writer.begin().await?;
        // To begin is allowed even there. See `super::health_check` for this number.
        transaction.execute_unprepared("PRAGMA user_version = 0").await?;
        transaction.rollback().await
    };
    let tried = tried.await;
    tried.map_err(|error| {
        if crate::storage::sea::error::is_read_only(&error) {
            return ConnectError::ReadOnly { file: file.to_owned() };
        }
        ConnectError::Refused {
            url: format!("sqlite:{}", file.display()),
            reason: crate::storage::sea::error::text(&error),
        }
    })
}

/// The files of a database that is open, with a connection that keeps them.
async fn watched_files(file: &Path) -> Result<SqliteFiles, ConnectError> {
    let refused = |reason| ConnectError::Refused {
        url: format!("sqlite:{}", file.display()),
        reason,
    };
    let opened = async {
        let options = SqliteConnectOptions::new().filename(file).disable_statement_logging();
        let mut guard = options.connect().await?;
        // Only a read opens the log.
        sqlx::query("SELECT count(*) FROM sqlite_schema")
            .execute(&mut guard)
            .await?;
        Ok::<_, sqlx::Error>(guard)
    };
    let guard = opened
        .await
        .map_err(|error| refused(crate::storage::sea::error::sqlx_text(&error)))?;
    let real = sqlite_file::real(file).map_err(|error| refused(error.to_string()))?;
    let watch = FileWatch::new(file, &real).map_err(|error| refused(error.to_string()))?;
    let mut wal = real.into_os_string();
    wal.push("-wal");
    Ok(SqliteFiles {
        watch: Arc::new(watch),
        wal: PathBuf::from(wal),
        guard: AsyncMutex::new(Some(guard)),
        checkpoints: Arc::default(),
    })
}
