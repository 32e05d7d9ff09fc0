//! Opens a database: which one, with how many connections, and how safe a commit is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend};
use tokio::sync::Mutex as AsyncMutex;

use super::file_watch::FileWatch;
use super::pool::Link;
use super::pools::{Links, Pools, ReadTimes, WRITE_GRACE, shares};
use super::postgres::{Opening, PostgresSource, try_postgres};
use super::sqlite_file;
use super::sqlite_upkeep::SqliteFiles;
use crate::storage::failure_reason_limiter::ReasonBook;
use crate::storage::outage::StorageOutage;
use crate::storage::sea::error::without_password;
use crate::storage::sea::jobs::claim_order::ClaimOrders;
use crate::storage::sea::jobs::insert::KnownQueues;
use crate::storage::sea::jobs::unreadable::UnreadableRows;

/// How long a commit to PostgreSQL may take, unless something else is said.
const WRITE_PATIENCE: Duration = Duration::from_secs(15);

/// The time to connect to a reachable database and to renew a lease.
const CONNECTING: Duration = Duration::from_secs(5);
/// The least timeout of a commit, however short the lease is.
const WRITE_PATIENCE_MIN: Duration = Duration::from_secs(5);
/// The greatest timeout of a commit, however long the lease is.
const WRITE_PATIENCE_MAX: Duration = Duration::from_secs(60);

/// The time of an expensive read, unless another is given.
const EXPENSIVE_READ_TIME: Duration = Duration::from_secs(10);

/// How long a read may take that is not expensive, unless another time is given.
const READ_TIME: Duration = Duration::from_secs(30);

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: a commit is on the disk before it is answered.
    #[default]
    Full,
    /// The end of the process; a power cut may take the last moments.
    Normal,
}

/// Which database, and how it is used.
#[derive(Clone, Debug)]
pub struct SeaOptions {
    /// `sqlite:tickerq.db` or `postgres://user:password@host/database`.
    pub url: String,
    /// How many connections may be open, the writing one among them: three at least.
    pub max_connections: u32,
    /// How many of them are for reads that may take long: at most half of those that read.
    pub expensive_reads: u32,
    /// How long such a read may take.
    pub expensive_read_time: Duration,
    /// How long any other statement that reads may take: milliseconds, when nothing is wrong.
    pub read_time: Duration,
    /// What a commit survives.
    pub durability: Durability,
    /// Tells groups of nodes apart that count in rows of their own, so that they do not wait for each other.
    pub shard: i16,
    /// Whether the text of each statement is logged, without what it was given: at the level trace, as `sqlx::query`.
    pub log_statements: bool,
    /// How long a commit to PostgreSQL may take; one that takes longer has failed.
    pub write_patience: Duration,
    /// Whether a pooler in transaction mode (PgBouncer) is between this server and PostgreSQL.
    pub pgbouncer: bool,
    /// Where PostgreSQL itself is reached for LISTEN; `None` where `url` does.
    pub listen_url: Option<String>,
}

impl SeaOptions {
    /// A database with everything else by default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 8,
            expensive_reads: 2,
            expensive_read_time: EXPENSIVE_READ_TIME,
            read_time: READ_TIME,
            durability: Durability::Full,
            shard: 0,
            log_statements: false,
            write_patience: WRITE_PATIENCE,
            pgbouncer: false,
            listen_url: None,
        }
    }

    /// The write timeout that fits a node's lease: dead connections are replaced before the lease expires. It was renewed a
    /// third of its time ago at most. A lease of less than 18 seconds is too short for this.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        let left = (lease * 2 / 3).saturating_sub(WRITE_GRACE + CONNECTING);
        let write_patience = left.clamp(WRITE_PATIENCE_MIN, WRITE_PATIENCE_MAX);
        Self { write_patience, ..self }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no database that this server can use.
    #[error("'{url}' is no database URL; write sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url {
        /// What was given, without a password.
        url: String,
    },
    /// The SQLite file's folder does not exist.
    #[error("the folder '{}' for the database does not exist; make it first", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Another server has the SQLite file open.
    #[error("another server uses the database '{}'; one SQLite file serves one server (several share a PostgreSQL)", file.display())]
    InUse {
        /// The database's file.
        file: PathBuf,
    },
    /// The SQLite file has several names, and each has a log of its own beside it.
    #[error("the database '{}' has {names} names (hard links); SQLite would be told of one and lose what is written by \
             another: remove the others, or copy the file", file.display())]
    ManyNames {
        /// The database's file.
        file: PathBuf,
        /// How many.
        names: u64,
    },
    /// The SQLite file can only be read.
    #[error("the database '{}' can't be written: check the permissions of the file and of its folder", file.display())]
    ReadOnly {
        /// The database's file.
        file: PathBuf,
    },
    /// The lock beside the SQLite file could not be made.
    #[error("the lock file '{}' can't be made: {cause}", file.display())]
    Lock {
        /// The lock's file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The database refused.
    #[error("the database {url} can't be opened: {reason}")]
    Refused {
        /// The URL, without a password.
        url: String,
        /// What it said.
        reason: String,
    },
}

