//! Recurring jobs, and the recurring job of each occurrence.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE recurring_jobs (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        job_type text NOT NULL,
        queue text,
        parameters text NOT NULL,
        priority smallint NOT NULL,
        max_retries integer,
        timeout bigint,
        retry_delay bigint,
        retry_intervals text,
        cron text NOT NULL,
        time_zone text NOT NULL,
        starts_at bigint,
        ends_at bigint,
        is_enabled boolean NOT NULL,
        misfire_policy text NOT NULL,
        catch_up_max integer,
        overlap_policy smallint NOT NULL,
        next_run_at bigint,
        last_run_at bigint,
        waiting text,
        updated_at bigint NOT NULL,
        revision integer NOT NULL
    )",
    "CREATE INDEX recurring_jobs_due ON recurring_jobs (next_run_at) WHERE next_run_at IS NOT NULL",
    "CREATE INDEX recurring_jobs_waiting ON recurring_jobs (id) WHERE waiting IS NOT NULL",
    "ALTER TABLE jobs ADD COLUMN recurring_id {uuid}",
    "ALTER TABLE jobs ADD COLUMN occurrence_at bigint",
    // Partial: jobs that are not occurrences have no entry.
    "CREATE UNIQUE INDEX jobs_occurrence ON jobs (recurring_id, occurrence_at) WHERE recurring_id IS NOT NULL",
    "CREATE INDEX jobs_by_recurring ON jobs (recurring_id, id) WHERE recurring_id IS NOT NULL",
    "CREATE INDEX jobs_open_occurrences ON jobs (recurring_id) WHERE recurring_id IS NOT NULL AND status IN (0, 1)",
];

const DOWN: &[&str] = &[
    "DROP INDEX jobs_open_occurrences",
    "DROP INDEX jobs_by_recurring",
    "DROP INDEX jobs_occurrence",
    "ALTER TABLE jobs DROP COLUMN occurrence_at",
    "ALTER TABLE jobs DROP COLUMN recurring_id",
    "DROP TABLE recurring_jobs",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = if manager.get_database_backend() == DbBackend::Postgres {
            "uuid"
        } else {
            "blob"
        };
        for statement in UP {
            let sql = statement.replace("{uuid}", uuid);
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
