//! Series of activity: reads.

use sea_orm::QueryResult;

use super::fold_activity::unpack_minute;
use super::packed_day::{
    QUARTERS_PER_DAY, Quarter, step_from, unpack_all_quarters, unpack_counts, unpack_steps, unreadable,
};
use super::spans::{Hours, days};
use super::statement::{Bound, failed, null, number, read_sums, sums, tables};
use crate::domain::metrics::activity::{ActivityCounts, SLICES_PER_MINUTE, Slice};
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{HOURS_PER_DAY, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use crate::storage::query::{ActivityPoint, RollupFilter};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::activity_writer::ACTIVITY_SUMS;
use crate::storage::sea::error::corrupt;
use crate::storage::sea::repository::SeaRepository;

/// Kinds of rows.
const COUNTS: i64 = 0;
const BUCKETS: i64 = 1;
const CREATED: i64 = 2;
const PACKED: i64 = 3;

impl SeaRepository {
    /// The points of a series, in one read.
    pub(in crate::storage::sea) async fn read_activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        match points {
            SeriesPoints::Slices { from, to, of_point } => {
                self.read_slices(filter, points, (*from, *to), *of_point).await
            }
            SeriesPoints::TimeBuckets(spans) => self.read_time_buckets(filter, points, spans, first_hour).await,
        }
    }

    async fn read_slices(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        (from, to): (Slice, Slice),
        of_point: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        let mut found = vec![ActivityPoint::default(); points.len()];
        let mut bound = Bound::default();
        let (first, end) = (bound.place(from.0), bound.place(to.0));
        let queue = filter.queue.as_ref().map(|queue| queue.as_str());
        let of_queue = match queue {
            Some(queue) => format!(" AND queue = {}", bound.place(queue)),
            None => String::new(),
        };
        let (big, bytes) = (null("bigint"), null("bytea"));
        let counts = ACTIVITY_SUMS
            .map(|column| format!("CAST(SUM({column}) AS bigint)"))
            .join(", ");
        let mut sql = format!(
            "SELECT CAST({COUNTS} AS bigint), slice, {bytes}, {counts} FROM activity_slices \
             WHERE slice >= {first} AND slice < {end}{of_queue} GROUP BY slice \
             UNION ALL SELECT CAST({BUCKETS} AS bigint), slice, {bytes}, measure, bucket, CAST(SUM(count) AS bigint), {} \
             FROM activity_buckets WHERE slice >= {first} AND slice < {end}{of_queue} GROUP BY slice, measure, bucket",
            [big.as_str(); 3].join(", "),
        );
        // Minutes are part of points of whole minutes alone.
        if of_point % SLICES_PER_MINUTE == 0 {
            let queue = bound.place(queue.unwrap_or_default());
            let (first, end) = (bound.place(from.minute()), bound.place(to.minute()));
            sql.push_str(&format!(
                " UNION ALL SELECT CAST({PACKED} AS bigint), minute, packed, {} FROM activity_minutes \
                 WHERE queue = {queue} AND minute >= {first} AND minute < {end}",
                [big.as_str(); 6].join(", ")
            ));
        }
        for row in self.read_sql(sql, bound).await? {
            let (kind, at): (i64, i64) = (
                row.try_get_by_index(0).map_err(failed)?,
                row.try_get_by_index(1).map_err(failed)?,
            );
            let slice = Slice(if kind == PACKED { at * SLICES_PER_MINUTE } else { at });
            let Some(point) = points.of_slice(slice).and_then(|point| found.get_mut(point)) else {
                continue;
            };
            if kind == COUNTS {
                let mut numbers = [0; 6];
                for (index, sum) in numbers.iter_mut().enumerate() {
                    *sum = number(&row, 3 + index)?;
                }
                point.counts += ActivityCounts::from_numbers(numbers);
            } else if kind == BUCKETS {
                let (measure, bucket, count) = read_bucket(&row, 3)?;
                point.add(measure, bucket, count);
            } else {
                let packed: Vec<u8> = row.try_get_by_index(2).map_err(failed)?;
                let counts = unpack_minute(&packed, |measure, bucket, count| point.add(measure, bucket, count));
                point.counts += counts.ok_or_else(unreadable)?;
            }
        }
        Ok(found)
    }

    async fn read_time_buckets(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        spans: &[TimeBucketRange],
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        let mut found = vec![ActivityPoint::default(); points.len()];
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return Ok(found);
        };
        let span = TimeBucketRange {
            from: first.from,
            to: last.to,
        };
        let hours = Hours::of(TimeBucketRange {
            from: span
                .from
                .max(TimeBucket(first_hour.saturating_mul(TIME_BUCKETS_PER_HOUR))),
            to: span.to,
        });
        let Some(days) = days(span, &hours) else {
            return Ok(found);
        };
        let mut place = Placed {
            points,
            hours: &hours,
            found: &mut found,
        };
        for row in self.read_time_bucket_rows(filter, days, span, &hours).await? {
            place.add(&row)?;
        }
        Ok(found)
    }

    /// The packed days of a filter, and its recent rows in a span and in some hours.
    async fn read_time_bucket_rows(
        &self,
        filter: &RollupFilter,
        days: (i64, i64),
        span: TimeBucketRange,
        hours: &Hours,
    ) -> Result<Vec<QueryResult>, RepositoryError> {
        let mut bound = Bound::default();
        let packed = bound.packed(days, filter);
        let recent = bound.recent(filter);
        let (counts, steps) = tables(filter);
        let (from, to) = (bound.place(span.from.0), bound.place(span.to.0));
        let (first, end) = (bound.place(hours.first), bound.place(hours.end));
        let (big, bytes) = (null("bigint"), null("bytea"));
        let sql = format!(
            "SELECT CAST({PACKED} AS bigint), day, quarters, summary, {} FROM rollup_days WHERE {packed} \
             UNION ALL SELECT CAST({COUNTS} AS bigint), slot, {bytes}, {bytes}, {} FROM {counts} \
             WHERE slot >= {from} AND slot < {to}{recent} GROUP BY slot \
             UNION ALL SELECT CAST({CREATED} AS bigint), slot, {bytes}, {bytes}, CAST(SUM(count) AS bigint), {} FROM created_jobs \
             WHERE slot >= {from} AND slot < {to}{recent} GROUP BY slot \
             UNION ALL SELECT CAST({BUCKETS} AS bigint), hour, {bytes}, {bytes}, measure, bucket, CAST(SUM(count) AS bigint), {} \
             FROM {steps} WHERE hour >= {first} AND hour < {end}{recent} GROUP BY hour, measure, bucket",
            [big.as_str(); 8].join(", "),
            sums(),
            [big.as_str(); 7].join(", "),
            [big.as_str(); 5].join(", "),
        );
        self.read_sql(sql, bound).await
    }
}

