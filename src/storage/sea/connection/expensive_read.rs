//! Expensive reads: on separate connections, with a timeout, and cancelled when their caller stops waiting.
//!
//! SQLite calls a progress handler between steps (`StopOnDrop`). PostgreSQL enforces the timeout itself; a statement
//! whose caller has stopped waiting is cancelled over a connection for cancellations, while its own is held: the next
//! statement there would be cancelled in its place. The resource of the read is dropped when its connection is
//! returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::sqlx::Sqlite;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use super::options::WRITE_GRACE;
use super::pool::{Link, Transaction};
use super::postgres::CONNECT_TIMEOUT;
use super::sqlite_readers::{STEPS, query_failed, sqlite_query};
use crate::storage::held::{Held, held};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

/// Timeout of the cancellation of a statement, including the wait for its connection.
const CANCEL_TIMEOUT: Duration = WRITE_GRACE.saturating_add(CONNECT_TIMEOUT);

/// A connection for one expensive read.
pub(crate) enum Scan {
    Sqlite {
        connection: Mutex<PoolConnection<Sqlite>>,
        /// Dropped before the connection is used again.
        _stop: StopOnDrop,
        /// Dropped after both.
        _held: Option<Held>,
    },
    Postgres(PostgresScan),
}

/// Stops SQLite when it is dropped: the running statement has no reader.
pub(crate) struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A transaction that reads, and what cancels it.
pub(crate) struct PostgresScan {
    /// `None` once it has ended.
    transaction: Option<Transaction>,
    /// PostgreSQL process of the statement.
    process: i32,
    canceller: Link,
    /// Maximum time until PostgreSQL ends the statement itself.
    time: Duration,
    held: Option<Held>,
}

impl PostgresScan {
    fn transaction(&self) -> Result<&Transaction, DbErr> {
        let ended = || DbErr::Custom("the transaction has ended".to_owned());
        self.transaction.as_ref().ok_or_else(ended)
    }
}

impl Drop for PostgresScan {
    fn drop(&mut self) {
        let (Some(transaction), Ok(runtime)) = (self.transaction.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (process, canceller, held) = (self.process, self.canceller.clone(), self.held.take());
        let ends_in = self.time.saturating_add(WRITE_GRACE);
        runtime.spawn(async move {
            let sql = "SELECT pg_cancel_backend($1)";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [process.into()]);
            // A statement that continues nevertheless ends by its timeout.
            drop(tokio::time::timeout(CANCEL_TIMEOUT, canceller.query_one_raw(statement)).await);
            drop(tokio::time::timeout(ends_in, transaction.rollback()).await);
            drop(held);
        });
    }
}

impl Scan {
    async fn begin_sqlite(scanners: &Link, time: Duration) -> Result<Self, DbErr> {
        let mut connection = scanners.sqlite_connection().await?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (seen, deadline) = (Arc::clone(&is_stopped), Instant::now() + time);
        let mut handle = connection.lock_handle().await.map_err(query_failed)?;
        handle.set_progress_handler(STEPS, move || {
            !seen.load(Ordering::Relaxed) && Instant::now() < deadline
        });
        drop(handle);
        Ok(Self::Sqlite {
            connection: Mutex::new(connection),
            _stop: StopOnDrop(is_stopped),
            _held: held(),
        })
    }

    async fn begin_postgres(scanners: &Link, canceller: Link, time: Duration) -> Result<Self, DbErr> {
        let transaction = scanners.begin_pooled_or_not().await?;
        let statement = Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid()");
        let row = transaction.query_one_raw(statement).await?;
        let process = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(Self::Postgres(PostgresScan {
            transaction: Some(transaction),
            process,
            canceller,
            time,
            held: held(),
        }))
    }

    /// Returns the connection.
    pub(crate) async fn end(self) {
        match self {
            Self::Sqlite {
                connection,
                _stop,
                _held,
            } => {
                let mut connection = connection.into_inner();
                if let Ok(mut handle) = connection.lock_handle().await {
                    handle.remove_progress_handler();
                }
            }
            Self::Postgres(mut scan) => {
                if let Some(transaction) = scan.transaction.take() {
                    // It has read only.
                    drop(transaction.rollback().await);
                }
            }
        }
    }
}

#[async_trait]
impl ConnectionTrait for Scan {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite { .. } => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite { connection, .. } => {
                let mut connection = connection.lock().await;
                let done = sqlite_query(statement).execute(&mut **connection).await;
                done.map(ExecResult::from).map_err(query_failed)
            }
            Self::Postgres(scan) => scan.transaction()?.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.get_database_backend(), sql))
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite { connection, .. } => {
                let mut connection = connection.lock().await;
                let row = sqlite_query(statement).fetch_optional(&mut **connection).await;
                row.map(|row| row.map(QueryResult::from)).map_err(query_failed)
            }
            Self::Postgres(scan) => scan.transaction()?.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite { connection, .. } => {
                let mut connection = connection.lock().await;
                let rows = sqlite_query(statement).fetch_all(&mut **connection).await;
                let rows = rows.map_err(query_failed)?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Self::Postgres(scan) => scan.transaction()?.query_all_raw(statement).await,
        }
    }
}

impl SeaRepository {
    /// A connection for one expensive read. Dropping it stops its statement.
    pub(crate) async fn begin_scan(&self) -> Result<Scan, RepositoryError> {
        let begin = async {
            let scanners = self.pools.scanners();
            let started = match self.pools.canceller() {
                Some(canceller) => Scan::begin_postgres(&scanners, canceller, self.expensive_read_time).await,
                None => Scan::begin_sqlite(&scanners, self.expensive_read_time).await,
            };
            started.map_err(|error| unavailable(&error))
        };
        self.pools.scan(begin).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::held::holding;
    use crate::storage::sea::SeaOptions;

    #[tokio::test]
    async fn a_read_on_sqlite_holds_its_resource_until_its_connection_is_returned() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let repository = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
        let resource: Held = Arc::new(());
        for is_ended in [true, false] {
            let scan = holding(Arc::clone(&resource), Box::pin(repository.begin_scan())).await;
            let scan = scan.expect("a connection");
            assert_eq!(Arc::strong_count(&resource), 2);
            if is_ended {
                scan.end().await;
            } else {
                drop(scan);
            }
            assert_eq!(Arc::strong_count(&resource), 1);
        }
    }
}
