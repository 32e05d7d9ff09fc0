//! Totals of `job_rollups` and `job_time_steps` over all queues and types: the most frequent requests read a constant
//! number of rows.
//!
//! Older servers do not maintain them: all servers of a database must be stopped for this migration.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE rollup_totals (
        slot bigint NOT NULL,
        shard smallint NOT NULL,
        started bigint NOT NULL,
        completed bigint NOT NULL,
        attempts_failed bigint NOT NULL,
        abandoned bigint NOT NULL,
        jobs_failed bigint NOT NULL,
        jobs_cancelled bigint NOT NULL,
        run_micros bigint NOT NULL,
        wait_micros bigint NOT NULL,
        PRIMARY KEY (slot, shard)
    ){hot}",
    "CREATE TABLE time_step_totals (
        hour bigint NOT NULL,
        measure smallint NOT NULL,
        bucket smallint NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (hour, measure, bucket, shard)
    ){hot}",
    "INSERT INTO rollup_totals (slot, shard, started, completed, attempts_failed, abandoned, jobs_failed, \
        jobs_cancelled, run_micros, wait_micros) \
     SELECT slot, shard, SUM(started), SUM(completed), SUM(attempts_failed), SUM(abandoned), SUM(jobs_failed), \
        SUM(jobs_cancelled), SUM(run_micros), SUM(wait_micros) FROM job_rollups GROUP BY slot, shard",
    "INSERT INTO time_step_totals (hour, measure, bucket, shard, count) \
     SELECT hour, measure, bucket, shard, SUM(count) FROM job_time_steps GROUP BY hour, measure, bucket, shard",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A low fill factor, as in m0007.
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
        for table in ["time_step_totals", "rollup_totals"] {
            manager
                .get_connection()
                .execute_unprepared(&format!("DROP TABLE {table}"))
                .await?;
        }
        Ok(())
    }
}
