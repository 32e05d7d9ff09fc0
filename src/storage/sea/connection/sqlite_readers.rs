//! SQLite's connections for cheap reads, each statement with a timeout.
//!
//! SQLite calls a connection's progress handler to check whether to continue. Setting one for each statement would
//! cost a message to the connection's thread and back. Therefore each connection has one handler, and is kept here
//! with the deadline of its current statement.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Pool, Sqlite, SqliteConnection};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Number of SQLite's steps between calls of the progress handler: some ten microseconds.
pub(crate) const STEPS: i32 = 4_096;
/// After how long a connection that is not used is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The connections. Those that a pool has opened stay here until they are closed.
pub(crate) struct SqliteReaders {
    pool: Pool<Sqlite>,
    /// Timeout of a statement, and of the wait for a connection.
    time: Duration,
    places: Semaphore,
    /// The one that was used last is at the end.
    idle: Mutex<Vec<Reader>>,
}

/// A connection, and until when its statement may run.
struct Reader {
    /// `None` once it is closed.
    connection: Option<PoolConnection<Sqlite>>,
    opened: Instant,
    /// In microseconds since it was opened.
    until: Arc<AtomicU64>,
    used: Instant,
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A statement whose caller was dropped ends, and its connection is closed: returning it to the pool needs a runtime.
        self.until.store(0, Ordering::Relaxed);
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl SqliteReaders {
    /// Reads over the connections of a pool of this size.
    pub(crate) fn new(pool: Pool<Sqlite>, connections: u32, time: Duration) -> Self {
        Self {
            pool,
            time,
            places: Semaphore::new(usize::try_from(connections).unwrap_or(1).max(1)),
            idle: Mutex::default(),
        }
    }

    async fn reader(&self) -> Result<(Reader, SemaphorePermit<'_>), sqlx::Error> {
        let place = tokio::time::timeout(self.time, self.places.acquire()).await;
        let place = place.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(reader) = idle {
            return Ok((reader, place));
        }
        let mut connection = self.pool.acquire().await?;
        let (opened, until) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&until);
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || micros(opened.elapsed()) < seen.load(Ordering::Relaxed));
        drop(handle);
        let reader = Reader {
            connection: Some(connection),
            opened,
            until,
            used: opened,
        };
        Ok((reader, place))
    }

    async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let (mut reader, _place) = self.reader().await?;
        let now = Instant::now();
        let until = micros((now - reader.opened).saturating_add(self.time));
        reader.until.store(until, Ordering::Relaxed);
        let result = match &mut reader.connection {
            Some(connection) => statement(connection).await,
            None => Err(sqlx::Error::PoolClosed),
        };
        reader.used = now;
        self.keep(reader);
        result
    }

    /// Keeps a connection for the next read, or closes one that is no longer needed.
    fn keep(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.places.is_closed() {
            return;
        }
        let now = reader.used;
        idle.push(reader);
        let is_unused = idle
            .first()
            .is_some_and(|oldest| now.saturating_duration_since(oldest.used) > IDLE_MAX);
        let unused = is_unused.then(|| idle.remove(0));
        drop(idle);
        drop(unused);
    }

    /// Closes the connections. Reads that run end before.
    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut reader in idle {
            if let Some(connection) = reader.connection.take() {
                // Its result does not matter: it has only read.
                drop(connection.close().await);
            }
        }
    }

    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let done = self
            .run(async |connection| sqlite_query(statement).execute(connection).await)
            .await;
        done.map(ExecResult::from).map_err(query_failed)
    }

    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = self
            .run(async |connection| sqlite_query(statement).fetch_optional(connection).await)
            .await;
        row.map(|row| row.map(QueryResult::from)).map_err(query_failed)
    }

    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self
            .run(async |connection| sqlite_query(statement).fetch_all(connection).await)
            .await;
        let rows = rows.map_err(query_failed)?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn query_failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

pub(crate) fn sqlite_query(statement: Statement) -> sqlx::query::Query<'static, Sqlite, SqlxValues> {
    let Statement {
        sql,
        values,
        db_backend: _,
    } = statement;
    let values = values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(sqlx::AssertSqlSafe(sql), SqlxValues(values))
}

#[cfg(test)]
impl SqliteReaders {
    /// All places at once.
    pub(crate) async fn all_places(&self) -> SemaphorePermit<'_> {
        let places = u32::try_from(self.places.available_permits()).expect("a few");
        self.places.acquire_many(places).await.expect("it is open")
    }
}

#[cfg(test)]
mod tests;
