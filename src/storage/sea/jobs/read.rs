//! Reads: each is served by an index, and counts are read from what is counted already.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::{activity_slice, job, queue};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryResult, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::activity::Slice;
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobName, JobType, QueueName};
use crate::storage::query::{JobSummary, PendingJobs};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::{corrupt, unavailable};
use crate::storage::sea::labels::stored::from_stored;
use crate::storage::sea::mapping;
use crate::storage::sea::mapping::{count, created_at, micros, optional_time, priority, status, time};
use crate::storage::sea::repository::SeaRepository;

/// Columns of a job in a list.
#[derive(FromQueryResult)]
pub(crate) struct SummaryRow {
    id: Uuid,
    name: String,
    job_type: String,
    queue: String,
    priority: i16,
    status: i16,
    error: Option<String>,
    due_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    attempt: i32,
    retry_count: i32,
    max_retries: i32,
    recurring_id: Option<Uuid>,
    node: Option<Uuid>,
    labels: Option<String>,
}

pub(crate) fn summary(row: SummaryRow) -> Result<JobSummary, RepositoryError> {
    let SummaryRow {
        id,
        name,
        job_type,
        queue,
        priority: priority_code,
        status: status_code,
        error,
        due_at,
        started_at,
        finished_at,
        attempt,
        retry_count,
        max_retries,
        recurring_id,
        node,
        labels,
    } = row;
    // As in `mapping::job`.
    let (id, due_at) = (JobId::from_uuid(id), time(due_at).unwrap_or(DateTime::UNIX_EPOCH));
    Ok(JobSummary {
        id,
        name: JobName::from_stored(name),
        job_type: JobType::from_stored(job_type),
        queue: QueueName::from_stored(queue),
        priority: priority(priority_code).unwrap_or_default(),
        status: status(status_code)?,
        error: error.map(Arc::from),
        created_at: created_at(id).unwrap_or(due_at),
        due_at,
        started_at: optional_time(started_at).unwrap_or_default(),
        finished_at: optional_time(finished_at).unwrap_or_default(),
        attempt: count(attempt),
        retry_count: count(retry_count),
        max_retries: count(max_retries),
        recurring_id: recurring_id.map(RecurringId::from_uuid),
        node: node.map(NodeId::from_uuid),
        tags: labels
            .as_deref()
            .and_then(from_stored)
            .map(|labels| labels.tags.clone())
            .unwrap_or_default(),
    })
}

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

