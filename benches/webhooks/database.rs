//! An empty database for each measurement.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

/// The measured database.
pub(crate) enum Database {
    Sqlite,
    Postgres(String),
}

/// A database that is deleted on drop.
pub(crate) struct Fresh {
    pub(crate) repository: Arc<SeaRepository>,
    _folder: TempDir,
}

impl Database {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// An empty database with its tables.
    pub(crate) async fn fresh(&self) -> Fresh {
        // On the disk of the build; the system's temporary folder may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let url = match self {
            Self::Sqlite => format!("sqlite:{}", folder.path().join("bench.db").display()),
            Self::Postgres(url) => {
                let admin = sea_orm::Database::connect(url).await.expect("the bench's PostgreSQL");
                for sql in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CHECKPOINT"] {
                    admin.execute_unprepared(sql).await.expect("an empty database");
                }
                url.clone()
            }
        };
        let repository = SeaRepository::connect(SeaOptions::new(url))
            .await
            .expect("the database opens");
        repository.migrate_up().await.expect("tables");
        Fresh {
            repository: Arc::new(repository),
            _folder: folder,
        }
    }
}
