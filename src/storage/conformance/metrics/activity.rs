//! Activity of queues: series of slices, minutes and quarters of an hour.

use std::sync::Arc;

use rand::Rng;

use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::metrics::activity::{ActivityCounts, SLICES_PER_MINUTE, Slice};
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use crate::storage::change::{Applied, Change, MaintenanceChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::jobs::life::Life;
use crate::storage::conformance::sample::{at, completed, failed, finish, in_queue, job, job_type, queue, start};
use crate::storage::conformance::subject::Subject;
use crate::storage::memory::MemoryRepository;
use crate::storage::query::{ActivityPoint, RollupFilter};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        activity_is_counted_by_slices,
        folded_slices_remain_in_their_minutes,
        created_jobs_are_counted_by_type,
        activity_equals_the_reference,
    ]
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Points of a number of slices between two seconds.
fn slices(from: i64, to: i64, of_point: i64) -> SeriesPoints {
    SeriesPoints::Slices {
        from: Slice::of(at(from)),
        to: Slice::of(at(to)),
        of_point,
    }
}

/// Points of quarters of an hour, each of this many.
fn quarters(from: i64, to: i64, of_point: i64) -> SeriesPoints {
    let (from, to) = (TimeBucket::of(at(from)).0, TimeBucket::not_before(at(to)).0);
    let starts = (from..to).step_by(usize::try_from(of_point).expect("few"));
    SeriesPoints::TimeBuckets(
        starts
            .map(|start| TimeBucketRange {
                from: TimeBucket(start),
                to: TimeBucket(start + of_point),
            })
            .collect(),
    )
}

fn of_queue(name: &str) -> RollupFilter {
    RollupFilter {
        queue: Some(queue(name)),
        ..RollupFilter::default()
    }
}

async fn read(storage: &Subject, filter: &RollupFilter, points: &SeriesPoints) -> Vec<ActivityPoint> {
    let found = storage.repository.activity(filter, points, i64::MIN).await;
    found.expect("storage reads")
}

fn measured(point: &ActivityPoint) -> (u64, u64) {
    let durations = point.durations.as_deref();
    durations.map_or((0, 0), |durations| (durations.run.total(), durations.wait.total()))
}

/// Jobs that are created in the first seconds of the day in two queues; one is completed, one is retried and fails.
async fn two_lives(storage: &Subject) {
    let node = storage.live_node(1).await;
    let (one, other) = (in_queue("mail", job(1)), in_queue("reports", job(2)));
    storage.insert(&[one.clone(), other.clone()]).await;
    storage
        .apply(start([&one, &other], node, at(11)))
        .await
        .expect("they start");
    let ended = storage
        .apply(finish(&one.start(node, at(11)), completed(), at(17)))
        .await;
    assert!(ended.is_ok(), "{ended:?}");
    let running = other.start(node, at(11));
    let ended = storage.apply(finish(&running, failed(), at(64))).await;
    assert!(ended.is_ok(), "{ended:?}");
    let again = storage.job(other.id).await;
    storage.apply(start([&*again], node, at(70))).await.expect("it starts");
    let running = again.start(node, at(70));
    let failure = Outcome::Failed(Failure::permanent("no"));
    let ended = storage.apply(finish(&running, failure, at(71))).await;
    assert!(ended.is_ok(), "{ended:?}");
}

async fn activity_is_counted_by_slices(storage: Subject) {
    two_lives(&storage).await;
    let all = RollupFilter::default();
    let found = read(&storage, &all, &slices(0, 2 * MINUTE, 1)).await;
    assert_eq!(found.len(), 24);
    let counts = |slice: usize| found[slice].counts;
    let none = ActivityCounts::default();
    assert_eq!(counts(0), ActivityCounts { created: 2, ..none });
    assert_eq!(counts(1), none);
    assert_eq!(counts(2), ActivityCounts { started: 2, ..none });
    assert_eq!(counts(3), ActivityCounts { completed: 1, ..none });
    let retried = ActivityCounts {
        attempts_failed: 1,
        ..none
    };
    assert_eq!((counts(12), retried.retried()), (retried, 1));
    let ended = ActivityCounts {
        started: 1,
        attempts_failed: 1,
        jobs_failed: 1,
        ..none
    };
    assert_eq!((counts(14), ended.retried()), (ended, 0));
    assert_eq!(
        [2, 3, 12, 14].map(|slice| measured(&found[slice])),
        [(0, 2), (1, 0), (1, 0), (1, 1)]
    );
    let of_mail = read(&storage, &of_queue("mail"), &slices(0, 2 * MINUTE, SLICES_PER_MINUTE)).await;
    let expected = ActivityCounts {
        created: 1,
        started: 1,
        completed: 1,
        ..none
    };
    assert_eq!(
        of_mail.iter().map(|point| point.counts).collect::<Vec<_>>(),
        [expected, none]
    );
    assert_eq!(of_mail[1].durations, None);
    let empty = read(&storage, &of_queue("unknown"), &slices(0, MINUTE, 1)).await;
    assert_eq!(empty, vec![ActivityPoint::default(); 12], "zeros, no gaps");
    assert_eq!(read(&storage, &all, &slices(0, 0, 1)).await, []);
}

