//! Lists of webhook deliveries by status, and failed deliveries by time.
//!
//! One index with the status serves lists of one status and of all. It replaces the indexes of all and of failed
//! deliveries, so that the number of index entries is unchanged.
//!
//! On a large PostgreSQL table they can be created beforehand, see `m0015_jobs_to_start_by_type`.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 4] = [
    "CREATE INDEX IF NOT EXISTS webhook_deliveries_by_status ON webhook_deliveries (endpoint_id, status, seq)",
    "CREATE INDEX IF NOT EXISTS webhook_deliveries_failed_at ON webhook_deliveries (endpoint_id, at, seq) WHERE status = 2",
    "DROP INDEX webhook_deliveries_by_endpoint",
    "DROP INDEX webhook_deliveries_failed",
];

const DOWN: [&str; 4] = [
    "CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, seq)",
    "CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, seq) WHERE status = 2",
    "DROP INDEX webhook_deliveries_by_status",
    "DROP INDEX webhook_deliveries_failed_at",
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
