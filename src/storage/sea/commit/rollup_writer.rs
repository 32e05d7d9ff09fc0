//! Rollups of jobs that start and finish, as rows.
//!
//! On the slow path, and on SQLite, a commit sums up in memory and writes the sums. On PostgreSQL the fast path is
//! one statement, in which only the database knows the applied changes: each job's part is a row, and the statement
//! sums up those of the jobs that it has changed.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::bulk_values::{Kind, Rows};
use super::fingerprint_writer::{postgres_seen, seen_rows, write_seen};
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{RollupCounts, RollupEntry, TimeBucket};
use crate::domain::metrics::rollup_delta::{HistogramKey, ReasonKey, RollupDelta, RollupKey};
use crate::domain::values::id::JobId;

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
/// Of a time bucket, all queues and types together.
const TOTALS: &[Kind] = &[
    Kind::Big,
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
/// Of an hour, all queues and types together.
const STEP_TOTALS: &[Kind] = &[Kind::Big, Kind::Small, Kind::Small, Kind::Small, Kind::Big];
const REASONS: &[Kind] = &[Kind::Big, Kind::Text, Kind::Text, Kind::Text, Kind::Small, Kind::Big];
/// A job's share: its id, the time bucket, what [`RollupCounts`] has, the measure and its step (or -1), the reason, the
/// slice, and the fingerprint of the failure.
pub(crate) const ENTRY: &[Kind] = &[
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
    Kind::Big,
    Kind::BigOrNull,
];

/// The sums of a commit, table by table.
pub(crate) struct RollupRows {
    pub(crate) counts: Rows,
    pub(crate) totals: Rows,
    pub(crate) steps: Rows,
    pub(crate) step_totals: Rows,
    pub(crate) reasons: Rows,
    pub(crate) seen: Rows,
}

impl RollupRows {
    pub(crate) fn new(rollups: RollupDelta, shard: i16) -> Self {
        let RollupDelta {
            counts,
            steps,
            reasons,
            seen,
            // Rows of their own.
            created: _,
            activity: _,
        } = rollups;
        let mut count_rows = Rows::new(COUNTS, counts.len());
        let mut totals: BTreeMap<TimeBucket, RollupCounts> = BTreeMap::new();
        for (
            RollupKey {
                time_bucket,
                queue,
                job_type,
            },
            sums,
        ) in counts
        {
            *totals.entry(time_bucket).or_default() += sums;
            let [a, b, c, d, e, f, g, h] = cells(sums);
            count_rows.push([
                time_bucket.0.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                shard.into(),
                a,
                b,
                c,
                d,
                e,
                f,
                g,
                h,
            ]);
        }
        let mut total_rows = Rows::new(TOTALS, totals.len());
        for (time_bucket, sums) in totals {
            let [a, b, c, d, e, f, g, h] = cells(sums);
            total_rows.push([time_bucket.0.into(), shard.into(), a, b, c, d, e, f, g, h]);
        }
        let mut step_rows = Rows::new(STEPS, steps.len());
        let mut step_totals: BTreeMap<(i64, i16, i16), u64> = BTreeMap::new();
        for (key, count) in steps {
            let HistogramKey {
                hour,
                queue,
                job_type,
                measure,
                bucket,
            } = key;
            let (measure, bucket) = (measure.code(), i16::from(bucket));
            *step_totals.entry((hour, measure, bucket)).or_default() += count;
            step_rows.push([
                hour.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                measure.into(),
                bucket.into(),
                shard.into(),
                big(count),
            ]);
        }
        let mut step_total_rows = Rows::new(STEP_TOTALS, step_totals.len());
        for ((hour, measure, bucket), count) in step_totals {
            step_total_rows.push([hour.into(), measure.into(), bucket.into(), shard.into(), big(count)]);
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
            totals: total_rows,
            steps: step_rows,
            step_totals: step_total_rows,
            reasons: reason_rows,
            seen: seen_rows(seen),
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        let Self {
            counts,
            totals,
            steps,
            step_totals,
            reasons,
            seen,
        } = self;
        counts.len() + totals.len() + steps.len() + step_totals.len() + reasons.len() + seen.len()
    }

    /// Adds the sums to the stored ones. Returns the number of rows.
    pub(crate) async fn write(self, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let Self {
            counts,
            totals,
            steps,
            step_totals,
            reasons,
            seen,
        } = self;
        Ok(counts.execute(connection, counts_sql).await?
            + totals.execute(connection, totals_sql).await?
            + steps.execute(connection, steps_sql).await?
            + step_totals.execute(connection, step_totals_sql).await?
            + reasons.execute(connection, reasons_sql).await?
            + write_seen(seen, connection).await?)
    }
}

/// The cells of a row from `started` on.
fn cells(sums: RollupCounts) -> [Value; 8] {
    sums.numbers().map(big)
}

fn big(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// A job's share as a row of [`MARK`].
pub(crate) fn entry_row(id: JobId, entry: &RollupEntry, reason: Option<String>) -> [Value; 15] {
    let RollupCounts {
        started,
        completed,
        attempts_failed,
        abandoned,
        jobs_failed,
        jobs_cancelled,
        run_micros,
        wait_micros,
    } = entry.counts;
    let fingerprint = reason.as_deref().map(|reason| Fingerprint::of(&entry.job_type, reason));
    // A job adds at most one.
    let one = |count: u64| Value::from(i16::from(count > 0));
    let (measure, bucket) = entry
        .measured
        .map_or((0, -1), |(measure, bucket)| (measure.code(), i16::from(bucket)));
    [
        id.as_uuid().into(),
        entry.time_bucket.0.into(),
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
        entry.slice.0.into(),
        fingerprint.map(Fingerprint::code).into(),
    ]
}

/// The columns of sums, in the order of [`cells`].
pub(crate) const SUMS: [&str; 8] = [
    "started",
    "completed",
    "attempts_failed",
    "abandoned",
    "jobs_failed",
    "jobs_cancelled",
    "run_micros",
    "wait_micros",
];
const COUNT_KEY: &str = "slot, queue, job_type, shard";
const TOTAL_KEY: &str = "slot, shard";

/// The columns of a table of rollups, and the update of an existing row.
fn sums_of(table: &str, key: &str) -> (String, String) {
    let adds = SUMS.map(|column| format!("{column} = {table}.{column} + excluded.{column}"));
    (
        format!("{key}, {}", SUMS.join(", ")),
        format!("ON CONFLICT ({key}) DO UPDATE SET {}", adds.join(", ")),
    )
}

/// The statement that adds rows to a table of sums. "WHERE" as in [`super::counters::count_jobs_sql`].
fn add_sums_sql(table: &str, key: &str, source: &str) -> String {
    let (columns, conflict) = sums_of(table, key);
    format!("INSERT INTO {table} ({columns}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {conflict}")
}

const STEP_COLUMNS: &str = "hour, queue, job_type, measure, bucket, shard, count";
const STEP_CONFLICT: &str = "ON CONFLICT (hour, queue, job_type, measure, bucket, shard) \
     DO UPDATE SET count = job_time_steps.count + excluded.count";
const STEP_TOTAL_COLUMNS: &str = "hour, measure, bucket, shard, count";
const STEP_TOTAL_CONFLICT: &str = "ON CONFLICT (hour, measure, bucket, shard) \
     DO UPDATE SET count = time_step_totals.count + excluded.count";
const REASON_COLUMNS: &str = "hour, queue, job_type, reason, shard, count";
const REASON_CONFLICT: &str = "ON CONFLICT (hour, queue, job_type, reason, shard) \
     DO UPDATE SET count = failure_reasons.count + excluded.count";

/// The statement that adds sums of jobs.
pub(crate) fn counts_sql(source: &str) -> String {
    add_sums_sql("job_rollups", COUNT_KEY, source)
}

/// The statement that adds sums of all jobs together.
pub(crate) fn totals_sql(source: &str) -> String {
    add_sums_sql("rollup_totals", TOTAL_KEY, source)
}

/// The statement that adds steps of time.
pub(crate) fn steps_sql(source: &str) -> String {
    format!(
        "INSERT INTO job_time_steps ({STEP_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {STEP_CONFLICT}"
    )
}

/// The statement that adds steps of time of all jobs together.
pub(crate) fn step_totals_sql(source: &str) -> String {
    format!(
        "INSERT INTO time_step_totals ({STEP_TOTAL_COLUMNS}) SELECT * FROM {source} AS v \
         WHERE c1 IS NOT NULL {STEP_TOTAL_CONFLICT}"
    )
}

/// The statement that adds reasons.
pub(crate) fn reasons_sql(source: &str) -> String {
    format!(
        "INSERT INTO failure_reasons ({REASON_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {REASON_CONFLICT}"
    )
}

/// The parts of a PostgreSQL statement that add up what jobs add whose rows `changed` gives (`id`, `queue`,
/// `job_type`), by rows of [`MARK`]; `$1` is the shard. Rows are locked in the order of their keys, tables in the order
/// of the slow path, which PostgreSQL runs from the last part to the first.
pub(crate) fn postgres_steps(entries: &str, changed: &str, has_reasons: bool) -> Vec<String> {
    let mut steps = vec![format!(
        "marks AS MATERIALIZED (SELECT v.*, j.queue, j.job_type FROM {entries} AS v JOIN ({changed}) AS j ON j.id = v.c1)"
    )];
    if has_reasons {
        steps.push(postgres_seen());
        steps.push(format!(
            "reasons AS (INSERT INTO failure_reasons ({REASON_COLUMNS}) \
             SELECT c2 / 4, queue, job_type, c13, $1::smallint, COUNT(*) FROM marks WHERE c13 IS NOT NULL GROUP BY 1, 2, 3, 4 \
             ORDER BY 1, queue COLLATE \"C\", job_type COLLATE \"C\", c13 COLLATE \"C\" {REASON_CONFLICT})"
        ));
    }
    steps.push(format!(
        "step_totals AS (INSERT INTO time_step_totals ({STEP_TOTAL_COLUMNS}) \
         SELECT c2 / 4, c11, c12, $1::smallint, COUNT(*) FROM marks WHERE c12 >= 0 GROUP BY 1, 2, 3 \
         ORDER BY 1, c11, c12 {STEP_TOTAL_CONFLICT})"
    ));
    steps.push(format!(
        "steps AS (INSERT INTO job_time_steps ({STEP_COLUMNS}) \
         SELECT c2 / 4, queue, job_type, c11, c12, $1::smallint, COUNT(*) FROM marks WHERE c12 >= 0 GROUP BY 1, 2, 3, 4, 5 \
         ORDER BY 1, queue COLLATE \"C\", job_type COLLATE \"C\", c11, c12 {STEP_CONFLICT})"
    ));
    let sums = "SUM(c3), SUM(c4), SUM(c5), SUM(c6), SUM(c7), SUM(c8), SUM(c9), SUM(c10)";
    let (columns, conflict) = sums_of("rollup_totals", TOTAL_KEY);
    steps.push(format!(
        "totals AS (INSERT INTO rollup_totals ({columns}) \
         SELECT c2, $1::smallint, {sums} FROM marks GROUP BY c2 ORDER BY c2 {conflict})"
    ));
    let (columns, conflict) = sums_of("job_rollups", COUNT_KEY);
    steps.push(format!(
        "sums AS (INSERT INTO job_rollups ({columns}) SELECT c2, queue, job_type, $1::smallint, {sums} \
         FROM marks GROUP BY c2, queue, job_type \
         ORDER BY c2, queue COLLATE \"C\", job_type COLLATE \"C\" {conflict})"
    ));
    steps
}
