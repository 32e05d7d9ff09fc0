//! Series of activity: reads and retention.

use chrono::{DateTime, Utc};

use super::tables::Tables;
use crate::domain::metrics::activity::{SLICES_PER_MINUTE, Slice};
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::rollup::{TIME_BUCKETS_PER_HOUR, TimeBucket};
use crate::storage::query::{ActivityPoint, RollupFilter};

impl Tables {
    pub(super) fn activity(&self, filter: &RollupFilter, points: &SeriesPoints, first_hour: i64) -> Vec<ActivityPoint> {
        let mut found = vec![ActivityPoint::default(); points.len()];
        match points {
            SeriesPoints::Slices { .. } => self.add_slices(filter, points, &mut found),
            SeriesPoints::TimeBuckets(_) => self.add_time_buckets(filter, points, first_hour, &mut found),
        }
        found
    }

    fn add_slices(&self, filter: &RollupFilter, points: &SeriesPoints, found: &mut [ActivityPoint]) {
        let activity = &self.tally.activity;
        for ((slice, queue), counts) in &activity.counts {
            if filter.queue.as_ref().is_none_or(|requested| requested == queue)
                && let Some(point) = points.of_slice(*slice).and_then(|point| found.get_mut(point))
            {
                point.counts += *counts;
            }
        }
        for (key, count) in &activity.buckets {
            if filter.queue.as_ref().is_none_or(|requested| *requested == key.queue)
                && let Some(point) = points.of_slice(key.slice).and_then(|point| found.get_mut(point))
            {
                point.add(key.measure, key.bucket, *count);
            }
        }
    }

    fn add_time_buckets(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
        found: &mut [ActivityPoint],
    ) {
        for (key, counts) in &self.tally.counts {
            if filter.matches(&key.queue, &key.job_type)
                && let Some(point) = points
                    .of_time_bucket(key.time_bucket)
                    .and_then(|point| found.get_mut(point))
            {
                point.counts += (*counts).into();
            }
        }
        for (key, count) in &self.tally.created {
            if filter.matches(&key.queue, &key.job_type)
                && let Some(point) = points
                    .of_time_bucket(key.time_bucket)
                    .and_then(|point| found.get_mut(point))
            {
                point.counts.created += count;
            }
        }
        for (key, count) in &self.tally.steps {
            let start = TimeBucket(key.hour * TIME_BUCKETS_PER_HOUR);
            if key.hour >= first_hour
                && filter.matches(&key.queue, &key.job_type)
                && let Some(point) = points.of_time_bucket(start).and_then(|point| found.get_mut(point))
            {
                point.add(key.measure, key.bucket, *count);
            }
        }
    }

    /// Removes expired slices. They are not folded: nothing is faster here for it. Returns whether there were any.
    pub(super) fn forget_activity(&mut self, before: DateTime<Utc>) -> bool {
        let before = Slice(Slice::of(before).minute() * SLICES_PER_MINUTE);
        let activity = &mut self.tally.activity;
        let length = activity.counts.len();
        activity.counts.retain(|(slice, _), _| *slice >= before);
        activity.buckets.retain(|key, _| key.slice >= before);
        activity.counts.len() < length
    }
}
