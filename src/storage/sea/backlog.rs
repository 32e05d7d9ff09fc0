//! Reads of a queue's pending jobs: their types, and their number before or after a place in the order of starts.

use chrono::{DateTime, Utc};
use entities::queue;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, Statement, Value};

use super::error::unavailable;
use super::mapping::micros;
use super::repository::SeaRepository;
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::query::DueCounts;
use crate::storage::repository::RepositoryError;

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

/// The counts of a queue, from a row of three counts for each priority.
fn due_counts(row: &QueryResult, limit: u64) -> Result<DueCounts, RepositoryError> {
    let name: String = row.try_get_by_index(0).map_err(failed)?;
    let count = |column: usize| -> Result<u64, RepositoryError> {
        let count: i64 = row.try_get_by_index(column).map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or_default())
    };
    let mut counts = Vec::with_capacity(Priority::BY_URGENCY.len());
    for priority in 0..Priority::BY_URGENCY.len() {
        let first = 1 + priority * 3;
        counts.push([count(first)?, count(first + 1)?, count(first + 2)?]);
    }
    Ok(DueCounts::sum(QueueName::from_stored(name), counts.into_iter(), limit))
}

impl SeaRepository {
    pub(super) async fn read_pending_types(&self, queue: &QueueName) -> Result<Vec<(JobType, u64)>, RepositoryError> {
        let sql = format!(
            "SELECT job_type, CAST(SUM(count) AS bigint) FROM job_counters WHERE queue = $1 AND status = {} \
             GROUP BY job_type HAVING SUM(count) > 0 ORDER BY job_type",
            JobStatus::Pending.code()
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [queue.as_str().into()]);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let pending = |row: &QueryResult| {
            let job_type: String = row.try_get_by_index(0).map_err(failed)?;
            let count: i64 = row.try_get_by_index(1).map_err(failed)?;
            Ok((JobType::from_stored(job_type), u64::try_from(count).unwrap_or_default()))
        };
        rows.iter().map(pending).collect()
    }

    pub(super) async fn read_queue_states(
        &self,
        names: &[QueueName],
    ) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        let rows = queue::Entity::find()
            .filter(queue::Column::Name.is_in(names.iter().map(QueueName::as_str)))
            .all(&self.readers())
            .await
            .map_err(failed)?;
        let states = rows
            .into_iter()
            .map(|queue::Model { name, is_paused }| (QueueName::from_stored(name), is_paused));
        Ok(states.collect())
    }

    pub(super) async fn read_count_before(
        &self,
        job: &Job,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, RepositoryError> {
        let part = |priority: Priority, is_before: &str| {
            self.pending_part(
                "jobs_to_claim",
                &format!("priority = {} AND due_at <= $2{is_before}", priority.code()),
                limit,
            )
        };
        let urgent = Priority::BY_URGENCY
            .into_iter()
            .filter(|priority| *priority > job.priority);
        let mut parts: Vec<String> = urgent.map(|priority| part(priority, "")).collect();
        parts.push(part(job.priority, " AND (due_at, id) < ($3, $4)"));
        let values: Vec<Value> = vec![
            job.queue.as_str().into(),
            micros(now).into(),
            micros(job.due_at).into(),
            job.id.as_uuid().into(),
        ];
        Ok(self.count_parts(&parts, values).await?.min(limit))
    }

    pub(super) async fn read_count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, RepositoryError> {
        let mut values: Vec<Value> = vec![queue.as_str().into(), micros(now).into()];
        let mut parts = Vec::new();
        for priority in Priority::BY_URGENCY {
            let is_later = format!("priority = {} AND due_at > $2", priority.code());
            if job_types.is_empty() {
                parts.push(self.pending_part("jobs_to_claim", &is_later, limit));
            }
            for number in 0..job_types.len() {
                let is_of_type = format!("job_type = ${} AND {is_later}", number + 3);
                parts.push(self.pending_part("jobs_to_claim_by_type", &is_of_type, limit));
            }
        }
        values.extend(job_types.iter().map(|job_type| Value::from(job_type.as_str())));
        self.count_parts(&parts, values).await
    }

    pub(super) async fn read_due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<DueCounts>, RepositoryError> {
        let mut values: Vec<Value> = vec![micros(now).into()];
        let (pending, name) = match queue {
            Some(queue) => {
                values.push(queue.as_str().into());
                let text = if self.is_postgres() { "CAST($2 AS text)" } else { "$2" };
                (format!("pending (name) AS (SELECT {text})"), "$2")
            }
            None => (self.pending_queues_sql(), "pending.name"),
        };
        // SQLite knows nothing of the number of pending jobs. The order leaves PostgreSQL no cheaper index.
        let indexed = if self.is_postgres() {
            ""
        } else {
            "INDEXED BY jobs_to_claim"
        };
        let count = |priority: Priority, number: usize, column: &str, compared: &str, condition: &str| {
            format!(
                "(SELECT CAST(COUNT(*) AS bigint) FROM (SELECT {column} FROM jobs {indexed} WHERE status = 0 AND claimed_by IS NULL \
                 AND queue = {name} AND priority = {} AND due_at {compared} $1 ORDER BY due_at, id LIMIT {limit}) \
                 AS part_{number}{condition})",
                priority.code()
            )
        };
        let mut columns = Vec::new();
        for priority in Priority::BY_URGENCY {
            for (column, compared, condition) in [
                ("1 AS one", "<=", ""),
                ("1 AS one", ">", ""),
                ("retry_count", ">", " WHERE retry_count > 0"),
            ] {
                columns.push(count(priority, columns.len(), column, compared, condition));
            }
        }
        let sql = format!(
            "WITH RECURSIVE {pending} SELECT name, {} FROM pending WHERE name IS NOT NULL",
            columns.join(", ")
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(|row| due_counts(row, limit)).collect()
    }

    /// Up to `limit` rows of unclaimed pending jobs of the queue `$1`.
    fn pending_part(&self, index: &str, condition: &str, limit: u64) -> String {
        // SQLite knows nothing of the number of pending jobs. The order leaves PostgreSQL no cheaper index.
        let indexed = if self.is_postgres() {
            String::new()
        } else {
            format!("INDEXED BY {index}")
        };
        format!(
            "SELECT 1 AS one FROM jobs {indexed} WHERE status = 0 AND claimed_by IS NULL AND queue = $1 AND {condition} \
             ORDER BY due_at, id LIMIT {limit}"
        )
    }

    async fn count_parts(&self, parts: &[String], values: Vec<Value>) -> Result<u64, RepositoryError> {
        let parts: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(number, part)| format!("SELECT one FROM ({part}) AS part_{number}"))
            .collect();
        let sql = format!(
            "SELECT CAST(COUNT(*) AS bigint) FROM ({}) AS counted",
            parts.join(" UNION ALL ")
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let row = self.readers().query_one_raw(statement).await.map_err(failed)?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
