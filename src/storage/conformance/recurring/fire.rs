//! Occurrences of recurring jobs: each due time becomes a job once, together with the recurring job as it is then.

use std::sync::Arc;

use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::recurring::RecurringJob;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, Fire, Inserted, RecurringChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{advanced, at, in_queue, insert, job, node, occurrence, recurring};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_due_time_becomes_a_job,
        a_due_time_becomes_a_job_once,
        a_stale_recurring_job_fires_nothing,
        only_the_leader_fires,
        a_bad_occurrence_spoils_its_own_firing_alone,
        an_inserted_job_can_not_repeat_an_occurrence,
        a_firing_without_occurrences_only_advances,
        a_trigger_needs_no_revision,
    ]
}

fn fire(before: &RecurringJob, occurrences: &[Job], leader: Option<(NodeId, FencingToken)>) -> Change {
    Change::Recurring(RecurringChange::Fire(Fire {
        before: Arc::new(before.clone()),
        after: Arc::new(advanced(before)),
        occurrences: occurrences.iter().cloned().map(Arc::new).collect(),
        leader,
    }))
}

async fn stored(storage: &Subject, number: u32) -> RecurringJob {
    let change = Change::Recurring(RecurringChange::Insert {
        recurring: Arc::new(recurring(number)),
        idempotency: None,
    });
    assert_eq!(storage.apply(change).await, Ok(Applied::RecurringStored));
    recurring(number)
}

async fn is_now(storage: &Subject, expected: &RecurringJob) {
    let stored = storage.repository.recurring(expected.id).await.expect("storage reads");
    assert_eq!(stored.as_deref(), Some(expected));
}

async fn a_due_time_becomes_a_job(storage: Subject) {
    let before = stored(&storage, 1).await;
    let jobs = [
        occurrence(&before, at(60), 10),
        in_queue("new", occurrence(&before, at(120), 11)),
    ];
    let applied = storage.apply(fire(&before, &jobs, None)).await;
    assert_eq!(applied, Ok(Applied::Fired(vec![true; 2])));
    is_now(&storage, &advanced(&before)).await;
    storage.holds(&jobs).await;
    assert_eq!(storage.queue("new").await.expect("its queue exists").counts.pending, 1);
    storage.counts_are_exact().await;
}

async fn a_due_time_becomes_a_job_once(storage: Subject) {
    let (before, other) = (stored(&storage, 1).await, stored(&storage, 2).await);
    let first = occurrence(&before, at(60), 10);
    storage
        .commit(&[fire(&before, std::slice::from_ref(&first), None)])
        .await;
    let before = advanced(&before);
    let again = [occurrence(&before, at(60), 11), occurrence(&before, at(120), 12)];
    let elsewhere = occurrence(&other, at(60), 13);
    let changes = [
        fire(&before, &again, None),
        fire(&other, std::slice::from_ref(&elsewhere), None),
    ];
    let expected = [Ok(Applied::Fired(vec![false, true])), Ok(Applied::Fired(vec![true]))];
    assert_eq!(storage.commit(&changes).await, expected);
    is_now(&storage, &advanced(&before)).await;
    storage.holds(&[first, again[1].clone(), elsewhere]).await;
    assert_eq!(storage.find(again[0].id).await, None);
    storage.counts_are_exact().await;
}

async fn a_stale_recurring_job_fires_nothing(storage: Subject) {
    let before = stored(&storage, 1).await;
    let now = advanced(&before);
    let update = Change::Recurring(RecurringChange::Update {
        before: Arc::new(before.clone()),
        after: Arc::new(now.clone()),
    });
    assert_eq!(storage.apply(update).await, Ok(Applied::RecurringStored));
    let jobs = [in_queue("new", occurrence(&before, at(60), 10))];
    let applied = storage.commit(&[fire(&before, &jobs, None), insert([job(1)])]).await;
    let expected = [Err(ChangeError::Conflict), Ok(Applied::Inserted(vec![Inserted::New]))];
    assert_eq!(applied, expected);
    is_now(&storage, &now).await;
    assert_eq!(storage.find(jobs[0].id).await, None);
    assert_eq!(storage.queue("new").await, None, "it has not made a queue either");
    let gone = fire(&recurring(9), &[occurrence(&recurring(9), at(60), 11)], None);
    assert_eq!(storage.apply(gone).await, Err(ChangeError::Conflict));
    storage.counts_are_exact().await;
}

