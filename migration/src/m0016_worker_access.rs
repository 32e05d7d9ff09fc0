//! The caller that a remote worker belongs to, the key of its lease tokens, and the types that servers leave to workers too.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::ConnectionTrait;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// Without defaults: NULL is a worker or a server of a version that does not have them.
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
