//! Storage alone: the same rows through SeaORM in transactions of 500.

use std::time::Instant;

use chrono::Utc;
use entities::{attempt, job};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set, TransactionTrait};
use tickerq::storage::sea::Durability;
use uuid::Uuid;

use super::database::{Database, plain_connection};
use super::life_cycle::PARAMETERS;

const BATCH: usize = 500;

/// Rows per second.
pub(crate) struct Raw {
    pub(crate) inserts: f64,
    pub(crate) runs: f64,
}

pub(crate) async fn measure(database: &Database, durability: Durability, jobs: usize) -> Raw {
    let fresh = database.fresh(durability).await;
    let connection = plain_connection(&fresh.url, durability).await;
    let ids: Vec<Uuid> = (0..jobs).map(|_| Uuid::now_v7()).collect();

    let start = Instant::now();
    for batch in ids.chunks(BATCH) {
        let transaction = connection.begin().await.expect("a transaction");
        job::Entity::insert_many(batch.iter().map(|id| new_job(*id)))
            .exec_without_returning(&transaction)
            .await
            .expect("an insert");
        transaction.commit().await.expect("a commit");
    }
    let inserts = jobs as f64 / start.elapsed().as_secs_f64();

    let node = Uuid::now_v7();
    let start = Instant::now();
    for batch in ids.chunks(BATCH) {
        let transaction = connection.begin().await.expect("a transaction");
        let now = Utc::now().timestamp_micros();
        job::Entity::update_many()
            .col_expr(job::Column::Status, Expr::val(1))
            .col_expr(job::Column::StartedAt, Expr::val(now))
            .col_expr(job::Column::Attempt, Expr::val(1))
            .col_expr(job::Column::Node, Expr::val(node))
            .col_expr(job::Column::Revision, Expr::val(2))
            .filter(job::Column::Id.is_in(batch.iter().copied()))
            .exec(&transaction)
            .await
            .expect("a claim");
        transaction.commit().await.expect("a commit");
        let transaction = connection.begin().await.expect("a transaction");
        job::Entity::update_many()
            .col_expr(job::Column::Status, Expr::val(2))
            .col_expr(job::Column::FinishedAt, Expr::val(now))
            .col_expr(job::Column::Revision, Expr::val(3))
            .filter(job::Column::Id.is_in(batch.iter().copied()))
            .exec(&transaction)
            .await
            .expect("a completion");
        attempt::Entity::insert_many(batch.iter().map(|id| attempt::ActiveModel {
            job_id: Set(*id),
            number: Set(1),
            status: Set(2),
            started_at: Set(now),
            ended_at: Set(now),
            error: Set(None),
            error_detail: Set(None),
            node: Set(node),
        }))
        .exec_without_returning(&transaction)
        .await
        .expect("attempts");
        transaction.commit().await.expect("a commit");
    }
    Raw {
        inserts,
        runs: jobs as f64 / start.elapsed().as_secs_f64(),
    }
}

fn new_job(id: Uuid) -> job::ActiveModel {
    job::ActiveModel {
        id: Set(id),
        name: Set("NoopJob".to_owned()),
        job_type: Set("NoopJob".to_owned()),
        queue: Set("bench".to_owned()),
        priority: Set(1),
        status: Set(0),
        parameters: Set(PARAMETERS.to_owned()),
        result: Set(None),
        error: Set(None),
        error_detail: Set(None),
        due_at: Set(Utc::now().timestamp_micros()),
        due_from: Set(None),
        started_at: Set(None),
        finished_at: Set(None),
        attempt: Set(0),
        retry_count: Set(0),
        max_retries: Set(3),
        retry_delay: Set(10_000_000),
        retry_intervals: Set(None),
        timeout: Set(1_800_000_000),
        unique_key: Set(None),
        labels: Set(None),
        recurring_id: Set(None),
        occurrence_at: Set(None),
        trace_parent: Set(None),
        cancel_requested: Set(false),
        node: Set(None),
        revision: Set(1),
        claimed_by: Set(None),
    }
}
