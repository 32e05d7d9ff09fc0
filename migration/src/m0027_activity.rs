//! Activity of queues by slices of five seconds, and by minutes, and created jobs by quarters of an hour.
//!
//! Slices take the place of the completed jobs by slice: older servers do not write them, so all servers of a database must
//! be stopped for this migration.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE activity_slices (
        slice bigint NOT NULL,
        queue text NOT NULL,
        shard smallint NOT NULL,
        created bigint NOT NULL,
        started bigint NOT NULL,
        completed bigint NOT NULL,
        attempts_failed bigint NOT NULL,
        jobs_failed bigint NOT NULL,
        jobs_cancelled bigint NOT NULL,
        PRIMARY KEY (slice, queue, shard)
    ){hot}",
    "CREATE TABLE activity_buckets (
        slice bigint NOT NULL,
        queue text NOT NULL,
        measure smallint NOT NULL,
        bucket smallint NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (slice, queue, measure, bucket, shard)
    ){hot}",
    "CREATE TABLE created_jobs (
        slot bigint NOT NULL,
        queue text NOT NULL,
        job_type text NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (slot, queue, job_type, shard)
    ){hot}",
    // An empty name stands for all queues.
    "CREATE TABLE activity_minutes (
        queue text NOT NULL,
        minute bigint NOT NULL,
        packed {bytes} NOT NULL,
        PRIMARY KEY (queue, minute)
    ){clustered}",
    "CREATE INDEX activity_minutes_by_minute ON activity_minutes (minute)",
    "INSERT INTO activity_slices
        (slice, queue, shard, created, started, completed, attempts_failed, jobs_failed, jobs_cancelled)
        SELECT bucket, queue, shard, 0, 0, completed, 0, 0, 0 FROM queue_throughput",
    "DROP TABLE queue_throughput",
];

const DOWN: &[&str] = &[
    "CREATE TABLE queue_throughput (
        queue text NOT NULL,
        bucket bigint NOT NULL,
        shard smallint NOT NULL,
        completed bigint NOT NULL,
        PRIMARY KEY (queue, bucket, shard)
    ){hot}",
    "INSERT INTO queue_throughput (queue, bucket, shard, completed)
        SELECT queue, slice, shard, completed FROM activity_slices WHERE completed > 0",
    "DROP TABLE activity_minutes",
    "DROP TABLE created_jobs",
    "DROP TABLE activity_buckets",
    "DROP TABLE activity_slices",
];

/// Tables with rows of epochs on PostgreSQL.
const COUNTERS: [&str; 3] = ["activity_slices", "activity_buckets", "created_jobs"];

async fn execute(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    // A low fill factor, as for the other counters.
    let (hot, bytes, clustered) = if manager.get_database_backend() == DbBackend::Postgres {
        (
            " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
            "bytea",
            "",
        )
    } else {
        (" WITHOUT ROWID", "blob", " WITHOUT ROWID")
    };
    for statement in statements {
        let sql = statement
            .replace("{hot}", hot)
            .replace("{bytes}", bytes)
            .replace("{clustered}", clustered);
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, UP).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            for table in COUNTERS {
                let sql = format!("CREATE INDEX {table}_epochs ON {table} (shard) WHERE shard < 0");
                manager.get_connection().execute_unprepared(&sql).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, DOWN).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let sql = "CREATE INDEX queue_throughput_epochs ON queue_throughput (shard) WHERE shard < 0";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}
