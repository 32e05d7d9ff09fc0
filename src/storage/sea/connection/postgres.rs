//! How PostgreSQL is connected to.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use sea_orm::sqlx::{self, Connection, Executor, Postgres};
use sea_orm::{ConnectOptions, Database, DbErr};

use super::links::{Links, shares};
use super::options::{Durability, plain};
use super::pool::Link;

/// How long a PostgreSQL may take to let in.
pub(crate) const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// After how long the connection for cancellations is closed: it is seldom used, and one more than are configured.
const CANCELLER_IDLE_MAX: Duration = Duration::from_secs(30);

/// The server finds out within half a minute that a node's machine is gone. Behind a pooler they concern the pooler's own
/// connections.
const KEEP_ALIVE: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// Whether connections are made at once.
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
    /// Whether it is reached through a pooler in transaction mode.
    pub(crate) pgbouncer: bool,
    /// How long a commit may take.
    pub(crate) write_patience: Duration,
    /// How long what is read may take.
    pub(crate) read_patience: Duration,
    /// How many expensive reads there are at a time, and how long each may take.
    pub(crate) expensive_reads: u32,
    pub(crate) expensive_read_time: Duration,
}

/// What the connections of a pool are for.
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
        Ok(Links {
            writer: self.pool(1, Use::Writing, opening).await?,
            readers: self.pool(reading, Use::Reading, opening).await?,
            scanners: self.pool(scanning, Use::Scanning, Opening::WhenNeeded).await?,
            canceller: Some(self.pool(1, Use::Cancelling, Opening::WhenNeeded).await?),
        })
    }

    async fn pool(&self, connections: u32, used_for: Use, opening: Opening) -> Result<Link, DbErr> {
        let mut options = plain(ConnectOptions::new(self.url.clone()), self.log_statements);
        options
            .max_connections(connections)
            .min_connections(u32::from(matches!(used_for, Use::Writing | Use::Reading)))
            .connect_lazy(opening == Opening::WhenNeeded)
            .acquire_timeout(CONNECT_PATIENCE);
        if used_for == Use::Cancelling {
            options.idle_timeout(Some(CANCELLER_IDLE_MAX));
        }
        let is_pooled = self.pgbouncer;
        options.map_sqlx_postgres_opts(move |postgres| {
            let postgres = prepared_for_poolers(postgres).application_name("tickerq");
            if is_pooled {
                // A statement that is remembered has a name.
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
        let patience = match used_for {
            Use::Writing => self.write_patience,
            Use::Reading | Use::Cancelling => self.read_patience,
            Use::Scanning => self.expensive_read_time,
        };
        let commit = if self.durability == Durability::Full {
            "on"
        } else {
            "off"
        };
        // What is written is found by keys. A plan that was made when a table was small must not read all of it later.
        let read_whole_tables = if is_writer { "off" } else { "on" };
        let mut settings = vec![
            ("enable_seqscan", read_whole_tables.to_owned()),
            // Compiling a statement takes a hundred times as long as any of these takes to run.
            ("jit", "off".to_owned()),
            ("synchronous_commit", commit.to_owned()),
            // Nobody keeps a job server's database on a disk that turns: a row that an index finds costs little
            // more than one that stands beside the last. With the default of 4 whole tables are read instead.
            ("random_page_cost", "1.1".to_owned()),
            // A node that is stopped in the middle of a transaction must not hold its locks for longer.
            ("idle_in_transaction_session_timeout", "5000".to_owned()),
            // Nor does a statement wait for ever for what another one has locked.
            ("statement_timeout", patience.as_millis().to_string()),
        ];
        if !is_writer {
            // A list is planned for the page and the filter that it is asked for: a planner that does not know them takes
            // a page for a tenth of all jobs, and reads the table. What is written has the same few shapes all the time.
            settings.push(("plan_cache_mode", "force_custom_plan".to_owned()));
        }
        settings
    }
}

/// Poolers refuse a connection that asks for settings which they do not know. Numbers are sent in binary, for which the
/// number of their digits is of no matter.
fn prepared_for_poolers(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None)
}

fn parsed(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    PgConnectOptions::from_str(url).map(prepared_for_poolers)
}

/// A connection of its own that listens, outside of the pools: it is never given back.
pub(crate) async fn listener(url: &str) -> Result<PgListener, sqlx::Error> {
    let options = PoolOptions::<Postgres>::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT_PATIENCE);
    let pool = options.connect_with(parsed(url)?).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    Ok(listener)
}

/// Says at once why PostgreSQL can't be reached or does not let in: a pool tries again and again, and then says only that
/// it has waited.
pub(crate) async fn try_postgres(url: &str) -> Result<(), String> {
    let connected = tokio::time::timeout(CONNECT_PATIENCE, async {
        PgConnection::connect_with(&parsed(url)?).await
    })
    .await;
    match connected {
        Ok(Ok(connection)) => {
            // It has served; how it ends does not matter.
            drop(connection.close().await);
            Ok(())
        }
        Ok(Err(error)) => Err(crate::storage::sea::error::sqlx_text(&error)),
        Err(_) => Err(format!(
            "it does not answer within {} seconds",
            CONNECT_PATIENCE.as_secs()
        )),
    }
}
