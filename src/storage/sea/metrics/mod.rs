//! Reads what is summed up of jobs, and keeps by days what is older.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use super::commit::bulk_values::{Kind, Rows};
use super::commit::context::CommitContext;
use super::commit::rollup_writer::SUMS;
use super::error::{CommitFailure, corrupt, unavailable};
use super::repository::SeaRepository;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{
    HOURS_PER_DAY, RollupCounts, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange, first_hour_of_day,
};
use crate::domain::values::name::JobType;
use crate::storage::query::{Durations, RollupFilter, TypeRollup};
use crate::storage::repository::RepositoryError;

/// A span: its place in the list, and its time buckets.
const SPAN: &[Kind] = &[Kind::Big, Kind::Big, Kind::Big];
/// Numbers of spans per SQLite text; see [`super::commit::bulk_values`].
const SQLITE_SPANS: [usize; 5] = [1, 8, 32, 128, 1_024];

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

/// The sums as columns. On PostgreSQL a sum has another type than what is summed up.
fn sums() -> String {
    SUMS.map(|column| format!("CAST(SUM({column}) AS bigint)")).join(", ")
}

fn number(row: &QueryResult, index: usize) -> Result<u64, RepositoryError> {
    let number: i64 = row.try_get_by_index(index).map_err(failed)?;
    Ok(u64::try_from(number).unwrap_or_default())
}

/// The sums from this column on.
fn read_sums(row: &QueryResult, first: usize) -> Result<RollupCounts, RepositoryError> {
    let number = |index: usize| number(row, first + index);
    Ok(RollupCounts {
        started: number(0)?,
        completed: number(1)?,
        attempts_failed: number(2)?,
        abandoned: number(3)?,
        jobs_failed: number(4)?,
        jobs_cancelled: number(5)?,
        run_micros: number(6)?,
        wait_micros: number(7)?,
    })
}

fn read_type(row: &QueryResult) -> Result<JobType, RepositoryError> {
    Ok(JobType::from_stored(row.try_get_by_index::<String>(0).map_err(failed)?))
}

fn read_step(row: &QueryResult, first: usize) -> Result<(Measure, u8, u64), RepositoryError> {
    let code: i16 = row.try_get_by_index(first).map_err(failed)?;
    let bucket: i16 = row.try_get_by_index(first + 1).map_err(failed)?;
    let unknown = || {
        corrupt(format!(
            "job_time_steps has the measure {code} with the bucket {bucket}"
        ))
    };
    let measure = Measure::from_code(code).ok_or_else(unknown)?;
    let bucket = u8::try_from(bucket).map_err(|_| unknown())?;
    Ok((measure, bucket, number(row, first + 2)?))
}

/// The tables of rollups and time buckets with the fewest rows for a filter.
fn tables(RollupFilter { queue, job_types }: &RollupFilter) -> (&'static str, &'static str) {
    if queue.is_none() && job_types.is_empty() {
        ("rollup_totals", "time_step_totals")
    } else {
        ("job_rollups", "job_time_steps")
    }
}

/// Condition of a filter on rows with a queue and a type, with its bound values.
fn condition(filter: &RollupFilter, values: &mut Vec<Value>) -> String {
    let RollupFilter { queue, job_types } = filter;
    let mut sql = String::new();
    let mut bind = |value: &str| {
        values.push(value.into());
        format!("${}", values.len())
    };
    if let Some(queue) = queue {
        sql.push_str(&format!(" AND queue = {}", bind(queue.as_str())));
    }
    if !job_types.is_empty() {
        let types: Vec<String> = job_types.iter().map(|job_type| bind(job_type.as_str())).collect();
        sql.push_str(&format!(" AND job_type IN ({})", types.join(", ")));
    }
    sql
}

impl SeaRepository {
    async fn read_sql(&self, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, RepositoryError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.readers().query_all_raw(statement).await.map_err(failed)
    }

