//! Lists by priority.
//!
//! Most jobs have the normal priority: they are found anywhere in the list of all jobs. An index of the
//! others alone costs such a job nothing, neither when it is inserted nor later, as a priority changes only on
//! request; a job of another priority costs one entry more.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// See the module.
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
