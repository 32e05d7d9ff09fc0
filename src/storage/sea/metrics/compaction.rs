//! Packs rollups into days, a row each, and removes those of expired days.
//!
//! A commit adds to rows of a quarter of an hour or an hour. When their time has passed they are packed: as part of a queue's day
//! of one type, of all types, and of a type's day in all queues. So a report reads a row for each day that it shows of a
//! queue or a type, however many of the others there are. Commits pay nothing for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::packed_day::{
    PackedDay, QUARTERS_PER_DAY, Quarter, pack_type, step_of, unpack_all_quarters, unpack_counts, unpack_reasons,
    unpack_steps, unreadable,
};
use super::recent::{RECENT, Recent};
use crate::domain::metrics::activity::Slice;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{HOURS_PER_DAY, RollupCounts, TimeBucket};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;

/// Maximum number of days that one step closes or removes.
const STEP_DAYS: i64 = 2_000;

const GROUP: &[Kind] = &[Kind::Big, Kind::Text];
const TYPES: &[Kind] = &[Kind::Big, Kind::Text, Kind::Bytes];
const DAY_KEY: &[Kind] = &[Kind::Big, Kind::Text, Kind::Text];
const DAY: &[Kind] = &[
    Kind::Big,
    Kind::Text,
    Kind::Text,
    Kind::Small,
    Kind::Bytes,
    Kind::Bytes,
    Kind::Bytes,
];

/// The day, the queue and the type of a packed day; an empty name stands for all of them.
type DayKey = (i64, String, String);

impl Recent {
    /// Adds a row to the packed days that have a share of it. Hours of days before `by_days` are the first one.
    fn add_to(
        &self,
        days: &mut BTreeMap<DayKey, PackedDay>,
        row: &QueryResult,
        by_days: i64,
    ) -> Result<(), CommitFailure> {
        let time: i64 = row.try_get("", self.time())?;
        let quarter = time * self.quarters;
        let day = quarter.div_euclid(QUARTERS_PER_DAY);
        let quarter_of_day = u64::try_from(quarter.rem_euclid(QUARTERS_PER_DAY)).unwrap_or_default();
        let hour = if day < by_days {
            0
        } else {
            u64::try_from(time.rem_euclid(HOURS_PER_DAY)).unwrap_or_default()
        };
        let number = |column: &str| -> Result<u64, CommitFailure> {
            let number: i64 = row.try_get("", column)?;
            Ok(u64::try_from(number).unwrap_or_default())
        };
        let mut part = PackedDay::default();
        let has_no_totals = self.table == "created_jobs";
        if has_no_totals {
            part.created.insert(quarter_of_day, number("count")?);
        } else if self.quarters == 1 {
            let counts = RollupCounts {
                started: number("started")?,
                completed: number("completed")?,
                attempts_failed: number("attempts_failed")?,
                abandoned: number("abandoned")?,
                jobs_failed: number("jobs_failed")?,
                jobs_cancelled: number("jobs_cancelled")?,
                run_micros: number("run_micros")?,
                wait_micros: number("wait_micros")?,
            };
            part.quarters.insert(quarter_of_day, counts);
        } else if self.key.contains(&"measure") {
            let (measure, bucket): (i16, i16) = (row.try_get("", "measure")?, row.try_get("", "bucket")?);
            let (measure, bucket) = (Measure::from_code(measure), u8::try_from(bucket));
            // Others were never written.
            if let (Some(measure), Ok(bucket)) = (measure, bucket) {
                part.steps.insert((hour, step_of(measure, bucket)), number("count")?);
            }
        } else {
            part.reasons
                .insert((hour, row.try_get("", "reason")?), number("count")?);
        }
        if !self.key.contains(&"queue") {
            days.entry((day, String::new(), String::new())).or_default().add(part);
            return Ok(());
        }
        let (queue, job_type): (String, String) = (row.try_get("", "queue")?, row.try_get("", "job_type")?);
        let keys = [
            (day, queue.clone(), String::new()),
            (day, String::new(), job_type.clone()),
            (day, queue, job_type),
        ];
        for key in keys {
            days.entry(key).or_default().add(part.clone());
        }
        if has_no_totals {
            days.entry((day, String::new(), String::new())).or_default().add(part);
        }
        Ok(())
    }
}

/// A packed day as it is stored.
fn unpack(row: &QueryResult) -> Result<PackedDay, CommitFailure> {
    let bytes = |column: &str| -> Result<Vec<u8>, CommitFailure> { Ok(row.try_get("", column)?) };
    let summary = bytes("summary")?;
    let mut steps = summary.as_slice();
    unpack_counts(&mut steps).ok_or_else(unreadable)?;
    unpack_parts(&bytes("quarters")?, steps, &bytes("reasons")?)
}

