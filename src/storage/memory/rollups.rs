//! Rollups of jobs: reads and retention.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::tables::Tables;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::metrics::activity::Slice;
use crate::domain::metrics::rollup::{
    HOURS_PER_DAY, RollupCounts, RollupEntry, TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange, first_hour_of_day,
};
use crate::domain::metrics::rollup_delta::RollupDelta;
use crate::domain::values::name::JobType;
use crate::storage::query::{Durations, RollupFilter, TypeRollup};

impl Tables {
    pub(super) fn roll_up_start(&mut self, job: &Job) {
        self.tally.add(RollupEntry::started(job), None);
    }

    pub(super) fn roll_up_end(&mut self, job: &Job, attempt: &Attempt) {
        let mark = RollupEntry::ended(job, attempt);
        let reason = self.reasons.reason(&mark, attempt.error.as_deref());
        self.tally.add(mark, reason);
    }

    pub(super) fn roll_up_update(&mut self, before: &Job, after: &Job) {
        if let Some(mark) = RollupEntry::updated(before, after) {
            self.tally.add(mark, None);
        }
    }

    pub(super) fn sum_up(&self, filter: &RollupFilter, span: TimeBucketRange) -> RollupCounts {
        let mut sum = RollupCounts::default();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.time_bucket) && filter.matches(&key.queue, &key.job_type) {
                sum += *counts;
            }
        }
        sum
    }

    pub(super) fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> u64 {
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.time_bucket) && filter.matches(&key.queue, &key.job_type) {
                *hours.entry(key.time_bucket.hour()).or_default() += counts.jobs_ended();
            }
        }
        hours.into_values().max().unwrap_or_default()
    }

    pub(super) fn type_rollups(&self, filter: &RollupFilter, span: TimeBucketRange) -> BTreeMap<JobType, TypeRollup> {
        let mut types: BTreeMap<JobType, TypeRollup> = BTreeMap::new();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.time_bucket) && filter.matches(&key.queue, &key.job_type) {
                types.entry(key.job_type.clone()).or_default().counts += *counts;
            }
        }
        let (first, end) = span.hours();
        for (key, count) in &self.tally.steps {
            if (first..end).contains(&key.hour) && filter.matches(&key.queue, &key.job_type) {
                let durations = &mut types.entry(key.job_type.clone()).or_default().durations;
                durations.add(key.measure, key.bucket, *count);
            }
        }
        let mut reasons: BTreeMap<(&JobType, &str), u64> = BTreeMap::new();
        for (key, count) in &self.tally.reasons {
            if (first..end).contains(&key.hour) && filter.matches(&key.queue, &key.job_type) {
                *reasons.entry((&key.job_type, &key.reason)).or_default() += count;
            }
        }
        for ((job_type, reason), count) in reasons {
            let of_type = types.entry(job_type.clone()).or_default();
            of_type.reasons.push((reason.to_owned(), count));
        }
        types
    }

    pub(super) fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Durations {
        let (first, end) = span.hours();
        let mut durations = Durations::default();
        for (key, count) in &self.tally.steps {
            if (first..end).contains(&key.hour) && filter.matches(&key.queue, &key.job_type) {
                durations.add(key.measure, key.bucket, *count);
            }
        }
        durations
    }

    /// Deletes the oldest expired daily rollup, and compacts the oldest hourly rollups into a daily one. Returns
    /// whether there was anything to do.
    pub(super) fn age_sums(&mut self, by_days_before: DateTime<Utc>, before: Option<DateTime<Utc>>) -> bool {
        let day_of = |time| first_hour_of_day(TimeBucket::of(time).hour());
        let RollupDelta {
            counts,
            steps,
            reasons,
            created,
            seen,
            activity: _,
        } = &mut self.tally;
        let hours = counts.keys().map(|key| key.time_bucket.hour());
        let hours = hours.chain(steps.keys().map(|key| key.hour));
        let hours = hours.chain(created.keys().map(|key| key.time_bucket.hour()));
        let oldest = hours.chain(reasons.keys().map(|key| key.hour)).min();
        let is_over = |day: &i64| before.is_some_and(|before| *day < day_of(before));
        let removed = oldest.map(first_hour_of_day).filter(is_over);
        if let Some(day) = removed {
            let hour = day + HOURS_PER_DAY;
            counts.retain(|key, _| key.time_bucket.hour() >= hour);
            let end = TimeBucket(hour * TIME_BUCKETS_PER_HOUR).start();
            seen.retain(|_, (_, last)| *last >= Slice::of(end));
            created.retain(|key, _| key.time_bucket.hour() >= hour);
            steps.retain(|key, _| key.hour >= hour);
            reasons.retain(|key, _| key.hour >= hour);
        }
        let end = day_of(by_days_before);
        let has_steps = add_up_day(steps, end, |key| &mut key.hour);
        let has_reasons = add_up_day(reasons, end, |key| &mut key.hour);
        removed.is_some() || has_steps || has_reasons
    }
}

/// Compacts the hours of the oldest day before this hour that has hourly rollups. Returns whether there was one.
fn add_up_day<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, end: i64, hour: impl Fn(&mut K) -> &mut i64) -> bool {
    let hour_of = |key: &K| *hour(&mut key.clone());
    let by_hours = |hour: &i64| *hour < end && *hour != first_hour_of_day(*hour);
    let Some(day) = counts.keys().map(hour_of).filter(by_hours).min().map(first_hour_of_day) else {
        return false;
    };
    for (mut key, count) in std::mem::take(counts) {
        if first_hour_of_day(hour_of(&key)) == day {
            *hour(&mut key) = day;
        }
        *counts.entry(key).or_default() += count;
    }
    true
}
