//! Indexes of the counter rows that finished epochs leave on PostgreSQL: a server counts under a negative shard for some
//! commits, and then adds these rows to its own shard.
//!
//! Few rows have a negative shard at any time. Older servers sum over all shards and may run beside newer ones.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 7] = [
    "job_counters",
    "queue_throughput",
    "job_rollups",
    "rollup_totals",
    "job_time_steps",
    "time_step_totals",
    "failure_reasons",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in TABLES {
            let sql = format!("CREATE INDEX {table}_epochs ON {table} (shard) WHERE shard < 0");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in TABLES {
            let sql = format!("DROP INDEX {table}_epochs");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
