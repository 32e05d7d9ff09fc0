//! Bulk operations, and what they have replaced in jobs.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE operations (
        id {uuid} NOT NULL PRIMARY KEY,
        kind smallint NOT NULL,
        queue text,
        priority smallint,
        reset_retry_count boolean NOT NULL,
        undoes {uuid},
        filter text NOT NULL,
        note text,
        status smallint NOT NULL,
        total bigint NOT NULL,
        is_exact boolean NOT NULL,
        done bigint NOT NULL,
        skipped text NOT NULL,
        up_to {uuid} NOT NULL,
        last_job {uuid},
        again text NOT NULL,
        tries integer NOT NULL,
        actor text NOT NULL,
        actor_kind smallint NOT NULL,
        address text,
        audit_id {uuid},
        created_at bigint NOT NULL,
        starts_at bigint NOT NULL,
        started_at bigint,
        finished_at bigint,
        undone_by {uuid},
        error text,
        revision integer NOT NULL
    ){hot}",
    // Previews are 0; pending, running and paused operations 1, 2 and 3.
    "CREATE INDEX operations_open ON operations (id) WHERE status IN (1, 2, 3)",
    "CREATE TABLE operation_items (
        operation_id {uuid} NOT NULL,
        job_id {uuid} NOT NULL,
        revision integer NOT NULL,
        queue text,
        priority smallint,
        PRIMARY KEY (operation_id, job_id)
    ){clustered}",
    "ALTER TABLE audit_records ADD COLUMN operation_id {uuid}",
];

const DOWN: &[&str] = &[
    "ALTER TABLE audit_records DROP COLUMN operation_id",
    "DROP TABLE operation_items",
    "DROP TABLE operations",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, clustered, hot) = if manager.get_database_backend() == DbBackend::Postgres {
            // The row of a running operation is updated in each step.
            ("uuid", "", " WITH (fillfactor = 50)")
        } else {
            ("blob", " WITHOUT ROWID", "")
        };
        for statement in UP {
            let sql = statement
                .replace("{uuid}", uuid)
                .replace("{clustered}", clustered)
                .replace("{hot}", hot);
            manager.get_connection().execute_unprepared(&sql).await?;
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
