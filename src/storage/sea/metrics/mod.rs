//! Rollups: reads.
//!
//! Recent rollups are rows of a quarter of an hour or an hour; the others are packed, a row for each day
//! ([`compaction`]). A read adds both up in one statement, which sees them as of one commit. Rows of all queues, or of
//! all types, have an empty name there.

mod activity;
mod compaction;
mod failures;
mod fold_activity;
mod packed_day;
mod recent;
mod spans;
mod statement;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::QueryResult;

use self::packed_day::{QUARTERS_PER_DAY, unpack_counts, unpack_quarters, unpack_reasons, unpack_types, unreadable};
use self::spans::{Hours, TimeBuckets, days};
use self::statement::{Bound, LISTED_DAYS_MAX, NO_DAY, failed, null, number, read_sums, sums, tables};
use super::commit::rollup_writer::SUMS;
use super::error::corrupt;
use super::repository::SeaRepository;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucket, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::query::{Durations, PerformanceRollups, RollupFilter, TypeRollup};
use crate::storage::repository::RepositoryError;

impl SeaRepository {
    /// Sums of parts and the busiest hour of a span, and durations of another span, in one read.
    pub(super) async fn read_performance(
        &self,
        filter: &RollupFilter,
        parts: &[TimeBucketRange],
        span: TimeBucketRange,
        measured: TimeBucketRange,
    ) -> Result<PerformanceRollups, RepositoryError> {
        let counted = parts.iter().chain([&span]).filter(|span| span.from < span.to);
        let from = counted.clone().map(|span| span.from).min().unwrap_or_default();
        let to = counted.map(|span| span.to).max().unwrap_or_default();
        let mut found = TimeBuckets::new(TimeBucketRange { from, to });
        let mut durations = Durations::default();
        let hours = Hours::of(measured);
        if let Some(days) = days(found.span(), &hours) {
            for row in self.read_days(filter, days, found.span(), &hours).await? {
                add_row(&row, &mut found, &hours, &mut durations)?;
            }
        }
        Ok(PerformanceRollups {
            parts: parts.iter().map(|part| found.sum(*part)).collect(),
            busiest_hour: found.busiest_hour(span),
            durations,
        })
    }

