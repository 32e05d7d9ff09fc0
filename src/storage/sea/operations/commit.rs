//! Writes of operations: each step with its changes of jobs.

use chrono::{DateTime, Utc};
use entities::operation;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};

use super::row::to_row;
use crate::domain::operation::Operation;
use crate::domain::operation::action::{Previous, PreviousValue};
use crate::domain::values::id::OperationId;
use crate::storage::change::{Applied, Change, ChangeError, OperationChange, OperationStep, Stepped};
use crate::storage::commit::ChangeResult;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::jobs::update::one_statement;
use crate::storage::sea::mapping::{int, micros};

/// The value that an operation has replaced in a job; the priority is -1 if it is another value.
const ITEM: &[Kind] = &[Kind::Uuid, Kind::Uuid, Kind::Int, Kind::TextOrNull, Kind::Small];

impl CommitContext<'_> {
    pub(crate) async fn apply_to_operation(&mut self, change: &OperationChange) -> Result<ChangeResult, CommitFailure> {
        match change {
            OperationChange::Insert { operation, undone } => {
                if let Some((before, after)) = undone
                    && !self.replace_operation(before, after).await?
                {
                    return Ok(Err(ChangeError::Conflict));
                }
                operation::Entity::insert(to_row(operation))
                    .exec_without_returning(&self.transaction)
                    .await?;
                Ok(Ok(Applied::OperationStored))
            }
            OperationChange::Update { before, after } => Ok(if self.replace_operation(before, after).await? {
                Ok(Applied::OperationStored)
            } else {
                Err(ChangeError::Conflict)
            }),
            OperationChange::Step(step) => self.step_operation(step).await,
        }
    }

    /// Replaces an operation; `false` if it has changed since it was read.
    async fn replace_operation(&self, before: &Operation, after: &Operation) -> Result<bool, CommitFailure> {
        let replaced = operation::Entity::update_many()
            .set(to_row(after))
            .filter(operation::Column::Id.eq(before.id.as_uuid()))
            .filter(operation::Column::Revision.eq(int(before.revision)))
            .exec(&self.transaction)
            .await?;
        Ok(replaced.rows_affected > 0)
    }

    async fn step_operation(&mut self, step: &OperationStep) -> Result<ChangeResult, CommitFailure> {
        let (node, token) = step.leader;
        if !self.leads(node, token).await? {
            return Ok(Err(ChangeError::NoLease));
        }
        if !self.is_as_read(&step.before).await? {
            return Ok(Err(ChangeError::Conflict));
        }
        let results = self.change_jobs(&step.jobs).await?;
        let stored = step.stored(&results);
        self.replace_operation(&step.before, &stored).await?;
        self.store_replaced(step.before.id, step.replaced(&results)).await?;
        Ok(Ok(Applied::Stepped(Stepped {
            operation: stored.into(),
            results,
        })))
    }

    /// `true` if the operation has not changed since it was read. It is locked until the commit.
    async fn is_as_read(&self, read: &Operation) -> Result<bool, CommitFailure> {
        let lock = if self.repository.is_postgres() {
            "FOR UPDATE"
        } else {
            ""
        };
        let sql = format!("SELECT 1 FROM operations WHERE id = $1 AND revision = $2 {lock}");
        let values = [read.id.as_uuid().into(), int(read.revision).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.transaction.query_one_raw(statement).await?.is_some())
    }

    /// Makes changes of different jobs, many in one statement.
    async fn change_jobs(&mut self, jobs: &[Change]) -> Result<Vec<ChangeResult>, CommitFailure> {
        let missing = || {
            Err(ChangeError::Rejected {
                reason: "the change is no change of a job".to_owned(),
            })
        };
        let mut results = Vec::with_capacity(jobs.len());
        while let Some(change) = jobs.get(results.len()) {
            let left = &jobs[results.len()..];
            let many = one_statement(left);
            if many > 1 {
                let applied = self.change_many(&left[..many]).await?;
                results.extend(applied.into_iter().map(|result| result.unwrap_or_else(missing)));
                continue;
            }
            let applied = if let Change::Job(change) = change {
                self.apply_to_job(change).await?
            } else {
                None
            };
            results.push(applied.unwrap_or_else(missing));
        }
        Ok(results)
    }

    async fn store_replaced(
        &self,
        id: OperationId,
        replaced: impl Iterator<Item = &Previous>,
    ) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(ITEM, 0);
        for Previous {
            job_id,
            revision,
            value,
        } in replaced
        {
            let (queue, priority) = match value {
                PreviousValue::Pending => (None, -1_i16),
                PreviousValue::Queue(queue) => (Some(queue.as_str().to_owned()), -1),
                PreviousValue::Priority(priority) => (None, priority.code()),
            };
            rows.push([
                id.as_uuid().into(),
                job_id.as_uuid().into(),
                int(*revision).into(),
                queue.into(),
                priority.into(),
            ]);
        }
        rows.execute(&self.transaction, |source| {
            format!(
                "INSERT INTO operation_items (operation_id, job_id, revision, queue, priority) \
                 SELECT v.c1, v.c2, v.c3, v.c4, NULLIF(v.c5, -1) FROM {source} AS v WHERE true \
                 ON CONFLICT (operation_id, job_id) DO NOTHING"
            )
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn prune_operations(
        &mut self,
        previews_before: DateTime<Utc>,
        undo_before: DateTime<Utc>,
        finished_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, CommitFailure> {
        // Few operations end in an hour: their rows are scanned.
        let ended = "SELECT id FROM operations WHERE status > 3 AND finished_at < $1";
        // An operation that undoes them still reads them.
        let unused = "SELECT o.id FROM operations AS o WHERE o.status > 3 AND o.finished_at < $1 AND NOT EXISTS \
                      (SELECT 1 FROM operations AS u WHERE u.id = o.undone_by AND u.status IN (1, 2, 3))";
        let items = format!(
            "DELETE FROM operation_items WHERE (operation_id, job_id) IN (SELECT operation_id, job_id \
             FROM operation_items WHERE operation_id IN ({unused}) ORDER BY operation_id, job_id LIMIT $2)"
        );
        let previews = "DELETE FROM operations WHERE id IN \
                        (SELECT id FROM operations WHERE status = 0 AND created_at < $1 ORDER BY id LIMIT $2)";
        let finished = format!("DELETE FROM operations WHERE id IN ({ended} ORDER BY id LIMIT $2)");
        let mut removed = 0;
        for (sql, before) in [
            (items.as_str(), undo_before),
            (previews, previews_before),
            (finished.as_str(), finished_before),
        ] {
            let values = [micros(before).into(), i64::from(limit).into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            removed += self.transaction.execute_raw(statement).await?.rows_affected();
        }
        Ok(removed)
    }
}
