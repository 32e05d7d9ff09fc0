//! Labels of jobs: tags and searchable parameters, in the job and in an index of their own.
//!
//! Jobs without labels have no row in the index. On SQLite and PostgreSQL the new columns are added without a copy of the
//! tables.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 3] = [
    "ALTER TABLE jobs ADD COLUMN labels text",
    "ALTER TABLE recurring_jobs ADD COLUMN tags text",
    "CREATE TABLE job_labels (
        label text{collation} NOT NULL,
        job_id {uuid} NOT NULL,
        PRIMARY KEY (label, job_id)
    ){clustered}",
];

const DOWN: [&str; 3] = [
    "DROP TABLE job_labels",
    "ALTER TABLE recurring_jobs DROP COLUMN tags",
    "ALTER TABLE jobs DROP COLUMN labels",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let [collation, uuid, clustered] = if manager.get_database_backend() == DbBackend::Postgres {
            [
                " COLLATE \"C\"",
                "uuid",
                " WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)",
            ]
        } else {
            ["", "blob", " WITHOUT ROWID"]
        };
        for statement in UP {
            let sql = statement
                .replace("{collation}", collation)
                .replace("{uuid}", uuid)
                .replace("{clustered}", clustered);
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
