//! The fast path: the usual changes of a commit in one call. These are plain new jobs with their audit records,
//! starts and completions of attempts, and their counters.
//!
//! Each call of a database is a round trip to another thread or process; on a busy machine that takes longer than the
//! few rows of a small commit. Therefore these changes are one text of several statements on SQLite, and one
//! statement on PostgreSQL. All others (keys, queues without a row, a change that the database rejects) take the slow
//! path of [`super::commit`], with a call for each kind of change.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use super::activity_writer::postgres_activity;
use super::bulk_values::Rows;
use super::context::Results;
use super::counters::Counters;
use super::rollup_writer::{ENTRY, entry_row, postgres_steps};
use crate::domain::job::attempt::ATTEMPTS_KEPT;
use crate::domain::metrics::rollup::RollupEntry;
use crate::storage::change::{Applied, Change, ChangeError, Finished, Inserted, JobChange};
use crate::storage::commit::Commit;
use crate::storage::outbox::KnownVersion;
use crate::storage::sea::audit::{RECORD, new_jobs, record_row, record_sql};
use crate::storage::sea::cluster::nodes::{LIVE_POSTGRES, LIVE_SQLITE};
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::jobs::attempts::{
    ATTEMPT, ATTEMPT_COLUMNS, FINISH, START, attempt_row, finish_row, finish_sql, start_row, start_sql,
};
use crate::storage::sea::jobs::insert::{NEW, NEW_COLUMNS, is_new, new_row};
use crate::storage::sea::repository::SeaRepository;

/// The sizes of a SQLite text: all its sources have so many rows, and what is missing is filled up. Few sizes, so that
/// few texts are prepared. More rows than the last one have a call for each kind: there the calls no longer matter.
const SQLITE_SIZES: [usize; 4] = [4, 16, 48, 128];

/// The usual changes of a commit, as rows.
pub(crate) struct FastPath {
    new: Rows,
    /// Audit records of new jobs.
    records: Rows,
    starts: Rows,
    ends: Rows,
    attempts: Rows,
    /// Changes of the rollups by each start and completion; on PostgreSQL only, where only the statement knows which
    /// of them are applied.
    entries: Rows,
    has_reasons: bool,
    /// Changes of the counters if every change is applied.
    counters: Counters,
    is_all: bool,
    /// The version of the endpoints for which these changes have no outbox entries; on PostgreSQL only.
    version: Option<i64>,
}

impl FastPath {
    /// The usual changes among these; `None` when there are none, or when one of their kind is unusual.
    pub(crate) fn among(commit: &Commit, repository: &SeaRepository) -> Option<Self> {
        let mut fast_path = Self {
            new: Rows::new(NEW, 0),
            records: Rows::new(RECORD, 0),
            starts: Rows::new(START, 0),
            ends: Rows::new(FINISH, 0),
            attempts: Rows::new(ATTEMPT, 0),
            entries: Rows::new(ENTRY, 0),
            has_reasons: false,
            counters: Counters::default(),
            is_all: true,
            version: None,
        };
        for change in &commit.changes {
            match change {
                Change::Job(change) => fast_path.add(change, repository)?,
                Change::Queue(_)
                | Change::Recurring(_)
                | Change::Cluster(_)
                | Change::Worker(_)
                | Change::Webhook(_)
                | Change::Feed(_)
                | Change::Operation(_)
                | Change::Maintenance(_) => fast_path.is_all = false,
            }
        }
        for entry in &commit.audit {
            match new_jobs(commit, entry) {
                Some(jobs) => fast_path.records.push(record_row(&entry.record, jobs)),
                None => fast_path.is_all = false,
            }
        }
        if let Some(rule) = &commit.outbox {
            match rule.known() {
                Some(KnownVersion {
                    version: Some(version),
                    is_idle: true,
                }) if repository.is_postgres() => fast_path.version = Some(version),
                Some(_) | None => fast_path.is_all = false,
            }
        }
        let is_empty = fast_path.new.is_empty() && fast_path.starts.is_empty() && fast_path.ends.is_empty();
        let mut inserts = commit
            .changes
            .iter()
            .filter(|change| matches!(change, Change::Job(JobChange::Insert { .. })));
        (!is_empty && repository.unknown_queues(&mut inserts).is_empty()).then_some(fast_path)
    }

