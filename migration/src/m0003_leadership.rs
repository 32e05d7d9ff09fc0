//! The leader and its fencing token.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = if manager.get_database_backend() == DbBackend::Postgres {
            "uuid"
        } else {
            "blob"
        };
        let sql = format!(
            "CREATE TABLE leaders (
                role text NOT NULL PRIMARY KEY,
                holder {uuid} NOT NULL,
                token bigint NOT NULL,
                lease_until bigint NOT NULL
            )"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared("DROP TABLE leaders")
            .await?;
        Ok(())
    }
}
