//! Rollups compared with a recount of the changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{TimeDelta, Timelike};
use rand::Rng;

use super::rollups::{DAY, age, compact, span, types};
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::histogram::{Measure, bucket_of};
use crate::domain::metrics::rollup::{HOURS_PER_DAY, RollupCounts, TimeBucket, TimeBucketRange};
use crate::storage::change::{Applied, Change, ChangeError, Finished, JobChange, MaintenanceChange, Released};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::jobs::life::Life;
use crate::storage::conformance::sample::{at, job_type, queue};
use crate::storage::conformance::subject::Subject;
use crate::storage::memory::MemoryRepository;
use crate::storage::query::{RollupFilter, TypeRollup};

pub(super) fn cases() -> Vec<Case> {
    cases_of![rollups_equal_a_recount_1, rollups_equal_a_recount_2]
}

async fn rollups_equal_a_recount_1(storage: Subject) {
    live(storage, 11).await;
}

async fn rollups_equal_a_recount_2(storage: Subject) {
    live(storage, 12).await;
}

/// Everything that was applied, one by one.
#[derive(Default)]
struct Ledger {
    starts: Vec<Job>,
    ends: Vec<(Job, Attempt)>,
    cancelled: Vec<Job>,
}

impl Ledger {
    fn record(&mut self, change: &Change, applied: &Result<Applied, ChangeError>) {
        match (change, applied) {
            (Change::Job(JobChange::Start { jobs }), Ok(Applied::Started(started))) => {
                let taken = jobs.iter().zip(started).filter(|(_, taken)| **taken);
                self.starts.extend(taken.map(|(job, _)| Job::clone(job)));
            }
            (Change::Job(JobChange::Claim(claim)), Ok(Applied::Claimed(jobs))) if !claim.is_ahead => {
                self.starts.extend(jobs.iter().map(|job| Job::clone(job)));
            }
            (_, Ok(Applied::Released(released))) => {
                self.cancelled.extend(released.iter().filter_map(|one| match one {
                    Released::Cancelled(job) => Some(Job::clone(job)),
                    Released::Pending | Released::Lost => None,
                }));
            }
            (
                Change::Job(JobChange::Finish {
                    started, job, attempt, ..
                }),
                Ok(Applied::Finished(Finished::Stored)),
            ) => {
                self.starts.extend(started.as_deref().cloned());
                self.ends.push((Job::clone(job), Attempt::clone(attempt)));
            }
            (Change::Job(JobChange::Update { after, .. }), Ok(Applied::Updated))
                if after.status == JobStatus::Cancelled =>
            {
                self.cancelled.push(Job::clone(after));
            }
            _ => {}
        }
    }

