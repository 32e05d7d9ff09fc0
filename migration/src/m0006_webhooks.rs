//! Webhook endpoints and deliveries; the change feed and its consumers.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &[&str] = &[
    "CREATE TABLE webhook_endpoints (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        url text NOT NULL,
        events text NOT NULL,
        secret text NOT NULL,
        previous_secret text,
        previous_until bigint,
        max_retries integer NOT NULL,
        retry_delay bigint NOT NULL,
        source smallint NOT NULL,
        disabled_at bigint,
        disabled_reason smallint,
        failing_since bigint,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL,
        revision integer NOT NULL,
        is_deleted boolean NOT NULL DEFAULT {false},
        holder {uuid}
    )",
    "CREATE TABLE webhook_deliveries (
        seq {number} PRIMARY KEY{next},
        endpoint_id {uuid} NOT NULL,
        message_id {uuid} NOT NULL,
        event text NOT NULL,
        at bigint NOT NULL,
        lane {uuid} NOT NULL,
        job_id {uuid},
        body text NOT NULL,
        status smallint NOT NULL DEFAULT 0,
        attempts integer NOT NULL DEFAULT 0,
        due_at bigint NOT NULL,
        last_at bigint,
        duration bigint,
        response_status bigint,
        response_body text,
        error text
    ){hot}",
    "CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, seq)",
    // Pending deliveries in sending order, and those of each ordering key.
    "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at, seq) WHERE status = 0",
    "CREATE INDEX webhook_deliveries_lanes ON webhook_deliveries (endpoint_id, lane, seq) WHERE status = 0",
    "CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (endpoint_id, seq) WHERE status = 2",
    // PostgreSQL transactions become visible in another order than they allocate sequence numbers. The transaction id
    // shows which changes can still precede others; SQLite has one writer and does not need it.
    "CREATE TABLE job_changes (
        seq {number}{feed_key}{next},
        transaction_id bigint NOT NULL DEFAULT {transaction},
        job_id {uuid} NOT NULL,
        at bigint NOT NULL{feed_keys}
    )",
    "CREATE TABLE sync_cursors (
        name text NOT NULL PRIMARY KEY,
        transaction_id bigint NOT NULL,
        seq bigint NOT NULL,
        holder {uuid}
    )",
];

const TABLES: &[&str] = &["sync_cursors", "job_changes", "webhook_deliveries", "webhook_endpoints"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let words = if manager.get_database_backend() == DbBackend::Postgres {
            [
                ("{uuid}", "uuid"),
                ("{false}", "false"),
                ("{number}", "bigint"),
                ("{next}", " GENERATED ALWAYS AS IDENTITY"),
                ("{transaction}", "(pg_current_xact_id()::text::bigint)"),
                ("{feed_key}", ""),
                ("{feed_keys}", ", PRIMARY KEY (transaction_id, seq)"),
                (
                    "{hot}",
                    " WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)",
                ),
            ]
        } else {
            [
                ("{uuid}", "blob"),
                ("{false}", "0"),
                ("{number}", "integer"),
                // AUTOINCREMENT: numbers of deleted rows are not reused.
                ("{next}", " AUTOINCREMENT"),
                ("{transaction}", "0"),
                ("{feed_key}", " PRIMARY KEY"),
                ("{feed_keys}", ""),
                ("{hot}", ""),
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
