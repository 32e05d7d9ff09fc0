//! Audit records.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `{uuid}` and `{clustered}` are replaced by the database's own syntax.
const UP: &[&str] = &[
    "CREATE TABLE audit_records (
        id {uuid} NOT NULL PRIMARY KEY,
        actor text NOT NULL,
        actor_kind smallint NOT NULL,
        address text,
        action smallint NOT NULL,
        job_id {uuid},
        queue text,
        jobs bigint NOT NULL,
        outcome smallint NOT NULL
    ){clustered}",
    // Lists by one condition, newest first. Without a condition the primary key suffices.
    "CREATE INDEX audit_records_by_actor ON audit_records (actor, id)",
    "CREATE INDEX audit_records_by_job ON audit_records (job_id, id) WHERE job_id IS NOT NULL",
    // Most records are created jobs (0), which are found without an index: leaving them out keeps it small.
    "CREATE INDEX audit_records_by_action ON audit_records (action, id) WHERE action <> 0",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, clustered) = if manager.get_database_backend() == DbBackend::Postgres {
            ("uuid", "")
        } else {
            ("blob", " WITHOUT ROWID")
        };
        for statement in UP {
            let sql = statement.replace("{uuid}", uuid).replace("{clustered}", clustered);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared("DROP TABLE audit_records")
            .await?;
        Ok(())
    }
}