async fn only_the_leader_fires(storage: Subject) {
    let mut before = stored(&storage, 1).await;
    let leader = node(1);
    let lead = |node| {
        Change::Cluster(ClusterChange::Lead {
            node,
            lease: TimeSpan::from_secs(3_600),
        })
    };
    let nobody = fire(
        &before,
        &[occurrence(&before, at(60), 1)],
        Some((leader, FencingToken::from_stored(1))),
    );
    assert_eq!(storage.apply(nobody).await, Err(ChangeError::NoLease), "no node leads");
    let Ok(Applied::Led(Some(token))) = storage.apply(lead(leader)).await else {
        panic!("the first candidate leads");
    };
    let newer = FencingToken::from_stored(token.number() + 1);
    for wrong in [(node(2), token), (leader, newer), (leader, FencingToken::default())] {
        let change = fire(&before, &[occurrence(&before, at(60), 1)], Some(wrong));
        assert_eq!(storage.apply(change).await, Err(ChangeError::NoLease), "{wrong:?}");
    }
    is_now(&storage, &before).await;
    assert_eq!(storage.all().await, []);
    let change = fire(&before, &[occurrence(&before, at(60), 1)], Some((leader, token)));
    assert_eq!(storage.apply(change).await, Ok(Applied::Fired(vec![true])));
    before = advanced(&before);

    // It has left, and another node leads: a commit with the old token is too late.
    storage
        .commit(&[Change::Cluster(ClusterChange::Leave { node: leader })])
        .await;
    let Ok(Applied::Led(Some(next))) = storage.apply(lead(node(2))).await else {
        panic!("a node that has left does not lead");
    };
    assert!(next > token);
    let late = fire(&before, &[occurrence(&before, at(120), 2)], Some((leader, token)));
    assert_eq!(storage.apply(late).await, Err(ChangeError::NoLease));
    let change = fire(&before, &[occurrence(&before, at(120), 3)], Some((node(2), next)));
    assert_eq!(storage.apply(change).await, Ok(Applied::Fired(vec![true])));
    storage.counts_are_exact().await;
}

/// An id that is taken: neither the other occurrence nor the recurring job changes.
async fn a_bad_occurrence_spoils_its_own_firing_alone(storage: Subject) {
    let (first, second) = (stored(&storage, 1).await, stored(&storage, 2).await);
    storage.insert(&[job(10)]).await;
    let bad = [
        occurrence(&first, at(60), 11),
        Job {
            id: job(10).id,
            ..occurrence(&first, at(120), 10)
        },
    ];
    let good = occurrence(&second, at(60), 12);
    let applied = storage
        .commit(&[
            fire(&first, &bad, None),
            fire(&second, std::slice::from_ref(&good), None),
        ])
        .await;
    assert!(
        matches!(applied[0], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[0]
    );
    assert_eq!(applied[1], Ok(Applied::Fired(vec![true])));
    is_now(&storage, &first).await;
    is_now(&storage, &advanced(&second)).await;
    assert_eq!(storage.find(bad[0].id).await, None);
    storage.holds(&[job(10), good]).await;
    storage.counts_are_exact().await;
}

async fn an_inserted_job_can_not_repeat_an_occurrence(storage: Subject) {
    let recurring = recurring(1);
    storage.insert(&[occurrence(&recurring, at(60), 1)]).await;
    let changes = [
        insert([job(2), occurrence(&recurring, at(60), 3)]),
        insert([occurrence(&recurring, at(120), 4)]),
    ];
    let applied = storage.commit(&changes).await;
    assert!(
        matches!(applied[0], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[0]
    );
    assert_eq!(applied[1], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(storage.find(job(2).id).await, None);
    storage.counts_are_exact().await;
}

async fn a_firing_without_occurrences_only_advances(storage: Subject) {
    let before = stored(&storage, 1).await;
    assert_eq!(
        storage.apply(fire(&before, &[], None)).await,
        Ok(Applied::Fired(Vec::new()))
    );
    is_now(&storage, &advanced(&before)).await;
}

async fn a_trigger_needs_no_revision(storage: Subject) {
    let before = stored(&storage, 1).await;
    let trigger = |revision, occurrence: &Job| {
        Change::Recurring(RecurringChange::Trigger {
            recurring_id: before.id,
            revision,
            occurrence: Arc::new(occurrence.clone()),
        })
    };
    let jobs: Vec<Job> = (10..14)
        .map(|number| occurrence(&before, at(i64::from(number)), number))
        .collect();
    let changes = [
        trigger(None, &jobs[0]),
        trigger(None, &jobs[1]),
        trigger(Some(3), &jobs[2]),
    ];
    for applied in storage.commit(&changes).await {
        assert_eq!(applied, Ok(Applied::Fired(vec![true])));
    }
    let again = Job {
        id: jobs[3].id,
        ..jobs[0].clone()
    };
    assert_eq!(
        storage.apply(trigger(None, &again)).await,
        Ok(Applied::Fired(vec![false]))
    );
    assert_eq!(
        storage.apply(trigger(Some(3), &jobs[3])).await,
        Err(ChangeError::Conflict)
    );
    // The schedule is unchanged; the recurring job as read before the trigger is out of date.
    let now = RecurringJob {
        revision: before.revision + 4,
        ..before.clone()
    };
    is_now(&storage, &now).await;
    assert_eq!(
        storage.apply(fire(&before, &[], None)).await,
        Err(ChangeError::Conflict)
    );
    storage.holds(&jobs[..3]).await;
    let unknown = Change::Recurring(RecurringChange::Trigger {
        recurring_id: recurring(2).id,
        revision: None,
        occurrence: Arc::new(jobs[3].clone()),
    });
    assert_eq!(storage.apply(unknown).await, Err(ChangeError::Conflict));
    storage.counts_are_exact().await;
}
