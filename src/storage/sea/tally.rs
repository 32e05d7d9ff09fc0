//! What is summed up of jobs as they start and end, as rows.
//!
//! On the exact way, and on SQLite, a commit adds up in memory what its jobs add and writes the sums. On PostgreSQL the
//! usual changes are one statement, in which only the database knows which of them are applied: there each job's share is
//! a row, and the statement adds up those of the jobs that it has changed.

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::rows::{Kind, Rows};
use crate::domain::id::JobId;
use crate::domain::rollup::{Mark, ReasonKey, RollupCounts, RollupKey, StepKey, Tally};

const COUNTS: &[Kind] = &[
    Kind::Big,
    Kind::Text,
    Kind::Text,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
];
const STEPS: &[Kind] = &[
    Kind::Big,
    Kind::Text,
    Kind::Text,
    Kind::Small,
    Kind::Small,
    Kind::Small,
    Kind::Big,
];
const REASONS: &[Kind] = &[Kind::Big, Kind::Text, Kind::Text, Kind::Text, Kind::Small, Kind::Big];
/// A job's share: its id, the slot, what [`RollupCounts`] has, the measure and its step (or -1), and the reason.
pub(super) const MARK: &[Kind] = &[
    Kind::Uuid,
    Kind::Big,
    Kind::Small,
    Kind::Small,
    Kind::Small,
    Kind::Small,
    Kind::Small,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::Small,
    Kind::Small,
    Kind::TextOrNull,
];

/// The sums of a commit, table by table.
pub(super) struct TallyRows {
    pub(super) counts: Rows,
    pub(super) steps: Rows,
    pub(super) reasons: Rows,
}

impl TallyRows {
    pub(super) fn new(tally: Tally, shard: i16) -> Self {
        let Tally { counts, steps, reasons } = tally;
        let mut count_rows = Rows::new(COUNTS, counts.len());
        for (RollupKey { slot, queue, job_type }, sums) in counts {
            let RollupCounts {
                started,
                completed,
                attempts_failed,
                abandoned,
                jobs_failed,
                jobs_cancelled,
                run_micros,
                wait_micros,
            } = sums;
            count_rows.push([
                slot.0.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                shard.into(),
                big(started),
                big(completed),
                big(attempts_failed),
                big(abandoned),
                big(jobs_failed),
                big(jobs_cancelled),
                big(run_micros),
                big(wait_micros),
            ]);
        }
        let mut step_rows = Rows::new(STEPS, steps.len());
        for (key, count) in steps {
            let StepKey {
                hour,
                queue,
                job_type,
                measure,
                bucket,
            } = key;
            step_rows.push([
                hour.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                measure.code().into(),
                i16::from(bucket).into(),
                shard.into(),
                big(count),
            ]);
        }
        let mut reason_rows = Rows::new(REASONS, reasons.len());
        for (key, count) in reasons {
            let ReasonKey {
                hour,
                queue,
                job_type,
                reason,
            } = key;
            reason_rows.push([
                hour.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                reason.into(),
                shard.into(),
                big(count),
            ]);
        }
        Self {
            counts: count_rows,
            steps: step_rows,
            reasons: reason_rows,
        }
    }

    /// Adds the sums to what is stored; tells how many rows that were.
    pub(super) async fn write(self, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let Self { counts, steps, reasons } = self;
        Ok(counts.execute(connection, counts_sql).await?
            + steps.execute(connection, steps_sql).await?
            + reasons.execute(connection, reasons_sql).await?)
    }
}

