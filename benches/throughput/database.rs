//! An empty database for each measurement.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;
use tickerq::storage::sea::{Durability, SeaOptions, SeaRepository};

use super::arguments;

/// The measured database.
pub(crate) enum Database {
    Sqlite,
    Postgres(String),
}

/// A database that is deleted on drop.
pub(crate) struct Fresh {
    pub(crate) url: String,
    pub(crate) repository: Arc<SeaRepository>,
    _folder: TempDir,
}

impl Database {
    /// The measured databases: SQLite, unless `--no-sqlite` is given, and PostgreSQL if the environment names one.
    pub(crate) fn measured() -> Vec<Self> {
        let sqlite = (!arguments::has("--no-sqlite")).then_some(Self::Sqlite);
        let postgres = std::env::var("TICKERQ_BENCH_POSTGRES").ok().map(Self::Postgres);
        sqlite.into_iter().chain(postgres).collect()
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// An empty database with its tables.
    pub(crate) async fn fresh(&self, durability: Durability) -> Fresh {
        // On the disk of the build; the system's temporary folder may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let url = match self {
            Self::Sqlite => format!("sqlite:{}", folder.path().join("bench.db").display()),
            Self::Postgres(url) => {
                let admin = sea_orm::Database::connect(url).await.expect("the bench's PostgreSQL");
                admin
                    .execute_unprepared("DROP SCHEMA public CASCADE")
                    .await
                    .expect("an empty database");
                admin
                    .execute_unprepared("CREATE SCHEMA public")
                    .await
                    .expect("an empty database");
                admin.execute_unprepared("CHECKPOINT").await.expect("an empty database");
                url.clone()
            }
        };
        let options = SeaOptions {
            durability,
            ..SeaOptions::new(url.clone())
        };
        let repository = SeaRepository::connect(options).await.expect("the database opens");
        repository.migrate_up().await.expect("tables");
        Fresh {
            url,
            repository: Arc::new(repository),
            _folder: folder,
        }
    }
}

/// A connection beside the server's.
pub(crate) async fn connection(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("the database opens")
}

/// A connection configured like the server's writer.
pub(crate) async fn plain_connection(url: &str, durability: Durability) -> DatabaseConnection {
    let connection = connection(url).await;
    let is_full = durability == Durability::Full;
    if url.starts_with("sqlite") {
        let synchronous = if is_full { "FULL" } else { "NORMAL" };
        for pragma in [
            "journal_mode = WAL",
            &format!("synchronous = {synchronous}"),
            "wal_autocheckpoint = 4000",
        ] {
            connection
                .execute_unprepared(&format!("PRAGMA {pragma}"))
                .await
                .expect("a pragma");
        }
    } else {
        let commit = if is_full { "on" } else { "off" };
        connection
            .execute_unprepared(&format!("SET synchronous_commit = {commit}"))
            .await
            .expect("a setting");
    }
    connection
}
