//! A pool of connections and its transactions, also through a pooler.
//!
//! A pooler in transaction mode (PgBouncer) assigns any free server connection to each transaction. Settings and
//! named statements remain with the server connection, where other clients find them. Therefore every call is a
//! transaction with its own settings (`SET LOCAL`), and its statements have no names. Without a pooler SeaORM handles
//! this.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Postgres, Sqlite};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Mutex;

use super::postgres_readers::{PostgresQuery, PostgresReaders, postgres_query};
use super::sqlite_readers::SqliteReaders;

/// A pool of connections to a database.
#[derive(Clone)]
pub(crate) struct Link {
    connection: DatabaseConnection,
    /// Statements at the start of a transaction behind a pooler; `None` without one.
    begin: Option<Arc<str>>,
    /// Executes cheap reads.
    readers: Option<Readers>,
}

/// Connections for cheap reads.
#[derive(Clone)]
enum Readers {
    Sqlite(Arc<SqliteReaders>),
    Postgres(Arc<PostgresReaders>),
}

/// A transaction. Dropped without a commit it is rolled back.
pub(crate) enum Transaction {
    Direct(DatabaseTransaction),
    Pooled(Mutex<sqlx::Transaction<'static, Postgres>>),
}

impl Link {
    pub(crate) fn direct(connection: DatabaseConnection) -> Self {
        Self {
            connection,
            begin: None,
            readers: None,
        }
    }

    /// Connections to a pooler, whose transactions have these settings.
    pub(crate) fn pooled(connection: DatabaseConnection, settings: &str) -> Self {
        Self {
            connection,
            begin: Some(Arc::from(format!("BEGIN; {settings}"))),
            readers: None,
        }
    }

    /// Connections to SQLite for cheap reads with this timeout.
    pub(crate) fn sqlite_readers(connection: DatabaseConnection, connections: u32, time: Duration) -> Self {
        let pool = connection.get_sqlite_connection_pool().clone();
        Self {
            connection,
            begin: None,
            readers: Some(Readers::Sqlite(Arc::new(SqliteReaders::new(pool, connections, time)))),
        }
    }

    /// The same connections to PostgreSQL for callers' cheap reads, which hold their turns until a statement has ended,
    /// or for this time.
    pub(crate) fn for_callers(self, time: Duration) -> Self {
        let pool = self.connection.get_postgres_connection_pool().clone();
        let readers = PostgresReaders::new(pool, self.begin.clone(), time);
        Self {
            readers: Some(Readers::Postgres(Arc::new(readers))),
            ..self
        }
    }

    /// Starts a transaction that writes. A deferred one of SQLite that reads and then writes fails at once if another
    /// connection has written in between.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        if let Some(begin) = &self.begin {
            return self.begin_pooled(begin).await;
        }
        Ok(Transaction::Direct(self.begin_schema_change().await?))
    }

    /// A transaction of SeaORM's own, whose statements have names: migrations take no other.
    pub(crate) async fn begin_schema_change(&self) -> Result<DatabaseTransaction, DbErr> {
        let is_sqlite = self.connection.get_database_backend() == DbBackend::Sqlite;
        let options = TransactionOptions {
            sqlite_transaction_mode: is_sqlite.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.connection.begin_with_options(options).await
    }

    /// `true` if transactions go through a pooler.
    pub(crate) fn is_pooled(&self) -> bool {
        self.begin.is_some()
    }

    /// Closes the connections once they are unused.
    pub(crate) async fn close(&self) {
        if let Some(Readers::Sqlite(readers)) = &self.readers {
            readers.close().await;
        }
        // An error of a closed connection is irrelevant.
        drop(self.connection.close_by_ref().await);
    }

    /// A transaction whose statements have no names, with the settings of a pooler, if there is one.
    pub(crate) async fn begin_pooled_or_not(&self) -> Result<Transaction, DbErr> {
        self.begin_pooled(self.begin.as_deref().unwrap_or("BEGIN")).await
    }

    /// A connection of SQLite's own.
    pub(crate) async fn sqlite_connection(&self) -> Result<PoolConnection<Sqlite>, DbErr> {
        let acquired = self.connection.get_sqlite_connection_pool().acquire().await;
        acquired.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }

    async fn begin_pooled(&self, begin: &str) -> Result<Transaction, DbErr> {
        let pool = self.connection.get_postgres_connection_pool();
        let started = pool.begin_with(sqlx::AssertSqlSafe(begin)).await;
        let transaction = started.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Transaction::Pooled(Mutex::new(transaction)))
    }
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Direct(transaction) => transaction.commit().await,
            Self::Pooled(transaction) => transaction.into_inner().commit().await.map_err(exec_failed),
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        match self {
            Self::Direct(transaction) => transaction.rollback().await,
            Self::Pooled(transaction) => transaction.into_inner().rollback().await.map_err(exec_failed),
        }
    }
}

