//! Recurring jobs and their occurrences.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::recurring_job as table;
use sea_orm::sea_query::{Asterisk, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryResult,
    Statement, Value,
};
use uuid::Uuid;

use super::mapping::{recurring, row};
use crate::domain::job::Job;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::name::RecurringKey;
use crate::storage::change::{Applied, ChangeError, Idempotency};
use crate::storage::query::{DUE_RECURRING_BYTES_MAX, DueRecurring, RecurringPage};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, unavailable};
use crate::storage::sea::jobs::unreadable::row_of;
use crate::storage::sea::mapping::{int, micros, optional_time, row_count};
use crate::storage::sea::repository::SeaRepository;

const ID: &[Kind] = &[Kind::Uuid];

impl CommitContext<'_> {
    pub(crate) async fn insert_recurring(
        &mut self,
        recurring: &RecurringJob,
        idempotency: Option<&Idempotency>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let id = recurring.id.as_uuid();
        let Some(key) = &recurring.key else {
            if let Some(idempotency) = idempotency
                && let Some(earlier) = self.take_key(idempotency, &[id]).await?
            {
                return Ok(earlier);
            }
            let row = row(recurring).into_active_model().reset_all();
            row.insert(&self.transaction).await?;
            return Ok(Ok(Applied::RecurringStored));
        };
        // A savepoint: when the key is taken, the idempotency key is not used.
        self.transaction.execute_unprepared("SAVEPOINT recurring").await?;
        if let Some(idempotency) = idempotency
            && let Some(earlier) = self.take_key(idempotency, &[id]).await?
        {
            self.transaction
                .execute_unprepared("RELEASE SAVEPOINT recurring")
                .await?;
            return Ok(earlier);
        }
        let row = row(recurring).into_active_model().reset_all();
        let taken = OnConflict::column(table::Column::Key).do_nothing().to_owned();
        let inserted = table::Entity::insert(row)
            .on_conflict(taken)
            .exec_without_returning(&self.transaction)
            .await?;
        if inserted == 0 {
            self.transaction
                .execute_unprepared("ROLLBACK TO SAVEPOINT recurring")
                .await?;
        }
        self.transaction
            .execute_unprepared("RELEASE SAVEPOINT recurring")
            .await?;
        Ok(if inserted == 0 {
            Err(ChangeError::RecurringKeyTaken { key: key.clone() })
        } else {
            Ok(Applied::RecurringStored)
        })
    }

    pub(crate) async fn update_recurring(
        &mut self,
        before: &RecurringJob,
        after: &RecurringJob,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let mut changed = row(after).into_active_model().reset_all();
        changed.id = sea_orm::NotSet;
        // It never changes.
        changed.key = sea_orm::NotSet;
        let updated = table::Entity::update_many()
            .set(changed)
            .filter(table::Column::Id.eq(before.id.as_uuid()))
            .filter(table::Column::Revision.eq(int(before.revision)))
            .exec(&self.transaction)
            .await?;
        Ok(if updated.rows_affected == 0 {
            Err(ChangeError::Conflict)
        } else {
            Ok(Applied::RecurringStored)
        })
    }

    pub(crate) async fn delete_recurring(
        &mut self,
        recurring: &RecurringJob,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let deleted = table::Entity::delete_many()
            .filter(table::Column::Id.eq(recurring.id.as_uuid()))
            .filter(table::Column::Revision.eq(int(recurring.revision)))
            .exec(&self.transaction)
            .await?;
        Ok(if deleted.rows_affected == 0 {
            Err(ChangeError::Conflict)
        } else {
            Ok(Applied::Deleted)
        })
    }
}

