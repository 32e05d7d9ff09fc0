//! Retired webhook endpoints, which receive no new events because no live node's configuration names them. The row
//! keeps their events: older servers, which may run at the same time, read an endpoint without events as corrupt.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "ALTER TABLE webhook_endpoints ADD COLUMN is_retired boolean NOT NULL DEFAULT false";

const DOWN: &str = "ALTER TABLE webhook_endpoints DROP COLUMN is_retired";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(UP).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(DOWN).await?;
        Ok(())
    }
}
