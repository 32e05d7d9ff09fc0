//! How PostgreSQL is connected to.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use sea_orm::sqlx::{self, Connection, Executor, Postgres};
use sea_orm::{ConnectOptions, Database, DbErr};

use super::caller_turns::CallerTurns;
use super::links::{Links, cheap_shares, shares};
use super::options::{Durability, WRITE_GRACE, plain};
use super::pool::Link;

/// Timeout of a connection to PostgreSQL.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long the connection for cancellations is closed: it is seldom used, and one more than are configured.
const CANCELLER_IDLE_MAX: Duration = Duration::from_secs(30);

/// The server detects within half a minute that a node's machine is gone. Behind a pooler they concern the pooler's
/// own connections.
const KEEP_ALIVE: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// Time at which connections are opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    AtOnce,
    WhenNeeded,
}

/// A PostgreSQL, and how it is used.
pub(crate) struct PostgresSource {
    pub(crate) url: String,
    pub(crate) max_connections: u32,
    pub(crate) durability: Durability,
    pub(crate) log_statements: bool,
    /// `true` if it is reached through a pooler in transaction mode.
    pub(crate) pgbouncer: bool,
    /// Timeout of a commit.
    pub(crate) write_timeout: Duration,
    /// Timeout of a read.
    pub(crate) read_timeout: Duration,
    /// Maximum number of concurrent expensive reads, and their timeout.
    pub(crate) expensive_reads: u32,
    pub(crate) expensive_read_time: Duration,
}

/// Purpose of a pool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Writing,
    Reading,
    Scanning,
    Cancelling,
}

impl PostgresSource {
    /// All pools.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Links, DbErr> {
        let (reading, scanning) = shares(self.max_connections, self.expensive_reads);
        let (reading, internal) = cheap_shares(reading);
        let readers = self.pool(reading, Use::Reading, opening).await?;
        Ok(Links {
            writer: self.pool(1, Use::Writing, opening).await?,
            readers: readers.for_callers(self.read_timeout + WRITE_GRACE),
            internal: self.pool(internal, Use::Reading, opening).await?,
            scanners: self.pool(scanning, Use::Scanning, Opening::WhenNeeded).await?,
            canceller: Some(self.pool(1, Use::Cancelling, Opening::WhenNeeded).await?),
            // As long as for a connection.
            turns: Arc::new(CallerTurns::new(reading, CONNECT_TIMEOUT)),
        })
    }

    async fn pool(&self, connections: u32, used_for: Use, opening: Opening) -> Result<Link, DbErr> {
        let mut options = plain(ConnectOptions::new(self.url.clone()), self.log_statements);
        options
            .max_connections(connections)
            .min_connections(u32::from(matches!(used_for, Use::Writing | Use::Reading)))
            .connect_lazy(opening == Opening::WhenNeeded)
            .acquire_timeout(CONNECT_TIMEOUT);
        if used_for == Use::Cancelling {
            options.idle_timeout(Some(CANCELLER_IDLE_MAX));
        }
        let is_pooled = self.pgbouncer;
        options.map_sqlx_postgres_opts(move |postgres| {
            let postgres = prepared_for_poolers(postgres).application_name("tickerq");
            if is_pooled {
                // A cached statement has a name.
                return postgres.statement_cache_capacity(0);
            }
            postgres
        });
        let settings = self.settings(used_for);
        if self.pgbouncer {
            let in_transaction: String = settings
                .iter()
                .map(|(name, value)| format!("SET LOCAL {name} = {value};"))
                .collect();
            return Ok(Link::pooled(Database::connect(options).await?, &in_transaction));
        }
        let of_session: Arc<str> = settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(KEEP_ALIVE)
            .map(|(name, value)| format!("SET {name} = {value};"))
            .collect::<String>()
            .into();
        options.map_sqlx_postgres_pool_opts(move |pool: PoolOptions<Postgres>| {
            let of_session = Arc::clone(&of_session);
            pool.after_connect(move |connection, _| {
                let of_session = sqlx::AssertSqlSafe(of_session.to_string());
                Box::pin(async move { connection.execute(of_session).await.map(drop) })
            })
        });
        Ok(Link::direct(Database::connect(options).await?))
    }

    /// The settings that the server's statements need. They are set after connecting: poolers refuse them before.
    fn settings(&self, used_for: Use) -> Vec<(&'static str, String)> {
        let is_writer = used_for == Use::Writing;
        let timeout = match used_for {
            Use::Writing => self.write_timeout,
            Use::Reading | Use::Cancelling => self.read_timeout,
            Use::Scanning => self.expensive_read_time,
        };
        let commit = if self.durability == Durability::Full {
            "on"
        } else {
            "off"
        };
        // Writes find their rows by keys. A plan that was made when a table was small must not scan it later.
        let read_whole_tables = if is_writer { "off" } else { "on" };
        let mut settings = vec![
            ("enable_seqscan", read_whole_tables.to_owned()),
            // Compiling a statement takes a hundred times as long as running any of these.
            ("jit", "off".to_owned()),
            ("synchronous_commit", commit.to_owned()),
            // The database of a job server is on an SSD: a row found by an index costs little more than the next one.
            // With the default of 4, whole tables are read instead.
            ("random_page_cost", "1.1".to_owned()),
            // A node that is stopped in the middle of a transaction must not hold its locks for longer.
            ("idle_in_transaction_session_timeout", "5000".to_owned()),
            // A statement does not wait for locks without limit either.
            ("statement_timeout", timeout.as_millis().to_string()),
        ];
        if !is_writer {
            // A list is planned for its page and filter: a generic plan assumes a page of a tenth of all jobs, and
            // reads the table. Writes have few shapes and are not affected.
            settings.push(("plan_cache_mode", "force_custom_plan".to_owned()));
        }
        settings
    }
}

/// Poolers reject connections with settings that they do not support. Numbers are sent in binary, where the precision
/// of their text is irrelevant.
fn prepared_for_poolers(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None)
}

fn parsed(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    PgConnectOptions::from_str(url).map(prepared_for_poolers)
}

/// A connection of its own that listens, outside of the pools: it is never returned.
pub(crate) async fn listener(url: &str) -> Result<PgListener, sqlx::Error> {
    let options = PoolOptions::<Postgres>::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT_TIMEOUT);
    let pool = options.connect_with(parsed(url)?).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    Ok(listener)
}

/// Returns the reason at once why PostgreSQL is unreachable or rejects the connection: a pool retries repeatedly and
/// then only reports a timeout.
pub(crate) async fn try_postgres(url: &str) -> Result<(), String> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
        PgConnection::connect_with(&parsed(url)?).await
    })
    .await;
    match connected {
        Ok(Ok(connection)) => {
            // It is no longer needed: its result does not matter.
            drop(connection.close().await);
            Ok(())
        }
        Ok(Err(error)) => Err(crate::storage::sea::error::sqlx_text(&error)),
        Err(_) => Err(format!(
            "it does not respond within {} seconds",
            CONNECT_TIMEOUT.as_secs()
        )),
    }
}
