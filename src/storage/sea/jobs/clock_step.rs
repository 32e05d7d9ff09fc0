//! Rows that were stored while the clock was ahead: jobs and due deliveries.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::job;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::job::clock_step::STEP_MIN;
use crate::domain::values::id::JobId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::commit::outbox::uuid_at;
use crate::storage::sea::error::{CommitFailure, unavailable};
use crate::storage::sea::jobs::large_texts::{brief_columns, brief_job};
use crate::storage::sea::mapping::{micros, time};
use crate::storage::sea::repository::SeaRepository;

/// How far a delivery's last attempt is moved: by the step, or to now if that is further.
const MOVED: &str = "CASE WHEN last_at - $1 > $2 THEN last_at - $1 ELSE $2 END";

impl SeaRepository {
    /// This time, or the time of a database that has a clock of its own if that is later.
    async fn latest(&self, time_here: DateTime<Utc>, connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let here = micros(time_here);
        if !self.is_postgres() {
            return Ok(here);
        }
        let statement = Statement::from_string(self.backend(), format!("SELECT {}", self.now_sql()));
        let there: Option<i64> = match connection.query_one_raw(statement).await? {
            Some(row) => Some(row.try_get_by_index(0)?),
            None => None,
        };
        Ok(there.map_or(here, |there| here.max(there)))
    }

    pub(crate) async fn read_due_computed_after(
        &self,
        after: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let failed = |error: DbErr| unavailable(&error);
        let readers = self.readers();
        let after = self.latest(after, &readers).await.map_err(failed)?;
        let columns = brief_columns();
        let waiting = format!(
            "SELECT {columns} FROM jobs WHERE status = 0 AND due_from > $1 AND due_at > $1 ORDER BY due_from LIMIT $2"
        );
        let values: Vec<Value> = vec![after.into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), waiting, values);
        let mut rows = readers.query_all_raw(statement).await.map_err(failed)?;
        let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(rows.len());
        if left > 0 {
            // The first 48 bits of an id are the milliseconds of its creation.
            let is_due_when_created = if self.is_postgres() {
                "lpad(to_hex(due_at / 1000), 12, '0') COLLATE \"C\" <= substr(replace(id::text, '-', ''), 1, 12)"
            } else {
                "printf('%012x', due_at / 1000) <= lower(substr(hex(id), 1, 12))"
            };
            let new = format!(
                "SELECT {columns} FROM jobs WHERE status = 0 AND id > $1 AND due_from IS NULL AND recurring_id IS NULL \
                 AND due_at > $2 AND {is_due_when_created} ORDER BY id LIMIT $3"
            );
            let first: Uuid = JobId::last_at(time(after)?).as_uuid();
            let values: Vec<Value> = vec![
                first.into(),
                after.into(),
                i64::try_from(left).unwrap_or(i64::MAX).into(),
            ];
            let statement = Statement::from_sql_and_values(self.backend(), new, values);
            rows.extend(readers.query_all_raw(statement).await.map_err(failed)?);
        }
        rows.iter()
            .map(|row| {
                let row = job::Model::from_query_result(row, "").map_err(failed)?;
                brief_job(row)
            })
            .collect()
    }
}

impl CommitContext<'_> {
    pub(crate) async fn set_back_deliveries(
        &mut self,
        now: DateTime<Utc>,
        step: TimeSpan,
        limit: u32,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let after = self.repository.latest(now, &self.transaction).await?;
        let after = after.saturating_add(STEP_MIN.num_microseconds().unwrap_or_default());
        let all = Statement::from_string(self.backend(), "SELECT id FROM webhook_endpoints".to_owned());
        let endpoints = self.transaction.query_all_raw(all).await?;
        let sql = format!(
            "UPDATE webhook_deliveries SET due_at = CASE WHEN attempts = 0 OR due_at - ({MOVED}) < $1 THEN $1 \
             ELSE due_at - ({MOVED}) END, last_at = CASE WHEN last_at > $1 THEN last_at - ({MOVED}) ELSE last_at END \
             WHERE seq IN (SELECT seq FROM webhook_deliveries WHERE endpoint_id = $3 AND status = 0 AND due_at > $4 \
             AND (attempts = 0 OR last_at > $4) ORDER BY due_at, seq LIMIT $5)"
        );
        let mut left = u64::from(limit);
        // Pending deliveries are indexed by endpoint.
        for endpoint in &endpoints {
            let values: Vec<Value> = vec![
                micros(now).into(),
                step.as_micros().into(),
                uuid_at(endpoint, 0)?.into(),
                after.into(),
                i64::try_from(left).unwrap_or(i64::MAX).into(),
            ];
            left = left.saturating_sub(self.execute(&sql, values).await?);
            if left == 0 {
                break;
            }
        }
        Ok(Ok(Applied::Removed(u64::from(limit) - left)))
    }
}
