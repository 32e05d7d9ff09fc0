//! Rollups of jobs: numbers, durations and reasons of failures.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::metrics::failure_reason::{OTHER, REASONS_MAX};
use crate::domain::metrics::rollup::{RollupCounts, TimeBucket, TimeBucketRange};
use crate::storage::change::{Applied, Change, ChangeError, Finished, JobChange, MaintenanceChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, completed, failed, finish, in_queue, job, job_type, queue, start, update, with_requested_cancellation,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{Durations, RollupFilter, TypeRollup};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        starts_and_completions_are_rolled_up,
        a_job_that_is_cancelled_counts_whether_it_ran_or_not,
        a_late_end_adds_nothing,
        each_span_has_its_own_sums,
        the_busiest_hour_is_found,
        sums_are_kept_by_queue_and_type,
        failures_are_grouped_by_their_reason,
        reasons_stay_few,
        deleted_jobs_stay_in_the_rollups,
        older_days_are_kept_as_days,
        old_sums_are_forgotten,
    ]
}

/// The time buckets from that of the first second to that of the last one, which is excluded.
pub(super) fn span(from: i64, to: i64) -> TimeBucketRange {
    TimeBucketRange {
        from: TimeBucket::of(at(from)),
        to: TimeBucket::not_before(at(to)),
    }
}

pub(super) const DAY: i64 = 86_400;

async fn sums(storage: &Subject, from: i64, to: i64) -> RollupCounts {
    let filter = RollupFilter::default();
    let sums = storage.repository.rollups(&filter, &[span(from, to)]).await;
    let [sums] = sums.expect("storage reads").try_into().expect("one span");
    sums
}

pub(super) async fn types(
    storage: &Subject,
    filter: &RollupFilter,
    span: TimeBucketRange,
) -> BTreeMap<String, TypeRollup> {
    let types = storage.repository.type_rollups(filter, span).await;
    let types = types.expect("storage reads").into_iter();
    types
        .map(|(job_type, mut rollup)| {
            rollup.reasons.sort();
            (job_type.to_string(), rollup)
        })
        .collect()
}

async fn durations(storage: &Subject, span: TimeBucketRange) -> Durations {
    let durations = storage.repository.durations(&RollupFilter::default(), span).await;
    durations.expect("storage reads")
}

/// Runs a job from one second of the day to another, and returns it.
async fn run_at(storage: &Subject, job: Job, from: i64, to: i64, outcome: Outcome) -> Job {
    let node = storage.live_node(1).await;
    storage.insert(std::slice::from_ref(&job)).await;
    let applied = storage.apply(start([&job], node, at(from))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true])));
    end_at(storage, &job.start(node, at(from)), to, outcome).await
}

async fn end_at(storage: &Subject, running: &Job, seconds: i64, outcome: Outcome) -> Job {
    let applied = storage.apply(finish(running, outcome, at(seconds))).await;
    assert_eq!(applied, Ok(Applied::Finished(Finished::Stored)));
    Arc::unwrap_or_clone(storage.job(running.id).await)
}

async fn starts_and_completions_are_rolled_up(storage: Subject) {
    run_at(&storage, job(1), 11, 41, completed()).await;
    let again = run_at(&storage, job(2), 12, 22, failed()).await;
    let node = storage.live_node(1).await;
    let again = storage.start(&again, node).await;
    let until = (again.started_at.expect("a start") - at(0)).num_seconds() + 5;
    end_at(&storage, &again, until, Outcome::Failed(Failure::permanent("no"))).await;
    run_at(&storage, job(3), 13, 14, Outcome::Lost).await;
    let expected = RollupCounts {
        started: 4,
        completed: 1,
        attempts_failed: 2,
        abandoned: 1,
        jobs_failed: 1,
        jobs_cancelled: 0,
        run_micros: 45_000_000,
        wait_micros: 30_000_000,
    };
    assert_eq!(sums(&storage, 0, 900).await, expected);
    let measured = durations(&storage, span(0, 900)).await;
    assert_eq!((measured.run.total(), measured.wait.total()), (3, 4));
    let longest = measured.run.percentile(1.0).expect("measured").to_delta();
    assert!(
        longest >= TimeDelta::seconds(30) && longest <= TimeDelta::seconds(43),
        "{longest}"
    );
}

