//! Remote workers, which are nodes to the rest of the database, and what attempts report.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::nodes::DEAD_SHOWN_MICROS;
use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::remote_worker::{
    AttemptReport, JobReports, LOG_LINES_KEPT, LogLevel, LogLine, Progress, WorkerDeclaration,
};
use crate::domain::cluster::worker_access::{LeaseKey, WorkerAccess, WorkerOwner};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::query::StoredWorker;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, corrupt, unavailable};
use crate::storage::sea::mapping::{count, int, micros, text, time};
use crate::storage::sea::repository::SeaRepository;

const LINE: &[Kind] = &[Kind::Uuid, Kind::Int, Kind::Int, Kind::Big, Kind::Small, Kind::Text];

/// Registration of a worker without its name, as stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Declared {
    pub(super) types: Vec<String>,
    pub(super) queues: Vec<String>,
    concurrency: std::num::NonZeroU32,
}

impl From<&WorkerDeclaration> for Declared {
    fn from(declaration: &WorkerDeclaration) -> Self {
        let WorkerDeclaration {
            name: _,
            job_types,
            queues,
            concurrency,
        } = declaration;
        Self {
            types: job_types.iter().map(|job_type| job_type.as_str().to_owned()).collect(),
            queues: queues.iter().map(|queue| queue.as_str().to_owned()).collect(),
            concurrency: *concurrency,
        }
    }
}

impl SeaRepository {
    pub(crate) async fn read_workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        let now = self.now_sql();
        let condition = format!("lease_until >= {now} - {DEAD_SHOWN_MICROS} ORDER BY started_at, id");
        self.workers_where(&condition, Vec::new()).await
    }

    pub(crate) async fn read_worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        let found = self.workers_where("id = $1", vec![id.as_uuid().into()]).await?;
        Ok(found.into_iter().next())
    }

    pub(super) async fn workers_where(
        &self,
        condition: &str,
        values: Vec<Value>,
    ) -> Result<Vec<StoredWorker>, RepositoryError> {
        let live = self.live_sql();
        let sql = format!(
            "SELECT id, name, worker, started_at, heartbeat_at, lease_until, {live}, \
             owner_kind, owner, lease_key, (SELECT CAST(COUNT(*) AS bigint) FROM jobs WHERE status = 1 AND node = nodes.id) \
             FROM nodes WHERE worker IS NOT NULL AND {condition}"
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.readers().query_all_raw(statement).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        self.unreadable.leave_out(rows.iter().map(stored_worker))
    }

    pub(crate) async fn read_reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        let backend = self.backend();
        let statement = |sql: &str| Statement::from_sql_and_values(backend, sql, [id.as_uuid().into()]);
        let failed = |error| unavailable(&error);
        let progress = self
            .readers()
            .query_one_raw(statement(
                "SELECT attempt, basis_points, message FROM job_progress WHERE job_id = $1",
            ))
            .await
            .map_err(failed)?;
        let progress = match progress {
            Some(row) => {
                let basis_points: i32 = row.try_get_by_index(1).map_err(failed)?;
                let message: Option<String> = row.try_get_by_index(2).map_err(failed)?;
                let progress = Progress {
                    basis_points: u16::try_from(basis_points).unwrap_or_default(),
                    message: message.map(Arc::from),
                };
                Some((count(row.try_get_by_index(0).map_err(failed)?), progress))
            }
            None => None,
        };
        let lines = self
            .readers()
            .query_all_raw(statement(
                "SELECT attempt, logged_at, level, message FROM job_log WHERE job_id = $1 ORDER BY number",
            ))
            .await
            .map_err(failed)?;
        let line = |row: &QueryResult| {
            let level: i16 = row.try_get_by_index(2).map_err(failed)?;
            let message: String = row.try_get_by_index(3).map_err(failed)?;
            Ok(LogLine {
                attempt: count(row.try_get_by_index(0).map_err(failed)?),
                at: time(row.try_get_by_index(1).map_err(failed)?)?,
                level: LogLevel::from_code(level).ok_or_else(|| corrupt(format!("{level} is no level of a log")))?,
                message: Arc::from(message),
            })
        };
        Ok(JobReports {
            progress,
            log: lines.iter().map(line).collect::<Result<_, RepositoryError>>()?,
        })
    }
}