    /// The packed days of a filter, its recent time buckets in a span, and its recent steps in some hours.
    async fn read_days(
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
            "SELECT day, quarters, summary, {} FROM rollup_days WHERE {packed} \
             UNION ALL SELECT slot, {bytes}, {bytes}, {} FROM {counts} WHERE slot >= {from} AND slot < {to}{recent} GROUP BY slot \
             UNION ALL SELECT {big}, {bytes}, {bytes}, measure, bucket, CAST(SUM(count) AS bigint), {} FROM {steps} \
             WHERE hour >= {first} AND hour < {end}{recent} GROUP BY measure, bucket",
            [big.as_str(); 8].join(", "),
            sums(),
            [big.as_str(); 5].join(", "),
        );
        self.read_sql(sql, bound).await
    }

    /// Adds the types of those of these days that are closed, and returns these days. Types of a closed day may change until
    /// the others are read, by what is packed days late.
    async fn read_days_of_types(
        &self,
        filter: &RollupFilter,
        days: (i64, i64),
        hours: &Hours,
        types: &mut BTreeMap<String, FoundType>,
    ) -> Result<BTreeSet<i64>, RepositoryError> {
        let mut bound = Bound::default();
        let closed = bound.days(
            days,
            &BTreeSet::new(),
            filter.queue.as_ref().map(|queue| queue.as_str()),
        );
        let sql = format!("SELECT day, types FROM rollup_types WHERE {closed}");
        let mut found = BTreeSet::new();
        for row in self.read_sql(sql, bound).await? {
            let (day, packed): (i64, Vec<u8>) = (
                row.try_get_by_index(0).map_err(failed)?,
                row.try_get_by_index(1).map_err(failed)?,
            );
            unpack_types(&packed, |job_type, summary, reasons| {
                add_to(types, job_type, |found| {
                    let sums = found.add_packed(day, hours, summary, reasons)?;
                    found.counts += sums;
                    Some(())
                })
            })
            .ok_or_else(unreadable)?;
            found.insert(day);
        }
        Ok(found)
    }

    pub(super) async fn read_type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        let hours = Hours::of(span);
        if hours.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (first_day, last_day) = hours.days();
        let is_whole = |day: i64| {
            let first = day.saturating_mul(QUARTERS_PER_DAY);
            span.from.0 <= first && first.saturating_add(QUARTERS_PER_DAY) <= span.to.0
        };
        let mut types: BTreeMap<String, FoundType> = BTreeMap::new();
        let mut closed = BTreeSet::new();
        let days = (first_day, last_day);
        if filter.job_types.is_empty() && days.1.saturating_sub(days.0) <= LISTED_DAYS_MAX {
            // Only whole days: the types of a day have no hours.
            let first = first_day + i64::from(!is_whole(first_day));
            let last = last_day - i64::from(!is_whole(last_day));
            closed = self
                .read_days_of_types(filter, (first, last), &hours, &mut types)
                .await?;
        }
        let mut bound = Bound::default();
        let queue = filter.queue.as_ref().map(|queue| queue.as_str());
        let mut packed = bound.days(days, &closed, queue);
        if filter.job_types.is_empty() {
            packed.push_str(" AND job_type > ''");
        } else {
            let types = bound.list(filter.job_types.iter().map(|job_type| job_type.as_str()));
            packed.push_str(&format!(" AND job_type IN ({types})"));
        }
        let parts = bound.list([first_day, last_day].map(|day| if is_whole(day) { NO_DAY } else { day }));
        let recent = bound.recent(filter);
        let (from, to) = (bound.place(span.from.0), bound.place(span.to.0));
        let (first, end) = (bound.place(hours.first), bound.place(hours.end));
        let counts = SUMS
            .map(|column| format!("CAST(SUM({column}) AS text)"))
            .join(" || ' ' || ");
        let bytes = null("bytea");
        // Recent rows are few. Their numbers are a text: each column costs something in every row of a day.
        let sql = format!(
            "SELECT job_type, day, {text} AS recent, summary, reasons, CASE WHEN day IN ({parts}) THEN quarters END \
             FROM rollup_days WHERE {packed} \
             UNION ALL SELECT job_type, {COUNTS}, {counts}, {bytes}, {bytes}, {bytes} \
             FROM job_rollups WHERE slot >= {from} AND slot < {to}{recent} GROUP BY job_type \
             UNION ALL SELECT job_type, {STEPS}, \
             CAST(measure AS text) || ' ' || CAST(bucket AS text) || ' ' || CAST(SUM(count) AS text), {bytes}, {bytes}, {bytes} \
             FROM job_time_steps WHERE hour >= {first} AND hour < {end}{recent} GROUP BY job_type, measure, bucket \
             UNION ALL SELECT job_type, CAST(SUM(count) AS bigint), reason, {bytes}, {bytes}, {bytes} \
             FROM failure_reasons WHERE hour >= {first} AND hour < {end}{recent} GROUP BY job_type, reason",
            text = null("text"),
        );
        for row in self.read_sql(sql, bound).await? {
            let job_type: String = row.try_get_by_index(0).map_err(failed)?;
            add_to(&mut types, &job_type, |found| found.add(&row, &hours, span))?;
        }
        Ok(types
            .into_iter()
            .map(|(job_type, found)| (JobType::from_stored(job_type), found.into_rollup()))
            .filter(|(_, rollup)| *rollup != TypeRollup::default())
            .collect())
    }
}

/// Adds a row of [`SeaRepository::read_days`].
fn add_row(
    row: &QueryResult,
    found: &mut TimeBuckets,
    hours: &Hours,
    durations: &mut Durations,
) -> Result<(), RepositoryError> {
    let at: Option<i64> = row.try_get_by_index(0).map_err(failed)?;
    let Some(at) = at else {
        let code = |index| -> Result<i16, RepositoryError> {
            let code: i64 = row.try_get_by_index(index).map_err(failed)?;
            Ok(i16::try_from(code).unwrap_or(i16::MAX))
        };
        return add_step(durations, code(3)?, code(4)?, number(row, 5)?);
    };
    let quarters: Option<Vec<u8>> = row.try_get_by_index(1).map_err(failed)?;
    let Some(quarters) = quarters else {
        found.add(at, read_sums(row, 3)?);
        return Ok(());
    };
    let summary: Vec<u8> = row.try_get_by_index(2).map_err(failed)?;
    let mut steps = summary.as_slice();
    found
        .add_day(at, &quarters)
        .and_then(|()| unpack_counts(&mut steps))
        .and_then(|_| hours.add_steps(at, steps, durations))
        .ok_or_else(unreadable)
}