impl SeaRepository {
    pub(crate) async fn read_job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        let row = job::Entity::find_by_id(id.as_uuid())
            .one(&self.readers())
            .await
            .map_err(failed)?;
        row.map(|row| mapping::job(row).map(Arc::new)).transpose()
    }

    pub(crate) async fn read_jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let mut jobs = Vec::with_capacity(ids.len());
        // SQLite takes 32,766 parameters a statement.
        for ids in ids.chunks(10_000) {
            let rows = job::Entity::find()
                .filter(job::Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
                .all(&self.readers())
                .await
                .map_err(failed)?;
            for row in rows {
                jobs.push(Arc::new(mapping::job(row)?));
            }
        }
        Ok(jobs)
    }

    /// Number of pending jobs by type and queue.
    pub(crate) async fn read_pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        let sql = format!(
            "SELECT job_type, queue, CAST(SUM(count) AS bigint) FROM job_counters WHERE status = {} \
             GROUP BY job_type, queue HAVING SUM(count) > 0 ORDER BY job_type, queue",
            JobStatus::Pending.code()
        );
        let failed = |error| unavailable(&error);
        let rows = self
            .readers()
            .query_all_raw(Statement::from_string(self.backend(), sql))
            .await
            .map_err(failed)?;
        let pending = |row: &QueryResult| {
            let job_type: String = row.try_get_by_index(0).map_err(failed)?;
            let queue: String = row.try_get_by_index(1).map_err(failed)?;
            let count: i64 = row.try_get_by_index(2).map_err(failed)?;
            Ok(PendingJobs {
                job_type: JobType::from_stored(job_type),
                queue: QueueName::from_stored(queue),
                count: u64::try_from(count).unwrap_or_default(),
            })
        };
        rows.iter().map(pending).collect()
    }

    /// Types of pending jobs, by the totals of all queues.
    pub(crate) async fn read_all_pending_types(&self) -> Result<Vec<JobType>, RepositoryError> {
        let sql = format!(
            "SELECT job_type FROM job_totals WHERE queue = '' AND job_type > '' AND status = {} \
             GROUP BY job_type HAVING SUM(count) > 0 ORDER BY job_type",
            JobStatus::Pending.code()
        );
        let statement = Statement::from_string(self.backend(), sql);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let name = |row: &QueryResult| row.try_get_by_index::<String>(0).map_err(failed);
        rows.iter().map(|row| name(row).map(JobType::from_stored)).collect()
    }

    pub(crate) async fn read_queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        let mut rows = queue::Entity::find().all(&self.readers()).await.map_err(failed)?;
        let counts = "SELECT queue, status, CAST(SUM(count) AS bigint) FROM job_totals WHERE queue > '' AND job_type = '' \
                      GROUP BY queue, status";
        let counts = Statement::from_string(self.backend(), counts);
        let counts = self.readers().query_all_raw(counts).await.map_err(failed)?;
        let mut by_queue: HashMap<String, StatusCounts> = HashMap::new();
        for row in counts {
            let (queue, code): (String, i16) = (
                row.try_get_by_index(0).map_err(failed)?,
                row.try_get_by_index(1).map_err(failed)?,
            );
            let total: i64 = row.try_get_by_index(2).map_err(failed)?;
            let total = u64::try_from(total).unwrap_or_default();
            let counts = by_queue.entry(queue).or_default();
            match status(code)? {
                JobStatus::Pending => counts.pending = total,
                JobStatus::Running => counts.running = total,
                JobStatus::Completed => counts.completed = total,
                JobStatus::Failed => counts.failed = total,
                JobStatus::Cancelled => counts.cancelled = total,
            }
        }
        // Another node may have removed the row of a queue while a job was put into it.
        let named: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let unfinished = by_queue
            .iter()
            .filter(|(_, counts)| counts.pending + counts.running > 0);
        let unnamed: Vec<queue::Model> = unfinished
            .filter(|(name, _)| !named.contains(name.as_str()))
            .map(|(name, _)| queue::Model {
                name: name.clone(),
                is_paused: false,
            })
            .collect();
        rows.extend(unnamed);
        // Not by the database, which sorts as its language does.
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        let minute = self.completed_since(now - TimeDelta::seconds(60)).await?;
        let hour = self.completed_since(now - TimeDelta::seconds(3600)).await?;
        Ok(rows
            .into_iter()
            .map(|queue::Model { name, is_paused }| StoredQueue {
                is_paused,
                counts: by_queue.get(&name).copied().unwrap_or_default(),
                throughput: Throughput {
                    last_minute: minute.get(&name).copied().unwrap_or_default(),
                    last_hour: hour.get(&name).copied().unwrap_or_default(),
                },
                name: QueueName::from_stored(name),
            })
            .collect())
    }

    async fn completed_since(&self, since: DateTime<Utc>) -> Result<HashMap<String, u64>, RepositoryError> {
        let rows: Vec<(String, i64)> = activity_slice::Entity::find()
            .select_only()
            .column(activity_slice::Column::Queue)
            .column_as(
                Expr::col(activity_slice::Column::Completed).sum().cast_as("bigint"),
                "total",
            )
            .filter(activity_slice::Column::Slice.gte(Slice::of(since).0))
            .group_by(activity_slice::Column::Queue)
            .into_tuple()
            .all(&self.readers())
            .await
            .map_err(failed)?;
        Ok(rows
            .into_iter()
            .map(|(queue, total)| (queue, u64::try_from(total).unwrap_or_default()))
            .collect())
    }

    pub(crate) async fn read_next_due(
        &self,
        after: DateTime<Utc>,
    ) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        // For each queue and priority the first entry behind a place in the index: no more is read.
        let earliest = |priority: Priority| {
            format!(
                "(SELECT due_at FROM jobs WHERE status = 0 AND claimed_by IS NULL AND queue = pending.name AND priority = {} AND due_at > $1 \
                 ORDER BY due_at LIMIT 1)",
                priority.code()
            )
        };
        let columns = Priority::BY_URGENCY.map(earliest).join(", ");
        let statement = Statement::from_sql_and_values(
            self.backend(),
            format!(
                "WITH RECURSIVE {} SELECT name, {columns} FROM pending WHERE name IS NOT NULL",
                self.pending_queues_sql()
            ),
            [micros(after).into()],
        );
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let mut next = Vec::new();
        for row in rows {
            let name: String = row.try_get_by_index(0).map_err(failed)?;
            let mut earliest: Option<i64> = None;
            for index in 1..=Priority::BY_URGENCY.len() {
                let due_at: Option<i64> = row.try_get_by_index(index).map_err(failed)?;
                earliest = [earliest, due_at].into_iter().flatten().min();
            }
            if let Some(due_at) = earliest {
                next.push((QueueName::from_stored(name), time(due_at)?));
            }
        }
        Ok(next)
    }

    /// The names of the queues that have pending jobs, whether they have a row or not, as `pending` of a recursive query: from
    /// queue to queue in the index of pending jobs.
    pub(crate) fn pending_queues_sql(&self) -> String {
        // The order of the index leaves PostgreSQL no cheaper one; SQLite knows nothing of how many jobs are pending.
        let indexed = if self.is_postgres() {
            ""
        } else {
            "INDEXED BY jobs_to_claim"
        };
        let next = |after: &str| {
            format!(
                "(SELECT queue FROM jobs {indexed} WHERE status = 0 AND claimed_by IS NULL AND queue > {after} \
                 ORDER BY queue, priority, due_at, id LIMIT 1)"
            )
        };
        format!(
            "pending (name) AS (SELECT {} UNION ALL SELECT {} FROM pending WHERE pending.name IS NOT NULL)",
            next("''"),
            next("pending.name"),
        )
    }

    /// Counts no jobs: those are in the counters.
    pub(crate) async fn read_due_types(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        let is_due = Priority::BY_URGENCY.map(|priority| {
            format!(
                "EXISTS (SELECT 1 FROM jobs WHERE status = 0 AND claimed_by IS NULL AND queue = pending.name AND priority = {} \
                 AND due_at <= $1)",
                priority.code()
            )
        });
        // A row of each queue: on a wide server there are hundreds of thousands of pairs.
        let list = if self.is_postgres() {
            "CAST(json_agg(job_type) AS text)"
        } else {
            "json_group_array(job_type)"
        };
        let sql = format!(
            "WITH RECURSIVE {}, due AS MATERIALIZED (SELECT name FROM pending WHERE name IS NOT NULL AND ({})) \
             SELECT queue, {list} FROM (SELECT queue, job_type FROM due JOIN job_counters ON queue = name WHERE status = 0 \
             GROUP BY queue, job_type HAVING SUM(count) > 0) AS pairs GROUP BY queue",
            self.pending_queues_sql(),
            is_due.join(" OR ")
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [micros(now).into()]);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let (mut pairs, mut job_types) = (Vec::new(), HashSet::new());
        for row in rows {
            let queue: String = row.try_get_by_index(0).map_err(failed)?;
            let queue = QueueName::from_stored(queue);
            let list: String = row.try_get_by_index(1).map_err(failed)?;
            let names: Vec<String> = serde_json::from_str(&list).map_err(|error| corrupt(error.to_string()))?;
            for name in names {
                let job_type = JobType::from_stored(name);
                // Each type once in memory.
                let job_type = job_types.get(&job_type).cloned().unwrap_or(job_type);
                job_types.insert(job_type.clone());
                pairs.push((queue.clone(), job_type));
            }
        }
        Ok(pairs)
    }
}