fn exec_failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// The statement as one without a name.
fn unnamed(statement: Statement) -> PostgresQuery {
    postgres_query(statement).persistent(false)
}

impl Readers {
    async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.execute(statement).await,
            Self::Postgres(readers) => readers.execute(statement).await,
        }
    }

    async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.query_one(statement).await,
            Self::Postgres(readers) => readers.query_one(statement).await,
        }
    }

    async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(readers) => readers.query_all(statement).await,
            Self::Postgres(readers) => readers.query_all(statement).await,
        }
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Direct(transaction) => transaction.get_database_backend(),
            Self::Pooled(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Direct(transaction) => transaction.execute_raw(statement).await,
            Self::Pooled(transaction) => {
                let mut transaction = transaction.lock().await;
                let done = unnamed(statement).execute(&mut **transaction).await;
                done.map(ExecResult::from).map_err(exec_failed)
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Direct(transaction) => transaction.execute_unprepared(sql).await,
            Self::Pooled(transaction) => {
                let mut transaction = transaction.lock().await;
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                let done = sqlx::Executor::execute(&mut **transaction, sql).await;
                done.map(ExecResult::from).map_err(exec_failed)
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Direct(transaction) => transaction.query_one_raw(statement).await,
            Self::Pooled(transaction) => {
                let mut transaction = transaction.lock().await;
                let row = unnamed(statement).fetch_optional(&mut **transaction).await;
                row.map(|row| row.map(QueryResult::from)).map_err(query_failed)
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Direct(transaction) => transaction.query_all_raw(statement).await,
            Self::Pooled(transaction) => {
                let mut transaction = transaction.lock().await;
                let rows = unnamed(statement).fetch_all(&mut **transaction).await;
                let rows = rows.map_err(query_failed)?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}

#[async_trait]
impl ConnectionTrait for Link {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if let Some(readers) = &self.readers {
            return readers.execute(statement).await;
        }
        let Some(begin) = &self.begin else {
            return self.connection.execute_raw(statement).await;
        };
        let transaction = self.begin_pooled(begin).await?;
        let done = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        if let Some(readers) = &self.readers {
            let statement = Statement::from_string(self.get_database_backend(), sql);
            return readers.execute(statement).await;
        }
        let Some(begin) = &self.begin else {
            return self.connection.execute_unprepared(sql).await;
        };
        let transaction = self.begin_pooled(begin).await?;
        let done = transaction.execute_unprepared(sql).await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if let Some(readers) = &self.readers {
            return readers.query_one(statement).await;
        }
        let Some(begin) = &self.begin else {
            return self.connection.query_one_raw(statement).await;
        };
        let transaction = self.begin_pooled(begin).await?;
        let row = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Some(readers) = &self.readers {
            return readers.query_all(statement).await;
        }
        let Some(begin) = &self.begin else {
            return self.connection.query_all_raw(statement).await;
        };
        let transaction = self.begin_pooled(begin).await?;
        let rows = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

#[cfg(test)]
impl Link {
    /// All connections for cheap reads at once.
    pub(crate) async fn all_places(&self) -> impl Drop + '_ {
        let Some(Readers::Sqlite(readers)) = &self.readers else {
            panic!("they are SQLite's");
        };
        readers.all_places().await
    }
}