    /// Adds a change of jobs; `None` when it is of a usual kind and unusual.
    fn add(&mut self, change: &JobChange, repository: &SeaRepository) -> Option<()> {
        match change {
            JobChange::Insert { jobs, idempotency } => {
                if idempotency.is_some() {
                    return None;
                }
                for job in jobs {
                    if job.unique_key.is_some() || !is_new(job) {
                        return None;
                    }
                    self.new.push(new_row(job));
                    self.counters.created(job);
                }
            }
            JobChange::Start { jobs } => {
                for job in jobs {
                    self.starts.push(start_row(job));
                    if repository.is_postgres() {
                        self.entries.push(entry_row(job.id, &RollupEntry::started(job), None));
                    } else {
                        self.counters.started(job);
                    }
                }
            }
            // The node's lease is checked first.
            JobChange::Finish { if_orphaned: true, .. } => return None,
            // Older attempts are removed.
            JobChange::Finish { attempt, .. } if attempt.number > ATTEMPTS_KEPT => return None,
            JobChange::Finish {
                started, job, attempt, ..
            } => {
                self.ends.push(finish_row(started.as_deref(), job, attempt));
                self.attempts.push(attempt_row(attempt));
                if repository.is_postgres() {
                    if let Some(started) = started {
                        self.entries
                            .push(entry_row(job.id, &RollupEntry::started(started), None));
                    }
                    let entry = RollupEntry::ended(job, attempt);
                    let reason = repository.reasons.reason(&entry, attempt.error.as_deref());
                    self.has_reasons |= reason.is_some();
                    self.entries.push(entry_row(job.id, &entry, reason));
                } else {
                    self.counters
                        .ended(started.as_deref(), job, attempt, &repository.reasons);
                }
            }
            JobChange::Claim(_)
            | JobChange::Release { .. }
            | JobChange::Update { .. }
            | JobChange::Delete { .. }
            | JobChange::Report { .. } => {
                self.is_all = false;
            }
        }
        Some(())
    }

    /// `true` if the commit has no other changes.
    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Writes the changes on SQLite as if all were applied; false when one was not. Then the transaction is to be
    /// rolled back.
    pub(crate) async fn write_sqlite(
        self,
        connection: &impl ConnectionTrait,
        shard: i16,
    ) -> Result<bool, CommitFailure> {
        let Self {
            new,
            records,
            starts,
            ends,
            attempts,
            entries: _,
            has_reasons: _,
            counters,
            is_all: _,
            version: _,
        } = self;
        let counted = counters.into_rows(shard);
        let rows = new.len().max(starts.len()).max(ends.len());
        let expected = new.len() + records.len() + starts.len() + ends.len() + attempts.len() + counted.len();
        let size = SQLITE_SIZES.into_iter().find(|size| *size >= rows);
        let written = if let (Some(size), Some(counter_sizes)) = (size, counted.sqlite_sizes()) {
            let mut values = Vec::new();
            let mut statements = Vec::with_capacity(6);
            if !new.is_empty() {
                statements.push(format!(
                    "{} WHERE v.c1 IS NOT NULL",
                    insert_sql(&new.sqlite_part(size, &mut values))
                ));
            }
            if !records.is_empty() {
                statements.push(record_sql(&records.sqlite_part(size, &mut values)));
            }
            if !starts.is_empty() {
                statements.push(start_sql(&starts.sqlite_part(size, &mut values), LIVE_SQLITE));
            }
            if !ends.is_empty() {
                statements.push(finish_sql(&ends.sqlite_part(size, &mut values)));
                let source = attempts.sqlite_part(size, &mut values);
                statements.push(format!("{} WHERE v.c1 IS NOT NULL", attempts_sql(&source)));
            }
            counted.sqlite_parts(counter_sizes, &mut statements, &mut values);
            let statement = Statement::from_sql_and_values(DbBackend::Sqlite, statements.join(";"), values);
            // The sum over all statements.
            connection.execute_raw(statement).await?.rows_affected()
        } else {
            new.execute(connection, insert_sql).await?
                + records.execute(connection, record_sql).await?
                + starts
                    .execute(connection, |source| start_sql(source, LIVE_SQLITE))
                    .await?
                + ends.execute(connection, finish_sql).await?
                + attempts.execute(connection, attempts_sql).await?
                + counted.write_each(connection).await?
        };
        // No statement can change more rows than it is given, so an equal sum means that none has changed fewer.
        Ok(u64::try_from(expected).is_ok_and(|expected| written == expected))
    }

