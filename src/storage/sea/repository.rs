//! The state of an open database. It imports none of the operations, which are methods in files of their own.

use std::fs::File;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sea_orm::DbBackend;
use tokio::sync::Mutex as AsyncMutex;

use super::commit::counter_epochs::CounterEpochs;
use super::connection::pool::Link;
use super::connection::pools::Pools;
use super::connection::sqlite_files::SqliteFiles;
use super::jobs::claim_floors::ClaimFloors;
use super::jobs::claim_order::ClaimOrders;
use super::jobs::known_queues::KnownQueues;
use super::jobs::unreadable::UnreadableRows;
use crate::storage::failure_reason_limiter::FailureReasonLimiter;
use crate::storage::outage::StorageOutage;

/// A database, open.
pub struct SeaRepository {
    /// URL for the connection that listens to other nodes; `None` if there is none.
    pub(crate) listen_url: Option<String>,
    pub(super) backend: DbBackend,
    pub(crate) pools: Pools,
    /// The rows of counters in which this node counts.
    pub(crate) epochs: CounterEpochs,
    /// Timeout of expensive reads.
    pub(crate) expensive_read_time: Duration,
    /// Queues that are known to have a row.
    pub(crate) known_queues: Mutex<KnownQueues>,
    /// Query plans of claims.
    pub(crate) claim_orders: ClaimOrders,
    /// Due times at which claims begin.
    pub(crate) claim_floors: ClaimFloors,
    /// Unreadable rows that were logged.
    pub(crate) unreadable: UnreadableRows,
    /// Limits the reasons of failures that are counted.
    pub(crate) reasons: FailureReasonLimiter,
    /// Time of the last commit; `None` after a failed commit.
    pub(crate) last_written: Mutex<Option<Instant>>,
    /// Held during a test write.
    pub(crate) pinging: AsyncMutex<()>,
    /// Logs failed calls.
    pub(crate) outage: StorageOutage,
    /// The files of SQLite's database.
    pub(crate) sqlite: Option<SqliteFiles>,
    /// Held while the database is open; the kernel releases it when the process ends.
    pub(super) _lock: Option<File>,
}

impl SeaRepository {
    pub(crate) fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.backend
    }

    /// The connection that writes.
    pub(crate) fn writer(&self) -> Link {
        self.pools.writer()
    }

    /// The connections that read for this task.
    pub(crate) fn readers(&self) -> Link {
        self.pools.readers()
    }
}
