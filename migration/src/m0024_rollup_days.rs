//! Packed rollups: a row for each day of a queue and a type, of a queue, of a type, and of all of them, whose empty name
//! stands for all; and once a day is old, a row with all types of a queue.
//!
//! The server packs the rows of the other tables of rollups once their time has passed; older servers do not read packed
//! rollups: all servers of a database must be stopped for this migration.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// The large columns are last: SQLite reads as far as it has to.
const UP: [&str; 3] = [
    "CREATE TABLE rollup_days (
        day bigint NOT NULL,
        queue text NOT NULL,
        job_type text NOT NULL,
        is_open smallint NOT NULL,
        summary {bytes} NOT NULL,
        reasons {bytes} NOT NULL,
        quarters {bytes} NOT NULL,
        PRIMARY KEY (day, queue, job_type)
    ){clustered}",
    "CREATE INDEX rollup_days_open ON rollup_days (day, queue) WHERE is_open = 1",
    "CREATE TABLE rollup_types (
        day bigint NOT NULL,
        queue text NOT NULL,
        types {bytes} NOT NULL,
        PRIMARY KEY (day, queue)
    )",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (bytes, clustered) = if manager.get_database_backend() == DbBackend::Postgres {
            (
                "bytea",
                " WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)",
            )
        } else {
            ("blob", " WITHOUT ROWID")
        };
        for statement in UP {
            let sql = statement.replace("{bytes}", bytes).replace("{clustered}", clustered);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["rollup_types", "rollup_days"] {
            let sql = format!("DROP TABLE {table}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
