//! Jobs that nodes hold: running ones, and those that are claimed ahead of their start.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::large_texts::{brief_columns, brief_job};
use super::unreadable::row_of;
use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::query::RunningJob;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::mapping::{count, time};
use crate::storage::sea::repository::SeaRepository;

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

impl SeaRepository {
    pub(crate) async fn read_orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let mut orphans = Vec::new();
        // Each has an index of its own. SQLite does not find that of claims without its name.
        let claims = if self.is_postgres() {
            ""
        } else {
            "INDEXED BY jobs_claimed"
        };
        for (indexed, held) in [
            ("", "status = 1 AND (node IS NULL OR (node <> $1 AND node NOT IN"),
            (
                claims,
                "claimed_by IS NOT NULL AND (claimed_by <> $1 AND (claimed_by NOT IN",
            ),
        ] {
            let left = i64::from(limit) - i64::try_from(orphans.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let sql = format!(
                "SELECT {} FROM jobs {indexed} WHERE {held} (SELECT id FROM nodes WHERE {live}))) AND EXISTS \
                 (SELECT 1 FROM nodes WHERE id = $1 AND heartbeat_at + (lease_until - heartbeat_at) / 2 >= {now}) LIMIT $2",
                brief_columns(),
                live = self.live_sql(),
                now = self.now_sql(),
            );
            let values = [observer.as_uuid().into(), left.into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            // Over the writer's connection: the latest commit must be visible.
            let rows = self.writer().query_all_raw(statement).await.map_err(failed)?;
            orphans.extend(rows.iter().map(|row| brief_job(row_of("jobs", row)?)));
        }
        self.unreadable.leave_out(orphans)
    }

    pub(crate) async fn read_running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        // Literals, so that the planner can use the partial index of each part.
        let sql = "SELECT id, queue, attempt, started_at, timeout, cancel_requested FROM jobs \
                   WHERE status = 1 AND node = $1 UNION ALL \
                   SELECT id, queue, attempt + 1, due_at, timeout, cancel_requested FROM jobs \
                   WHERE claimed_by IS NOT NULL AND claimed_by = $1";
        let statement = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(running).collect()
    }
}

fn running(row: &QueryResult) -> Result<RunningJob, RepositoryError> {
    let id: Uuid = row.try_get_by_index(0).map_err(failed)?;
    let queue: String = row.try_get_by_index(1).map_err(failed)?;
    let started_at: Option<i64> = row.try_get_by_index(3).map_err(failed)?;
    Ok(RunningJob {
        id: JobId::from_uuid(id),
        queue: QueueName::from_stored(queue),
        attempt: count(row.try_get_by_index(2).map_err(failed)?),
        started_at: time(started_at.unwrap_or_default())?,
        timeout: TimeSpan::from_micros(row.try_get_by_index(4).map_err(failed)?),
        cancel_requested: row.try_get_by_index(5).map_err(failed)?,
    })
}