fn fold(slices_before: i64, minutes_before: i64) -> Change {
    Change::Maintenance(MaintenanceChange::FoldActivity {
        slices_before: at(slices_before),
        minutes_before: at(minutes_before),
    })
}

/// Repeats a step until nothing is left to fold.
async fn fold_all(storage: &Subject, step: Change) {
    for _ in 0..1_000 {
        match storage.apply(step.clone()).await {
            Ok(Applied::Removed(0)) => return,
            Ok(Applied::Removed(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("folding has no end");
}

async fn folded_slices_remain_in_their_minutes(storage: Subject) {
    two_lives(&storage).await;
    let minutes = slices(0, 2 * MINUTE, SLICES_PER_MINUTE);
    let filters = [RollupFilter::default(), of_queue("mail"), of_queue("reports")];
    let mut before = Vec::new();
    for filter in &filters {
        before.push(read(&storage, filter, &minutes).await);
    }
    // In the middle of the first minute, then everything, and what is added late.
    for until in [15, 2 * MINUTE] {
        fold_all(&storage, fold(until, 0)).await;
        for (filter, before) in filters.iter().zip(&before) {
            assert_eq!(read(&storage, filter, &minutes).await, *before);
        }
    }
    storage.insert(&[in_queue("mail", job(3))]).await;
    fold_all(&storage, fold(2 * MINUTE, 0)).await;
    let found = read(&storage, &filters[0], &minutes).await;
    assert_eq!(found[0].counts.created, 3);
    fold_all(&storage, fold(2 * MINUTE, MINUTE)).await;
    let found = read(&storage, &filters[0], &minutes).await;
    assert_eq!(found[0], ActivityPoint::default(), "it has expired");
    assert_eq!(found[1], before[0][1]);
}

async fn created_jobs_are_counted_by_type(storage: Subject) {
    let of_type = |name, number| crate::domain::job::Job {
        job_type: job_type(name),
        ..job(number)
    };
    storage
        .insert(&[of_type("A", 1), of_type("A", 2), of_type("B", 3)])
        .await;
    storage.insert(&[of_type("A", 901)]).await;
    let created = async |types: &[&str]| {
        let filter = RollupFilter {
            job_types: types.iter().map(|name| job_type(name)).collect(),
            ..RollupFilter::default()
        };
        let found = read(&storage, &filter, &quarters(0, HOUR, 1)).await;
        found.iter().map(|point| point.counts.created).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(created(&[]).await, [3, 1, 0, 0]);
        assert_eq!(created(&["A"]).await, [2, 1, 0, 0]);
        assert_eq!(created(&["A", "B"]).await, [3, 1, 0, 0]);
        assert_eq!(created(&["C"]).await, [0, 0, 0, 0]);
        // Packed or not, they are the same.
        let step = Change::Maintenance(MaintenanceChange::CompactRollups {
            ended_before: at(HOUR),
            by_days_before: at(0),
            rollups_before: None,
        });
        fold_all(&storage, step).await;
    }
}

/// A long life of made-up jobs, folded and packed at times, against the reference implementation.
async fn activity_equals_the_reference(storage: Subject) {
    let reference = Subject::alone(Arc::new(MemoryRepository::new()));
    let mut life = Life::new(13, 2_000, &storage);
    let mut folded = 0;
    for number in 0..100 {
        let changes = life.next_commit(&reference).await;
        let expected = reference.commit(&changes).await;
        let writer = if number % 2 == 0 {
            storage.clone()
        } else {
            storage.other().unwrap_or(storage.clone())
        };
        assert_eq!(writer.commit(&changes).await.len(), expected.len());
        if number % 10 == 9 {
            folded = life.second - life.second.rem_euclid(MINUTE);
            fold_all(&storage, fold(folded, -HOUR)).await;
            let step = Change::Maintenance(MaintenanceChange::CompactRollups {
                ended_before: at(life.second),
                by_days_before: at(0),
                rollups_before: None,
            });
            fold_all(&storage, step).await;
        }
        let from = life.random.random_range(0..=life.second);
        let length = life.random.random_range(1..=20) * MINUTE;
        let minute = from - from.rem_euclid(MINUTE);
        let series = [
            slices(minute, minute + length, SLICES_PER_MINUTE),
            slices(folded, folded + 2 * MINUTE, 1),
            quarters(from, from + 24 * HOUR, 1),
            quarters(minute - minute.rem_euclid(HOUR), from + 24 * HOUR, 4),
        ];
        for points in &series {
            for filter in [RollupFilter::default(), of_queue("mail")] {
                let expected = read(&reference, &filter, points).await;
                let found = read(&storage, &filter, points).await;
                assert_eq!(found, expected, "commit {number}, {points:?} of {filter:?}");
            }
        }
    }
}
