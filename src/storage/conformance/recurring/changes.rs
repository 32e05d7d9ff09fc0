//! Recurring jobs: stored, changed, removed, listed, and found when they are due.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::cron::CronExpression;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::priority::Priority;
use crate::domain::recurring::misfire::{CatchUpMax, MisfirePolicy};
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{RecurringId, RecurringJob, Schedule, Template};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, RecurringKey, Tag};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::storage::change::{Applied, Change, ChangeError, Fire, Idempotency, Inserted, JobChange, RecurringChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{advanced, at, insert, job, occurrence, queue, recurring};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::JobFilter;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_recurring_job_is_read_as_it_was_stored,
        a_recurring_job_is_stored_once,
        a_recurring_job_is_changed_by_its_revision,
        a_recurring_job_is_removed_by_its_revision,
        recurring_jobs_and_jobs_share_idempotency_keys,
        a_key_belongs_to_one_recurring_job,
        simultaneous_inserts_of_a_key_store_one_recurring_job,
        an_occurrence_refers_to_its_recurring_job,
    ]
}

fn insert_recurring(recurring: &RecurringJob) -> Change {
    Change::Recurring(RecurringChange::Insert {
        recurring: Arc::new(recurring.clone()),
        idempotency: None,
    })
}

pub(super) fn update_recurring(before: &RecurringJob, after: &RecurringJob) -> Change {
    Change::Recurring(RecurringChange::Update {
        before: Arc::new(before.clone()),
        after: Arc::new(after.clone()),
    })
}

pub(super) async fn stored(storage: &Subject, all: &[RecurringJob]) {
    for recurring in all {
        let applied = storage.apply(insert_recurring(recurring)).await;
        assert_eq!(applied, Ok(Applied::RecurringStored));
    }
}

async fn find(storage: &Subject, id: RecurringId) -> Option<RecurringJob> {
    let found = storage.repository.recurring(id).await.expect("storage reads");
    found.map(Arc::unwrap_or_clone)
}

/// A recurring job that has everything, at its limits.
fn full() -> RecurringJob {
    RecurringJob {
        schedule: Schedule {
            cron: CronExpression::parse("*/5 30 12 * JAN-MAR MON,FRI").expect("an expression"),
            time_zone: TimeZoneName::parse("Europe/Berlin").expect("a zone"),
            starts_at: Some(at(0) + TimeDelta::microseconds(1)),
            ends_at: Some(at(1_000_000)),
        },
        template: Template {
            name: JobName::parse("Grüße, \"Welt\" 🦀").expect("a name"),
            queue: Some(queue("mail")),
            parameters: Json::from_valid("[1.10, 2]"),
            priority: Priority::Critical,
            max_retries: Some(0),
            timeout: Some(TimeSpan::from_micros(1)),
            retry_delay: Some(TimeSpan::from_micros(0)),
            retry_intervals: Some(vec![TimeSpan::from_secs(1), TimeSpan::from_micros(0)]),
            tags: vec![Tag::parse("é \"x\"").expect("a tag"), Tag::parse("eu").expect("a tag")],
            ..recurring(1).template
        },
        is_enabled: false,
        misfire_policy: MisfirePolicy::CatchUp {
            max: CatchUpMax::new(1_000).expect("within its limits"),
        },
        overlap_policy: OverlapPolicy::Queue,
        next_run_at: None,
        last_run_at: Some(at(60)),
        waiting: vec![at(120), at(180) + TimeDelta::microseconds(5)],
        updated_at: at(70) + TimeDelta::microseconds(7),
        revision: 9,
        ..recurring(1)
    }
}

async fn a_recurring_job_is_read_as_it_was_stored(storage: Subject) {
    let no_intervals = RecurringJob {
        template: Template {
            retry_intervals: Some(Vec::new()),
            ..recurring(2).template
        },
        misfire_policy: MisfirePolicy::Skip,
        overlap_policy: OverlapPolicy::Skip,
        ..recurring(2)
    };
    let all = [full(), no_intervals, recurring(3)];
    stored(&storage, &all).await;
    for recurring in all {
        assert_eq!(find(&storage, recurring.id).await, Some(recurring));
    }
    assert_eq!(find(&storage, recurring(9).id).await, None);
    assert_eq!(storage.all().await, [], "a recurring job is no job");
    assert_eq!(
        storage.queues().await,
        [],
        "and makes no queue before its first occurrence"
    );
}

