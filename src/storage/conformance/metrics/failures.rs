//! Failures by fingerprint: when they occurred, how often, and their jobs.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::metrics::activity::Slice;
use crate::domain::metrics::failure_reason::normalise;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use crate::domain::values::id::JobId;
use crate::storage::change::{Applied, Change, JobChange, MaintenanceChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::jobs::life::Life;
use crate::storage::conformance::sample::{at, completed, finish, job, job_type, start, update};
use crate::storage::conformance::subject::Subject;
use crate::storage::memory::MemoryRepository;
use crate::storage::query::{FailureSeen, RollupFilter};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        failures_of_one_kind_have_one_fingerprint,
        failures_are_counted_over_time,
        a_job_has_the_fingerprint_of_its_last_failure,
        expired_fingerprints_are_removed,
        failures_equal_the_reference,
    ]
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn fingerprint(error: &str) -> Fingerprint {
    Fingerprint::of(&job_type("MailJob"), &normalise(error))
}

/// Runs a job, which fails permanently with this error, and returns it as it is then.
async fn fail_at(storage: &Subject, job: &Job, seconds: i64, error: &str) -> Arc<Job> {
    let node = storage.live_node(1).await;
    let applied = storage.apply(start([job], node, at(seconds))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true])));
    let outcome = Outcome::Failed(Failure::permanent(error));
    let ended = storage
        .apply(finish(&job.start(node, at(seconds)), outcome, at(seconds)))
        .await;
    assert!(ended.is_ok(), "{ended:?}");
    storage.job(job.id).await
}

async fn seen(storage: &Subject, fingerprints: &[Fingerprint]) -> Vec<FailureSeen> {
    let mut seen = storage
        .repository
        .failures_seen(fingerprints)
        .await
        .expect("storage reads");
    seen.sort_by_key(|seen| seen.fingerprint);
    seen
}

async fn ids(storage: &Subject, fingerprint: Fingerprint, limit: u32) -> Vec<JobId> {
    let jobs = storage.repository.failed_jobs(fingerprint, limit).await;
    jobs.expect("storage reads").iter().map(|job| job.id).collect()
}

async fn failures_of_one_kind_have_one_fingerprint(storage: Subject) {
    let jobs: Vec<Job> = (1..=4).map(job).collect();
    storage.insert(&jobs).await;
    fail_at(&storage, &jobs[0], 100, "order 17 timed out").await;
    fail_at(&storage, &jobs[1], 50, "order 18 timed out").await;
    fail_at(&storage, &jobs[2], 207, "order 19 timed out").await;
    fail_at(&storage, &jobs[3], 60, "refused").await;
    let (timeout, refused) = (fingerprint("order 1 timed out"), fingerprint("refused"));
    let found = seen(&storage, &[timeout, refused, fingerprint("never")]).await;
    let expected = |fingerprint, reason: &str, first, last| FailureSeen {
        fingerprint,
        job_type: job_type("MailJob"),
        reason: reason.to_owned(),
        first_seen: Slice::of(at(first)),
        last_seen: Slice::of(at(last)),
    };
    let mut both = vec![
        expected(timeout, "order # timed out", 50, 207),
        expected(refused, "refused", 60, 60),
    ];
    both.sort_by_key(|seen| seen.fingerprint);
    assert_eq!(found, both);
    assert_eq!(seen(&storage, &[]).await, []);
    let newest = [2, 1, 0].map(|number: usize| jobs[number].id);
    assert_eq!(ids(&storage, timeout, 10).await, newest);
    assert_eq!(ids(&storage, timeout, 2).await, newest[..2]);
    assert_eq!(ids(&storage, fingerprint("never"), 10).await, []);
}

fn hours(count: i64) -> Vec<TimeBucketRange> {
    let bucket = |hour: i64| TimeBucket::of(at(hour * HOUR));
    (0..count)
        .map(|hour| TimeBucketRange {
            from: bucket(hour),
            to: bucket(hour + 1),
        })
        .collect()
}

async fn counts(storage: &Subject, reason: &str, spans: &[TimeBucketRange]) -> Vec<u64> {
    let filter = RollupFilter {
        queue: None,
        job_types: vec![job_type("MailJob")],
    };
    let counts = storage.repository.failure_counts(&filter, reason, spans).await;
    counts.expect("storage reads")
}