    fn recount(&self, of_queue: Option<&str>, span: TimeBucketRange, days_before: i64) -> (RollupCounts, TypeRollup) {
        let (start, end) = (span.from.start(), span.to.start());
        let is_of = |job: &Job| of_queue.is_none_or(|name| job.queue == queue(name));
        let is_in = |time| start <= time && time < end;
        let is_in_hours = |time: chrono::DateTime<chrono::Utc>| {
            // An hour, or the first one of the day.
            let hour = time
                .with_minute(0)
                .and_then(|time| time.with_second(0))
                .expect("an hour");
            let hour = if hour < at(days_before) {
                hour.with_hour(0).expect("a day")
            } else {
                hour
            };
            let (first, last) = span.hours();
            (first..last).contains(&TimeBucket::of(hour).hour())
        };
        let (mut sums, mut rollup) = (RollupCounts::default(), TypeRollup::default());
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        let micros = |delta: TimeDelta| u64::try_from(delta.num_microseconds().expect("short")).unwrap_or_default();
        for job in self.starts.iter().filter(|job| is_of(job)) {
            let started_at = job.started_at.expect("a start");
            let waited = micros(started_at - job.due_at);
            if is_in(started_at) {
                sums.started += 1;
                sums.wait_micros += waited;
            }
            if is_in_hours(started_at) {
                rollup.durations.add(Measure::Wait, bucket_of(waited), 1);
            }
        }
        for (job, attempt) in self.ends.iter().filter(|(job, _)| is_of(job)) {
            let ended_at = attempt.ended_at.expect("an end");
            let has_outcome = matches!(attempt.status, AttemptStatus::Completed | AttemptStatus::Failed);
            let ran = micros(ended_at - attempt.started_at);
            if is_in(ended_at) {
                sums.completed += u64::from(attempt.status == AttemptStatus::Completed);
                sums.attempts_failed += u64::from(attempt.status == AttemptStatus::Failed);
                sums.abandoned += u64::from(!has_outcome);
                sums.jobs_failed += u64::from(job.status == JobStatus::Failed);
                sums.jobs_cancelled += u64::from(job.status == JobStatus::Cancelled);
                sums.run_micros += if has_outcome { ran } else { 0 };
            }
            if is_in_hours(ended_at) {
                if has_outcome {
                    rollup.durations.add(Measure::Run, bucket_of(ran), 1);
                }
                if let Some(error) = attempt.error.as_ref() {
                    *reasons.entry(error.to_string()).or_default() += 1;
                }
            }
        }
        for job in self.cancelled.iter().filter(|job| is_of(job)) {
            sums.jobs_cancelled += u64::from(is_in(job.finished_at.expect("an end")));
        }
        rollup.counts = sums;
        rollup.reasons = reasons.into_iter().collect();
        (sums, rollup)
    }
}

/// A long life of made-up jobs over two days, and their sums against a recount of everything that was applied.
async fn live(storage: Subject, seed: u64) {
    let reference = Subject::alone(Arc::new(MemoryRepository::new()));
    let mut life = Life::new(seed, 2_500, &storage);
    let mut ledger = Ledger::default();
    let mut days_before = 0;
    for number in 0..130 {
        let changes = life.next_commit(&reference).await;
        reference.commit(&changes).await;
        // The counts of two servers are one sum.
        let writer = if number % 2 == 0 {
            storage.clone()
        } else {
            storage.other().unwrap_or(storage.clone())
        };
        for (change, applied) in changes.iter().zip(writer.commit(&changes).await) {
            ledger.record(change, &applied);
        }
        if number % 40 == 39 {
            days_before = life.second - life.second.rem_euclid(DAY);
            compact(&storage, age(life.second, None)).await;
        } else if number % 10 == 9 {
            // Packed or not, reports are the same.
            let step = MaintenanceChange::CompactRollups {
                ended_before: at(life.second),
                by_days_before: at(days_before),
                rollups_before: None,
            };
            compact(&storage, Change::Maintenance(step)).await;
        }
        let from = life.random.random_range(0..=life.second);
        let to = life.random.random_range(from..=life.second + 3_600);
        let span = span(from, to + 1);
        for (name, job_types) in [
            (None, vec![]),
            (Some("mail"), vec![]),
            (None, vec![job_type("MailJob")]),
        ] {
            let filter = RollupFilter {
                queue: name.map(queue),
                job_types,
            };
            let (sums, rollup) = ledger.recount(name, span, days_before);
            let found = storage
                .repository
                .rollups(&filter, &[span])
                .await
                .expect("storage reads");
            assert_eq!(found, [sums], "seed {seed}, commit {number}, {span:?} of {name:?}");
            let found = types(&storage, &filter, span).await;
            let found = found.get("MailJob").cloned().unwrap_or_default();
            assert_eq!(found, rollup, "seed {seed}, commit {number}, {span:?} of {name:?}");
            let found = storage
                .repository
                .durations(&filter, span)
                .await
                .expect("storage reads");
            assert_eq!(found, rollup.durations);
        }
    }
    assert!(life.second > 24 * HOURS_PER_DAY * 60, "it lasts");
}
