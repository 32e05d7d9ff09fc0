//! Options of a database, and the errors of opening it.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::ConnectOptions;

/// Default timeout of a commit to PostgreSQL.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Time beyond its own timeout of a statement after which a connection to PostgreSQL counts as dead: PostgreSQL itself
/// cancels a statement that takes too long.
pub(crate) const WRITE_GRACE: Duration = Duration::from_secs(2);

/// Time to connect to a reachable database and to renew a lease.
const CONNECTING: Duration = Duration::from_secs(5);
/// Minimum timeout of a commit, however short the lease is.
const WRITE_TIMEOUT_MIN: Duration = Duration::from_secs(5);
/// Maximum timeout of a commit, however long the lease is.
const WRITE_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Default timeout of expensive reads.
const EXPENSIVE_READ_TIME: Duration = Duration::from_secs(10);

/// Default timeout of other reads.
const READ_TIME: Duration = Duration::from_secs(30);

/// Default number of commits per epoch of counters.
const COUNTER_EPOCH: u32 = 1_000;

/// Failures that a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power failure: a commit is on the disk before its response.
    #[default]
    Full,
    /// The end of the process; a power failure may lose the last commits.
    Normal,
}

/// A database and its options.
#[derive(Clone, Debug)]
pub struct SeaOptions {
    /// `sqlite:tickerq.db` or `postgres://user:password@host/database`.
    pub url: String,
    /// Maximum number of connections, with the one that writes: at least three.
    pub max_connections: u32,
    /// Number of them for expensive reads: at most half of those that read.
    pub expensive_reads: u32,
    /// Timeout of expensive reads.
    pub expensive_read_time: Duration,
    /// Timeout of other reads.
    pub read_time: Duration,
    /// Failures that a commit survives.
    pub durability: Durability,
    /// Group of nodes with counter rows of its own, so that groups do not wait for each other.
    pub shard: i16,
    /// Number of commits to PostgreSQL after which a node counts in new rows, so that dead versions of the old ones don't
    /// slow it down; more with many queues and job types.
    pub counter_epoch: u32,
    /// Log the text of each statement, without its parameters, at level trace as `sqlx::query`.
    pub log_statements: bool,
    /// Timeout of a commit to PostgreSQL.
    pub write_timeout: Duration,
    /// `true` if PostgreSQL is reached through a pooler in transaction mode (PgBouncer).
    pub pgbouncer: bool,
    /// URL of PostgreSQL itself, for LISTEN; `None` if `url` is.
    pub listen_url: Option<String>,
}

impl SeaOptions {
    /// A database with default options.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 8,
            expensive_reads: 2,
            expensive_read_time: EXPENSIVE_READ_TIME,
            read_time: READ_TIME,
            durability: Durability::Full,
            shard: 0,
            counter_epoch: COUNTER_EPOCH,
            log_statements: false,
            write_timeout: WRITE_TIMEOUT,
            pgbouncer: false,
            listen_url: None,
        }
    }

    /// The write timeout that fits a node's lease: dead connections are replaced before the lease expires, which was
    /// renewed at most a third of its time ago. A lease of less than 18 seconds is too short for this.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        let left = (lease * 2 / 3).saturating_sub(WRITE_GRACE + CONNECTING);
        let write_timeout = left.clamp(WRITE_TIMEOUT_MIN, WRITE_TIMEOUT_MAX);
        Self { write_timeout, ..self }
    }
}

/// Reasons why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no database that this server can use.
    #[error("'{url}' is no database URL; write sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE")]
    Url {
        /// The URL, without a password.
        url: String,
    },
    /// The SQLite file's folder does not exist.
    #[error("the folder '{}' for the database does not exist; make it first", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Another server has the SQLite file open.
    #[error("another server uses the database '{}'; one SQLite file serves one server (several share a PostgreSQL database)", file.display())]
    InUse {
        /// The database's file.
        file: PathBuf,
    },
    /// The SQLite file has several names, and each has a log of its own beside it.
    #[error("the database '{}' has {names} names (hard links); SQLite would use one of them and lose what is written by \
             another: remove the others, or copy the file", file.display())]
    ManyNames {
        /// The database's file.
        file: PathBuf,
        /// Number of names.
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
        /// The error of the system.
        cause: std::io::Error,
    },
    /// The database refused.
    #[error("the database {url} can't be opened: {reason}")]
    Refused {
        /// The URL, without a password.
        url: String,
        /// The error of the database.
        reason: String,
    },
}

/// Options of connections to both databases.
pub(crate) fn plain(mut options: ConnectOptions, log_statements: bool) -> ConnectOptions {
    options
        .sqlx_logging(log_statements)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    // The type of the level is of a crate of the driver's; this name is valid.
    if let Ok(level) = "trace".parse() {
        options.sqlx_logging_level(level);
    }
    options
}
