//! Pending jobs that a node has claimed ahead of their start.
//!
//! The indexes of claims leave them out, so that a claim does not pass over the jobs of other claims. Another index finds the
//! claims of a node.
//!
//! On a large table of PostgreSQL the indexes can be created beforehand, see `m0015_jobs_to_start_by_type`, once the column
//! is there.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 6] = [
    "ALTER TABLE jobs ADD COLUMN {claimed_by}",
    "CREATE INDEX IF NOT EXISTS jobs_to_claim ON jobs (queue, priority, due_at, id) \
     WHERE status = 0 AND claimed_by IS NULL",
    "CREATE INDEX IF NOT EXISTS jobs_to_claim_by_type ON jobs (queue, job_type, priority, due_at, id) \
     WHERE status = 0 AND claimed_by IS NULL",
    "CREATE INDEX IF NOT EXISTS jobs_claimed ON jobs (claimed_by) WHERE claimed_by IS NOT NULL",
    "DROP INDEX jobs_to_start",
    "DROP INDEX jobs_to_start_by_type",
];

const DOWN: [&str; 6] = [
    "CREATE INDEX jobs_to_start ON jobs (queue, priority, due_at, id) WHERE status = 0",
    "CREATE INDEX jobs_to_start_by_type ON jobs (queue, job_type, priority, due_at, id) WHERE status = 0",
    "DROP INDEX jobs_claimed",
    "DROP INDEX jobs_to_claim_by_type",
    "DROP INDEX jobs_to_claim",
    "ALTER TABLE jobs DROP COLUMN claimed_by",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = if manager.get_database_backend() == DbBackend::Postgres {
            "IF NOT EXISTS claimed_by uuid"
        } else {
            "claimed_by blob"
        };
        for statement in UP {
            let sql = statement.replace("{claimed_by}", column);
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