async fn a_recurring_job_is_stored_once(storage: Subject) {
    stored(&storage, &[recurring(1)]).await;
    let applied = storage
        .commit(&[
            insert_recurring(&full()),
            insert_recurring(&recurring(2)),
            insert([job(1)]),
        ])
        .await;
    assert!(
        matches!(applied[0], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[0]
    );
    assert_eq!(applied[1], Ok(Applied::RecurringStored));
    assert_eq!(applied[2], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(find(&storage, recurring(1).id).await, Some(recurring(1)));
}

async fn a_recurring_job_is_changed_by_its_revision(storage: Subject) {
    let before = recurring(1);
    stored(&storage, &[before.clone(), recurring(2)]).await;
    let after = RecurringJob { revision: 2, ..full() };
    assert_eq!(
        storage.apply(update_recurring(&before, &after)).await,
        Ok(Applied::RecurringStored)
    );
    assert_eq!(find(&storage, before.id).await, Some(after.clone()));
    assert_eq!(find(&storage, recurring(2).id).await, Some(recurring(2)));
    let stale = advanced(&before);
    assert_eq!(
        storage.apply(update_recurring(&before, &stale)).await,
        Err(ChangeError::Conflict)
    );
    let gone = update_recurring(&recurring(3), &advanced(&recurring(3)));
    assert_eq!(storage.apply(gone).await, Err(ChangeError::Conflict));
    assert_eq!(find(&storage, before.id).await, Some(after.clone()));
    // Everything that can be none is none again.
    let last = RecurringJob { revision: 3, ..before };
    assert_eq!(
        storage.apply(update_recurring(&after, &last)).await,
        Ok(Applied::RecurringStored)
    );
    assert_eq!(find(&storage, last.id).await, Some(last));
}

async fn a_recurring_job_is_removed_by_its_revision(storage: Subject) {
    let (first, second) = (recurring(1), recurring(2));
    stored(&storage, &[first.clone(), second.clone()]).await;
    let its_job = occurrence(&first, at(60), 1);
    storage.insert(std::slice::from_ref(&its_job)).await;
    let delete = |recurring: &RecurringJob| {
        Change::Recurring(RecurringChange::Delete {
            recurring: Arc::new(recurring.clone()),
        })
    };
    assert_eq!(
        storage.apply(delete(&advanced(&first))).await,
        Err(ChangeError::Conflict)
    );
    assert_eq!(find(&storage, first.id).await, Some(first.clone()));
    assert_eq!(storage.apply(delete(&first)).await, Ok(Applied::Deleted));
    assert_eq!(storage.apply(delete(&first)).await, Err(ChangeError::Conflict));
    assert_eq!(find(&storage, first.id).await, None);
    assert_eq!(find(&storage, second.id).await, Some(second));
    storage.holds(&[its_job]).await;
}

async fn recurring_jobs_and_jobs_share_idempotency_keys(storage: Subject) {
    let idempotency = |fingerprint| {
        Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: [fingerprint; 32],
            created_at: at(0),
        })
    };
    let keyed_insert = |number, fingerprint| {
        Change::Recurring(RecurringChange::Insert {
            recurring: Arc::new(recurring(number)),
            idempotency: idempotency(fingerprint),
        })
    };
    assert_eq!(storage.apply(keyed_insert(1, 1)).await, Ok(Applied::RecurringStored));
    let replayed = Ok(Applied::Replayed(vec![recurring(1).id.as_uuid()]));
    assert_eq!(
        storage.commit(&[keyed_insert(2, 1), keyed_insert(3, 2)]).await,
        [replayed, Err(ChangeError::IdempotencyMismatch)]
    );
    let a_job = Change::Job(JobChange::Insert {
        jobs: vec![job(1).into()],
        idempotency: idempotency(3),
    });
    assert_eq!(storage.apply(a_job).await, Err(ChangeError::IdempotencyMismatch));
    assert_eq!(storage.repository.recurring_count().await.expect("storage counts"), 1);
    assert_eq!(storage.all().await, []);
}

fn keyed(number: u32, key: &str) -> RecurringJob {
    RecurringJob {
        key: Some(RecurringKey::parse(key).expect("a key")),
        ..recurring(number)
    }
}

async fn by_key(storage: &Subject, key: &str) -> Option<RecurringJob> {
    let key = RecurringKey::parse(key).expect("a key");
    let found = storage.repository.recurring_by_key(&key).await.expect("storage reads");
    found.map(Arc::unwrap_or_clone)
}