fn unpack_parts(quarters: &[u8], steps: &[u8], reasons: &[u8]) -> Result<PackedDay, CommitFailure> {
    let mut day = PackedDay::default();
    unpack_all_quarters(quarters, |quarter, part| match part {
        Quarter::Counts(counts) => drop(day.quarters.insert(quarter, counts)),
        Quarter::Created(count) => drop(day.created.insert(quarter, count)),
    })
    .ok_or_else(unreadable)?;
    unpack_steps(steps, |hour, step, count| {
        day.steps.insert((hour, step), count);
    })
    .ok_or_else(unreadable)?;
    unpack_reasons(reasons, |hour, reason, count| {
        day.reasons.insert((hour, reason.to_owned()), count);
    })
    .ok_or_else(unreadable)?;
    Ok(day)
}

fn store_sql(source: &str) -> String {
    format!(
        "INSERT INTO rollup_days (day, queue, job_type, is_open, summary, reasons, quarters) \
         SELECT c1, c2, c3, c4, c5, c6, c7 FROM {source} AS v WHERE c1 IS NOT NULL \
         ON CONFLICT (day, queue, job_type) DO UPDATE SET is_open = excluded.is_open, summary = excluded.summary, \
         reasons = excluded.reasons, quarters = excluded.quarters"
    )
}

const DAY_COLUMNS: &str = "r.day, r.queue, r.job_type, r.summary, r.reasons, r.quarters";

