//! Keys of recurring jobs: a repeated declaration creates no second one.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// NULL is a recurring job without a key; a unique index allows any number of them.
const UP: [&str; 2] = [
    "ALTER TABLE recurring_jobs ADD COLUMN key text",
    "CREATE UNIQUE INDEX recurring_jobs_by_key ON recurring_jobs (key)",
];

const DOWN: [&str; 2] = [
    "DROP INDEX recurring_jobs_by_key",
    "ALTER TABLE recurring_jobs DROP COLUMN key",
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