async fn failures_are_counted_over_time(storage: Subject) {
    let jobs: Vec<Job> = (1..=4).map(job).collect();
    storage.insert(&jobs).await;
    for (job, seconds) in jobs.iter().zip([10, 20, 2 * HOUR + 5, 2 * HOUR + 6]) {
        let error = if seconds == 20 { "refused" } else { "timeout 7" };
        fail_at(&storage, job, seconds, error).await;
    }
    for _ in 0..2 {
        assert_eq!(counts(&storage, "timeout #", &hours(4)).await, [1, 0, 2, 0]);
        assert_eq!(counts(&storage, "refused", &hours(3)).await, [1, 0, 0]);
        assert_eq!(counts(&storage, "timeout 7", &hours(1)).await, [0]);
        assert!(counts(&storage, "refused", &[]).await.is_empty());
        // Packed or not, they are the same.
        let step = MaintenanceChange::CompactRollups {
            ended_before: at(DAY),
            by_days_before: at(0),
            rollups_before: None,
        };
        for _ in 0..10 {
            storage
                .apply(Change::Maintenance(step.clone()))
                .await
                .expect("it is packed");
        }
    }
}

async fn a_job_has_the_fingerprint_of_its_last_failure(storage: Subject) {
    let (one, other) = (job(1), job(2));
    storage.insert(&[one.clone(), other.clone()]).await;
    let failed = fail_at(&storage, &one, 10, "timeout").await;
    fail_at(&storage, &other, 10, "timeout").await;
    let timeout = fingerprint("timeout");
    assert_eq!(ids(&storage, timeout, 10).await, [other.id, one.id]);
    let deleted = storage.job(other.id).await;
    let delete = Change::Job(JobChange::Delete { job: deleted });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    assert_eq!(ids(&storage, timeout, 10).await, [one.id]);
    let again = failed.retry(true, at(20)).expect("a failed job");
    assert_eq!(storage.apply(update(&failed, &again)).await, Ok(Applied::Updated));
    let again = storage.job(one.id).await;
    let expected: &[JobId] = if again.error.is_some() { &[one.id] } else { &[] };
    assert_eq!(ids(&storage, timeout, 10).await, expected);
    let node = storage.live_node(1).await;
    storage.apply(start([&*again], node, at(30))).await.expect("it starts");
    let ended = storage
        .apply(finish(&again.start(node, at(30)), completed(), at(31)))
        .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(ids(&storage, timeout, 10).await, [], "it is completed");
    assert_eq!(seen(&storage, &[timeout]).await.len(), 1, "it was seen");
}

async fn expired_fingerprints_are_removed(storage: Subject) {
    let jobs: Vec<Job> = (1..=2).map(job).collect();
    storage.insert(&jobs).await;
    fail_at(&storage, &jobs[0], 10, "timeout").await;
    fail_at(&storage, &jobs[1], DAY + 10, "refused").await;
    let step = MaintenanceChange::CompactRollups {
        ended_before: at(0),
        by_days_before: at(0),
        rollups_before: Some(at(DAY)),
    };
    for _ in 0..3 {
        storage
            .apply(Change::Maintenance(step.clone()))
            .await
            .expect("it expires");
    }
    let found = seen(&storage, &[fingerprint("timeout"), fingerprint("refused")]).await;
    assert_eq!(
        found.iter().map(|seen| seen.reason.as_str()).collect::<Vec<_>>(),
        ["refused"]
    );
}

/// A long life of made-up jobs, against the reference implementation.
async fn failures_equal_the_reference(storage: Subject) {
    let reference = Subject::alone(Arc::new(MemoryRepository::new()));
    let mut life = Life::new(14, 1_500, &storage);
    let mut known: Vec<Fingerprint> = Vec::new();
    for number in 0..60 {
        let changes = life.next_commit(&reference).await;
        reference.commit(&changes).await;
        let writer = if number % 2 == 0 {
            storage.clone()
        } else {
            storage.other().unwrap_or(storage.clone())
        };
        writer.commit(&changes).await;
        for change in &changes {
            if let Change::Job(JobChange::Finish { job, .. }) = change
                && let Some(fingerprint) = Fingerprint::of_job(job)
                && !known.contains(&fingerprint)
            {
                known.push(fingerprint);
            }
        }
        assert_eq!(
            seen(&storage, &known).await,
            seen(&reference, &known).await,
            "commit {number}"
        );
        for fingerprint in &known {
            assert_eq!(
                ids(&storage, *fingerprint, 20).await,
                ids(&reference, *fingerprint, 20).await,
                "commit {number}"
            );
        }
    }
    assert!(!known.is_empty());
    assert!(at(life.second) - at(0) > TimeDelta::hours(1), "it lasts");
}