async fn a_key_belongs_to_one_recurring_job(storage: Subject) {
    let (first, other) = (keyed(1, "k"), keyed(2, "K"));
    stored(&storage, &[first.clone(), other.clone(), recurring(3), recurring(4)]).await;
    let taken = Err(ChangeError::RecurringKeyTaken {
        key: RecurringKey::parse("k").expect("a key"),
    });
    let keyed_insert = |number, key| {
        Change::Recurring(RecurringChange::Insert {
            recurring: Arc::new(keyed(number, key)),
            idempotency: Some(Idempotency {
                key: "i".to_owned(),
                fingerprint: [1; 32],
                created_at: at(0),
            }),
        })
    };
    let results = storage
        .commit(&[insert_recurring(&keyed(5, "k")), keyed_insert(6, "k"), insert([job(1)])])
        .await;
    assert_eq!(results[..2], [taken.clone(), taken]);
    assert_eq!(results[2], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(by_key(&storage, "k").await, Some(first.clone()));
    assert_eq!(by_key(&storage, "K").await, Some(other));
    assert_eq!(by_key(&storage, "x").await, None);
    // A refused insert leaves its idempotency key unused.
    assert_eq!(storage.apply(keyed_insert(7, "x")).await, Ok(Applied::RecurringStored));
    let after = advanced(&first);
    assert_eq!(
        storage.apply(update_recurring(&first, &after)).await,
        Ok(Applied::RecurringStored)
    );
    assert_eq!(by_key(&storage, "k").await, Some(after.clone()));
    let delete = Change::Recurring(RecurringChange::Delete {
        recurring: Arc::new(after),
    });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    assert_eq!(by_key(&storage, "k").await, None);
    stored(&storage, &[keyed(8, "k")]).await;
    assert_eq!(by_key(&storage, "k").await, Some(keyed(8, "k")));
}

async fn simultaneous_inserts_of_a_key_store_one_recurring_job(storage: Subject) {
    let (first, second) = (insert_recurring(&keyed(1, "k")), insert_recurring(&keyed(2, "k")));
    let (first, second) = tokio::join!(storage.apply(first), storage.apply(second));
    let stored = [&first, &second].into_iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored, 1, "{first:?} {second:?}");
    assert_eq!(storage.repository.recurring_count().await.expect("storage counts"), 1);
}

async fn an_occurrence_refers_to_its_recurring_job(storage: Subject) {
    let (first, second) = (recurring(1), recurring(2));
    stored(&storage, &[first.clone(), second.clone()]).await;
    let occurrences = [at(60) + TimeDelta::microseconds(3), at(120)].map(|due_at| (due_at, &first));
    let mut jobs = Vec::new();
    for ((due_at, recurring), number) in occurrences.into_iter().zip(10..) {
        jobs.push(occurrence(recurring, due_at, number));
    }
    let fire = Change::Recurring(RecurringChange::Fire(Fire {
        before: Arc::new(first.clone()),
        after: Arc::new(advanced(&first)),
        occurrences: jobs.iter().cloned().map(Arc::new).collect(),
        leader: None,
    }));
    assert_eq!(storage.apply(fire).await, Ok(Applied::Fired(vec![true; 2])));
    storage.insert(&[job(1), occurrence(&second, at(60), 20)]).await;
    storage.holds(&jobs).await;
    let filter = JobFilter::default().with_recurring(first.id);
    let listed = storage.list(&filter).await;
    let ids: Vec<_> = listed.iter().map(|job| (job.id, job.recurring_id)).collect();
    assert_eq!(ids, [(jobs[1].id, Some(first.id)), (jobs[0].id, Some(first.id))]);
    assert_eq!(storage.count(&filter).await, 2);
    assert_eq!(
        storage
            .all()
            .await
            .iter()
            .filter(|job| job.recurring_id.is_none())
            .count(),
        1
    );
    // It is unchanged by all events.
    let node = storage.live_node(1).await;
    let running = storage.start(&jobs[0], node).await;
    let ended = storage.finish(&running, Outcome::Completed(None)).await;
    let again = ended
        .execute(None, crate::domain::job::new_job::Due::Now, at(500))
        .expect("it can be executed");
    assert_eq!(
        storage.apply(sample::update(&ended, &again)).await,
        Ok(Applied::Updated)
    );
    assert_eq!(storage.job(again.id).await.occurrence, jobs[0].occurrence);
    storage.counts_are_exact().await;
}
