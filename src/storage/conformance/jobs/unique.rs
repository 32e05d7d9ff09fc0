//! Unique keys: at most one unfinished job has one.

use std::sync::Arc;

use crate::domain::job::Job;
use crate::storage::change::{Applied, Change, ChangeError, Inserted, JobChange, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{
    at, claim, completed, failed, finish, in_queue, insert, job, renamed, update, with_key,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_second_job_with_the_key_of_a_pending_one_returns_that_job,
        a_second_job_with_the_key_of_a_running_one_returns_that_job,
        a_finished_job_frees_its_key,
        a_job_that_waits_for_a_retry_keeps_its_key,
        jobs_of_one_insert_share_a_key,
        jobs_of_one_commit_share_a_key,
        keys_differ_to_the_letter,
        a_deleted_or_cleared_job_frees_its_key,
        a_job_can_not_be_retried_while_another_has_its_key,
        a_job_that_is_stored_finished_occupies_no_key,
    ]
}

fn existing(job: &Job) -> Inserted {
    Inserted::Existing(Arc::new(job.clone()))
}

async fn a_second_job_with_the_key_of_a_pending_one_returns_that_job(storage: Subject) {
    let first = with_key("invoice 7", job(1));
    storage.insert(std::slice::from_ref(&first)).await;
    let second = in_queue("elsewhere", with_key("invoice 7", job(2)));
    let applied = storage.apply(insert([job(3), second.clone(), job(4)])).await;
    let expected = vec![Inserted::New, existing(&first), Inserted::New];
    assert_eq!(applied, Ok(Applied::Inserted(expected)), "in the order of the jobs");
    assert_eq!(storage.find(second.id).await, None);
    storage.holds(&[first, job(3), job(4)]).await;
    storage.counts_are_exact().await;
}

async fn a_second_job_with_the_key_of_a_running_one_returns_that_job(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(with_key("invoice 7", job(1)), node).await;
    let applied = storage.apply(insert([with_key("invoice 7", job(2))])).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![existing(&running)])));
    storage.counts_are_exact().await;
}

async fn a_finished_job_frees_its_key(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(with_key("invoice 7", job(1)), node).await;
    storage.finish(&running, completed()).await;
    storage.insert(&[with_key("invoice 7", job(2))]).await;
    storage.counts_are_exact().await;
}

async fn a_job_that_waits_for_a_retry_keeps_its_key(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(with_key("invoice 7", job(1)), node).await;
    let waiting = storage.finish(&running, failed()).await;
    let applied = storage.apply(insert([with_key("invoice 7", job(2))])).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![existing(&waiting)])));
}

async fn jobs_of_one_insert_share_a_key(storage: Subject) {
    let [first, second] = [1, 2].map(|number| with_key("k", job(number)));
    let applied = storage.apply(insert([first.clone(), second])).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New, existing(&first)])));
    assert_eq!(storage.all().await.len(), 1);
    storage.counts_are_exact().await;
}

async fn jobs_of_one_commit_share_a_key(storage: Subject) {
    let [first, second, third] = [1, 2, 3].map(|number| with_key("k", job(number)));
    let applied = storage
        .commit(&[insert([first.clone()]), insert([second]), insert([third, job(4)])])
        .await;
    let expected = [
        vec![Inserted::New],
        vec![existing(&first)],
        vec![existing(&first), Inserted::New],
    ];
    assert_eq!(applied, expected.map(|inserted| Ok(Applied::Inserted(inserted))));
    storage.counts_are_exact().await;
}

async fn keys_differ_to_the_letter(storage: Subject) {
    let keys = [
        "a", "A", "ä", "a\u{308}", " a", "a ", "%", "_", "'", "\"", "\u{ffff}", "\\",
    ];
    let numbered = keys.iter().zip(1..);
    let jobs: Vec<Job> = numbered.map(|(text, number)| with_key(text, job(number))).collect();
    storage.insert(&jobs).await;
    storage.holds(&jobs).await;
}

async fn a_deleted_or_cleared_job_frees_its_key(storage: Subject) {
    let [first, second, third] = [1, 2, 3].map(|number| with_key("k", job(number)));
    storage.insert(std::slice::from_ref(&first)).await;
    let delete = Change::Job(JobChange::Delete { job: Arc::new(first) });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    storage.insert(std::slice::from_ref(&second)).await;
    let clear = Change::Queue(QueueChange::Clear {
        queue: second.queue.clone(),
        status: second.status,
        up_to: second.id,
        limit: 10,
    });
    assert_eq!(storage.apply(clear).await, Ok(Applied::Removed(1)));
    storage.insert(&[third]).await;
}

/// A retry of a finished job whose key is in use fails; the other changes of the commit are applied.
async fn a_job_can_not_be_retried_while_another_has_its_key(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(with_key("k", job(1)), node).await;
    let finished = storage.finish(&running, completed()).await;
    let (holder, bystander) = (with_key("k", job(2)), job(3));
    storage.insert(&[holder.clone(), bystander.clone()]).await;
    let again = finished.execute(None, crate::domain::job::new_job::Due::Now, at(100));
    let again = again.expect("a completed job can be executed");
    let changes = [
        insert([job(4)]),
        update(&finished, &again),
        update(&bystander, &renamed(&bystander, "still changed")),
        Change::Job(JobChange::Claim(claim(1, node, at(0)))),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[0], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(applied[1], Err(ChangeError::UniqueKeyTaken { key: "k".to_owned() }));
    assert_eq!(applied[2], Ok(Applied::Updated));
    assert_eq!(applied[3], Ok(Applied::Claimed(Vec::new())));
    storage
        .holds(&[finished.clone(), renamed(&bystander, "still changed")])
        .await;
    storage.counts_are_exact().await;

    let holder = storage.start(&holder, node).await;
    let end = finish(&holder, completed(), at(200));
    storage.commit(&[end]).await;
    assert_eq!(storage.apply(update(&finished, &again)).await, Ok(Applied::Updated));
    storage.holds(&[again]).await;
    storage.counts_are_exact().await;
}

async fn a_job_that_is_stored_finished_occupies_no_key(storage: Subject) {
    let finished = |number| {
        let job = with_key("k", job(number));
        let Ok(crate::domain::job::state_machine::Cancelled::Done(job)) = job.cancel(at(50)) else {
            panic!("a pending job can be cancelled");
        };
        job
    };
    storage.insert(&[finished(1), with_key("k", job(2)), finished(3)]).await;
    storage.holds(&[finished(1), with_key("k", job(2)), finished(3)]).await;
    storage.counts_are_exact().await;
}