fn big(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// A job's share as a row of [`MARK`].
pub(super) fn mark_row(id: JobId, mark: &Mark, reason: Option<String>) -> [Value; 13] {
    let RollupCounts {
        started,
        completed,
        attempts_failed,
        abandoned,
        jobs_failed,
        jobs_cancelled,
        run_micros,
        wait_micros,
    } = mark.counts;
    // One job adds one at the most.
    let one = |count: u64| Value::from(i16::from(count > 0));
    let (measure, bucket) = mark
        .measured
        .map_or((0, -1), |(measure, bucket)| (measure.code(), i16::from(bucket)));
    [
        id.as_uuid().into(),
        mark.slot.0.into(),
        one(started),
        one(completed),
        one(attempts_failed),
        one(abandoned),
        one(jobs_failed),
        one(jobs_cancelled),
        big(run_micros),
        big(wait_micros),
        measure.into(),
        bucket.into(),
        Value::String(reason),
    ]
}

const COUNT_COLUMNS: &str = "slot, queue, job_type, shard, started, completed, attempts_failed, abandoned, jobs_failed, \
                             jobs_cancelled, run_micros, wait_micros";
const COUNT_CONFLICT: &str = "ON CONFLICT (slot, queue, job_type, shard) DO UPDATE SET \
     started = job_rollups.started + excluded.started, completed = job_rollups.completed + excluded.completed, \
     attempts_failed = job_rollups.attempts_failed + excluded.attempts_failed, \
     abandoned = job_rollups.abandoned + excluded.abandoned, \
     jobs_failed = job_rollups.jobs_failed + excluded.jobs_failed, \
     jobs_cancelled = job_rollups.jobs_cancelled + excluded.jobs_cancelled, \
     run_micros = job_rollups.run_micros + excluded.run_micros, \
     wait_micros = job_rollups.wait_micros + excluded.wait_micros";
const STEP_COLUMNS: &str = "hour, queue, job_type, measure, bucket, shard, count";
const STEP_CONFLICT: &str = "ON CONFLICT (hour, queue, job_type, measure, bucket, shard) \
     DO UPDATE SET count = job_time_steps.count + excluded.count";
const REASON_COLUMNS: &str = "hour, queue, job_type, reason, shard, count";
const REASON_CONFLICT: &str = "ON CONFLICT (hour, queue, job_type, reason, shard) \
     DO UPDATE SET count = failure_reasons.count + excluded.count";

/// The statement that adds sums of jobs. "WHERE" as in [`super::counters::count_jobs_sql`].
pub(super) fn counts_sql(source: &str) -> String {
    format!(
        "INSERT INTO job_rollups ({COUNT_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {COUNT_CONFLICT}"
    )
}

/// The statement that adds steps of time.
pub(super) fn steps_sql(source: &str) -> String {
    format!(
        "INSERT INTO job_time_steps ({STEP_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {STEP_CONFLICT}"
    )
}

/// The statement that adds reasons.
pub(super) fn reasons_sql(source: &str) -> String {
    format!(
        "INSERT INTO failure_reasons ({REASON_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {REASON_CONFLICT}"
    )
}

/// The parts of a PostgreSQL statement that add up what jobs add whose rows `changed` gives (`id`, `queue`, `job_type`), by
/// rows of [`MARK`]; `$1` is the shard. Rows are locked in the order of their keys, tables in the order of the exact way,
/// which PostgreSQL runs from the last part to the first.
pub(super) fn postgres_steps(marks: &str, changed: &str, has_reasons: bool) -> Vec<String> {
    let mut steps = vec![format!(
        "marks AS MATERIALIZED (SELECT v.*, j.queue, j.job_type FROM {marks} AS v JOIN ({changed}) AS j ON j.id = v.c1)"
    )];
    if has_reasons {
        steps.push(format!(
            "reasons AS (INSERT INTO failure_reasons ({REASON_COLUMNS}) \
             SELECT c2 / 4, queue, job_type, c13, $1::smallint, COUNT(*) FROM marks WHERE c13 IS NOT NULL GROUP BY 1, 2, 3, 4 \
             ORDER BY 1, queue COLLATE \"C\", job_type COLLATE \"C\", c13 COLLATE \"C\" {REASON_CONFLICT})"
        ));
    }
    steps.push(format!(
        "steps AS (INSERT INTO job_time_steps ({STEP_COLUMNS}) \
         SELECT c2 / 4, queue, job_type, c11, c12, $1::smallint, COUNT(*) FROM marks WHERE c12 >= 0 GROUP BY 1, 2, 3, 4, 5 \
         ORDER BY 1, queue COLLATE \"C\", job_type COLLATE \"C\", c11, c12 {STEP_CONFLICT})"
    ));
    steps.push(format!(
        "sums AS (INSERT INTO job_rollups ({COUNT_COLUMNS}) \
         SELECT c2, queue, job_type, $1::smallint, SUM(c3), SUM(c4), SUM(c5), SUM(c6), SUM(c7), SUM(c8), SUM(c9), SUM(c10) \
         FROM marks GROUP BY c2, queue, job_type \
         ORDER BY c2, queue COLLATE \"C\", job_type COLLATE \"C\" {COUNT_CONFLICT})"
    ));
    steps
}
