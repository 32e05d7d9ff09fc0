//! Keys of recurring jobs: a deployment that declares one twice makes one.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// NULL, which a unique index does not count, is a recurring job without a key.
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
