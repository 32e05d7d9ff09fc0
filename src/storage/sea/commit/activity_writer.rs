//! Activity of queues by slices of five seconds, and created jobs by quarters of an hour, as rows.
//!
//! They are written as the rollups are ([`super::rollup_writer`]): on SQLite and on the slow path as sums of a commit, on
//! the fast path of PostgreSQL from the entries of the jobs that its statement has changed. New jobs are always applied
//! there, so their counts are sums.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::bulk_values::{Kind, Rows};
use crate::domain::metrics::activity::{ActivityDelta, SliceBucketKey};
use crate::domain::metrics::rollup_delta::RollupKey;

const COUNTS: &[Kind] = &[
    Kind::Big,
    Kind::Text,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::Big,
];
const BUCKETS: &[Kind] = &[Kind::Big, Kind::Text, Kind::Small, Kind::Small, Kind::Small, Kind::Big];
const CREATED: &[Kind] = &[Kind::Big, Kind::Text, Kind::Text, Kind::Small, Kind::Big];

/// The columns of counts, in the order of [`crate::domain::metrics::activity::ActivityCounts::numbers`].
pub(crate) const ACTIVITY_SUMS: [&str; 6] = [
    "created",
    "started",
    "completed",
    "attempts_failed",
    "jobs_failed",
    "jobs_cancelled",
];

/// The activity of a commit, table by table.
pub(crate) struct ActivityRows {
    pub(crate) counts: Rows,
    pub(crate) buckets: Rows,
    pub(crate) created: Rows,
}

impl ActivityRows {
    pub(crate) fn new(activity: ActivityDelta, created: BTreeMap<RollupKey, u64>, shard: i16) -> Self {
        let ActivityDelta { counts, buckets } = activity;
        let mut count_rows = Rows::new(COUNTS, counts.len());
        for ((slice, queue), counts) in counts {
            let [a, b, c, d, e, f] = counts.numbers().map(big);
            count_rows.push([slice.0.into(), queue.as_str().into(), shard.into(), a, b, c, d, e, f]);
        }
        let mut bucket_rows = Rows::new(BUCKETS, buckets.len());
        for (key, count) in buckets {
            let SliceBucketKey {
                slice,
                queue,
                measure,
                bucket,
            } = key;
            bucket_rows.push([
                slice.0.into(),
                queue.as_str().into(),
                measure.code().into(),
                i16::from(bucket).into(),
                shard.into(),
                big(count),
            ]);
        }
        let mut created_rows = Rows::new(CREATED, created.len());
        for (key, count) in created {
            let RollupKey {
                time_bucket,
                queue,
                job_type,
            } = key;
            created_rows.push([
                time_bucket.0.into(),
                queue.as_str().into(),
                job_type.as_str().into(),
                shard.into(),
                big(count),
            ]);
        }
        Self {
            counts: count_rows,
            buckets: bucket_rows,
            created: created_rows,
        }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        let Self {
            counts,
            buckets,
            created,
        } = self;
        counts.len() + buckets.len() + created.len()
    }

    /// Adds these rows to a SQLite text.
    pub(crate) fn sqlite_parts(
        self,
        counter_size: usize,
        step_size: usize,
        statements: &mut Vec<String>,
        values: &mut Vec<Value>,
    ) {
        let Self {
            counts,
            buckets,
            created,
        } = self;
        if !counts.is_empty() {
            statements.push(counts_sql(&counts.sqlite_part(counter_size, values)));
        }
        if !buckets.is_empty() {
            statements.push(buckets_sql(&buckets.sqlite_part(step_size, values)));
        }
        if !created.is_empty() {
            statements.push(created_sql(&created.sqlite_part(counter_size, values)));
        }
    }

    /// Adds the activity to the stored one. Returns the number of rows.
    pub(crate) async fn write(self, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let Self {
            counts,
            buckets,
            created,
        } = self;
        Ok(counts.execute(connection, counts_sql).await?
            + buckets.execute(connection, buckets_sql).await?
            + created.execute(connection, created_sql).await?)
    }
}