/// Points of quarters of an hour as they are filled.
struct Placed<'a> {
    points: &'a SeriesPoints,
    hours: &'a Hours,
    found: &'a mut [ActivityPoint],
}

impl Placed<'_> {
    fn point(&mut self, time_bucket: i64) -> Option<&mut ActivityPoint> {
        let point = self.points.of_time_bucket(TimeBucket(time_bucket))?;
        self.found.get_mut(point)
    }

    /// The point in which an hour begins, if its durations are requested.
    fn point_of_hour(&mut self, hour: i64) -> Option<&mut ActivityPoint> {
        if !(self.hours.first..self.hours.end).contains(&hour) {
            return None;
        }
        self.point(hour * TIME_BUCKETS_PER_HOUR)
    }

    /// Adds a row of [`SeaRepository::read_time_bucket_rows`].
    fn add(&mut self, row: &QueryResult) -> Result<(), RepositoryError> {
        let (kind, at): (i64, i64) = (
            row.try_get_by_index(0).map_err(failed)?,
            row.try_get_by_index(1).map_err(failed)?,
        );
        match kind {
            COUNTS => {
                let counts = read_sums(row, 4)?;
                if let Some(point) = self.point(at) {
                    point.counts += counts.into();
                }
            }
            CREATED => {
                let created = number(row, 4)?;
                if let Some(point) = self.point(at) {
                    point.counts.created += created;
                }
            }
            BUCKETS => {
                let (measure, bucket, count) = read_bucket(row, 4)?;
                if let Some(point) = self.point_of_hour(at) {
                    point.add(measure, bucket, count);
                }
            }
            _ => {
                let quarters: Vec<u8> = row.try_get_by_index(2).map_err(failed)?;
                let summary: Vec<u8> = row.try_get_by_index(3).map_err(failed)?;
                self.add_day(at, &quarters, &summary).ok_or_else(unreadable)?;
            }
        }
        Ok(())
    }

    /// Adds a packed day; `None` if the bytes are none.
    fn add_day(&mut self, day: i64, quarters: &[u8], mut summary: &[u8]) -> Option<()> {
        unpack_all_quarters(quarters, |quarter, part| {
            let quarter = day * QUARTERS_PER_DAY + i64::try_from(quarter).unwrap_or_default();
            if let Some(point) = self.point(quarter) {
                match part {
                    Quarter::Counts(counts) => point.counts += counts.into(),
                    Quarter::Created(count) => point.counts.created += count,
                }
            }
        })?;
        unpack_counts(&mut summary)?;
        unpack_steps(summary, |hour, step, count| {
            let hour = day * HOURS_PER_DAY + i64::try_from(hour).unwrap_or_default();
            if let Some((measure, bucket)) = step_from(step)
                && let Some(point) = self.point_of_hour(hour)
            {
                point.add(measure, bucket, count);
            }
        })
    }
}

/// A measure, a bucket and their number from this column on.
fn read_bucket(row: &QueryResult, first: usize) -> Result<(Measure, u8, u64), RepositoryError> {
    let (measure, bucket): (i64, i64) = (
        row.try_get_by_index(first).map_err(failed)?,
        row.try_get_by_index(first + 1).map_err(failed)?,
    );
    let known = i16::try_from(measure).ok().and_then(Measure::from_code);
    match (known, u8::try_from(bucket)) {
        (Some(measure), Ok(bucket)) => Ok((measure, bucket, number(row, first + 2)?)),
        _ => Err(corrupt(format!(
            "a histogram has the measure {measure} with the bucket {bucket}"
        ))),
    }
}
