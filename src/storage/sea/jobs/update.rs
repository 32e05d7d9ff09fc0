//! Changes of jobs and queues by clients.

use std::collections::HashSet;
use std::sync::Arc;

use entities::queue;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, Value};

use super::attempts::ids;
use super::insert::{NEW_COLUMNS, PAST_COLUMNS, WITH_PAST, past_row};
use crate::domain::job::Job;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::QueueName;
use crate::storage::change::{Applied, Change, ChangeError, JobChange};
use crate::storage::commit::ChangeResult;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, is_unique_violation};
use crate::storage::sea::mapping::int;

/// A changed job: its columns, the revision before, whether its large texts stay, and the claim before.
static CHANGED: [Kind; 32] = {
    let mut kinds = [Kind::Bool; 32];
    let mut column = 0;
    while column < WITH_PAST.len() {
        kinds[column] = WITH_PAST[column];
        column += 1;
    }
    kinds[29] = Kind::Int;
    kinds[31] = Kind::UuidOrNull;
    kinds
};
/// A deleted job: its id and revision.
const DELETED: &[Kind] = &[Kind::Uuid, Kind::Int];

fn update_sql(source: &str) -> String {
    let columns = NEW_COLUMNS.split(", ").chain(PAST_COLUMNS.split(", "));
    let sets = columns.zip(1..).skip(1).map(|(column, place)| match column {
        "parameters" | "result" | "error_detail" => {
            format!("{column} = CASE WHEN v.c31 THEN jobs.{column} ELSE v.c{place} END")
        }
        _ => format!("{column} = v.c{place}"),
    });
    format!(
        "UPDATE jobs SET {} FROM {source} AS v WHERE jobs.id = v.c1 AND jobs.revision = v.c30 \
         AND jobs.claimed_by IS NOT DISTINCT FROM v.c32 RETURNING id",
        sets.collect::<Vec<String>>().join(", ")
    )
}

fn delete_sql(source: &str, is_postgres: bool) -> String {
    if is_postgres {
        return format!("DELETE FROM jobs USING {source} AS v WHERE id = v.c1 AND revision = v.c2 RETURNING id");
    }
    format!(
        "DELETE FROM jobs WHERE id IN (SELECT j.id FROM {source} AS v CROSS JOIN jobs AS j \
         WHERE j.id = v.c1 AND j.revision = v.c2) RETURNING id"
    )
}

/// Texts of one statement in bytes: its values are copied several times on their way to the database.
const STATEMENT_BYTES_MAX: usize = 1024 * 1024;

/// The number of changes at the start that one statement can make: all of them updates or all deletions, of different
/// jobs, with few bytes of texts, and no update that can violate a unique key, which a statement would fail with.
pub(crate) fn one_statement(changes: &[Change]) -> usize {
    let mut seen = HashSet::new();
    let mut are_updates = None;
    let mut bytes = 0_usize;
    changes
        .iter()
        .take_while(|change| {
            let Some((job, is_update)) = simple(change) else {
                return false;
            };
            // A deletion sends no texts.
            bytes += if is_update { job.text_bytes() } else { 0 };
            bytes <= STATEMENT_BYTES_MAX && *are_updates.get_or_insert(is_update) == is_update && seen.insert(job.id)
        })
        .count()
}

/// The job after an update or before a deletion, and whether it is an update; `None` for other changes, and for an update
/// that can violate a unique key.
fn simple(change: &Change) -> Option<(&Arc<Job>, bool)> {
    let Change::Job(change) = change else { return None };
    match change {
        JobChange::Update { before: _, after } => {
            let can_violate = after.unique_key.is_some() && !after.status.is_finished();
            (!can_violate).then_some((after, true))
        }
        JobChange::Delete { job } => Some((job, false)),
        JobChange::Insert { .. }
        | JobChange::Start { .. }
        | JobChange::Finish { .. }
        | JobChange::Claim(_)
        | JobChange::Release { .. }
        | JobChange::Report { .. } => None,
    }
}

