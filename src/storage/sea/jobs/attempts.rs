//! Starts and ends of attempts.

use std::collections::{BTreeSet, HashSet};

use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::values::id::NodeId;
use crate::domain::values::json::Json;
use crate::storage::change::{Applied, Change, ChangeError, Finished, JobChange, leaves_texts};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::{CommitContext, Results};
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::mapping::{int, micros, text};
use crate::storage::sea::repository::SeaRepository;

pub(crate) const START: &[Kind] = &[Kind::Uuid, Kind::Int, Kind::Big, Kind::UuidOrNull, Kind::Bool];
pub(crate) const FINISH: &[Kind] = &[
    Kind::Uuid,
    Kind::Int,
    Kind::Small,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::Big,
    Kind::BigOrNull,
    Kind::Int,
    Kind::Bool,
    Kind::UuidOrNull,
    Kind::BigOrNull,
    Kind::BigOrNull,
];
pub(crate) const FENCE: &[Kind] = &[Kind::Uuid, Kind::Int];
pub(crate) const ATTEMPT: &[Kind] = &[
    Kind::Uuid,
    Kind::Int,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::TextOrNull,
    Kind::TextOrNull,
    Kind::Uuid,
];

/// Columns of an attempt in the history, in the order of `ATTEMPT`.
pub(crate) const ATTEMPT_COLUMNS: &str = "job_id, number, status, started_at, ended_at, error, error_detail, node";

/// The statement that starts jobs, by rows of `START`. A claimed job is fenced by its claim and its attempt, any other by its
/// revision.
///
/// `status + 0` prevents PostgreSQL from using an index by status, which is full of entries of jobs that have left
/// that status. The jobs are found by their ids.
pub(crate) fn start_sql(source: &str, live: &str) -> String {
    format!(
        "UPDATE jobs SET status = 1, started_at = v.c3, finished_at = NULL, attempt = attempt + 1, \
         node = v.c4, revision = revision + 1, claimed_by = NULL \
         FROM {source} AS v WHERE jobs.id = v.c1 AND jobs.status + 0 = 0 \
         AND CASE WHEN v.c5 THEN jobs.claimed_by = v.c4 AND jobs.attempt = v.c2 \
         ELSE jobs.claimed_by IS NULL AND jobs.revision = v.c2 END \
         AND v.c4 IN (SELECT id FROM nodes WHERE {live})"
    )
}

/// The statement that ends attempts, by rows of `FINISH`; as to `status + 0`, see [`start_sql`].
///
/// A start that is not stored yet is stored too (`c11` is its node, `c12` its time): the job is then still claimed by its
/// node. Of a brief job the texts that it does not have stay ([`leaves_texts`]). A job has either `finished_at` or, when
/// it is pending again, `due_from`: one value serves both.
pub(crate) fn finish_sql(source: &str) -> String {
    format!(
        "UPDATE jobs SET status = v.c3, result = CASE WHEN v.c10 THEN jobs.result ELSE v.c4 END, error = v.c5, \
         error_detail = CASE WHEN v.c10 THEN jobs.error_detail ELSE v.c6 END, due_at = v.c7, \
         finished_at = CASE v.c3 WHEN 0 THEN NULL ELSE v.c8 END, \
         due_from = CASE v.c3 WHEN 0 THEN v.c8 END, retry_count = v.c9, cancel_requested = false, \
         revision = revision + CASE WHEN v.c11 IS NULL THEN 1 ELSE 2 END, attempt = v.c2, claimed_by = NULL, \
         node = COALESCE(v.c11, jobs.node), started_at = COALESCE(v.c12, jobs.started_at), \
         fingerprint = v.c13 \
         FROM {source} AS v WHERE jobs.id = v.c1 AND CASE WHEN v.c11 IS NULL \
         THEN jobs.status + 0 = 1 AND jobs.attempt = v.c2 \
         ELSE jobs.status + 0 = 0 AND jobs.attempt = v.c2 - 1 AND jobs.claimed_by = v.c11 END \
         AND (v.c3 <> 0 OR NOT jobs.cancel_requested)"
    )
}

pub(crate) fn start_row(job: &Job) -> [Value; 5] {
    let is_claimed = job.claimed_by.is_some();
    let before = if is_claimed { job.attempt - 1 } else { job.revision - 1 };
    [
        job.id.as_uuid().into(),
        int(before).into(),
        job.started_at.map_or(0, micros).into(),
        job.node.map(NodeId::as_uuid).into(),
        is_claimed.into(),
    ]
}

pub(crate) fn finish_row(started: Option<&Job>, job: &Job, attempt: &Attempt) -> [Value; 13] {
    [
        job.id.as_uuid().into(),
        int(attempt.number).into(),
        job.status.code().into(),
        text(job.result.as_ref().map(Json::as_arc)),
        text(job.error.as_ref()),
        text(job.error_detail.as_ref()),
        micros(job.due_at).into(),
        job.finished_at.or(job.due_from).map(micros).into(),
        int(job.retry_count).into(),
        leaves_texts(job, attempt).into(),
        started.map(|_| attempt.node.as_uuid()).into(),
        started.and_then(|started| started.started_at).map(micros).into(),
        Fingerprint::of_job(job).map(Fingerprint::code).into(),
    ]
}

pub(crate) fn attempt_row(attempt: &Attempt) -> [Value; 8] {
    [
        attempt.job_id.as_uuid().into(),
        int(attempt.number).into(),
        attempt.status.code().into(),
        micros(attempt.started_at).into(),
        micros(attempt.ended_at.unwrap_or(attempt.started_at)).into(),
        text(attempt.error.as_ref()),
        text(attempt.error_detail.as_ref()),
        attempt.node.as_uuid().into(),
    ]
}

