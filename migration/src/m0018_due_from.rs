//! The time from which a job's due time was computed, so that a clock error can be corrected later.
//!
//! PostgreSQL locks the table while it scans it for the index, which is initially empty.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// New jobs without a delay have no such time and no index entry. The status is included because SQLite would otherwise
// prefer an index of all jobs.
const UP: [&str; 2] = [
    "ALTER TABLE jobs ADD COLUMN due_from bigint",
    "CREATE INDEX jobs_reckoned ON jobs (status, due_from) WHERE status = 0 AND due_from IS NOT NULL",
];

const DOWN: [&str; 2] = ["DROP INDEX jobs_reckoned", "ALTER TABLE jobs DROP COLUMN due_from"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in UP {
            manager.get_connection().execute_unprepared(statement).await?;
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
