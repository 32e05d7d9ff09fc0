//! Removes jobs in steps, and what belongs to them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::domain::job::labels::Labels;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::activity::Slice;
use crate::domain::values::id::JobId;
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::labels::stored::from_stored;
use crate::storage::sea::mapping::{micros, status as status_of};

const ID: &[Kind] = &[Kind::Uuid];

/// The condition that jobs have a status, and their order by age, so that the index on the status gives both: see
/// [`super::list`].
fn with_status(code: i16, is_postgres: bool) -> (String, &'static str) {
    if is_postgres {
        (format!("status = ANY(ARRAY[{code}]::smallint[])"), "status, id")
    } else {
        (format!("status = {code}"), "id")
    }
}

impl CommitContext<'_> {
    pub(crate) async fn clear_queue(
        &mut self,
        queue: &QueueName,
        status: JobStatus,
        up_to: JobId,
        limit: u32,
    ) -> Result<u64, CommitFailure> {
        // Jobs of other statuses are not scanned. Pending jobs are found in the order of their start, so that those
        // of other queues are not scanned either.
        let code = status.code();
        let condition = match (status, self.repository.is_postgres()) {
            (JobStatus::Pending, true) => {
                "status = 0 AND claimed_by IS NULL AND queue = ANY(ARRAY[$1]) AND id <= $2 ORDER BY queue, priority, due_at, id LIMIT $3"
                    .to_owned()
            }
            (JobStatus::Pending, false) => {
                "status = 0 AND claimed_by IS NULL AND queue = $1 AND +id <= $2 ORDER BY priority, due_at, id LIMIT $3".to_owned()
            }
            // By the partial index of the queue's failed and cancelled jobs, and for the others by the queue's: most of its
            // jobs are completed.
            (_, true) => {
                format!("queue = ANY(ARRAY[$1]) AND status = {code} AND id <= $2 ORDER BY queue, id LIMIT $3")
            }
            (JobStatus::Failed | JobStatus::Cancelled, false) => {
                format!("queue = $1 AND status = {code} AND status IN (3, 4) AND id <= $2 ORDER BY id LIMIT $3")
            }
            (JobStatus::Completed | JobStatus::Running, false) => {
                format!("queue = $1 AND +status = {code} AND id <= $2 ORDER BY id LIMIT $3")
            }
        };
        let values = [queue.as_str().into(), up_to.as_uuid().into(), i64::from(limit).into()];
        self.remove(&condition, values.into()).await
    }

    pub(crate) async fn prune_jobs(
        &mut self,
        status: JobStatus,
        finished_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, CommitFailure> {
        // A job that finished before a time was created before it: the oldest ids are scanned, without an index that
        // every job would have to maintain.
        let (has_status, order) = with_status(status.code(), self.repository.is_postgres());
        let condition = format!("{has_status} AND id < $1 AND finished_at < $2 ORDER BY {order} LIMIT $3");
        let values = [
            JobId::first_at(finished_before).as_uuid().into(),
            micros(finished_before).into(),
            i64::from(limit).into(),
        ];
        self.remove(&condition, values.into()).await
    }

    pub(crate) async fn prune_bookkeeping(
        &mut self,
        keys_before: DateTime<Utc>,
        throughput_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, CommitFailure> {
        let lock = if self.repository.is_postgres() {
            "FOR UPDATE SKIP LOCKED"
        } else {
            ""
        };
        let sql = format!(
            "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys WHERE created_at < $1 \
             ORDER BY created_at LIMIT $2 {lock})"
        );
        let values = [micros(keys_before).into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let keys = self.transaction.execute_raw(statement).await?.rows_affected();
        // Types and queues come and go, and a count of zero has no information. A count that has increased
        // concurrently is checked again and kept.
        for table in ["job_counters", "job_totals"] {
            let sql = format!("DELETE FROM {table} WHERE count = 0");
            self.transaction.execute_unprepared(&sql).await?;
        }
        let mut removed = keys;
        for table in ["activity_buckets", "activity_slices"] {
            let sql = format!("DELETE FROM {table} WHERE slice < $1");
            let before = [Slice::of(throughput_before).0.into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, before);
            removed += self.transaction.execute_raw(statement).await?.rows_affected();
        }
        Ok(removed)
    }

    async fn remove(&mut self, condition: &str, values: Vec<Value>) -> Result<u64, CommitFailure> {
        let lock = if self.repository.is_postgres() {
            "FOR UPDATE SKIP LOCKED"
        } else {
            ""
        };
        let sql = format!(
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE {condition} {lock}) \
             RETURNING id, queue, job_type, status, priority, labels"
        );
        let removed = self
            .transaction
            .query_all_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await?;
        let mut ids: Vec<Uuid> = Vec::with_capacity(removed.len());
        let mut labelled: Vec<(Uuid, Arc<Labels>)> = Vec::new();
        for row in &removed {
            let id: Uuid = row.try_get_by_index(0)?;
            ids.push(id);
            let labels: Option<String> = row.try_get_by_index(5)?;
            labelled.extend(labels.as_deref().and_then(from_stored).map(|labels| (id, labels)));
            let queue = QueueName::from_stored(row.try_get_by_index::<String>(1)?);
            let job_type = JobType::from_stored(row.try_get_by_index::<String>(2)?);
            let status = status_of(row.try_get_by_index(3)?)?;
            self.counters
                .count(&queue, &job_type, status, row.try_get_by_index(4)?, -1);
        }
        let count = ids.len();
        self.delete_attempts(ids).await?;
        self.delete_labels(labelled.iter().map(|(id, labels)| (*id, &**labels)))
            .await?;
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    pub(crate) async fn delete_attempts(&mut self, job_ids: Vec<Uuid>) -> Result<(), CommitFailure> {
        let job_ids = job_ids.into_iter().collect();
        self.delete_reports(&job_ids).await?;
        let mut rows = Rows::new(ID, job_ids.len());
        for id in job_ids {
            rows.push([id.into()]);
        }
        rows.execute(&self.transaction, |source| {
            format!("DELETE FROM attempts WHERE job_id IN (SELECT c1 FROM {source} AS v)")
        })
        .await?;
        Ok(())
    }
}