async fn a_job_that_is_cancelled_counts_whether_it_ran_or_not(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let crate::domain::job::state_machine::Cancelled::Done(cancelled) = job(1).cancel(at(5)).expect("a pending job")
    else {
        panic!("a pending job is cancelled at once");
    };
    assert_eq!(storage.apply(update(&job(1), &cancelled)).await, Ok(Applied::Updated));
    let applied = storage.apply(update(&job(1), &cancelled)).await;
    assert_eq!(applied, Err(ChangeError::Conflict), "and not twice");
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(2), node).await;
    let requested = with_requested_cancellation(&running);
    assert_eq!(storage.apply(update(&running, &requested)).await, Ok(Applied::Updated));
    end_at(&storage, &requested, 9, Outcome::Cancelled).await;
    let found = sums(&storage, 0, 900).await;
    assert_eq!((found.jobs_cancelled, found.abandoned, found.started), (2, 1, 1));
    assert_eq!((found.executions(), found.run_micros), (0, 0));
}

async fn a_late_end_adds_nothing(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let (in_time, late) = (finish(&running, completed(), at(5)), finish(&running, failed(), at(6)));
    // Alone, and in one commit with an applied change.
    assert_eq!(storage.apply(in_time).await, Ok(Applied::Finished(Finished::Stored)));
    assert_eq!(
        storage.apply(late.clone()).await,
        Ok(Applied::Finished(Finished::LeaseLost))
    );
    let other = storage.insert_running(job(2), node).await;
    let applied = storage.commit(&[late, finish(&other, completed(), at(7))]).await;
    assert_eq!(applied[1], Ok(Applied::Finished(Finished::Stored)));
    let stale = start([&job(2)], node, at(8));
    assert_eq!(storage.apply(stale).await, Ok(Applied::Started(vec![false])));
    let found = sums(&storage, 0, 900).await;
    assert_eq!((found.started, found.completed, found.attempts_failed), (2, 2, 0));
    let types = types(&storage, &RollupFilter::default(), span(0, 900)).await;
    assert!(types["MailJob"].reasons.is_empty());
}

async fn each_span_has_its_own_sums(storage: Subject) {
    for (seconds, number) in [0, 899, 900, 1_799, 1_800, DAY].into_iter().zip(1..) {
        run_at(&storage, job(number), seconds, seconds, completed()).await;
    }
    let spans = [
        span(0, 900),
        span(900, 1_800),
        span(0, DAY),
        span(2 * DAY, 3 * DAY),
        span(0, 2 * DAY),
    ];
    let filter = RollupFilter::default();
    let found = storage
        .repository
        .rollups(&filter, &spans)
        .await
        .expect("storage reads");
    let completed: Vec<u64> = found.iter().map(|sums| sums.completed).collect();
    assert_eq!(completed, [2, 2, 5, 0, 6]);
    assert_eq!(
        storage.repository.rollups(&filter, &[]).await.expect("storage reads"),
        []
    );
    // More spans than any statement has.
    let many: Vec<TimeBucketRange> = (0..1_500).map(|day| span(day * DAY, (day + 1) * DAY)).collect();
    let found = storage.repository.rollups(&filter, &many).await.expect("storage reads");
    let completed: Vec<u64> = found.iter().map(|sums| sums.completed).collect();
    assert_eq!(completed[..3], [5, 1, 0]);
    assert_eq!(completed.len(), 1_500);
}

