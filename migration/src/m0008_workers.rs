//! Remote workers, and progress and log lines of running attempts.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    // A worker is a node with a description of itself.
    "ALTER TABLE nodes ADD COLUMN worker text",
    "CREATE TABLE job_progress (
        job_id {uuid} NOT NULL PRIMARY KEY,
        attempt integer NOT NULL,
        basis_points integer NOT NULL,
        message text,
        reported_at bigint NOT NULL
    ){clustered}",
    "CREATE TABLE job_log (
        job_id {uuid} NOT NULL,
        number integer NOT NULL,
        attempt integer NOT NULL,
        logged_at bigint NOT NULL,
        level smallint NOT NULL,
        message text NOT NULL,
        PRIMARY KEY (job_id, number)
    ){clustered}",
];

const DOWN: &[&str] = &[
    "DROP TABLE job_log",
    "DROP TABLE job_progress",
    "ALTER TABLE nodes DROP COLUMN worker",
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
        for statement in DOWN {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
