//! Claims by type.
//!
//! A claim in the order of due times skips due jobs of types that its node or worker does not run. An index by type
//! finds matching jobs among any number of others.
//!
//! All migrations run in one transaction, in which PostgreSQL cannot build an index concurrently: writes to the table
//! are blocked meanwhile. On a large table, create the index beforehand with `CREATE INDEX CONCURRENTLY` under the same
//! name.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "CREATE INDEX IF NOT EXISTS jobs_to_start_by_type ON jobs (queue, job_type, priority, due_at, id) \
                   WHERE status = 0";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "DROP INDEX jobs_to_start_by_type";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }
}
