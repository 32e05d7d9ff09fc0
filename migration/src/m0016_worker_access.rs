//! Owners of remote workers, keys of their lease tokens, and the types that servers share with workers.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// Without defaults: NULL is a worker or server of an older version.
const COLUMNS: [(&str, &str); 4] = [
    ("owner_kind", "smallint"),
    ("owner", "text"),
    ("lease_key", "text"),
    ("remote_types", "text"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, kind) in COLUMNS {
            let up = format!("ALTER TABLE nodes ADD COLUMN {column} {kind}");
            manager.get_connection().execute_unprepared(&up).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, _) in COLUMNS {
            let down = format!("ALTER TABLE nodes DROP COLUMN {column}");
            manager.get_connection().execute_unprepared(&down).await?;
        }
        Ok(())
    }
}
