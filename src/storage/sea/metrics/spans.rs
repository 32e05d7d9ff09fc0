//! Spans of packed days: the time buckets and the hours that a report counts.

use std::collections::BTreeMap;

use super::packed_day::{QUARTERS_PER_DAY, step_from, unpack_quarters, unpack_steps};
use crate::domain::metrics::rollup::{HOURS_PER_DAY, RollupCounts, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use crate::storage::query::Durations;

/// Sums by time bucket in a span. Those outside of it are ignored.
pub(super) struct TimeBuckets {
    span: TimeBucketRange,
    /// The quarters of each day.
    days: BTreeMap<i64, Vec<RollupCounts>>,
}

impl TimeBuckets {
    pub(super) fn new(span: TimeBucketRange) -> Self {
        Self {
            span,
            days: BTreeMap::new(),
        }
    }

    pub(super) fn span(&self) -> TimeBucketRange {
        self.span
    }

    fn day(&mut self, day: i64) -> &mut Vec<RollupCounts> {
        let quarters = usize::try_from(QUARTERS_PER_DAY).unwrap_or_default();
        self.days
            .entry(day)
            .or_insert_with(|| vec![RollupCounts::default(); quarters])
    }

    pub(super) fn add(&mut self, bucket: i64, counts: RollupCounts) {
        if self.span.holds(TimeBucket(bucket)) {
            let quarter = usize::try_from(bucket.rem_euclid(QUARTERS_PER_DAY)).unwrap_or_default();
            if let Some(sum) = self.day(bucket.div_euclid(QUARTERS_PER_DAY)).get_mut(quarter) {
                *sum += counts;
            }
        }
    }

    /// Adds a packed day; `None` if the bytes are none.
    pub(super) fn add_day(&mut self, day: i64, packed: &[u8]) -> Option<()> {
        let span = self.span;
        let first = day * QUARTERS_PER_DAY;
        if first >= span.to.0 || first + QUARTERS_PER_DAY <= span.from.0 {
            return Some(());
        }
        let sums = self.day(day);
        unpack_quarters(packed, |quarter, counts| {
            let (Ok(index), Ok(quarter)) = (usize::try_from(quarter), i64::try_from(quarter)) else {
                return;
            };
            if span.holds(TimeBucket(first + quarter))
                && let Some(sum) = sums.get_mut(index)
            {
                *sum += counts;
            }
        })
    }

    /// The time buckets of a part, with their sums.
    fn of(&self, part: TimeBucketRange) -> impl Iterator<Item = (i64, RollupCounts)> {
        let TimeBucketRange {
            from: TimeBucket(from),
            to: TimeBucket(to),
        } = part;
        let days =
            from.div_euclid(QUARTERS_PER_DAY)..=to.div_euclid(QUARTERS_PER_DAY).max(from.div_euclid(QUARTERS_PER_DAY));
        self.days.range(days).flat_map(move |(day, quarters)| {
            let first = day * QUARTERS_PER_DAY;
            quarters
                .iter()
                .zip(first..)
                .filter(move |(_, bucket)| part.holds(TimeBucket(*bucket)))
                .map(|(counts, bucket)| (bucket, *counts))
        })
    }

    pub(super) fn sum(&self, part: TimeBucketRange) -> RollupCounts {
        let mut sum = RollupCounts::default();
        for (_, counts) in self.of(part) {
            sum += counts;
        }
        sum
    }

    /// Number of jobs that ended in the busiest hour of a part.
    pub(super) fn busiest_hour(&self, part: TimeBucketRange) -> u64 {
        let (mut busiest, mut current, mut ended) = (0, i64::MIN, 0);
        for (bucket, counts) in self.of(part) {
            let hour = bucket.div_euclid(TIME_BUCKETS_PER_HOUR);
            if hour != current {
                (current, ended) = (hour, 0);
            }
            ended += counts.jobs_ended();
            busiest = busiest.max(ended);
        }
        busiest
    }
}

/// Hours of a span in which those of a packed day are counted.
pub(super) struct Hours {
    pub(super) first: i64,
    pub(super) end: i64,
}

impl Hours {
    pub(super) fn of(span: TimeBucketRange) -> Self {
        let (first, end) = span.hours();
        Self { first, end }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first >= self.end
    }

    /// The first and the last day.
    pub(super) fn days(&self) -> (i64, i64) {
        (
            self.first.div_euclid(HOURS_PER_DAY),
            (self.end - 1).div_euclid(HOURS_PER_DAY),
        )
    }

    pub(super) fn has(&self, day: i64, hour: u64) -> bool {
        let hour = day * HOURS_PER_DAY + i64::try_from(hour).unwrap_or_default();
        (self.first..self.end).contains(&hour)
    }

    /// Adds the packed steps of a day.
    pub(super) fn add_steps(&self, day: i64, steps: &[u8], durations: &mut Durations) -> Option<()> {
        unpack_steps(steps, |hour, step, count| {
            if self.has(day, hour)
                && let Some((measure, bucket)) = step_from(step)
            {
                durations.add(measure, bucket, count);
            }
        })
    }
}

/// The first and the last day of a span and of hours; `None` if both are empty.
pub(super) fn days(span: TimeBucketRange, hours: &Hours) -> Option<(i64, i64)> {
    let of_span = (span.from < span.to).then(|| {
        (
            span.from.0.div_euclid(QUARTERS_PER_DAY),
            (span.to.0 - 1).div_euclid(QUARTERS_PER_DAY),
        )
    });
    let of_hours = (!hours.is_empty()).then(|| hours.days());
    let both = of_span.into_iter().chain(of_hours);
    both.reduce(|(first, last), (other_first, other_last)| (first.min(other_first), last.max(other_last)))
}
