//! How PostgreSQL is connected to.

use std::time::Duration;

use sea_orm::sqlx::Connection;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use super::connect::{Durability, plain};
use super::pools::Pair;

/// How long a PostgreSQL may take to let in.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long what is read may take. Lists that people look at take milliseconds; a search in very many jobs may take seconds.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// Whether connections are made at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    AtOnce,
    WhenNeeded,
}

/// A PostgreSQL, and how it is used.
pub(super) struct PostgresSource {
    url: String,
    max_connections: u32,
    durability: Durability,
    log_statements: bool,
    /// How long a commit may take.
    pub(super) write_patience: Duration,
    /// How long what is read may take.
    pub(super) read_patience: Duration,
}

impl PostgresSource {
    pub(super) fn new(
        url: String,
        max_connections: u32,
        durability: Durability,
        log_statements: bool,
        write_patience: Duration,
    ) -> Self {
        Self {
            url,
            max_connections,
            durability,
            log_statements,
            write_patience,
            read_patience: READ_PATIENCE,
        }
    }

    /// Both pools.
    pub(super) async fn open(&self, opening: Opening) -> Result<Pair, DbErr> {
        Ok(Pair {
            writer: self.pool(1, true, opening).await?,
            readers: self
                .pool(self.max_connections.saturating_sub(1).max(1), false, opening)
                .await?,
        })
    }

    async fn pool(&self, connections: u32, is_writer: bool, opening: Opening) -> Result<DatabaseConnection, DbErr> {
        let mut options = plain(ConnectOptions::new(self.url.clone()), self.log_statements);
        options
            .max_connections(connections)
            .min_connections(1)
            .connect_lazy(opening == Opening::WhenNeeded)
            .acquire_timeout(CONNECT_PATIENCE);
        let durability = self.durability;
        let patience = if is_writer {
            self.write_patience
        } else {
            self.read_patience
        };
        options.map_sqlx_postgres_opts(move |postgres| {
            let commit = if durability == Durability::Full { "on" } else { "off" };
            // What is written is found by keys. A plan that was made when a table was small must not read all of it later.
            let read_whole_tables = if is_writer { "off" } else { "on" };
            let postgres = postgres.application_name("tickerq").options([
                ("enable_seqscan", read_whole_tables),
                // Compiling a statement takes a hundred times as long as any of these takes to run.
                ("jit", "off"),
                ("synchronous_commit", commit),
                // Nobody keeps a job server's database on a disk that turns: a row that an index finds costs little
                // more than one that stands beside the last. With the default of 4 whole tables are read instead.
                ("random_page_cost", "1.1"),
                // A node that is stopped in the middle of a transaction must not hold its locks for longer.
                ("idle_in_transaction_session_timeout", "5000"),
                // The server finds out within half a minute that a node's machine is gone.
                ("tcp_keepalives_idle", "10"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "4"),
            ]);
            // Nor does a statement wait for ever for what another one has locked.
            let postgres = postgres.options([("statement_timeout", patience.as_millis())]);
            if is_writer {
                return postgres;
            }
            // A list is planned for the page and the filter that it is asked for: a planner that does not know them takes
            // a page for a tenth of all jobs, and reads the table. What is written has the same few shapes all the time.
            postgres.options([("plan_cache_mode", "force_custom_plan")])
        });
        Database::connect(options).await
    }
}

/// Says at once why PostgreSQL can't be reached or does not let in: a pool tries again and again, and then says only that
/// it has waited.
pub(super) async fn try_postgres(url: &str) -> Result<(), String> {
    let connected = tokio::time::timeout(CONNECT_PATIENCE, PgConnection::connect(url)).await;
    match connected {
        Ok(Ok(connection)) => {
            // It has served; how it ends does not matter.
            drop(connection.close().await);
            Ok(())
        }
        Ok(Err(error)) => Err(super::error::sqlx_text(&error)),
        Err(_) => Err(format!(
            "it does not answer within {} seconds",
            CONNECT_PATIENCE.as_secs()
        )),
    }
}