    /// Writes the changes on PostgreSQL; returns the jobs whose start or end was not applied, or `None` when nothing is
    /// written because another node has changed endpoints.
    pub(crate) async fn write_postgres(
        self,
        connection: &impl ConnectionTrait,
        shard: i16,
    ) -> Result<Option<HashSet<Uuid>>, CommitFailure> {
        let Self {
            new,
            records,
            starts,
            ends,
            attempts,
            entries,
            has_reasons,
            // Starts and ends are counted there, from the applied changes.
            counters,
            is_all: _,
            version,
        } = self;
        let mut values: Vec<Value> = vec![shard.into()];
        let (mut steps, mut counted, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        // Every step has this condition: with other endpoints than the node knows nothing is written.
        let (and, condition) = match version {
            Some(version) => {
                values.push(version.into());
                steps.push(
                    "known AS MATERIALIZED (SELECT 1 FROM webhook_endpoint_version WHERE version = $2)".to_owned(),
                );
                refused.push(format!(
                    "SELECT '{}'::uuid AS id WHERE NOT EXISTS (SELECT 1 FROM known)",
                    Uuid::nil()
                ));
                (
                    " AND EXISTS (SELECT 1 FROM known)",
                    " WHERE EXISTS (SELECT 1 FROM known)",
                )
            }
            None => ("", ""),
        };
        let (has_starts, has_ends) = (!starts.is_empty(), !ends.is_empty());
        if !new.is_empty() {
            steps.push(format!(
                "new AS ({}{condition} RETURNING queue, job_type, priority)",
                insert_sql(&new.postgres_part(&mut values))
            ));
            counted.push("SELECT queue, job_type, 0::smallint AS status, priority, 1 AS by FROM new");
        }
        if !records.is_empty() {
            let source = format!("(SELECT * FROM {} AS r{condition})", records.postgres_part(&mut values));
            steps.push(format!("recorded AS ({})", record_sql(&source)));
        }
        if has_starts {
            let ids = values.len() + 1;
            steps.push(format!(
                "started AS ({}{and} RETURNING jobs.id, jobs.queue, jobs.job_type, jobs.priority)",
                start_sql(&starts.postgres_part(&mut values), LIVE_POSTGRES)
            ));
            counted.push("SELECT queue, job_type, 0::smallint AS status, priority, -1 AS by FROM started");
            counted.push("SELECT queue, job_type, 1::smallint AS status, priority, 1 AS by FROM started");
            refused.push(format!(
                "SELECT id FROM UNNEST(${ids}::uuid[]) AS s(id) WHERE id NOT IN (SELECT id FROM started)"
            ));
        }
        if has_ends {
            let ids = values.len() + 1;
            steps.push(format!(
                "ended AS ({}{and} RETURNING jobs.id, jobs.queue, jobs.job_type, jobs.priority, jobs.status, \
                 CASE WHEN v.c11 IS NULL THEN 1::smallint ELSE 0::smallint END AS was_status)",
                finish_sql(&ends.postgres_part(&mut values))
            ));
            steps.push(format!(
                "history AS ({} WHERE v.c1 IN (SELECT id FROM ended))",
                attempts_sql(&attempts.postgres_part(&mut values))
            ));
            counted.push("SELECT queue, job_type, was_status AS status, priority, -1 AS by FROM ended");
            counted.push("SELECT queue, job_type, status, priority, 1 AS by FROM ended");
            refused.push(format!(
                "SELECT id FROM UNNEST(${ids}::uuid[]) AS s(id) WHERE id NOT IN (SELECT id FROM ended)"
            ));
        }
        let has_entries = !entries.is_empty();
        if has_entries {
            let ran = [(has_starts, "started"), (has_ends, "ended")];
            let changed: Vec<String> = ran
                .into_iter()
                .filter(|(has_any, _)| *has_any)
                .map(|(_, step)| format!("SELECT id, queue, job_type FROM {step}"))
                .collect();
            let source = entries.postgres_part(&mut values);
            // Before the counters, which the slow path writes first.
            steps.extend(postgres_steps(&source, &changed.join(" UNION ALL "), has_reasons));
        }
        steps.extend(postgres_activity(
            counters.into_activity(shard),
            condition,
            has_entries,
            &mut values,
        ));
        // In the order of the slow path: nodes that count in the same rows wait for each other without a deadlock.
        steps.push(format!("counts AS ({})", counted.join(" UNION ALL ")));
        steps.push(
            "totals_counted AS (INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
             SELECT COALESCE(queue, ''), COALESCE(job_type, ''), status, priority, $1::smallint, SUM(by) FROM counts \
             GROUP BY GROUPING SETS ((queue, status, priority), (job_type, status, priority), (status, priority)) \
             HAVING SUM(by) <> 0 ORDER BY COALESCE(queue, '') COLLATE \"C\", COALESCE(job_type, '') COLLATE \"C\", status, \
             priority ON CONFLICT (queue, job_type, status, priority, shard) \
             DO UPDATE SET count = job_totals.count + excluded.count)"
                .to_owned(),
        );
        steps.push(
            "counted AS (INSERT INTO job_counters (queue, job_type, status, priority, shard, count) \
             SELECT queue, job_type, status, priority, $1::smallint, SUM(by) FROM counts \
             GROUP BY queue, job_type, status, priority HAVING SUM(by) <> 0 \
             ORDER BY queue COLLATE \"C\", job_type COLLATE \"C\", status, priority \
             ON CONFLICT (queue, job_type, status, priority, shard) \
             DO UPDATE SET count = job_counters.count + excluded.count)"
                .to_owned(),
        );
        let result = if refused.is_empty() {
            "SELECT NULL::uuid AS id WHERE false".to_owned()
        } else {
            refused.join(" UNION ALL ")
        };
        let sql = format!("WITH {} {result}", steps.join(", "));
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let refused = crate::storage::sea::jobs::attempts::ids(&connection.query_all_raw(statement).await?)?;
        Ok((!refused.contains(&Uuid::nil())).then_some(refused))
    }
}

fn insert_sql(source: &str) -> String {
    format!("INSERT INTO jobs ({NEW_COLUMNS}) SELECT * FROM {source} AS v")
}

fn attempts_sql(source: &str) -> String {
    format!("INSERT INTO attempts ({ATTEMPT_COLUMNS}) SELECT * FROM {source} AS v")
}

impl SeaRepository {
    /// Results of the usual changes after starts or completions of these jobs were rejected. They are read
    /// afterwards, so they may include concurrent changes.
    pub(crate) async fn fast_path_results(
        &self,
        changes: &[Change],
        refused: &HashSet<Uuid>,
        connection: &impl ConnectionTrait,
    ) -> Result<Results, CommitFailure> {
        let to_cancel = self.with_requested_cancellation(changes, refused, connection).await?;
        let mut results = Results::with_capacity(changes.len());
        for change in changes {
            results.push(match change {
                Change::Job(JobChange::Insert { jobs, idempotency: _ }) => {
                    Some(Ok(Applied::Inserted(vec![Inserted::New; jobs.len()])))
                }
                Change::Job(JobChange::Start { jobs }) => {
                    let started: Vec<bool> = jobs.iter().map(|job| !refused.contains(&job.id.as_uuid())).collect();
                    if let Some(node) = jobs.first().and_then(|job| job.node)
                        && !started.contains(&true)
                        && !self.holds_lease(node, connection).await?
                    {
                        Some(Err(ChangeError::NoLease))
                    } else {
                        Some(Ok(Applied::Started(started)))
                    }
                }
                Change::Job(JobChange::Finish { job, .. }) => {
                    let id = job.id.as_uuid();
                    Some(Ok(Applied::Finished(if !refused.contains(&id) {
                        Finished::Stored
                    } else if to_cancel.contains(&id) {
                        Finished::CancelRequested
                    } else {
                        Finished::LeaseLost
                    })))
                }
                Change::Job(
                    JobChange::Claim(_)
                    | JobChange::Release { .. }
                    | JobChange::Update { .. }
                    | JobChange::Delete { .. }
                    | JobChange::Report { .. },
                )
                | Change::Queue(_)
                | Change::Recurring(_)
                | Change::Cluster(_)
                | Change::Worker(_)
                | Change::Webhook(_)
                | Change::Feed(_)
                | Change::Operation(_)
                | Change::Maintenance(_) => None,
            });
        }
        Ok(results)
    }
}