async fn the_busiest_hour_is_found(storage: Subject) {
    for (seconds, number) in [0, 3_599, 3_600, 4_000, 7_199, 7_200].into_iter().zip(1..) {
        run_at(&storage, job(number), seconds, seconds, completed()).await;
    }
    run_at(&storage, job(9), 7_300, 7_300, failed()).await;
    let filter = RollupFilter::default();
    let busiest = async |span| {
        storage
            .repository
            .busiest_hour(&filter, span)
            .await
            .expect("storage reads")
    };
    assert_eq!(busiest(span(0, DAY)).await, 3);
    assert_eq!(busiest(span(0, 3_600)).await, 2);
    assert_eq!(busiest(span(4_500, DAY)).await, 1, "earlier jobs do not count");
    assert_eq!(busiest(span(DAY, 2 * DAY)).await, 0);
}

async fn sums_are_kept_by_queue_and_type(storage: Subject) {
    let of_type = |name, job: Job| Job {
        job_type: job_type(name),
        ..job
    };
    run_at(&storage, in_queue("mail", of_type("A", job(1))), 1, 2, completed()).await;
    run_at(&storage, in_queue("mail", of_type("B", job(2))), 1, 2, completed()).await;
    run_at(&storage, in_queue("other", of_type("A", job(3))), 1, 2, failed()).await;
    let filtered = async |of_queue: Option<&str>, types: &[&str]| {
        let filter = RollupFilter {
            queue: of_queue.map(queue),
            job_types: types.iter().map(|name| job_type(name)).collect(),
        };
        let sums = storage.repository.rollups(&filter, &[span(0, 900)]).await;
        let durations = storage.repository.durations(&filter, span(0, 900)).await;
        let busiest = storage.repository.busiest_hour(&filter, span(0, 900)).await;
        let by_type = storage.repository.type_rollups(&filter, span(0, 900)).await;
        let started = sums.expect("storage reads")[0].started;
        let by_type = by_type.expect("storage reads");
        let of_types: u64 = by_type.values().map(|rollup| rollup.counts.started).sum();
        assert_eq!(started, of_types);
        let measured = durations.expect("storage reads").run.total();
        assert_eq!(measured, started);
        (started, busiest.expect("storage reads"), by_type.len())
    };
    assert_eq!(filtered(None, &[]).await, (3, 2, 2));
    assert_eq!(filtered(Some("mail"), &[]).await, (2, 2, 2));
    assert_eq!(filtered(None, &["A"]).await, (2, 1, 1));
    assert_eq!(filtered(None, &["A", "B"]).await, (3, 2, 2));
    assert_eq!(filtered(Some("other"), &["A"]).await, (1, 0, 1));
    assert_eq!(filtered(Some("other"), &["B"]).await, (0, 0, 0));
}

async fn failures_are_grouped_by_their_reason(storage: Subject) {
    let errors = [
        "SMTP timeout",
        "SMTP timeout",
        "user 17 is unknown",
        "user 18 is unknown",
        "it's \"odd\"; --",
    ];
    for (error, number) in errors.into_iter().zip(1..) {
        run_at(&storage, job(number), 1, 2, Outcome::Failed(Failure::new(error))).await;
    }
    let types = types(&storage, &RollupFilter::default(), span(0, 900)).await;
    let expected = [("SMTP timeout", 2), ("it's '…'; --", 1), ("user # is unknown", 2)];
    assert_eq!(
        types["MailJob"].reasons,
        expected.map(|(reason, count)| (reason.to_owned(), count))
    );
}

async fn reasons_stay_few(storage: Subject) {
    let node = storage.live_node(1).await;
    let count = u32::try_from(REASONS_MAX).expect("few") + 20;
    let jobs: Vec<Job> = sample::jobs(count);
    storage.insert(&jobs).await;
    storage.apply(start(&jobs, node, at(500))).await.expect("they start");
    let ends: Vec<Change> = jobs
        .iter()
        .zip(0_u8..)
        .map(|(job, number)| {
            let letters = [b'a' + number / 26, b'a' + number % 26].map(char::from);
            let error = format!("failure of kind {}{}", letters[0], letters[1]);
            finish(&job.start(node, at(500)), Outcome::Failed(Failure::new(error)), at(501))
        })
        .collect();
    storage.commit(&ends).await;
    let types = types(&storage, &RollupFilter::default(), span(0, 900)).await;
    let reasons = &types["MailJob"].reasons;
    assert_eq!(reasons.len(), REASONS_MAX + 1);
    assert!(reasons.contains(&(OTHER.to_owned(), 20)), "{reasons:?}");
}

