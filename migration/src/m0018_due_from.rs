//! The time that a job's due time was calculated from, so that a wrong clock can be corrected later.
//!
//! On PostgreSQL the table is locked for reads and writes while it is read once for the index, which is empty then.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// New jobs without a delay have no such time, and no entry in the index. SQLite prefers an index of all jobs to one without
// the status.
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