impl CommitContext<'_> {
    /// A step of compaction: removes rollups of the oldest day if it has expired, packs rows that ended before a time, and if
    /// there are none, closes packed days. Returns whether there was anything to do.
    pub(crate) async fn compact_rollups(
        &mut self,
        ended_before: DateTime<Utc>,
        by_days_before: DateTime<Utc>,
        before: Option<DateTime<Utc>>,
    ) -> Result<bool, CommitFailure> {
        if !self.may_pack().await? {
            return Ok(false);
        }
        let day_of = |time| TimeBucket::of(time).0.div_euclid(QUARTERS_PER_DAY);
        let mut is_changed = match before {
            Some(before) => self.remove_expired_day(day_of(before)).await?,
            None => false,
        };
        let by_days = day_of(by_days_before);
        is_changed |= self.pack_recent(TimeBucket::of(ended_before).0, by_days).await?;
        if !is_changed {
            is_changed = self.close_days(by_days).await?;
        }
        Ok(is_changed)
    }

    /// Removes the oldest day if it is before this one, in steps.
    async fn remove_expired_day(&mut self, end: i64) -> Result<bool, CommitFailure> {
        let mut oldest = vec!["SELECT MIN(day) AS day FROM rollup_days".to_owned()];
        for recent in &RECENT {
            let (per_day, time) = (QUARTERS_PER_DAY / recent.quarters, recent.time());
            // The first time is rounded down to its day, also before 1970.
            oldest.push(format!(
                "SELECT (MIN({time}) - ((MIN({time}) % {per_day}) + {per_day}) % {per_day}) / {per_day} FROM {}",
                recent.table
            ));
        }
        let sql = format!(
            "SELECT CAST(MIN(day) AS bigint) FROM ({}) AS days",
            oldest.join(" UNION ALL ")
        );
        let oldest = Statement::from_string(self.backend(), sql);
        let oldest: Option<i64> = match self.transaction.query_one_raw(oldest).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => None,
        };
        let Some(day) = oldest.filter(|day| *day < end) else {
            return Ok(false);
        };
        for recent in &RECENT {
            let end = (day + 1) * QUARTERS_PER_DAY / recent.quarters;
            let sql = format!("DELETE FROM {} WHERE {} < $1", recent.table, recent.time());
            let removed = Statement::from_sql_and_values(self.backend(), sql, [end.into()]);
            self.transaction.execute_raw(removed).await?;
        }
        let end_of_day = Slice::of(TimeBucket((day + 1) * QUARTERS_PER_DAY).start()).0;
        let removed = Statement::from_sql_and_values(
            self.backend(),
            "DELETE FROM failure_fingerprints WHERE last_seen < $1",
            [end_of_day.into()],
        );
        self.transaction.execute_raw(removed).await?;
        let removed =
            Statement::from_sql_and_values(self.backend(), "DELETE FROM rollup_types WHERE day <= $1", [day.into()]);
        self.transaction.execute_raw(removed).await?;
        let sql = format!(
            "DELETE FROM rollup_days WHERE day = $1 AND (queue, job_type) IN \
             (SELECT queue, job_type FROM rollup_days WHERE day = $1 ORDER BY queue, job_type LIMIT {STEP_DAYS})"
        );
        let removed = Statement::from_sql_and_values(self.backend(), sql, [day.into()]);
        self.transaction.execute_raw(removed).await?;
        Ok(true)
    }

    /// Packs the oldest rows of each table before a time bucket.
    async fn pack_recent(&mut self, end: i64, by_days: i64) -> Result<bool, CommitFailure> {
        let mut days = BTreeMap::new();
        for recent in &RECENT {
            let end = end.div_euclid(recent.quarters);
            for row in self.take_oldest(recent, end).await? {
                recent.add_to(&mut days, &row, by_days)?;
            }
        }
        let is_any = !days.is_empty();
        let mut keys = Rows::new(DAY_KEY, days.len());
        for (day, queue, job_type) in days.keys() {
            keys.push([(*day).into(), queue.as_str().into(), job_type.as_str().into()]);
        }
        let stored = keys.query(&self.transaction, |source| {
            format!(
                "SELECT {DAY_COLUMNS} FROM {source} AS v CROSS JOIN rollup_days AS r \
                 WHERE r.day = v.c1 AND r.queue = v.c2 AND r.job_type = v.c3"
            )
        });
        for row in stored.await? {
            let key = day_key(&row)?;
            if let Some(day) = days.get_mut(&key) {
                day.add(unpack(&row)?);
            }
        }
        let mut groups: Vec<(i64, &str)> = days.keys().map(|(day, queue, _)| (*day, queue.as_str())).collect();
        groups.dedup();
        let mut changed = Rows::new(GROUP, groups.len());
        for (day, queue) in groups.into_iter().filter(|(day, _)| *day < by_days) {
            changed.push([day.into(), queue.into()]);
        }
        changed
            .execute(&self.transaction, |source| {
                format!("DELETE FROM rollup_types WHERE (day, queue) IN (SELECT c1, c2 FROM {source} AS v)")
            })
            .await?;
        self.store_days(days, by_days, true).await?;
        Ok(is_any)
    }

    /// Closes packed days that are no longer kept by hours.
    async fn close_days(&mut self, by_days: i64) -> Result<bool, CommitFailure> {
        let sql = format!(
            "SELECT {DAY_COLUMNS} FROM rollup_days AS r WHERE r.is_open = 1 AND r.day < $1 ORDER BY r.day, r.queue \
             LIMIT {STEP_DAYS}"
        );
        let open = Statement::from_sql_and_values(self.backend(), sql, [by_days.into()]);
        let mut days = BTreeMap::new();
        for row in self.transaction.query_all_raw(open).await? {
            days.insert(day_key(&row)?, unpack(&row)?);
        }
        let is_any = !days.is_empty();
        let mut groups: Vec<(i64, String)> = days.keys().map(|(day, queue, _)| (*day, queue.clone())).collect();
        groups.dedup();
        self.store_days(days, by_days, false).await?;
        let mut rows = Rows::new(TYPES, groups.len());
        for (day, queue) in groups {
            let types = self.pack_types(day, &queue).await?;
            rows.push([day.into(), queue.into(), types.into()]);
        }
        rows.execute(&self.transaction, |source| {
            format!(
                "INSERT INTO rollup_types (day, queue, types) SELECT c1, c2, c3 FROM {source} AS v WHERE c1 IS NOT NULL \
                 ON CONFLICT (day, queue) DO UPDATE SET types = excluded.types"
            )
        })
        .await?;
        Ok(is_any)
    }

    /// All types of a queue on a day.
    async fn pack_types(&self, day: i64, queue: &str) -> Result<Vec<u8>, CommitFailure> {
        let sql = "SELECT job_type, summary, reasons, is_open FROM rollup_days \
                   WHERE day = $1 AND queue = $2 AND job_type > '' ORDER BY job_type";
        let read = Statement::from_sql_and_values(self.backend(), sql, [day.into(), queue.into()]);
        let mut packed = Vec::new();
        for row in self.transaction.query_all_raw(read).await? {
            let (job_type, is_open): (String, i16) = (row.try_get_by_index(0)?, row.try_get_by_index(3)?);
            let (mut summary, mut reasons): (Vec<u8>, Vec<u8>) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            if is_open != 0 {
                // One that is closed in a later step.
                let mut steps = summary.as_slice();
                let sums = unpack_counts(&mut steps).ok_or_else(unreadable)?;
                let mut open = unpack_parts(&[], steps, &reasons)?;
                open.quarters.insert(0, sums);
                let closed = open.without_hours();
                (summary, reasons) = (closed.pack_summary(), closed.pack_reasons());
            }
            pack_type(&mut packed, &job_type, &summary, &reasons);
        }
        Ok(packed)
    }

    async fn store_days(
        &mut self,
        days: BTreeMap<DayKey, PackedDay>,
        by_days: i64,
        are_changed: bool,
    ) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(DAY, days.len());
        for ((day, queue, job_type), packed) in days {
            let is_by_hour = day >= by_days;
            let packed = if is_by_hour { packed } else { packed.without_hours() };
            rows.push([
                day.into(),
                queue.into(),
                job_type.into(),
                i16::from(is_by_hour || are_changed).into(),
                packed.pack_summary().into(),
                packed.pack_reasons().into(),
                packed.pack_quarters().into(),
            ]);
        }
        rows.execute(&self.transaction, store_sql).await?;
        Ok(())
    }
}

fn day_key(row: &QueryResult) -> Result<DayKey, CommitFailure> {
    Ok((
        row.try_get("", "day")?,
        row.try_get("", "queue")?,
        row.try_get("", "job_type")?,
    ))
}
