//! Lists by two conditions: failed and cancelled jobs of a queue or a type, and jobs of a queue and a priority.
//!
//! The indexes are partial: a job of normal priority that does not fail costs nothing.
//!
//! On a large PostgreSQL table they can be created beforehand, see `m0015_jobs_to_start_by_type`.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 3] = [
    "CREATE INDEX IF NOT EXISTS jobs_ended_by_queue ON jobs (queue, status, id) WHERE status IN (3, 4)",
    "CREATE INDEX IF NOT EXISTS jobs_ended_by_type ON jobs (job_type, status, id) WHERE status IN (3, 4)",
    "CREATE INDEX IF NOT EXISTS jobs_by_queue_and_priority ON jobs (queue, priority, id) WHERE priority <> 1",
];

const DOWN: [&str; 3] = [
    "DROP INDEX jobs_by_queue_and_priority",
    "DROP INDEX jobs_ended_by_type",
    "DROP INDEX jobs_ended_by_queue",
];

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
