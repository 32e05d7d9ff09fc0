//! Jobs, attempts and counters.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// `{uuid}` and other placeholders are replaced by the database's own syntax.
const UP: &[&str] = &[
    "CREATE TABLE jobs (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        job_type text NOT NULL,
        queue text NOT NULL,
        priority smallint NOT NULL,
        status smallint NOT NULL DEFAULT 0,
        parameters text NOT NULL,
        result text,
        error text,
        error_detail text,
        due_at bigint NOT NULL,
        started_at bigint,
        finished_at bigint,
        attempt integer NOT NULL DEFAULT 0,
        retry_count integer NOT NULL DEFAULT 0,
        max_retries integer NOT NULL,
        retry_delay bigint NOT NULL,
        retry_intervals text,
        timeout bigint NOT NULL,
        unique_key text,
        cancel_requested boolean NOT NULL DEFAULT {false},
        node {uuid},
        revision integer NOT NULL DEFAULT 1
    ){row_space}",
    // Lists by one condition, newest first. Without a condition the primary key suffices.
    "CREATE INDEX jobs_by_status ON jobs (status, id)",
    "CREATE INDEX jobs_by_type ON jobs (job_type, id)",
    "CREATE INDEX jobs_by_queue ON jobs (queue, id)",
    // Claims: each priority of a queue is a range in the order of starts.
    "CREATE INDEX jobs_to_start ON jobs (queue, priority, due_at, id) WHERE status = 0",
    // Orphans of a dead node.
    "CREATE INDEX jobs_running ON jobs (node) WHERE status = 1",
    "CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND status IN (0, 1)",
    "CREATE TABLE attempts (
        job_id {uuid} NOT NULL,
        number integer NOT NULL,
        status smallint NOT NULL,
        started_at bigint NOT NULL,
        ended_at bigint NOT NULL,
        error text,
        error_detail text,
        node {uuid} NOT NULL,
        PRIMARY KEY (job_id, number)
    ){clustered}",
    "CREATE TABLE queues (
        name text NOT NULL PRIMARY KEY,
        is_paused boolean NOT NULL DEFAULT {false}
    ){clustered}",
    "CREATE TABLE job_counters (
        queue text NOT NULL,
        job_type text NOT NULL,
        status smallint NOT NULL,
        priority smallint NOT NULL,
        shard smallint NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (queue, job_type, status, priority, shard)
    ){hot}",
    "CREATE TABLE queue_throughput (
        queue text NOT NULL,
        bucket bigint NOT NULL,
        shard smallint NOT NULL,
        completed bigint NOT NULL,
        PRIMARY KEY (queue, bucket, shard)
    ){hot}",
    "CREATE TABLE idempotency_keys (
        key text NOT NULL PRIMARY KEY,
        fingerprint {bytes} NOT NULL,
        job_ids {bytes} NOT NULL,
        created_at bigint NOT NULL
    )",
    "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)",
    "CREATE TABLE nodes (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        started_at bigint NOT NULL,
        heartbeat_at bigint NOT NULL,
        lease_until bigint NOT NULL
    )",
];

const TABLES: &[&str] = &[
    "nodes",
    "idempotency_keys",
    "queue_throughput",
    "job_counters",
    "queues",
    "attempts",
    "jobs",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        // PostgreSQL: a low fill factor keeps updates of busy rows on the same page, and vacuum runs after thousands of
        // changes instead of a fifth of the table. SQLite: a table that is only read by its key is stored in key order.
        let words = if is_postgres {
            [
                ("{uuid}", "uuid"),
                ("{bytes}", "bytea"),
                ("{false}", "false"),
                (
                    "{row_space}",
                    " WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, \
                     autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)",
                ),
                ("{clustered}", ""),
                (
                    "{hot}",
                    " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)",
                ),
            ]
        } else {
            [
                ("{uuid}", "blob"),
                ("{bytes}", "blob"),
                ("{false}", "0"),
                ("{row_space}", ""),
                ("{clustered}", " WITHOUT ROWID"),
                ("{hot}", " WITHOUT ROWID"),
            ]
        };
        for statement in UP {
            let sql = words.iter().fold((*statement).to_owned(), |sql, (word, meaning)| {
                sql.replace(word, meaning)
            });
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager
                .get_connection()
                .execute_unprepared(&format!("DROP TABLE {table}"))
                .await?;
        }
        Ok(())
    }
}