fn stored_worker(row: &QueryResult) -> Result<StoredWorker, RepositoryError> {
    let failed = |error| unavailable(&error);
    let id = NodeId::from_uuid(row.try_get_by_index(0).map_err(failed)?);
    let name: String = row.try_get_by_index(1).map_err(failed)?;
    let declared: String = row.try_get_by_index(2).map_err(failed)?;
    let Declared {
        types,
        queues,
        concurrency,
    } = serde_json::from_str(&declared).map_err(|error| corrupt(format!("worker {id}: {error}")))?;
    let owner: Option<(i16, String, String)> = match (
        row.try_get_by_index(7).map_err(failed)?,
        row.try_get_by_index(8).map_err(failed)?,
        row.try_get_by_index(9).map_err(failed)?,
    ) {
        (Some(kind), Some(name), Some(key)) => Some((kind, name, key)),
        _ => None,
    };
    let access = owner.map(|(kind, name, key)| {
        Some(WorkerAccess {
            owner: WorkerOwner {
                kind: CallerKind::from_code(kind)?,
                name: Arc::from(name),
            },
            key: LeaseKey::from_hex(&key)?,
        })
    });
    let access = match access {
        Some(None) => return Err(corrupt(format!("worker {id}: its owner or its key is invalid"))),
        Some(Some(access)) => Some(access),
        None => None,
    };
    let running: i64 = row.try_get_by_index(10).map_err(failed)?;
    Ok(StoredWorker {
        id,
        declaration: WorkerDeclaration {
            name: Arc::from(name),
            job_types: types.into_iter().map(JobType::from_stored).collect(),
            queues: queues.into_iter().map(QueueName::from_stored).collect(),
            concurrency,
        },
        access,
        registered_at: time(row.try_get_by_index(3).map_err(failed)?)?,
        heartbeat_at: time(row.try_get_by_index(4).map_err(failed)?)?,
        lease_until: time(row.try_get_by_index(5).map_err(failed)?)?,
        is_live: row.try_get_by_index(6).map_err(failed)?,
        running_jobs: u64::try_from(running).unwrap_or_default(),
    })
}

