//! Claims: due jobs that storage finds and starts.

use std::sync::Arc;

use entities::job;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use serde::Deserialize;
use uuid::Uuid;

use super::claim_order::ClaimOrder;
use super::claim_sql::{PostgresDue, postgres_due, sqlite_due};
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::change::{Applied, ByteLimit, ChangeError, Claim};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, corrupt};
use crate::storage::sea::mapping;
use crate::storage::sea::mapping::micros;

/// Update of a claimed job; `$1` is the current time, `$2` the node.
const TAKE: &str = "UPDATE jobs SET status = 1, started_at = $1, finished_at = NULL, attempt = attempt + 1, node = $2, \
                    revision = revision + 1";
/// Update of a job that is claimed ahead, with the same parameters.
const TAKE_AHEAD: &str = "UPDATE jobs SET claimed_by = $2";
/// The lease without which a node claims no job.
const LEASE: &str = "EXISTS (SELECT 1 FROM nodes WHERE id = $2 AND {live})";

/// Size of the texts of a job. Neither database reads a text for its length.
const BYTES: &str = "OCTET_LENGTH(parameters) + COALESCE(OCTET_LENGTH(result), 0) + COALESCE(OCTET_LENGTH(error), 0) \
                     + COALESCE(OCTET_LENGTH(error_detail), 0)";

/// A due job as SQLite returns it: an array in this order.
#[derive(Deserialize)]
struct Due {
    id: Uuid,
    name: String,
    job_type: String,
    priority: i16,
    parameters: String,
    result: Option<String>,
    error: Option<String>,
    error_detail: Option<String>,
    due_at: i64,
    due_from: Option<i64>,
    attempt: i32,
    retry_count: i32,
    max_retries: i32,
    retry_delay: i64,
    retry_intervals: Option<String>,
    timeout: i64,
    unique_key: Option<String>,
    cancel_requested: i16,
    revision: i32,
    recurring_id: Option<Uuid>,
    occurrence_at: Option<i64>,
    trace_parent: Option<String>,
    started_at: Option<i64>,
    node: Option<Uuid>,
    labels: Option<String>,
}

/// The array of a [`Due`].
const DUE: &str = "json_array(hex(id), name, job_type, priority, parameters, result, error, error_detail, due_at, due_from, \
                   attempt, retry_count, max_retries, retry_delay, retry_intervals, timeout, unique_key, \
                   cancel_requested, revision, CASE WHEN recurring_id IS NULL THEN NULL ELSE hex(recurring_id) END, occurrence_at, trace_parent, started_at, \
                   CASE WHEN node IS NULL THEN NULL ELSE hex(node) END, labels)";

