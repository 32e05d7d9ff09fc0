//! Rollups of starts and completions: counts per 15 minutes, histograms and failure reasons per hour.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE job_rollups (
        slot bigint NOT NULL,
        queue text NOT NULL,
        job_type text NOT NULL,
        shard smallint NOT NULL,
        started bigint NOT NULL,
        completed bigint NOT NULL,
        attempts_failed bigint NOT NULL,
        abandoned bigint NOT NULL,
        jobs_failed bigint NOT NULL,
        jobs_cancelled bigint NOT NULL,
        run_micros bigint NOT NULL,
        wait_micros bigint NOT NULL,
        PRIMARY KEY (slot, queue, job_type, shard)
    ){hot}",
    "CREATE TABLE job_time_steps (
        hour bigint NOT NULL,
        queue text NOT NULL,
        job_type text NOT NULL,
        measure smallint NOT NULL,
        bucket smallint NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (hour, queue, job_type, measure, bucket, shard)
    ){hot}",
    "CREATE TABLE failure_reasons (
        hour bigint NOT NULL,
        queue text NOT NULL,
        job_type text NOT NULL,
        reason text NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (hour, queue, job_type, reason, shard)
    ){hot}",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A low fill factor, as for the other counters.
        let hot = if manager.get_database_backend() == DbBackend::Postgres {
            " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"
        } else {
            " WITHOUT ROWID"
        };
        for statement in UP {
            manager
                .get_connection()
                .execute_unprepared(&statement.replace("{hot}", hot))
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["failure_reasons", "job_time_steps", "job_rollups"] {
            manager
                .get_connection()
                .execute_unprepared(&format!("DROP TABLE {table}"))
                .await?;
        }
        Ok(())
    }
}