impl CommitContext<'_> {
    pub(crate) async fn register_worker(
        &mut self,
        worker: NodeId,
        declaration: &WorkerDeclaration,
        access: &WorkerAccess,
        registered_at: DateTime<Utc>,
        lease: TimeSpan,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let now = self.now_sql();
        let declared = serde_json::to_string(&Declared::from(declaration)).map_err(|error| {
            CommitFailure::Bad(ChangeError::Rejected {
                reason: error.to_string(),
            })
        })?;
        let sql = format!(
            "INSERT INTO nodes (id, name, started_at, heartbeat_at, lease_until, worker, owner_kind, owner, lease_key) \
             SELECT $1, $2, $3, {now}, {now} + $4, $5, $6, $7, $8 WHERE true ON CONFLICT (id) \
             DO UPDATE SET heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until"
        );
        let values = [
            worker.as_uuid().into(),
            (*declaration.name).into(),
            micros(registered_at).into(),
            lease.as_micros().into(),
            declared.into(),
            access.owner.kind.code().into(),
            (*access.owner.name).into(),
            access.key.to_hex().into(),
        ];
        self.transaction
            .execute_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await?;
        Ok(Ok(Applied::Registered))
    }

    /// Removes up to `limit` workers that are no longer listed, except for those with the last heartbeats.
    pub(crate) async fn prune_workers(&mut self, kept: u32, limit: u32) -> Result<u64, CommitFailure> {
        let now = self.now_sql();
        let unlisted = format!("worker IS NOT NULL AND lease_until < {now} - {DEAD_SHOWN_MICROS}");
        let count = format!("SELECT CAST(COUNT(*) AS bigint) FROM nodes WHERE {unlisted}");
        let count = Statement::from_string(self.backend(), count);
        let unlisted_count: i64 = match self.transaction.query_one_raw(count).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        };
        let surplus = (unlisted_count - i64::from(kept)).min(i64::from(limit));
        if surplus <= 0 {
            return Ok(0);
        }
        let sql = format!(
            "DELETE FROM nodes WHERE {unlisted} \
             AND id IN (SELECT id FROM nodes WHERE {unlisted} ORDER BY heartbeat_at, id LIMIT $1)"
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [surplus.into()]);
        Ok(self.transaction.execute_raw(statement).await?.rows_affected())
    }

    pub(crate) async fn record_report(
        &mut self,
        report: &AttemptReport,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let AttemptReport {
            job_id,
            attempt,
            at,
            progress,
            log,
        } = report;
        let id = job_id.as_uuid();
        let statement = |sql: &str, values: Vec<Value>| Statement::from_sql_and_values(self.backend(), sql, values);
        let runs = statement(
            "SELECT 1 FROM jobs WHERE id = $1 AND (status = 1 AND attempt = $2 \
             OR status = 0 AND claimed_by IS NOT NULL AND attempt = $2 - 1)",
            vec![id.into(), int(*attempt).into()],
        );
        if self.transaction.query_one_raw(runs).await?.is_none() {
            return Ok(Ok(Applied::Reported(false)));
        }
        if let Some(Progress { basis_points, message }) = progress {
            let values = vec![
                id.into(),
                int(*attempt).into(),
                i32::from(*basis_points).into(),
                text(message.as_ref()),
                micros(*at).into(),
            ];
            let sql = "INSERT INTO job_progress (job_id, attempt, basis_points, message, reported_at) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, \
                       basis_points = excluded.basis_points, message = excluded.message, \
                       reported_at = excluded.reported_at";
            self.transaction.execute_raw(statement(sql, values)).await?;
        }
        if log.is_empty() {
            return Ok(Ok(Applied::Reported(true)));
        }
        let last = statement(
            "SELECT COALESCE(MAX(number), 0) FROM job_log WHERE job_id = $1",
            vec![id.into()],
        );
        let mut number: i32 = match self.transaction.query_one_raw(last).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        };
        let kept = &log[log.len().saturating_sub(LOG_LINES_KEPT)..];
        let mut rows = Rows::new(LINE, kept.len());
        for line in kept {
            number = number.saturating_add(1);
            rows.push([
                id.into(),
                number.into(),
                int(line.attempt).into(),
                micros(line.at).into(),
                line.level.code().into(),
                (*line.message).into(),
            ]);
        }
        rows.execute(&self.transaction, |source| {
            format!(
                "INSERT INTO job_log (job_id, number, attempt, logged_at, level, message) \
                 SELECT * FROM {source} AS v WHERE true ON CONFLICT (job_id, number) DO NOTHING"
            )
        })
        .await?;
        let kept = i32::try_from(LOG_LINES_KEPT).unwrap_or(i32::MAX);
        let old = Statement::from_sql_and_values(
            self.backend(),
            "DELETE FROM job_log WHERE job_id = $1 AND number <= $2",
            [id.into(), (number - kept).into()],
        );
        self.transaction.execute_raw(old).await?;
        Ok(Ok(Applied::Reported(true)))
    }

    /// Removes the reports of attempts of these jobs.
    pub(crate) async fn delete_reports(&mut self, job_ids: &HashSet<Uuid>) -> Result<(), CommitFailure> {
        for table in ["job_progress", "job_log"] {
            let mut rows = Rows::new(&[Kind::Uuid], job_ids.len());
            for id in job_ids {
                rows.push([(*id).into()]);
            }
            rows.execute(&self.transaction, |source| {
                format!("DELETE FROM {table} WHERE job_id IN (SELECT c1 FROM {source} AS v)")
            })
            .await?;
        }
        Ok(())
    }
}