fn big(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

const COUNT_KEY: &str = "slice, queue, shard";
const BUCKET_COLUMNS: &str = "slice, queue, measure, bucket, shard, count";
const BUCKET_CONFLICT: &str =
    "ON CONFLICT (slice, queue, measure, bucket, shard) DO UPDATE SET count = activity_buckets.count + excluded.count";

/// The columns of the counts, and the update of an existing row.
fn columns_of_counts() -> (String, String) {
    let adds = ACTIVITY_SUMS.map(|column| format!("{column} = activity_slices.{column} + excluded.{column}"));
    (
        format!("{COUNT_KEY}, {}", ACTIVITY_SUMS.join(", ")),
        format!("ON CONFLICT ({COUNT_KEY}) DO UPDATE SET {}", adds.join(", ")),
    )
}

/// The statement that adds counts. "WHERE" as in [`super::counters::count_jobs_sql`].
fn counts_sql(source: &str) -> String {
    let (columns, conflict) = columns_of_counts();
    format!("INSERT INTO activity_slices ({columns}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {conflict}")
}

/// The statement that adds measurements.
fn buckets_sql(source: &str) -> String {
    format!(
        "INSERT INTO activity_buckets ({BUCKET_COLUMNS}) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL {BUCKET_CONFLICT}"
    )
}

/// The statement that adds created jobs.
fn created_sql(source: &str) -> String {
    format!(
        "INSERT INTO created_jobs (slot, queue, job_type, shard, count) SELECT * FROM {source} AS v WHERE c1 IS NOT NULL \
         ON CONFLICT (slot, queue, job_type, shard) DO UPDATE SET count = created_jobs.count + excluded.count"
    )
}

/// The parts of a PostgreSQL statement that add these rows of new jobs, under a condition of the statement, and the
/// activity of `marks`, if it has them (see [`super::rollup_writer::postgres_steps`]); `$1` is the shard. In the order of
/// the slow path, which PostgreSQL runs from the last part to the first.
pub(crate) fn postgres_activity(
    new: ActivityRows,
    condition: &str,
    has_marks: bool,
    values: &mut Vec<Value>,
) -> Vec<String> {
    let ActivityRows {
        counts,
        buckets: _,
        created,
    } = new;
    let mut steps = Vec::new();
    if !created.is_empty() {
        let source = format!("(SELECT * FROM {} AS r{condition})", created.postgres_part(values));
        steps.push(format!("created AS ({})", created_sql(&source)));
    }
    if has_marks {
        steps.push(format!(
            "activity_steps AS (INSERT INTO activity_buckets ({BUCKET_COLUMNS}) \
             SELECT c14, queue, c11, c12, $1::smallint, COUNT(*) FROM marks WHERE c12 >= 0 GROUP BY 1, 2, 3, 4 \
             ORDER BY 1, queue COLLATE \"C\", c11, c12 {BUCKET_CONFLICT})"
        ));
    }
    let mut sources = Vec::new();
    if !counts.is_empty() {
        sources.push(format!(
            "SELECT c1 AS slice, c2 AS queue, c4, c5, c6, c7, c8, c9 FROM {} AS r{condition}",
            counts.postgres_part(values)
        ));
    }
    if has_marks {
        sources.push(
            "SELECT c14 AS slice, queue, 0::bigint AS c4, c3 AS c5, c4 AS c6, c5 AS c7, c7 AS c8, c8 AS c9 FROM marks"
                .to_owned(),
        );
    }
    if !sources.is_empty() {
        let (columns, conflict) = columns_of_counts();
        steps.push(format!(
            "activity AS (INSERT INTO activity_slices ({columns}) SELECT slice, queue, $1::smallint, \
             SUM(c4), SUM(c5), SUM(c6), SUM(c7), SUM(c8), SUM(c9) FROM ({}) AS a GROUP BY slice, queue \
             ORDER BY slice, queue COLLATE \"C\" {conflict})",
            sources.join(" UNION ALL ")
        ));
    }
    steps
}