/// Marks of recent rows that are no failure reasons, in place of a number of failures.
const COUNTS: i64 = -1;
const STEPS: i64 = -2;

fn add_step(durations: &mut Durations, measure: i16, bucket: i16, count: u64) -> Result<(), RepositoryError> {
    let unknown = || {
        corrupt(format!(
            "a histogram has the measure {measure} with the bucket {bucket}"
        ))
    };
    let bucket = u8::try_from(bucket).map_err(|_| unknown())?;
    durations.add(Measure::from_code(measure).ok_or_else(unknown)?, bucket, count);
    Ok(())
}

/// Adds to the rollups of a type. Its name is copied once.
fn add_to<T>(types: &mut BTreeMap<String, FoundType>, job_type: &str, add: impl FnOnce(&mut FoundType) -> T) -> T {
    if let Some(found) = types.get_mut(job_type) {
        return add(found);
    }
    add(types.entry(job_type.to_owned()).or_default())
}

/// The rollups of a job type as they are added up.
#[derive(Default)]
struct FoundType {
    counts: RollupCounts,
    durations: Durations,
    reasons: BTreeMap<String, u64>,
}

impl FoundType {
    fn add(&mut self, row: &QueryResult, hours: &Hours, span: TimeBucketRange) -> Result<(), RepositoryError> {
        let at: i64 = row.try_get_by_index(1).map_err(failed)?;
        let recent: Option<String> = row.try_get_by_index(2).map_err(failed)?;
        if let Some(recent) = recent {
            return self.add_recent(at, recent);
        }
        let bytes = |index| -> Result<Option<Vec<u8>>, RepositoryError> { row.try_get_by_index(index).map_err(failed) };
        let (summary, reasons) = (bytes(3)?.unwrap_or_default(), bytes(4)?.unwrap_or_default());
        let sums = self.add_packed(at, hours, &summary, &reasons).ok_or_else(unreadable)?;
        let Some(quarters) = bytes(5)? else {
            self.counts += sums;
            return Ok(());
        };
        unpack_quarters(&quarters, |quarter, counts| {
            let bucket = at * QUARTERS_PER_DAY + i64::try_from(quarter).unwrap_or_default();
            if span.holds(TimeBucket(bucket)) {
                self.counts += counts;
            }
        })
        .ok_or_else(unreadable)
    }

    /// Adds steps and reasons of a packed day, and returns its counts; `None` if the bytes are none.
    fn add_packed(&mut self, day: i64, hours: &Hours, mut summary: &[u8], reasons: &[u8]) -> Option<RollupCounts> {
        let sums = unpack_counts(&mut summary)?;
        hours.add_steps(day, summary, &mut self.durations)?;
        unpack_reasons(reasons, |hour, reason, count| {
            if hours.has(day, hour) {
                self.add_reason(reason, count);
            }
        })?;
        Some(sums)
    }

    fn add_recent(&mut self, mark: i64, recent: String) -> Result<(), RepositoryError> {
        if mark >= 0 {
            self.add_reason(&recent, u64::try_from(mark).unwrap_or_default());
            return Ok(());
        }
        let numbers: Vec<u64> = recent.split(' ').filter_map(|number| number.parse().ok()).collect();
        match (mark, numbers.as_slice()) {
            (COUNTS, numbers) => {
                let numbers = numbers.try_into().map_err(|_| unreadable())?;
                self.counts += RollupCounts::from_numbers(numbers);
                Ok(())
            }
            (STEPS, &[measure, bucket, count]) => {
                let code = |number: u64| i16::try_from(number).unwrap_or(i16::MAX);
                add_step(&mut self.durations, code(measure), code(bucket), count)
            }
            _ => Err(corrupt(format!("the rollups '{recent}' are no numbers"))),
        }
    }

    fn add_reason(&mut self, reason: &str, count: u64) {
        match self.reasons.get_mut(reason) {
            Some(counted) => *counted += count,
            None => drop(self.reasons.insert(reason.to_owned(), count)),
        }
    }

    fn into_rollup(self) -> TypeRollup {
        TypeRollup {
            counts: self.counts,
            durations: self.durations,
            reasons: self.reasons.into_iter().collect(),
        }
    }
}
