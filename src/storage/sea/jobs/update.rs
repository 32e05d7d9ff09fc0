//! Changes of one job or queue by clients.

use std::sync::Arc;

use entities::queue;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, Value};

use super::insert::past_row;
use crate::domain::job::Job;
use crate::domain::values::name::QueueName;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, is_unique_violation};
use crate::storage::sea::mapping::int;

impl CommitContext<'_> {
    pub(crate) async fn update_job(
        &mut self,
        before: &Arc<Job>,
        after: &Arc<Job>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let mut values: Vec<Value> = past_row(after).into();
        values.push(int(before.revision).into());
        // Of a brief job the texts that it does not have stay.
        values.push(after.is_brief.into());
        let statement = Statement::from_sql_and_values(
            self.backend(),
            "UPDATE jobs SET name = $2, job_type = $3, queue = $4, priority = $5, \
             parameters = CASE WHEN $29 THEN parameters ELSE $6 END, due_at = $7, \
             max_retries = $8, retry_delay = $9, retry_intervals = $10, timeout = $11, unique_key = $12, trace_parent = $13, due_from = $14, status = $15, \
             result = CASE WHEN $29 THEN result ELSE $16 END, error = $17, \
             error_detail = CASE WHEN $29 THEN error_detail ELSE $18 END, started_at = $19, finished_at = $20, attempt = $21, \
             retry_count = $22, cancel_requested = $23, node = $24, revision = $25, recurring_id = $26, occurrence_at = $27 \
             WHERE id = $1 AND revision = $28",
            values,
        );
        // A savepoint: on PostgreSQL a failed statement spoils the transaction that it stands in.
        let transaction = &self.transaction;
        transaction.execute_unprepared("SAVEPOINT job").await?;
        match transaction.execute_raw(statement).await {
            Ok(updated) => {
                transaction.execute_unprepared("RELEASE SAVEPOINT job").await?;
                if updated.rows_affected() == 0 {
                    return Ok(Err(ChangeError::Conflict));
                }
                self.counters.updated(before, after);
                Ok(Ok(Applied::Updated))
            }
            Err(error) if is_unique_violation(&error) => {
                transaction.execute_unprepared("ROLLBACK TO SAVEPOINT job").await?;
                transaction.execute_unprepared("RELEASE SAVEPOINT job").await?;
                let key = after.unique_key.as_ref().map(ToString::to_string).unwrap_or_default();
                Ok(Err(ChangeError::UniqueKeyTaken { key }))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn delete_job(&mut self, job: &Arc<Job>) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let statement = Statement::from_sql_and_values(
            self.backend(),
            "DELETE FROM jobs WHERE id = $1 AND revision = $2",
            [job.id.as_uuid().into(), int(job.revision).into()],
        );
        if self.transaction.execute_raw(statement).await?.rows_affected() == 0 {
            return Ok(Err(ChangeError::Conflict));
        }
        self.counters.subtract(job);
        self.delete_attempts(vec![job.id.as_uuid()]).await?;
        Ok(Ok(Applied::Deleted))
    }

    pub(crate) async fn set_queue(
        &mut self,
        name: &QueueName,
        is_paused: Option<bool>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        self.insert_queues([name]).await?;
        let changed = match is_paused {
            None => 0,
            Some(is_paused) => {
                queue::Entity::update_many()
                    .col_expr(queue::Column::IsPaused, is_paused.into())
                    .filter(queue::Column::Name.eq(name.as_str()))
                    .filter(queue::Column::IsPaused.ne(is_paused))
                    .exec(&self.transaction)
                    .await?
                    .rows_affected
            }
        };
        Ok(Ok(Applied::QueueSet { changed: changed > 0 }))
    }
}
