//! The contributions of many jobs to rollups, by their keys.

use std::collections::BTreeMap;

use super::activity::{ActivityCounts, ActivityDelta, Slice};
use super::histogram::Measure;
use super::rollup::{RollupCounts, RollupEntry, TimeBucket};
use crate::job::Job;
use crate::values::name::{JobType, QueueName};

/// Key of a rollup's counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupKey {
    /// Time bucket.
    pub time_bucket: TimeBucket,
    /// Queue.
    pub queue: QueueName,
    /// Job type.
    pub job_type: JobType,
}

/// Key of a histogram bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistogramKey {
    /// Hour since 1970; after compaction the first hour of its day.
    pub hour: i64,
    /// Queue.
    pub queue: QueueName,
    /// Job type.
    pub job_type: JobType,
    /// Measure.
    pub measure: Measure,
    /// Bucket.
    pub bucket: u8,
}

/// Key of a failure reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonKey {
    /// Hour since 1970; after compaction the first hour of its day.
    pub hour: i64,
    /// Queue.
    pub queue: QueueName,
    /// Job type.
    pub job_type: JobType,
    /// Reason.
    pub reason: String,
}

/// The contributions of many jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupDelta {
    /// Counts.
    pub counts: BTreeMap<RollupKey, RollupCounts>,
    /// Number of measurements by bucket.
    pub steps: BTreeMap<HistogramKey, u64>,
    /// Number of failures by reason.
    pub reasons: BTreeMap<ReasonKey, u64>,
    /// The first and last slice of each failure: of a type and a reason.
    pub seen: BTreeMap<(JobType, String), (Slice, Slice)>,
    /// Number of created jobs.
    pub created: BTreeMap<RollupKey, u64>,
    /// Activity by slice.
    pub activity: ActivityDelta,
}

impl RollupDelta {
    /// Adds the contribution of a job, with the reason of its failure if there is one.
    pub fn add(&mut self, mark: RollupEntry, reason: Option<String>) {
        let RollupEntry {
            time_bucket,
            slice,
            queue,
            job_type,
            counts,
            measured,
            has_failed: _,
        } = mark;
        self.activity.add(slice, &queue, counts.into(), measured);
        if let Some((measure, bucket)) = measured {
            let key = HistogramKey {
                hour: time_bucket.hour(),
                queue: queue.clone(),
                job_type: job_type.clone(),
                measure,
                bucket,
            };
            *self.steps.entry(key).or_default() += 1;
        }
        if let Some(reason) = reason {
            let seen = self.seen.entry((job_type.clone(), reason.clone()));
            seen.and_modify(|(first, last)| (*first, *last) = ((*first).min(slice), (*last).max(slice)))
                .or_insert((slice, slice));
            let key = ReasonKey {
                hour: time_bucket.hour(),
                queue: queue.clone(),
                job_type: job_type.clone(),
                reason,
            };
            *self.reasons.entry(key).or_default() += 1;
        }
        let key = RollupKey {
            time_bucket,
            queue,
            job_type,
        };
        *self.counts.entry(key).or_default() += counts;
    }

    /// Adds a new job.
    pub fn add_created(&mut self, job: &Job) {
        let key = RollupKey {
            time_bucket: TimeBucket::of(job.created_at),
            queue: job.queue.clone(),
            job_type: job.job_type.clone(),
        };
        *self.created.entry(key).or_default() += 1;
        let counts = ActivityCounts {
            created: 1,
            ..ActivityCounts::default()
        };
        self.activity.add(Slice::of(job.created_at), &job.queue, counts, None);
    }
}