impl CommitContext<'_> {
    /// Makes changes for which [`one_statement`] suffices; other changes have no result.
    pub(crate) async fn change_many(&mut self, changes: &[Change]) -> Result<Vec<Option<ChangeResult>>, CommitFailure> {
        let mut updated = Rows::new(&CHANGED, changes.len());
        let mut deleted = Rows::new(DELETED, 0);
        for change in changes {
            if let Change::Job(JobChange::Update { before, after }) = change {
                let claim = before.claimed_by.map(NodeId::as_uuid);
                let last = [int(before.revision).into(), after.is_brief.into(), claim.into()];
                let mut cells = past_row(after).into_iter().chain(last);
                updated.push::<32>(std::array::from_fn(|_| cells.next().unwrap_or(Value::Bool(None))));
            } else if let Change::Job(JobChange::Delete { job }) = change {
                deleted.push([job.id.as_uuid().into(), int(job.revision).into()]);
            }
        }
        let is_postgres = self.repository.is_postgres();
        let mut applied = ids(&updated.query(&self.transaction, update_sql).await?)?;
        let removed = deleted.query(&self.transaction, |source| delete_sql(source, is_postgres));
        let removed = ids(&removed.await?)?;
        if !removed.is_empty() {
            self.delete_attempts(removed.iter().copied().collect()).await?;
        }
        applied.extend(removed);
        let mut relabelled = Vec::new();
        let mut unlabelled = Vec::new();
        for change in changes {
            let is_applied = |job: &Job| applied.contains(&job.id.as_uuid());
            if let Change::Job(JobChange::Update { before, after }) = change {
                relabelled.extend(is_applied(after).then_some((before, after)));
            } else if let Change::Job(JobChange::Delete { job }) = change
                && let Some(labels) = job.labels.as_deref()
            {
                unlabelled.extend(is_applied(job).then_some((job.id.as_uuid(), labels)));
            }
        }
        self.replace_labels(&relabelled).await?;
        self.delete_labels(unlabelled).await?;
        let mut results = Vec::with_capacity(changes.len());
        for change in changes {
            let is_applied = |job: &Job| applied.contains(&job.id.as_uuid());
            results.push(if let Change::Job(JobChange::Update { before, after }) = change {
                Some(if is_applied(after) {
                    self.counters.updated(before, after);
                    Ok(Applied::Updated)
                } else {
                    Err(ChangeError::Conflict)
                })
            } else if let Change::Job(JobChange::Delete { job }) = change {
                Some(if is_applied(job) {
                    self.counters.subtract(job);
                    Ok(Applied::Deleted)
                } else {
                    Err(ChangeError::Conflict)
                })
            } else {
                None
            });
        }
        Ok(results)
    }

    pub(crate) async fn update_job(
        &mut self,
        before: &Arc<Job>,
        after: &Arc<Job>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let mut values: Vec<Value> = past_row(after).into();
        values.push(int(before.revision).into());
        // Of a brief job the texts that it does not have stay.
        values.push(after.is_brief.into());
        values.push(before.claimed_by.map(NodeId::as_uuid).into());
        let statement = Statement::from_sql_and_values(
            self.backend(),
            "UPDATE jobs SET name = $2, job_type = $3, queue = $4, priority = $5, \
             parameters = CASE WHEN $31 THEN parameters ELSE $6 END, due_at = $7, \
             max_retries = $8, retry_delay = $9, retry_intervals = $10, timeout = $11, unique_key = $12, trace_parent = $13, due_from = $14, status = $15, \
             result = CASE WHEN $31 THEN result ELSE $16 END, error = $17, \
             error_detail = CASE WHEN $31 THEN error_detail ELSE $18 END, started_at = $19, finished_at = $20, attempt = $21, \
             retry_count = $22, cancel_requested = $23, node = $24, revision = $25, recurring_id = $26, occurrence_at = $27, labels = $28, \
             fingerprint = $29 WHERE id = $1 AND revision = $30 AND claimed_by IS NOT DISTINCT FROM $32",
            values,
        );
        // A savepoint: on PostgreSQL a failed statement aborts its transaction.
        let transaction = &self.transaction;
        transaction.execute_unprepared("SAVEPOINT job").await?;
        match transaction.execute_raw(statement).await {
            Ok(updated) => {
                transaction.execute_unprepared("RELEASE SAVEPOINT job").await?;
                if updated.rows_affected() == 0 {
                    return Ok(Err(ChangeError::Conflict));
                }
                self.counters.updated(before, after);
                self.replace_labels(&[(before, after)]).await?;
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
        self.delete_labels(job.labels.as_deref().map(|labels| (job.id.as_uuid(), labels)))
            .await?;
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