/// Jobs in a database. See the module.
pub struct SeaRepository {
    /// Where the connection that listens to other nodes is made; `None` where none can be.
    pub(crate) listen_url: Option<String>,
    backend: DbBackend,
    pub(crate) pools: Pools,
    pub(crate) shard: i16,
    /// How long an expensive read may take.
    pub(crate) expensive_read_time: Duration,
    /// Queues that are known to have a row.
    pub(crate) known_queues: Mutex<KnownQueues>,
    /// How claims find jobs.
    pub(crate) claim_orders: ClaimOrders,
    /// Rows that can't be read, and were logged.
    pub(crate) unreadable: UnreadableRows,
    /// Which reasons of failures are counted.
    pub(crate) reasons: ReasonBook,
    /// When something was written last; `None` after a commit that failed.
    pub(crate) last_written: Mutex<Option<Instant>>,
    /// Held while it is tried whether the database can be written.
    pub(crate) pinging: AsyncMutex<()>,
    /// Where failed calls are noted and logged.
    pub(crate) outage: StorageOutage,
    /// The files of SQLite's database.
    pub(crate) sqlite: Option<SqliteFiles>,
    /// Held as long as the database is open; the kernel gives it back when the process ends, however it ends.
    _lock: Option<File>,
}

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
            log_statements,
            write_patience,
            pgbouncer,
            listen_url,
        } = options;
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(ConnectError::Url {
                url: without_password(&url),
            });
        }
        let shown = without_password(&url);
        let refused = |reason| ConnectError::Refused {
            url: shown.clone(),
            reason,
        };
        try_postgres(&url).await.map_err(refused)?;
        // What a pooler hears for others goes to whoever has the server connection then.
        let listen_url = listen_url.or_else(|| (!pgbouncer).then(|| url.clone()));
        let source = PostgresSource {
            url,
            max_connections,
            durability,
            log_statements,
            pgbouncer,
            write_patience,
            read_patience: read_time,
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
            shard,
            expensive_read_time,
            known_queues: Mutex::default(),
            claim_orders: ClaimOrders::default(),
            unreadable: UnreadableRows::default(),
            reasons: ReasonBook::default(),
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
            log_statements,
            // Nobody is waited for but the disk.
            write_patience: _,
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
                // The default of 1,000 pages makes every few commits write pages twice; the log stays small all the same.
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
                    // What a log grew to under a long reader is given back; the usual size is not, and is overwritten.
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
            scanners,
            canceller: None,
        };
        Ok(Self {
            backend: DbBackend::Sqlite,
            pools: Pools::new(links, None, outage.clone(), Some(watch), times),
            sqlite: Some(files),
            listen_url: None,
            shard,
            expensive_read_time,
            known_queues: Mutex::default(),
            claim_orders: ClaimOrders::default(),
            unreadable: UnreadableRows::default(),
            reasons: ReasonBook::default(),
            last_written: Mutex::default(),
            pinging: AsyncMutex::default(),
            outage,
            _lock: Some(lock),
        })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.backend
    }

    /// The one connection that writes, so that reads never hold it up.
    pub(crate) fn writer(&self) -> Link {
        self.pools.writer()
    }

    /// The connections that read.
    pub(crate) fn readers(&self) -> Link {
        self.pools.readers()
    }
}

/// What both databases have in common.
pub(crate) fn plain(mut options: ConnectOptions, log_statements: bool) -> ConnectOptions {
    options
        .sqlx_logging(log_statements)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    // The level is of a crate that only the driver knows; its name is one that there is.
    if let Ok(level) = "trace".parse() {
        options.sqlx_logging_level(level);
    }
    options
}

/// Throws a connection away that comes back within a transaction.
///
/// When a commit fails (a full disk), SQLite has ended the transaction by itself or not at all, and the driver still counts
/// it: it would make the next one a savepoint, whose release is answered as a commit and stores nothing.
fn never_in_a_transaction(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| Box::pin(is_outside(connection)))
        .before_acquire(|connection, _| Box::pin(is_outside(connection)))
}

async fn is_outside(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A transaction that was dropped is undone behind what was asked before; the answer comes after that.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Finds out whether a SQLite database can be written: SQLite opens a file that can only be read without a word.
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
