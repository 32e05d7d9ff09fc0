//! Starts, claims and ends of attempts: what every job goes through.

use std::collections::HashSet;
use std::sync::Arc;

use entities::job;
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, Value};
use uuid::Uuid;

use super::commit::{Commit, Results};
use super::convert::{self, int, micros, text};
use super::error::CommitFailure;
use super::rows::{Kind, Rows};
use crate::domain::id::NodeId;
use crate::domain::job::Job;
use crate::domain::json::Json;
use crate::domain::priority::Priority;
use crate::domain::status::JobStatus;
use crate::storage::change::{Applied, Change, ChangeError, Claim, Finished};

const START: &[Kind] = &[Kind::Uuid, Kind::Int, Kind::Big, Kind::UuidOrNull];
const FINISH: &[Kind] = &[
    Kind::Uuid,
    Kind::Int,
    Kind::Small,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::Big,
    Kind::BigOrNull,
    Kind::Int,
];
const FENCE: &[Kind] = &[Kind::Uuid, Kind::Int];
const ATTEMPT: &[Kind] = &[
    Kind::Uuid,
    Kind::Int,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::Uuid,
];

impl Commit<'_> {
    pub(super) async fn start_jobs(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(START, changes.len());
        for change in changes {
            let Change::Start { jobs } = change else { continue };
            for job in jobs {
                rows.push([
                    job.id.as_uuid().into(),
                    int(job.revision - 1).into(),
                    job.started_at.map_or(0, micros).into(),
                    job.node.map(NodeId::as_uuid).into(),
                ]);
            }
        }
        if rows.is_empty() {
            return self.answer_empty_starts(changes, results);
        }
        let now = self.now_sql();
        let started = rows
            .query(&self.transaction, |source| {
                format!(
                    "UPDATE jobs SET status = 1, started_at = v.c3, finished_at = NULL, attempt = attempt + 1, \
                     node = v.c4, revision = revision + 1 \
                     FROM {source} AS v WHERE jobs.id = v.c1 AND jobs.status = 0 AND jobs.revision = v.c2 \
                     AND v.c4 IN (SELECT id FROM nodes WHERE lease_until >= {now}) RETURNING jobs.id"
                )
            })
            .await?;
        let started = ids(&started)?;
        for (change, result) in changes.iter().zip(results) {
            let Change::Start { jobs } = change else { continue };
            // Not a single one: because others were faster, or because the node may take none.
            if let Some(node) = jobs.first().and_then(|job| job.node)
                && !jobs.iter().any(|job| started.contains(&job.id.as_uuid()))
                && !self.holds_lease(node).await?
            {
                *result = Some(Err(ChangeError::NoLease));
                continue;
            }
            let was_started = jobs.iter().map(|job| {
                let was_started = started.contains(&job.id.as_uuid());
                if was_started {
                    self.counters.moved(JobStatus::Pending, job);
                }
                was_started
            });
            *result = Some(Ok(Applied::Started(was_started.collect())));
        }
        Ok(())
    }

    fn answer_empty_starts(&self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        for (change, result) in changes.iter().zip(results) {
            if matches!(change, Change::Start { .. }) {
                *result = Some(Ok(Applied::Started(Vec::new())));
            }
        }
        Ok(())
    }

    pub(super) async fn finish_jobs(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(FINISH, changes.len());
        for change in changes {
            let Change::Finish { job, attempt } = change else {
                continue;
            };
            rows.push([
                job.id.as_uuid().into(),
                int(attempt.number).into(),
                job.status.code().into(),
                text(job.result.as_ref().map(Json::as_arc)),
                text(job.error.as_ref()),
                text(job.error_detail.as_ref()),
                micros(job.due_at).into(),
                job.finished_at.map(micros).into(),
                int(job.retry_count).into(),
            ]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let finished = rows
            .query(&self.transaction, |source| {
                format!(
                    "UPDATE jobs SET status = v.c3, result = v.c4, error = v.c5, error_detail = v.c6, due_at = v.c7, \
                     finished_at = v.c8, retry_count = v.c9, cancel_requested = false, revision = revision + 1 \
                     FROM {source} AS v WHERE jobs.id = v.c1 AND jobs.status = 1 AND jobs.attempt = v.c2 \
                     AND (v.c3 <> 0 OR NOT jobs.cancel_requested) RETURNING jobs.id"
                )
            })
            .await?;
        let finished = ids(&finished)?;
        let to_cancel = self.asked_to_cancel(changes, &finished).await?;
        let mut attempts = Rows::new(ATTEMPT, finished.len());
        for (change, result) in changes.iter().zip(results) {
            let Change::Finish { job, attempt } = change else {
                continue;
            };
            let id = job.id.as_uuid();
            if !finished.contains(&id) {
                *result = Some(Ok(Applied::Finished(if to_cancel.contains(&id) {
                    Finished::CancelRequested
                } else {
                    Finished::LeaseLost
                })));
                continue;
            }
            self.counters.moved(JobStatus::Running, job);
            if job.status == JobStatus::Completed {
                self.counters
                    .completed(&job.queue, job.finished_at.unwrap_or(attempt.started_at));
            }
            attempts.push([
                attempt.job_id.as_uuid().into(),
                int(attempt.number).into(),
                attempt.status.code().into(),
                micros(attempt.started_at).into(),
                micros(attempt.ended_at.unwrap_or(attempt.started_at)).into(),
                text(attempt.error.as_ref()),
                text(attempt.error_detail.as_ref()),
                attempt.node.as_uuid().into(),
            ]);
            *result = Some(Ok(Applied::Finished(Finished::Stored)));
        }
        attempts
            .execute(&self.transaction, |source| {
                format!(
                    "INSERT INTO attempts (job_id, number, status, started_at, ended_at, error, error_detail, node) \
                     SELECT * FROM {source} AS v"
                )
            })
            .await?;
        Ok(())
    }

    /// Which of the jobs that would have been pending again, and are not, still run and were asked to be cancelled.
    async fn asked_to_cancel(
        &self,
        changes: &[Change],
        finished: &HashSet<Uuid>,
    ) -> Result<HashSet<Uuid>, CommitFailure> {
        let mut rows = Rows::new(FENCE, 0);
        for change in changes {
            let Change::Finish { job, attempt } = change else {
                continue;
            };
            if job.status == JobStatus::Pending && !finished.contains(&job.id.as_uuid()) {
                rows.push([job.id.as_uuid().into(), int(attempt.number).into()]);
            }
        }
        let asked = rows
            .query(&self.transaction, |source| {
                format!(
                    "SELECT jobs.id FROM {source} AS v JOIN jobs ON jobs.id = v.c1 \
                     WHERE jobs.status = 1 AND jobs.attempt = v.c2 AND jobs.cancel_requested"
                )
            })
            .await?;
        ids(&asked)
    }

    /// Starts due jobs that storage finds: the most urgent priority first, each in the order of its due times.
    pub(super) async fn claim_jobs(&mut self, claim: &Claim) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let Claim {
            queue,
            limit,
            job_types,
            node,
            now,
        } = claim;
        let mut claimed: Vec<Arc<Job>> = Vec::new();
        if job_types.is_empty() {
            return Ok(Ok(Applied::Claimed(claimed)));
        }
        let backend = self.backend();
        let (types, lock) = if self.repository.is_postgres() {
            ("= ANY($6)".to_owned(), "FOR UPDATE SKIP LOCKED")
        } else {
            let places: Vec<String> = (6..6 + job_types.len()).map(|number| format!("${number}")).collect();
            (format!("IN ({})", places.join(", ")), "")
        };
        let limit_place = if self.repository.is_postgres() {
            7
        } else {
            6 + job_types.len()
        };
        let sql = format!(
            "UPDATE jobs SET status = 1, started_at = $1, finished_at = NULL, attempt = attempt + 1, node = $2, \
             revision = revision + 1 WHERE id IN (SELECT id FROM jobs WHERE status = 0 AND queue = $3 \
             AND priority = $4 AND due_at <= $5 AND job_type {types} ORDER BY due_at, id LIMIT ${limit_place} {lock}) \
             AND EXISTS (SELECT 1 FROM nodes WHERE id = $2 AND lease_until >= {now_sql}) RETURNING *",
            now_sql = self.now_sql()
        );
        for priority in Priority::BY_URGENCY {
            let left = i64::from(*limit) - i64::try_from(claimed.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let mut values: Vec<Value> = vec![
                micros(*now).into(),
                node.as_uuid().into(),
                queue.as_str().into(),
                priority.code().into(),
                micros(*now).into(),
            ];
            let names = job_types.iter().map(|job_type| job_type.as_str().to_owned());
            if self.repository.is_postgres() {
                values.push(names.collect::<Vec<String>>().into());
            } else {
                values.extend(names.map(Value::from));
            }
            values.push(left.into());
            let found = self
                .transaction
                .query_all_raw(Statement::from_sql_and_values(backend, sql.clone(), values))
                .await?;
            let mut jobs = Vec::with_capacity(found.len());
            for row in &found {
                jobs.push(Arc::new(convert::job(job::Model::from_query_result(row, "")?)?));
            }
            // What RETURNING gives has no order.
            jobs.sort_by_key(|job| (job.due_at, job.id));
            for job in &jobs {
                self.counters.moved(JobStatus::Pending, job);
            }
            claimed.append(&mut jobs);
        }
        if claimed.is_empty() && !self.holds_lease(*node).await? {
            return Ok(Err(ChangeError::NoLease));
        }
        Ok(Ok(Applied::Claimed(claimed)))
    }
}

/// The ids that a statement has returned.
fn ids(rows: &[QueryResult]) -> Result<HashSet<Uuid>, CommitFailure> {
    rows.iter()
        .map(|row| row.try_get_by_index(0).map_err(CommitFailure::from))
        .collect()
}
