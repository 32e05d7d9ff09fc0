//! What is summed up of jobs, read and forgotten.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::tables::Tables;
use crate::domain::attempt::Attempt;
use crate::domain::job::Job;
use crate::domain::name::JobType;
use crate::domain::rollup::{Mark, RollupCounts, Slot, SlotSpan, Tally, first_hour_of_day};
use crate::storage::query::{Durations, RollupFilter, TypeRollup};

impl Tables {
    pub(super) fn tally_start(&mut self, job: &Job) {
        self.tally.add(Mark::started(job), None);
    }

    pub(super) fn tally_end(&mut self, job: &Job, attempt: &Attempt) {
        let mark = Mark::ended(job, attempt);
        let reason = self.reasons.reason(&mark, attempt.error.as_deref());
        self.tally.add(mark, reason);
    }

    pub(super) fn tally_update(&mut self, before: &Job, after: &Job) {
        if let Some(mark) = Mark::updated(before, after) {
            self.tally.add(mark, None);
        }
    }

    pub(super) fn sum_up(&self, filter: &RollupFilter, span: SlotSpan) -> RollupCounts {
        let mut sum = RollupCounts::default();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.slot) && filter.matches(&key.queue, &key.job_type) {
                sum += *counts;
            }
        }
        sum
    }

    pub(super) fn busiest_hour(&self, filter: &RollupFilter, span: SlotSpan) -> u64 {
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.slot) && filter.matches(&key.queue, &key.job_type) {
                *hours.entry(key.slot.hour()).or_default() += counts.jobs_ended();
            }
        }
        hours.into_values().max().unwrap_or_default()
    }

    pub(super) fn type_rollups(&self, filter: &RollupFilter, span: SlotSpan) -> BTreeMap<JobType, TypeRollup> {
        let mut types: BTreeMap<JobType, TypeRollup> = BTreeMap::new();
        for (key, counts) in &self.tally.counts {
            if span.holds(key.slot) && filter.matches(&key.queue, &key.job_type) {
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

    pub(super) fn durations(&self, filter: &RollupFilter, span: SlotSpan) -> Durations {
        let (first, end) = span.hours();
        let mut durations = Durations::default();
        for (key, count) in &self.tally.steps {
            if (first..end).contains(&key.hour) && filter.matches(&key.queue, &key.job_type) {
                durations.add(key.measure, key.bucket, *count);
            }
        }
        durations
    }

    /// Forgets sums, and keeps by days what is older.
    pub(super) fn age_sums(&mut self, by_days_before: DateTime<Utc>, before: Option<DateTime<Utc>>) {
        let Tally { counts, steps, reasons } = &mut self.tally;
        if let Some(before) = before {
            let hour = first_hour_of_day(Slot::of(before).hour());
            counts.retain(|key, _| key.slot.hour() >= hour);
            steps.retain(|key, _| key.hour >= hour);
            reasons.retain(|key, _| key.hour >= hour);
        }
        let end = first_hour_of_day(Slot::of(by_days_before).hour());
        for (mut key, count) in std::mem::take(steps) {
            if key.hour < end {
                key.hour = first_hour_of_day(key.hour);
            }
            *steps.entry(key).or_default() += count;
        }
        for (mut key, count) in std::mem::take(reasons) {
            if key.hour < end {
                key.hour = first_hour_of_day(key.hour);
            }
            *reasons.entry(key).or_default() += count;
        }
    }
}