    pub(super) async fn read_rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        let mut found = Vec::with_capacity(spans.len());
        // The greatest size that a text has.
        for spans in spans.chunks(1_024) {
            let mut rows = Rows::new(SPAN, spans.len());
            for (place, TimeBucketRange { from, to }) in (0_i64..).zip(spans) {
                rows.push([place.into(), from.0.into(), to.0.into()]);
            }
            let mut values = Vec::new();
            let source = if self.is_postgres() {
                rows.postgres_part(&mut values)
            } else {
                let size = SQLITE_SPANS.into_iter().find(|size| *size >= spans.len());
                rows.sqlite_part(size.unwrap_or(spans.len()), &mut values)
            };
            let condition = condition(filter, &mut values);
            let (table, _) = tables(filter);
            // Each span is a range of the key; on SQLite a cross join is run in the order in which it is written.
            let sql = format!(
                "SELECT v.c1, {} FROM {source} AS v CROSS JOIN {table} AS r \
                 WHERE r.slot >= v.c2 AND r.slot < v.c3{condition} GROUP BY v.c1",
                sums()
            );
            let mut sums = vec![RollupCounts::default(); spans.len()];
            for row in self.read_sql(sql, values).await? {
                let place = usize::try_from(number(&row, 0)?).unwrap_or(usize::MAX);
                if let Some(sum) = sums.get_mut(place) {
                    *sum = read_sums(&row, 1)?;
                }
            }
            found.append(&mut sums);
        }
        Ok(found)
    }

    pub(super) async fn read_busiest_hour(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<u64, RepositoryError> {
        let mut values = vec![span.from.0.into(), span.to.0.into()];
        let (table, _) = tables(filter);
        let sql = format!(
            "SELECT CAST(MAX(ended) AS bigint) FROM (SELECT SUM(completed + jobs_failed) AS ended FROM {table} \
             WHERE slot >= $1 AND slot < $2{} GROUP BY slot / {TIME_BUCKETS_PER_HOUR}) AS hours",
            condition(filter, &mut values)
        );
        let rows = self.read_sql(sql, values).await?;
        let most: Option<i64> = match rows.first() {
            Some(row) => row.try_get_by_index(0).map_err(failed)?,
            None => None,
        };
        Ok(most.and_then(|most| u64::try_from(most).ok()).unwrap_or_default())
    }

    pub(super) async fn read_durations(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<Durations, RepositoryError> {
        let (first, end) = span.hours();
        let mut values = vec![first.into(), end.into()];
        let (_, table) = tables(filter);
        let sql = format!(
            "SELECT measure, bucket, CAST(SUM(count) AS bigint) FROM {table} \
             WHERE hour >= $1 AND hour < $2{} GROUP BY measure, bucket",
            condition(filter, &mut values)
        );
        let mut durations = Durations::default();
        for row in self.read_sql(sql, values).await? {
            let (measure, bucket, count) = read_step(&row, 0)?;
            durations.add(measure, bucket, count);
        }
        Ok(durations)
    }

    pub(super) async fn read_type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        let mut types: BTreeMap<JobType, TypeRollup> = BTreeMap::new();
        let mut values = vec![span.from.0.into(), span.to.0.into()];
        let sql = format!(
            "SELECT job_type, {} FROM job_rollups WHERE slot >= $1 AND slot < $2{} GROUP BY job_type",
            sums(),
            condition(filter, &mut values)
        );
        for row in self.read_sql(sql, values).await? {
            types.entry(read_type(&row)?).or_default().counts = read_sums(&row, 1)?;
        }
        let (first, end) = span.hours();
        let mut values = vec![first.into(), end.into()];
        let condition = condition(filter, &mut values);
        let steps = format!(
            "SELECT job_type, measure, bucket, CAST(SUM(count) AS bigint) FROM job_time_steps \
             WHERE hour >= $1 AND hour < $2{condition} GROUP BY job_type, measure, bucket"
        );
        for row in self.read_sql(steps, values.clone()).await? {
            let (measure, bucket, count) = read_step(&row, 1)?;
            let of_type = types.entry(read_type(&row)?).or_default();
            of_type.durations.add(measure, bucket, count);
        }
        let reasons = format!(
            "SELECT job_type, reason, CAST(SUM(count) AS bigint) FROM failure_reasons \
             WHERE hour >= $1 AND hour < $2{condition} GROUP BY job_type, reason"
        );
        for row in self.read_sql(reasons, values).await? {
            let reason: String = row.try_get_by_index(1).map_err(failed)?;
            let of_type = types.entry(read_type(&row)?).or_default();
            of_type.reasons.push((reason, number(&row, 2)?));
        }
        Ok(types)
    }
}

