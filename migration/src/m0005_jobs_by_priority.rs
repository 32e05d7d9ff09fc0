//! Lists by priority.
//!
//! Most jobs have normal priority and are dense in the list of all jobs. A partial index of the other priorities costs
//! normal jobs nothing.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "CREATE INDEX jobs_by_priority ON jobs (priority, id) WHERE priority <> 1";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "DROP INDEX jobs_by_priority";
        manager.get_connection().execute_unprepared(sql).await.map(drop)
    }
}