impl CommitContext<'_> {
    /// Starts due jobs that storage finds: the most urgent priority first, each in the order of its due times.
    pub(crate) async fn claim_jobs(&mut self, claim: &Claim) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let claimed = if claim.job_types.is_empty() {
            return Ok(Ok(Applied::Claimed(Vec::new())));
        } else if self.repository.is_postgres() {
            self.claim_postgres(claim).await?
        } else {
            self.claim_sqlite(claim).await?
        };
        if !claim.is_ahead {
            for job in &claimed {
                self.counters.started(job);
            }
        }
        if claimed.is_empty() && !self.repository.holds_lease(claim.node, &self.transaction).await? {
            // Due jobs may be left.
            self.repository.claim_floors.clear();
            return Ok(Err(ChangeError::NoLease));
        }
        Ok(Ok(Applied::Claimed(claimed)))
    }

    /// Reads the due jobs as one row, because each row is a message between two threads, and then claims them. There
    /// is no other writer in between.
    async fn claim_sqlite(&self, claim: &Claim) -> Result<Vec<Arc<Job>>, CommitFailure> {
        let Claim {
            queue,
            limit,
            job_types,
            node,
            now,
            bytes,
            is_ahead,
        } = claim;
        let now = micros(*now);
        let due = sqlite_due(self.claim_order(claim).await?, job_types.len());
        let mut values: Vec<Value> = vec![
            now.into(),
            node.as_uuid().into(),
            queue.as_str().into(),
            i64::from(*limit).into(),
        ];
        values.extend(job_types.iter().map(|job_type| Value::from(job_type.as_str())));
        let lease = LEASE.replace("{live}", self.repository.live_sql());
        let sql = format!(
            "SELECT json_group_array({DUE}) FROM jobs WHERE id IN ({}) AND {lease}",
            sqlite_fitting(&due, *bytes)
        );
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values.clone());
        let Some(row) = self.transaction.query_one_raw(statement).await? else {
            return Ok(Vec::new());
        };
        let text: String = row.try_get_by_index(0)?;
        let found: Vec<Due> = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // Those that fit are the first of those that are due.
        if let (Some(limit), Ok(count)) = (values.get_mut(3), i64::try_from(found.len())) {
            *limit = count.into();
        }
        // The node's lease was just checked, and is not checked again: the result might differ by now.
        let take = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            format!("{} WHERE id IN ({due})", take_sql(*is_ahead)),
            values,
        );
        let taken = self.transaction.execute_raw(take).await?.rows_affected();
        if usize::try_from(taken) != Ok(found.len()) {
            return Err(corrupt(format!("{} jobs were due, and {taken} of them taken", found.len())).into());
        }
        let mut jobs = Vec::with_capacity(found.len());
        for due in found {
            jobs.push(Arc::new(mapping::job(due.taken(claim))?));
        }
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.due_at, job.id));
        Ok(jobs)
    }

    async fn claim_postgres(&self, claim: &Claim) -> Result<Vec<Arc<Job>>, CommitFailure> {
        let order = self.claim_order(claim).await?;
        let due = PostgresDue::of(order, claim.job_types.len());
        let mut claimed: Vec<Arc<Job>> = Vec::new();
        for priority in Priority::BY_URGENCY {
            let left = i64::from(claim.limit) - i64::try_from(claimed.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let room = rest_of(claim.bytes, &claimed);
            let timed = self.repository.begin_claim(claim, priority);
            let floor = timed.floor;
            let taken = self
                .take_postgres(claim, order, due, (priority, floor), (left, room))
                .await?;
            let Taken {
                mut jobs,
                passed_over,
                is_cut,
            } = taken;
            let more = left - i64::try_from(jobs.len()).unwrap_or(i64::MAX);
            // The candidates of a type may all be locked by other servers, with more due jobs behind them.
            if passed_over && more > 0 && !is_cut {
                let others = self.take_postgres(
                    claim,
                    order,
                    PostgresDue::OfEachType,
                    (priority, floor),
                    (more, rest_of(room, &jobs)),
                );
                jobs.append(&mut others.await?.jobs);
            }
            // The rows of RETURNING have no order.
            jobs.sort_by_key(|job| (job.due_at, job.id));
            let has_all = !is_cut && i64::try_from(jobs.len()).is_ok_and(|count| count < left);
            self.repository.end_claim(claim, order, timed, (&jobs, has_all));
            claimed.append(&mut jobs);
            if is_cut {
                break;
            }
        }
        Ok(claimed)
    }

    async fn take_postgres(
        &self,
        claim: &Claim,
        order: ClaimOrder,
        due: PostgresDue,
        (priority, floor): (Priority, Option<i64>),
        (limit, room): (i64, Option<ByteLimit>),
    ) -> Result<Taken, CommitFailure> {
        let Claim {
            queue,
            limit: _,
            job_types,
            node,
            now,
            bytes: _,
            is_ahead,
        } = claim;
        let lease = LEASE.replace("{live}", self.repository.live_sql());
        let update = take_sql(*is_ahead);
        let take = if room.is_some() {
            format!(
                "{update} FROM sized WHERE jobs.id = sized.id AND (sized.total <= $7 OR sized.number = $8) AND {lease} \
                 RETURNING jobs.*"
            )
        } else {
            format!("{update} FROM due WHERE jobs.id = due.id AND {lease} RETURNING jobs.*")
        };
        let names: Vec<String> = job_types.iter().map(|job_type| job_type.as_str().to_owned()).collect();
        let mut values: Vec<Value> = vec![
            micros(*now).into(),
            node.as_uuid().into(),
            queue.as_str().into(),
            priority.code().into(),
            names.into(),
            limit.into(),
        ];
        if let Some(ByteLimit { max, first_always }) = room {
            values.push(i64::try_from(max).unwrap_or(i64::MAX).into());
            values.push(i64::from(first_always).into());
        }
        let floor = floor.map(|due_at| {
            values.push(due_at.into());
            values.len()
        });
        let found = postgres_due(order, due, floor);
        let counts_candidates = due == PostgresDue::OfCandidates;
        let candidates = if counts_candidates {
            "(SELECT COUNT(*) FROM candidates)"
        } else {
            "0::bigint"
        };
        let has_counts = counts_candidates || room.is_some();
        let sql = if room.is_some() {
            // At least one row with the number of due jobs: less urgent jobs do not overtake those that do not fit.
            format!(
                "WITH {found}, sized AS MATERIALIZED (SELECT jobs.id, \
                 SUM({BYTES}) OVER (ORDER BY jobs.due_at, jobs.id ROWS UNBOUNDED PRECEDING) AS total, \
                 ROW_NUMBER() OVER (ORDER BY jobs.due_at, jobs.id) AS number FROM jobs JOIN due ON due.id = jobs.id), \
                 taken AS ({take}) SELECT taken.*, {candidates} AS candidates, (SELECT COUNT(*) FROM due) AS due_count \
                 FROM (SELECT 1) AS one LEFT JOIN taken ON true"
            )
        } else if counts_candidates {
            format!(
                "WITH {found}, taken AS ({take}) SELECT taken.*, found.candidates FROM \
                 (SELECT COUNT(*) AS candidates FROM candidates) AS found LEFT JOIN taken ON true"
            )
        } else {
            format!("WITH {found} {take}")
        };
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let rows = self.transaction.query_all_raw(statement).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        let (mut candidates, mut due_count) = (0_i64, 0_i64);
        for row in &rows {
            if room.is_some() {
                due_count = row.try_get("", "due_count")?;
            }
            if has_counts {
                candidates = row.try_get("", "candidates")?;
                if row.try_get::<Option<Uuid>>("", "id")?.is_none() {
                    continue;
                }
            }
            jobs.push(Arc::new(mapping::job(job::Model::from_query_result(row, "")?)?));
        }
        let passed_over = usize::try_from(candidates).is_ok_and(|candidates| candidates > jobs.len());
        let is_cut = usize::try_from(due_count).is_ok_and(|due| due > jobs.len());
        Ok(Taken {
            jobs,
            passed_over,
            is_cut,
        })
    }
}