/// A table that is kept by hours, and what it is kept by beside them.
const BY_HOURS: [(&str, &str); 3] = [
    ("job_time_steps", "queue, job_type, measure, bucket, shard"),
    ("time_step_totals", "measure, bucket, shard"),
    ("failure_reasons", "queue, job_type, reason, shard"),
];

impl CommitContext<'_> {
    /// Deletes the oldest expired daily rollup, and compacts the hours of the oldest day to a daily rollup. Returns
    /// whether there was anything to do: at most one day of each, so that a shorter retention does not cause a long
    /// commit.
    pub(super) async fn age_sums(
        &mut self,
        by_days_before: DateTime<Utc>,
        before: Option<DateTime<Utc>>,
    ) -> Result<bool, CommitFailure> {
        let day_of = |time| first_hour_of_day(TimeBucket::of(time).hour());
        let mut has_aged = false;
        if let Some(oldest) = self.oldest_hour().await?.map(first_hour_of_day)
            && before.is_some_and(|before| oldest < day_of(before))
        {
            let end = oldest + HOURS_PER_DAY;
            for table in ["job_rollups", "rollup_totals"] {
                let slot = end * TIME_BUCKETS_PER_HOUR;
                self.run(&format!("DELETE FROM {table} WHERE slot < $1"), [slot])
                    .await?;
            }
            for (table, _) in BY_HOURS {
                self.run(&format!("DELETE FROM {table} WHERE hour < $1"), [end]).await?;
            }
            has_aged = true;
        }
        for (table, columns) in BY_HOURS {
            has_aged |= self.add_up_day(table, columns, day_of(by_days_before)).await?;
        }
        Ok(has_aged)
    }

    /// Adds up the hours of the oldest day before this hour that is still kept by hours, if there is one.
    async fn add_up_day(&mut self, table: &str, columns: &str, end: i64) -> Result<bool, CommitFailure> {
        let oldest = format!("SELECT MIN(hour) FROM {table} WHERE hour < $1 AND hour % {HOURS_PER_DAY} <> 0");
        let oldest = Statement::from_sql_and_values(self.backend(), oldest, [end.into()]);
        let Some(oldest) = self.read_hour(oldest).await? else {
            return Ok(false);
        };
        let day = first_hour_of_day(oldest);
        let hours = [day + 1, day + HOURS_PER_DAY];
        let old = "hour >= $1 AND hour < $2";
        let sums = |source: &str| {
            format!(
                "INSERT INTO {table} (hour, {columns}, count) \
                 SELECT hour - hour % {HOURS_PER_DAY} AS day, {columns}, CAST(SUM(count) AS bigint) FROM {source} \
                 GROUP BY day, {columns} ORDER BY day, {columns} \
                 ON CONFLICT (hour, {columns}) DO UPDATE SET count = {table}.count + excluded.count"
            )
        };
        if self.backend() == DbBackend::Postgres {
            // What is added up is what this statement has removed: two nodes do not add the same hours.
            let removed = format!("WITH old AS (DELETE FROM {table} WHERE {old} RETURNING *)");
            self.run(&format!("{removed} {}", sums("old")), hours).await?;
        } else {
            self.run(&sums(&format!("{table} WHERE {old}")), hours).await?;
            self.run(&format!("DELETE FROM {table} WHERE {old}"), hours).await?;
        }
        Ok(true)
    }

    /// The first hour with rollups.
    async fn oldest_hour(&self) -> Result<Option<i64>, CommitFailure> {
        let sql = format!(
            "SELECT CAST(MIN(hour) AS bigint) FROM (SELECT MIN(slot) / {TIME_BUCKETS_PER_HOUR} AS hour FROM job_rollups \
             UNION ALL SELECT MIN(hour) FROM job_time_steps UNION ALL SELECT MIN(hour) FROM failure_reasons) AS oldest"
        );
        self.read_hour(Statement::from_string(self.backend(), sql)).await
    }

    async fn read_hour(&self, statement: Statement) -> Result<Option<i64>, CommitFailure> {
        Ok(match self.transaction.query_one_raw(statement).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => None,
        })
    }

    async fn run<const N: usize>(&self, sql: &str, values: [i64; N]) -> Result<(), CommitFailure> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values.map(Value::from));
        self.transaction.execute_raw(statement).await?;
        Ok(())
    }
}
