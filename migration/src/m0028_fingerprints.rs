//! Fingerprints of failures: of each job whose last attempt failed, and when a type has failed for a reason first and last.
//!
//! Jobs that failed before have none.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 3] = [
    "ALTER TABLE jobs ADD COLUMN fingerprint bigint",
    "CREATE INDEX jobs_by_fingerprint ON jobs (fingerprint, id) WHERE fingerprint IS NOT NULL",
    "CREATE TABLE failure_fingerprints (
        fingerprint bigint NOT NULL PRIMARY KEY,
        job_type text NOT NULL,
        reason text NOT NULL,
        first_seen bigint NOT NULL,
        last_seen bigint NOT NULL
    ){hot}",
];
const DOWN: [&str; 3] = [
    "DROP TABLE failure_fingerprints",
    "DROP INDEX jobs_by_fingerprint",
    "ALTER TABLE jobs DROP COLUMN fingerprint",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let hot = if manager.get_database_backend() == DbBackend::Postgres {
            " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"
        } else {
            ""
        };
        for statement in UP {
            let sql = statement.replace("{hot}", hot);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in DOWN {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