fn take_sql(is_ahead: bool) -> &'static str {
    if is_ahead { TAKE_AHEAD } else { TAKE }
}

/// Jobs claimed by a statement.
struct Taken {
    jobs: Vec<Arc<Job>>,
    /// `true` if it has not claimed all candidates.
    passed_over: bool,
    /// `true` if due jobs exceeded the limit of bytes.
    is_cut: bool,
}

/// The rest of a limit of bytes after these jobs.
fn rest_of(limit: Option<ByteLimit>, jobs: &[Arc<Job>]) -> Option<ByteLimit> {
    let ByteLimit { max, first_always } = limit?;
    let used: u64 = jobs.iter().map(|job| ByteLimit::bytes_of(job)).sum();
    Some(ByteLimit {
        max: max.saturating_sub(used),
        first_always: first_always && jobs.is_empty(),
    })
}

/// Those of the ids of due jobs that fit into the limit.
fn sqlite_fitting(due: &str, bytes: Option<ByteLimit>) -> String {
    let Some(ByteLimit { max, first_always }) = bytes else {
        return due.to_owned();
    };
    let first = u8::from(first_always);
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    format!(
        "SELECT id FROM (SELECT id, SUM({BYTES}) OVER by_urgency AS total, ROW_NUMBER() OVER by_urgency AS number \
         FROM jobs WHERE id IN ({due}) WINDOW by_urgency AS (ORDER BY priority DESC, due_at, id ROWS UNBOUNDED PRECEDING)) \
         WHERE total <= {max} OR number = {first}"
    )
}

impl Due {
    /// The row after the claim.
    fn taken(self, claim: &Claim) -> job::Model {
        let Self {
            id,
            name,
            job_type,
            priority,
            parameters,
            result,
            error,
            error_detail,
            due_at,
            due_from,
            attempt,
            retry_count,
            max_retries,
            retry_delay,
            retry_intervals,
            timeout,
            unique_key,
            cancel_requested,
            revision,
            recurring_id,
            occurrence_at,
            trace_parent,
            started_at,
            node,
            labels,
        } = self;
        let pending = job::Model {
            id,
            name,
            job_type,
            queue: claim.queue.as_str().to_owned(),
            priority,
            status: JobStatus::Pending.code(),
            parameters,
            result,
            error,
            error_detail,
            due_at,
            due_from,
            started_at,
            finished_at: None,
            attempt,
            retry_count,
            max_retries,
            retry_delay,
            retry_intervals,
            timeout,
            unique_key,
            labels,
            recurring_id,
            occurrence_at,
            trace_parent,
            cancel_requested: cancel_requested != 0,
            node,
            revision,
            claimed_by: None,
        };
        if claim.is_ahead {
            return job::Model {
                claimed_by: Some(claim.node.as_uuid()),
                ..pending
            };
        }
        job::Model {
            status: JobStatus::Running.code(),
            started_at: Some(micros(claim.now)),
            attempt: attempt + 1,
            node: Some(claim.node.as_uuid()),
            revision: revision + 1,
            ..pending
        }
    }
}
