//! Span contexts of jobs and webhook deliveries.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    // Without a default, so that no row is rewritten.
    "ALTER TABLE jobs ADD COLUMN trace_parent text",
    "ALTER TABLE webhook_deliveries ADD COLUMN trace_parent text",
];

const DOWN: &[&str] = &[
    "ALTER TABLE webhook_deliveries DROP COLUMN trace_parent",
    "ALTER TABLE jobs DROP COLUMN trace_parent",
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