async fn deleted_jobs_stay_in_the_rollups(storage: Subject) {
    let done = run_at(&storage, job(1), 1, 2, completed()).await;
    let before = sums(&storage, 0, 900).await;
    assert_eq!(
        storage.apply(Change::Job(JobChange::Delete { job: done.into() })).await,
        Ok(Applied::Deleted)
    );
    assert_eq!(sums(&storage, 0, 900).await, before);
}

pub(super) fn age(by_days_before: i64, rollups_before: Option<i64>) -> Change {
    Change::Maintenance(MaintenanceChange::CompactRollups {
        ended_before: at(by_days_before),
        by_days_before: at(by_days_before),
        rollups_before: rollups_before.map(at),
    })
}

/// Repeats a step of compaction until nothing is left to do.
pub(super) async fn compact(storage: &Subject, step: Change) {
    for _ in 0..1_000 {
        match storage.apply(step.clone()).await {
            Ok(Applied::Removed(0)) => return,
            Ok(Applied::Removed(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("compaction has no end");
}

async fn older_days_are_kept_as_days(storage: Subject) {
    for (seconds, number) in [-40_000, 0, 40_000, DAY - 1, DAY + 40_000].into_iter().zip(1..) {
        run_at(&storage, job(number), seconds, seconds, failed()).await;
    }
    let before = sums(&storage, 0, 2 * DAY).await;
    // In the middle of the last one: that one stays as it is.
    compact(&storage, age(DAY + 50_000, None)).await;
    let again = storage.apply(age(DAY + 50_000, None)).await;
    assert_eq!(again, Ok(Applied::Removed(0)));
    let measured = async |from, to| {
        let types = types(&storage, &RollupFilter::default(), span(from, to)).await;
        let reasons: u64 = types
            .values()
            .flat_map(|rollup| &rollup.reasons)
            .map(|(_, count)| count)
            .sum();
        let total = durations(&storage, span(from, to)).await.run.total();
        assert_eq!(total, reasons);
        total
    };
    assert_eq!(measured(-DAY, 3_600 - DAY).await, 1);
    assert_eq!(measured(0, 3_600).await, 3, "the first hour represents the day");
    assert_eq!(measured(3_600, DAY).await, 0);
    assert_eq!(measured(DAY + 39_600, DAY + 43_200).await, 1);
    assert_eq!(measured(0, 2 * DAY).await, 4);
    assert_eq!(sums(&storage, 0, 2 * DAY).await, before, "counts stay as they are");
    assert_eq!(sums(&storage, 39_600, 43_200).await.attempts_failed, 1);
}

async fn old_sums_are_forgotten(storage: Subject) {
    for (seconds, number) in [0, DAY - 1, DAY, 2 * DAY].into_iter().zip(1..) {
        run_at(&storage, job(number), seconds, seconds, failed()).await;
    }
    // Whole days go, one at a time: of the last one nothing.
    for (removed, left) in [(1, 2), (1, 1), (0, 1)] {
        let aged = storage.apply(age(0, Some(2 * DAY + 50_000))).await;
        assert_eq!(aged, Ok(Applied::Removed(removed)));
        assert_eq!(sums(&storage, 0, 3 * DAY).await.started, left);
    }
    assert_eq!(durations(&storage, span(0, 3 * DAY)).await.run.total(), 1);
    let types = types(&storage, &RollupFilter::default(), span(0, 3 * DAY)).await;
    assert_eq!(types["MailJob"].reasons, [("it did not work".to_owned(), 1)]);
}