impl SeaRepository {
    pub(crate) async fn read_recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        let row = table::Entity::find_by_id(id.as_uuid())
            .one(&self.readers())
            .await
            .map_err(|error| unavailable(&error))?;
        row.map(|row| recurring(row).map(Arc::new)).transpose()
    }

    pub(crate) async fn read_recurring_by_key(
        &self,
        key: &RecurringKey,
    ) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        let row = table::Entity::find()
            .filter(table::Column::Key.eq(key.as_str()))
            .one(&self.readers())
            .await
            .map_err(|error| unavailable(&error))?;
        row.map(|row| recurring(row).map(Arc::new)).transpose()
    }

    pub(crate) async fn read_recurring_page(
        &self,
        page: RecurringPage,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let RecurringPage { limit, offset } = page;
        let sql = "SELECT * FROM recurring_jobs ORDER BY id DESC LIMIT $1 OFFSET $2";
        let values: [Value; 2] = [i64::from(limit).into(), row_count(offset).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.readers().query_all_raw(statement).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        self.unreadable.leave_out(rows.iter().map(read_row))
    }

    pub(crate) async fn read_recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let requested = usize::try_from(limit).unwrap_or(usize::MAX);
        let sql = "SELECT * FROM recurring_jobs WHERE id > $1 AND is_enabled ORDER BY id LIMIT $2";
        let mut after = after.map_or(Uuid::nil(), RecurringId::as_uuid);
        let mut found = Vec::new();
        loop {
            let missing = i64::try_from(requested - found.len()).unwrap_or(i64::MAX);
            let statement = Statement::from_sql_and_values(self.backend(), sql, [after.into(), missing.into()]);
            let rows = self.readers().query_all_raw(statement).await;
            let rows = rows.map_err(|error| unavailable(&error))?;
            found.extend(self.unreadable.leave_out(rows.iter().map(read_row))?);
            let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < missing);
            let Some(last) = rows.last().filter(|_| !is_last && found.len() < requested) else {
                return Ok(found);
            };
            after = last.try_get("", "id").map_err(|error| unavailable(&error))?;
        }
    }

    pub(crate) async fn read_recurring_count(&self) -> Result<u64, RepositoryError> {
        let total = sea_orm::PaginatorTrait::count(table::Entity::find(), &self.readers()).await;
        total.map_err(|error| unavailable(&error))
    }

    pub(crate) async fn read_due_recurring(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<DueRecurring, RepositoryError> {
        // Over the writer's connection: the latest commit must be visible. Those with waiting due times count only when
        // nothing of theirs is unfinished.
        let sql = "SELECT id, CAST(OCTET_LENGTH(parameters) AS BIGINT) AS bytes FROM recurring_jobs WHERE next_run_at <= $1 \
                   UNION SELECT id, CAST(OCTET_LENGTH(parameters) AS BIGINT) AS bytes FROM recurring_jobs \
                   WHERE waiting IS NOT NULL AND NOT EXISTS \
                   (SELECT 1 FROM jobs WHERE jobs.recurring_id = recurring_jobs.id AND jobs.recurring_id IS NOT NULL \
                   AND jobs.status IN (0, 1)) LIMIT $2";
        let (mut unreadable, mut bytes_max) = (0_u32, DUE_RECURRING_BYTES_MAX);
        loop {
            let requested = limit.saturating_add(unreadable);
            let values: [Value; 2] = [micros(now).into(), i64::from(requested).into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            let found = self.writer().query_all_raw(statement).await;
            let found = found.map_err(|error| unavailable(&error))?;
            let (mut ids, mut bytes): (Vec<Uuid>, u64) = (Vec::with_capacity(found.len()), 0);
            for row in &found {
                let (id, length) = id_and_length(row).map_err(|error| unavailable(&error))?;
                bytes = bytes.saturating_add(u64::try_from(length).unwrap_or_default());
                if bytes > bytes_max && !ids.is_empty() {
                    break;
                }
                ids.push(id);
            }
            if ids.is_empty() {
                return Ok(DueRecurring::default());
            }
            let (read, is_limited) = (ids.len(), ids.len() < found.len());
            let rows = self.recurring_with_ids(ids).await?;
            let mut due = self.unreadable.leave_out(rows.iter().map(read_row))?;
            let is_all = !is_limited && found.len() < usize::try_from(requested).unwrap_or(usize::MAX);
            let count = u32::try_from(read.saturating_sub(due.len())).unwrap_or(u32::MAX);
            if is_all || count <= unreadable {
                due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                return Ok(DueRecurring {
                    recurring_jobs: due,
                    has_more: !is_all,
                });
            }
            // As many more, so that the number of readable ones is the requested one.
            unreadable = count;
            bytes_max = bytes_max.saturating_add(DUE_RECURRING_BYTES_MAX);
        }
    }

    async fn recurring_with_ids(&self, ids: Vec<Uuid>) -> Result<Vec<QueryResult>, RepositoryError> {
        let mut statement = Query::select();
        statement
            .column(Asterisk)
            .from(table::Entity)
            .and_where(table::Column::Id.is_in(ids));
        let rows = self.writer().query_all_raw(self.backend().build(&statement)).await;
        rows.map_err(|error| unavailable(&error))
    }

    pub(crate) async fn read_next_recurring(
        &self,
        after: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        let sql = "SELECT MIN(next_run_at) FROM recurring_jobs WHERE next_run_at > $1";
        let statement = Statement::from_sql_and_values(self.backend(), sql, [micros(after).into()]);
        let row = self
            .readers()
            .query_one_raw(statement)
            .await
            .map_err(|error| unavailable(&error))?;
        let next: Option<i64> = match row {
            Some(row) => row.try_get_by_index(0).map_err(|error| unavailable(&error))?,
            None => None,
        };
        optional_time(next)
    }

    pub(crate) async fn read_unfinished(
        &self,
        ids: &[RecurringId],
    ) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        let mut rows = Rows::new(ID, ids.len());
        for id in ids {
            rows.push([id.as_uuid().into()]);
        }
        let found = rows
            .query(&self.writer(), |source| {
                format!(
                    "SELECT v.c1, CAST(COUNT(*) AS bigint) FROM {source} AS v JOIN jobs ON jobs.recurring_id = v.c1 \
                     WHERE jobs.recurring_id IS NOT NULL AND jobs.status IN (0, 1) GROUP BY v.c1"
                )
            })
            .await
            .map_err(|error| unavailable(&error))?;
        let mut unfinished = HashMap::with_capacity(found.len());
        for row in found {
            let id: Uuid = row.try_get_by_index(0).map_err(|error| unavailable(&error))?;
            let open: i64 = row.try_get_by_index(1).map_err(|error| unavailable(&error))?;
            unfinished.insert(RecurringId::from_uuid(id), u64::try_from(open).unwrap_or_default());
        }
        Ok(unfinished)
    }
}

fn id_and_length(row: &QueryResult) -> Result<(Uuid, i64), DbErr> {
    Ok((row.try_get("", "id")?, row.try_get("", "bytes")?))
}

pub(super) fn read_row(row: &QueryResult) -> Result<Arc<RecurringJob>, RepositoryError> {
    recurring(row_of("recurring_jobs", row)?).map(Arc::new)
}

/// Recurring job and due time of an occurrence.
pub(crate) fn occurrence_values(job: &Job) -> [Value; 2] {
    [
        job.occurrence
            .map(|occurrence| occurrence.recurring_id.as_uuid())
            .into(),
        job.occurrence.map(|occurrence| micros(occurrence.due_at)).into(),
    ]
}