impl SeaRepository {
    /// Jobs that their node still holds and that have a requested cancellation, among those whose transition to pending
    /// was rejected.
    pub(crate) async fn with_requested_cancellation(
        &self,
        changes: &[Change],
        refused: &HashSet<Uuid>,
        connection: &impl ConnectionTrait,
    ) -> Result<HashSet<Uuid>, CommitFailure> {
        let mut rows = Rows::new(FENCE, 0);
        for change in changes {
            let Change::Job(JobChange::Finish { job, attempt, .. }) = change else {
                continue;
            };
            if job.status == JobStatus::Pending && refused.contains(&job.id.as_uuid()) {
                rows.push([job.id.as_uuid().into(), int(attempt.number).into()]);
            }
        }
        let cancelled = rows
            .query(connection, |source| {
                format!(
                    "SELECT jobs.id FROM {source} AS v JOIN jobs ON jobs.id = v.c1 \
                     WHERE jobs.cancel_requested AND (jobs.status = 1 AND jobs.attempt = v.c2 \
                     OR jobs.status = 0 AND jobs.claimed_by IS NOT NULL AND jobs.attempt = v.c2 - 1)"
                )
            })
            .await?;
        ids(&cancelled)
    }
}

impl CommitContext<'_> {
    pub(crate) async fn start_jobs(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(START, changes.len());
        for change in changes {
            let Change::Job(JobChange::Start { jobs }) = change else {
                continue;
            };
            for job in jobs {
                rows.push(start_row(job));
            }
        }
        if rows.is_empty() {
            return self.complete_empty_starts(changes, results);
        }
        let live = self.repository.live_sql();
        let started = rows
            .query(&self.transaction, |source| {
                format!("{} RETURNING jobs.id", start_sql(source, live))
            })
            .await?;
        let started = ids(&started)?;
        for (change, result) in changes.iter().zip(results) {
            let Change::Job(JobChange::Start { jobs }) = change else {
                continue;
            };
            // Not a single one: because others were faster, or because the node may take none.
            if let Some(node) = jobs.first().and_then(|job| job.node)
                && !jobs.iter().any(|job| started.contains(&job.id.as_uuid()))
                && !self.repository.holds_lease(node, &self.transaction).await?
            {
                *result = Some(Err(ChangeError::NoLease));
                continue;
            }
            let was_started = jobs.iter().map(|job| {
                let was_started = started.contains(&job.id.as_uuid());
                if was_started {
                    self.counters.started(job);
                }
                was_started
            });
            *result = Some(Ok(Applied::Started(was_started.collect())));
        }
        Ok(())
    }

    fn complete_empty_starts(&self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        for (change, result) in changes.iter().zip(results) {
            if matches!(change, Change::Job(JobChange::Start { .. })) {
                *result = Some(Ok(Applied::Started(Vec::new())));
            }
        }
        Ok(())
    }

    pub(crate) async fn finish_jobs(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        let orphans_of: BTreeSet<NodeId> = changes.iter().filter_map(orphaned_by).collect();
        let holding = self.holding_leases(&orphans_of).await?;
        let is_orphaned = |change: &Change| orphaned_by(change).is_none_or(|node| !holding.contains(&node));
        let mut rows = Rows::new(FINISH, changes.len());
        for change in changes.iter().filter(|change| is_orphaned(change)) {
            let Change::Job(JobChange::Finish {
                started, job, attempt, ..
            }) = change
            else {
                continue;
            };
            rows.push(finish_row(started.as_deref(), job, attempt));
        }
        let finished = rows
            .query(&self.transaction, |source| {
                format!("{} RETURNING jobs.id", finish_sql(source))
            })
            .await?;
        let finished = ids(&finished)?;
        let mut refused = HashSet::new();
        for change in changes {
            if let Change::Job(JobChange::Finish { job, .. }) = change
                && !finished.contains(&job.id.as_uuid())
            {
                refused.insert(job.id.as_uuid());
            }
        }
        let to_cancel = self
            .repository
            .with_requested_cancellation(changes, &refused, &self.transaction)
            .await?;
        let mut attempts = Rows::new(ATTEMPT, finished.len());
        for (change, result) in changes.iter().zip(results) {
            let Change::Job(JobChange::Finish {
                started, job, attempt, ..
            }) = change
            else {
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
            self.counters
                .ended(started.as_deref(), job, attempt, &self.repository.reasons);
            attempts.push(attempt_row(attempt));
            *result = Some(Ok(Applied::Finished(Finished::Stored)));
        }
        attempts
            .execute(&self.transaction, |source| {
                format!("INSERT INTO attempts ({ATTEMPT_COLUMNS}) SELECT * FROM {source} AS v")
            })
            .await?;
        self.expire_attempts(changes).await
    }
}

/// The node whose attempt this change ends only if the node holds no lease.
fn orphaned_by(change: &Change) -> Option<NodeId> {
    let Change::Job(JobChange::Finish {
        attempt,
        if_orphaned: true,
        ..
    }) = change
    else {
        return None;
    };
    Some(attempt.node)
}

/// The ids that a statement has returned.
pub(crate) fn ids(rows: &[QueryResult]) -> Result<HashSet<Uuid>, CommitFailure> {
    rows.iter()
        .map(|row| row.try_get_by_index(0).map_err(CommitFailure::from))
        .collect()
}
