//! Folds slices of activity into minutes, a row for each queue and one for all of them, and removes expired minutes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::packed_day::{read, step_from, step_of, unreadable, write};
use super::recent::Recent;
use crate::domain::metrics::activity::{ActivityCounts, Slice};
use crate::domain::metrics::histogram::Measure;
use crate::storage::sea::commit::activity_writer::ACTIVITY_SUMS;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;

const COUNTS: Recent = Recent {
    table: "activity_slices",
    key: &["slice", "queue", "shard"],
    quarters: 0,
    values: &ACTIVITY_SUMS,
};
const BUCKETS: Recent = Recent {
    table: "activity_buckets",
    key: &["slice", "queue", "measure", "bucket", "shard"],
    quarters: 0,
    values: &["count"],
};

const MINUTE_KEY: &[Kind] = &[Kind::Text, Kind::Big];
const MINUTE: &[Kind] = &[Kind::Text, Kind::Big, Kind::Bytes];

/// The activity of a minute.
#[derive(Default)]
struct Minute {
    counts: ActivityCounts,
    /// By measure and bucket as one number.
    steps: BTreeMap<u64, u64>,
}

impl Minute {
    /// The counts, then each step with its number.
    fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(8 + self.steps.len() * 3);
        for number in self.counts.numbers() {
            write(&mut packed, number);
        }
        for (step, count) in &self.steps {
            write(&mut packed, *step);
            write(&mut packed, *count);
        }
        packed
    }

    fn add(&mut self, measure: Measure, bucket: u8, count: u64) {
        *self.steps.entry(step_of(measure, bucket)).or_default() += count;
    }
}

/// Calls `add` with each measure, bucket and number of a packed minute, and returns its counts; `None` if the bytes are
/// none.
pub(super) fn unpack_minute(mut packed: &[u8], mut add: impl FnMut(Measure, u8, u64)) -> Option<ActivityCounts> {
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = read(&mut packed)?;
    }
    while !packed.is_empty() {
        let (measure, bucket) = step_from(read(&mut packed)?)?;
        add(measure, bucket, read(&mut packed)?);
    }
    Some(ActivityCounts::from_numbers(numbers))
}

impl CommitContext<'_> {
    /// A step: folds slices before a time, and removes minutes before another one. Returns whether there was anything to
    /// fold.
    pub(crate) async fn fold_activity(
        &mut self,
        slices_before: DateTime<Utc>,
        minutes_before: DateTime<Utc>,
    ) -> Result<bool, CommitFailure> {
        if !self.may_pack().await? {
            return Ok(false);
        }
        let expired = [Slice::of(minutes_before).minute().into()];
        let sql = "DELETE FROM activity_minutes WHERE minute < $1";
        let removed = Statement::from_sql_and_values(self.backend(), sql, expired);
        self.transaction.execute_raw(removed).await?;
        let mut minutes: BTreeMap<(String, i64), Minute> = BTreeMap::new();
        let end = Slice::of(slices_before).0;
        for row in self.take_oldest(&COUNTS, end).await? {
            let counts = read_counts(&row)?;
            for key in keys(&row)? {
                minutes.entry(key).or_default().counts += counts;
            }
        }
        for row in self.take_oldest(&BUCKETS, end).await? {
            let (measure, bucket): (i16, i16) = (row.try_get("", "measure")?, row.try_get("", "bucket")?);
            let count = count(&row, "count")?;
            // Others were never written.
            if let (Some(measure), Ok(bucket)) = (Measure::from_code(measure), u8::try_from(bucket)) {
                for key in keys(&row)? {
                    minutes.entry(key).or_default().add(measure, bucket, count);
                }
            }
        }
        let is_any = !minutes.is_empty();
        self.add_stored(&mut minutes).await?;
        let mut rows = Rows::new(MINUTE, minutes.len());
        for ((queue, minute), folded) in minutes {
            rows.push([queue.into(), minute.into(), folded.pack().into()]);
        }
        rows.execute(&self.transaction, |source| {
            format!(
                "INSERT INTO activity_minutes (queue, minute, packed) SELECT c1, c2, c3 FROM {source} AS v \
                 WHERE c1 IS NOT NULL ON CONFLICT (queue, minute) DO UPDATE SET packed = excluded.packed"
            )
        })
        .await?;
        Ok(is_any)
    }

    /// Adds what is stored of these minutes.
    async fn add_stored(&self, minutes: &mut BTreeMap<(String, i64), Minute>) -> Result<(), CommitFailure> {
        let mut stored = Rows::new(MINUTE_KEY, minutes.len());
        for (queue, minute) in minutes.keys() {
            stored.push([queue.as_str().into(), (*minute).into()]);
        }
        let stored = stored.query(&self.transaction, |source| {
            format!(
                "SELECT r.queue, r.minute, r.packed FROM {source} AS v CROSS JOIN activity_minutes AS r \
                 WHERE r.queue = v.c1 AND r.minute = v.c2"
            )
        });
        for row in stored.await? {
            let key = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let packed: Vec<u8> = row.try_get_by_index(2)?;
            if let Some(minute) = minutes.get_mut(&key) {
                let mut steps = Vec::new();
                let counts = unpack_minute(&packed, |measure, bucket, count| steps.push((measure, bucket, count)));
                minute.counts += counts.ok_or_else(unreadable)?;
                for (measure, bucket, count) in steps {
                    minute.add(measure, bucket, count);
                }
            }
        }
        Ok(())
    }
}

/// The minutes that a row is part of: of its queue, and of all queues.
fn keys(row: &QueryResult) -> Result<[(String, i64); 2], CommitFailure> {
    let (slice, queue): (i64, String) = (row.try_get("", "slice")?, row.try_get("", "queue")?);
    let minute = Slice(slice).minute();
    Ok([(queue, minute), (String::new(), minute)])
}

fn count(row: &QueryResult, column: &str) -> Result<u64, CommitFailure> {
    let count: i64 = row.try_get("", column)?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn read_counts(row: &QueryResult) -> Result<ActivityCounts, CommitFailure> {
    let mut numbers = [0; 6];
    for (number, column) in numbers.iter_mut().zip(ACTIVITY_SUMS) {
        *number = count(row, column)?;
    }
    Ok(ActivityCounts::from_numbers(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_minute_is_unpacked_as_it_was() {
        let mut minute = Minute {
            counts: ActivityCounts::from_numbers([1, 0, 300, 4, 5, u64::MAX]),
            ..Minute::default()
        };
        minute.add(Measure::Wait, 64, 7);
        minute.add(Measure::Run, 0, 1);
        let mut steps = Vec::new();
        let counts = unpack_minute(&minute.pack(), |measure, bucket, count| {
            steps.push((measure, bucket, count))
        });
        assert_eq!(counts, Some(minute.counts));
        assert_eq!(steps, [(Measure::Run, 0, 1), (Measure::Wait, 64, 7)]);
        assert_eq!(unpack_minute(&[1, 2, 3], |_, _, _| {}), None);
    }
}
