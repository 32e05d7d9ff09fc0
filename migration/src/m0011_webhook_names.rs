//! Nodes whose configuration names a webhook endpoint, the time since which none of them is alive, and the version of
//! the set of endpoints, by which a commit checks that its node's cache is current.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "ALTER TABLE webhook_endpoints ADD COLUMN unnamed_since bigint",
    "CREATE TABLE webhook_endpoint_names (
        endpoint_id {uuid} NOT NULL,
        node_id {uuid} NOT NULL,
        PRIMARY KEY (endpoint_id, node_id)
    )",
    "CREATE TABLE webhook_endpoint_version (id smallint NOT NULL PRIMARY KEY, version bigint NOT NULL)",
    "INSERT INTO webhook_endpoint_version (id, version) VALUES (1, 1)",
];

const DOWN: &[&str] = &[
    "DROP TABLE webhook_endpoint_version",
    "DROP TABLE webhook_endpoint_names",
    "ALTER TABLE webhook_endpoints DROP COLUMN unnamed_since",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let uuid = if is_postgres { "uuid" } else { "blob" };
        for statement in UP {
            manager
                .get_connection()
                .execute_unprepared(&statement.replace("{uuid}", uuid))
                .await?;
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
