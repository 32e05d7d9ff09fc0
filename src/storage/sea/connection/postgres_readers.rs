//! PostgreSQL's connections for callers' cheap reads.
//!
//! PostgreSQL continues a statement whose caller has stopped waiting, up to its timeout. Its connection is busy until
//! then, and holds the turn of its read.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Connection, Pool, Postgres};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::time::Instant;

use super::sqlite_readers::query_failed;
use crate::storage::held::{Held, held};

/// The connections.
pub(crate) struct PostgresReaders {
    pool: Pool<Postgres>,
    /// Statements at the start of a transaction behind a pooler; `None` without one.
    begin: Option<Arc<str>>,
    /// Time after which a statement has ended or its connection is dead.
    time: Duration,
}

/// A connection that reads, and what it holds until it is free again.
struct Reader {
    /// `None` once it is returned.
    connection: Option<ReadConnection>,
    ends: Instant,
    held: Option<Held>,
}

enum ReadConnection {
    Direct(PoolConnection<Postgres>),
    Pooled(sqlx::Transaction<'static, Postgres>),
}

impl ReadConnection {
    /// Waits until its statement has ended.
    async fn ended(self, ends: Instant) {
        match self {
            Self::Direct(mut connection) => {
                let ended = tokio::time::timeout_at(ends, connection.ping()).await;
                if !matches!(ended, Ok(Ok(()))) {
                    // The pool opens another one.
                    drop(connection.detach());
                }
            }
            Self::Pooled(transaction) => drop(tokio::time::timeout_at(ends, transaction.rollback()).await),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let (Some(connection), Ok(runtime)) = (self.connection.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (ends, held) = (self.ends, self.held.take());
        runtime.spawn(async move {
            connection.ended(ends).await;
            drop(held);
        });
    }
}

impl Reader {
    /// The statement, without a name behind a pooler.
    fn query(&self, statement: Statement) -> PostgresQuery {
        let is_pooled = matches!(self.connection, Some(ReadConnection::Pooled(_)));
        postgres_query(statement).persistent(!is_pooled)
    }

    /// Runs a statement, and returns the connection.
    async fn run<T>(
        mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, DbErr> {
        let result = match &mut self.connection {
            Some(ReadConnection::Direct(connection)) => statement(connection).await,
            Some(ReadConnection::Pooled(transaction)) => statement(transaction).await,
            None => Err(sqlx::Error::PoolClosed),
        };
        match self.connection.take() {
            Some(ReadConnection::Pooled(transaction)) if result.is_ok() => {
                transaction.commit().await.map_err(query_failed)?;
            }
            Some(ReadConnection::Direct(_) | ReadConnection::Pooled(_)) | None => {}
        }
        result.map_err(query_failed)
    }
}

impl PostgresReaders {
    /// Reads over the connections of a pool, behind a pooler in transactions that begin so.
    pub(crate) fn new(pool: Pool<Postgres>, begin: Option<Arc<str>>, time: Duration) -> Self {
        Self { pool, begin, time }
    }

    async fn reader(&self) -> Result<Reader, DbErr> {
        let connection = match &self.begin {
            Some(begin) => {
                let started = self.pool.begin_with(sqlx::AssertSqlSafe(Arc::clone(begin))).await;
                started.map(ReadConnection::Pooled)
            }
            None => self.pool.acquire().await.map(ReadConnection::Direct),
        };
        let connection = connection.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Reader {
            connection: Some(connection),
            ends: Instant::now() + self.time,
            held: held(),
        })
    }

    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let reader = self.reader().await?;
        let query = reader.query(statement);
        reader
            .run(async |connection| query.execute(connection).await)
            .await
            .map(ExecResult::from)
    }

    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let reader = self.reader().await?;
        let query = reader.query(statement);
        let row = reader
            .run(async |connection| query.fetch_optional(connection).await)
            .await?;
        Ok(row.map(QueryResult::from))
    }

    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let reader = self.reader().await?;
        let query = reader.query(statement);
        let rows = reader.run(async |connection| query.fetch_all(connection).await).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

/// A statement for PostgreSQL.
pub(crate) type PostgresQuery = sqlx::query::Query<'static, Postgres, SqlxValues>;

pub(crate) fn postgres_query(statement: Statement) -> PostgresQuery {
    let Statement {
        sql,
        values,
        db_backend: _,
    } = statement;
    let values = values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(sqlx::AssertSqlSafe(sql), SqlxValues(values))
}
