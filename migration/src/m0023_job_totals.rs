//! Totals of `job_counters` over all types, over all queues and over both, whose empty name stands for all.
//!
//! Older servers do not maintain them: all servers of a database must be stopped for this migration.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 4] = [
    "CREATE TABLE job_totals (
        queue text NOT NULL,
        job_type text NOT NULL,
        status smallint NOT NULL,
        priority smallint NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (queue, job_type, status, priority, shard)
    ){hot}",
    "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
     SELECT queue, '', status, priority, shard, SUM(count) FROM job_counters GROUP BY queue, status, priority, shard",
    "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
     SELECT '', job_type, status, priority, shard, SUM(count) FROM job_counters GROUP BY job_type, status, priority, shard",
    "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
     SELECT '', '', status, priority, shard, SUM(count) FROM job_counters GROUP BY status, priority, shard",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A low fill factor, as in m0001.
        let hot = if manager.get_database_backend() == DbBackend::Postgres {
            " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"
        } else {
            " WITHOUT ROWID"
        };
        for statement in UP {
            let sql = statement.replace("{hot}", hot);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            // As in m0022.
            let sql = "CREATE INDEX job_totals_epochs ON job_totals (shard) WHERE shard < 0";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared("DROP TABLE job_totals")
            .await
            .map(drop)
    }
}
