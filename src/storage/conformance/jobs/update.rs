//! Changes of one job or queue by clients: fenced by the revision.

use std::sync::Arc;

use crate::domain::job::Job;
use crate::domain::job::new_job::Due;
use crate::domain::job::priority::Priority;
use crate::domain::job::state_machine::{Cancelled, JobUpdate};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, Tag};
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{
    Applied, Change, ChangeError, Inserted, JobChange, MaintenanceChange, QueueChange, RecurringChange,
};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{
    at, completed, failed, in_queue, insert, job, queue, recurring, renamed, start, update,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        every_field_of_a_pending_job_can_be_changed,
        a_cancelled_job_can_be_retried,
        a_completed_job_runs_again_without_its_result,
        a_stale_update_changes_nothing,
        an_update_of_a_job_that_is_gone_is_a_conflict,
        a_start_makes_an_update_stale,
        a_job_that_moves_makes_its_queue,
        deleting_a_job_deletes_its_attempts,
        a_stale_delete_changes_nothing,
        a_queue_is_paused_and_resumed,
        a_queue_comes_into_being_when_it_is_named,
        a_queue_without_unfinished_jobs_is_deleted,
        queues_that_are_not_used_are_pruned,
        a_queue_that_another_server_has_removed_is_there_again_with_its_next_job,
    ]
}

async fn every_field_of_a_pending_job_can_be_changed(storage: Subject) {
    storage.insert(&[job(1), job(2)]).await;
    let patch = JobUpdate {
        name: Some(JobName::parse("Grüße, \"Welt\"").expect("a name")),
        queue: Some(queue("other")),
        parameters: Some(Json::from_valid("[1.10, 2]")),
        priority: Some(Priority::Critical),
        due: Some(Due::At(at(5_000))),
        max_retries: Some(0),
        timeout: Some(TimeSpan::from_micros(1)),
        retry_delay: Some(TimeSpan::from_millis(1)),
        retry_intervals: Some(vec![TimeSpan::from_secs(1), TimeSpan::from_micros(0)]),
        tags: Some(vec![Tag::parse("vip").expect("a tag")]),
        searchable: Arc::default(),
    };
    let after = job(1).patch(patch, at(10)).expect("a pending job can be changed");
    assert_eq!(storage.apply(update(&job(1), &after)).await, Ok(Applied::Updated));
    storage.holds(&[after.clone(), job(2)]).await;
    storage.counts_are_exact().await;
    let patch = JobUpdate {
        retry_intervals: Some(Vec::new()),
        ..JobUpdate::default()
    };
    let last = after.patch(patch, at(11)).expect("a pending job can be changed");
    assert_eq!(storage.apply(update(&after, &last)).await, Ok(Applied::Updated));
    storage.holds(&[last]).await;
}

async fn a_cancelled_job_can_be_retried(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let Ok(Cancelled::Done(cancelled)) = job(1).cancel(at(10)) else {
        panic!("a pending job can be cancelled");
    };
    assert_eq!(storage.apply(update(&job(1), &cancelled)).await, Ok(Applied::Updated));
    storage.holds(std::slice::from_ref(&cancelled)).await;
    storage.counts_are_exact().await;
    let again = cancelled.retry(true, at(20)).expect("a cancelled job can be retried");
    assert_eq!(storage.apply(update(&cancelled, &again)).await, Ok(Applied::Updated));
    storage.holds(&[again]).await;
    storage.counts_are_exact().await;
}

async fn a_completed_job_runs_again_without_its_result(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let completed = storage.finish(&running, completed()).await;
    let again = completed.execute(Some(Priority::Low), Due::Now, at(50));
    let again = again.expect("a completed job can be executed");
    assert_eq!(storage.apply(update(&completed, &again)).await, Ok(Applied::Updated));
    storage.holds(std::slice::from_ref(&again)).await;
    assert_eq!(storage.attempts(again.id).await.len(), 1, "its history stays");
    storage.counts_are_exact().await;
    let running = storage.start(&again, node).await;
    storage.finish(&running, failed()).await;
    assert_eq!(storage.attempts(again.id).await.len(), 2);
    storage.counts_are_exact().await;
}

async fn a_stale_update_changes_nothing(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let after = renamed(&job(1), "first");
    assert_eq!(storage.apply(update(&job(1), &after)).await, Ok(Applied::Updated));
    let moved = in_queue("nowhere", renamed(&job(1), "second"));
    assert_eq!(storage.apply(update(&job(1), &moved)).await, Err(ChangeError::Conflict));
    storage.holds(&[after]).await;
    assert_eq!(storage.queue("nowhere").await, None, "it has not made a queue either");
    storage.counts_are_exact().await;
}

async fn an_update_of_a_job_that_is_gone_is_a_conflict(storage: Subject) {
    let change = update(&job(1), &renamed(&job(1), "unknown"));
    assert_eq!(storage.apply(change).await, Err(ChangeError::Conflict));
    assert_eq!(storage.all().await, []);
    storage.counts_are_exact().await;
}

async fn a_start_makes_an_update_stale(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let change = update(&job(1), &renamed(&job(1), "too late"));
    assert_eq!(storage.apply(change).await, Err(ChangeError::Conflict));
    storage.holds(&[running]).await;
}

async fn a_job_that_moves_makes_its_queue(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let moved = in_queue("new", renamed(&job(1), "moved"));
    assert_eq!(storage.apply(update(&job(1), &moved)).await, Ok(Applied::Updated));
    assert_eq!(storage.queue("new").await.expect("the queue").counts.pending, 1);
    assert_eq!(storage.queue("default").await.expect("the queue").counts.pending, 0);
    storage.counts_are_exact().await;
}

async fn deleting_a_job_deletes_its_attempts(storage: Subject) {
    let node = storage.live_node(1).await;
    let mut ended = Vec::new();
    for number in 1..=2 {
        let running = storage.insert_running(job(number), node).await;
        ended.push(storage.finish(&running, completed()).await);
    }
    let delete = Change::Job(JobChange::Delete {
        job: Arc::new(ended[0].clone()),
    });
    let applied = storage.commit(&[delete.clone(), insert([job(3)])]).await;
    assert_eq!(applied[0], Ok(Applied::Deleted));
    assert_eq!(storage.find(ended[0].id).await, None);
    assert_eq!(storage.attempts(ended[0].id).await, []);
    assert_eq!(storage.attempts(ended[1].id).await.len(), 1);
    storage.counts_are_exact().await;
    assert_eq!(
        storage.apply(delete).await,
        Err(ChangeError::Conflict),
        "it was deleted before"
    );
    storage.counts_are_exact().await;
}

async fn a_stale_delete_changes_nothing(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let ended: Job = storage.finish(&running, completed()).await;
    let stale = Change::Job(JobChange::Delete { job: Arc::new(running) });
    assert_eq!(storage.apply(stale).await, Err(ChangeError::Conflict));
    storage.holds(&[ended]).await;
    assert_eq!(storage.attempts(job(1).id).await.len(), 1);
    storage.counts_are_exact().await;
}

async fn a_queue_is_paused_and_resumed(storage: Subject) {
    let node = storage.live_node(1).await;
    storage.insert(&[job(1), in_queue("other", job(2))]).await;
    let switch = |is_paused| {
        Change::Queue(QueueChange::Set {
            queue: queue("default"),
            is_paused,
        })
    };
    let steps = [
        (Some(false), false, false),
        (Some(true), true, true),
        (None, false, true),
        (Some(true), false, true),
        (Some(false), true, false),
        (Some(false), false, false),
    ];
    for (is_paused, changed, is_paused_then) in steps {
        let applied = storage.apply(switch(is_paused)).await;
        assert_eq!(applied, Ok(Applied::QueueSet { changed }), "{is_paused:?}");
        let stored = storage.queue("default").await.expect("the queue");
        assert_eq!(stored.is_paused, is_paused_then);
        assert!(!storage.queue("other").await.expect("the queue").is_paused);
    }
    // The server decides about paused queues: storage starts the requested jobs.
    storage.apply(switch(Some(true))).await.expect("a queue can be paused");
    let applied = storage.apply(start([&job(1)], node, at(10))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true])));
}

async fn a_queue_comes_into_being_when_it_is_named(storage: Subject) {
    let named = [("b", None), ("c", Some(true)), ("a", Some(false))];
    for (name, is_paused) in named {
        let change = Change::Queue(QueueChange::Set {
            queue: queue(name),
            is_paused,
        });
        let changed = is_paused == Some(true);
        assert_eq!(storage.apply(change).await, Ok(Applied::QueueSet { changed }), "{name}");
        let stored = storage.queue(name).await.expect("the queue exists");
        assert_eq!(stored.is_paused, changed);
        assert_eq!(stored.counts, Default::default());
    }
}

async fn a_queue_without_unfinished_jobs_is_deleted(storage: Subject) {
    let delete = |name| Change::Queue(QueueChange::Delete { queue: queue(name) });
    let node = storage.live_node(1).await;
    storage
        .insert(&[in_queue("one", job(1)), in_queue("two", job(2))])
        .await;
    assert_eq!(
        storage.apply(delete("none")).await,
        Ok(Applied::QueuesRemoved(Vec::new()))
    );
    assert_eq!(
        storage.apply(delete("one")).await,
        Ok(Applied::QueuesRemoved(Vec::new()))
    );
    let running = storage.start(&in_queue("one", job(1)), node).await;
    assert_eq!(
        storage.apply(delete("one")).await,
        Ok(Applied::QueuesRemoved(Vec::new()))
    );
    let ended: Job = storage.finish(&running, completed()).await;
    assert_eq!(
        storage.apply(delete("one")).await,
        Ok(Applied::QueuesRemoved(vec![queue("one")]))
    );
    assert_eq!(storage.queue("one").await, None);
    storage.holds(&[ended]).await;
    // A job that is inserted in the same commit keeps its queue, and a later one creates the queue again.
    let changes = [delete("one"), insert([in_queue("one", job(3))])];
    assert_eq!(
        storage.commit(&changes).await,
        [
            Ok(Applied::QueuesRemoved(Vec::new())),
            Ok(Applied::Inserted(vec![Inserted::New]))
        ]
    );
    assert_eq!(storage.queue("one").await.expect("the queue").counts.pending, 1);
    storage.counts_are_exact().await;
}

async fn a_queue_that_another_server_has_removed_is_there_again_with_its_next_job(storage: Subject) {
    let Some(other) = storage.other() else { return };
    let first = in_queue("one", job(1));
    other.insert(std::slice::from_ref(&first)).await;
    other
        .apply(Change::Job(JobChange::Delete { job: Arc::new(first) }))
        .await
        .expect("it is pending");
    let delete = Change::Queue(QueueChange::Delete { queue: queue("one") });
    assert_eq!(
        storage.apply(delete).await,
        Ok(Applied::QueuesRemoved(vec![queue("one")]))
    );
    let next = in_queue("one", job(2));
    other.insert(std::slice::from_ref(&next)).await;
    for server in [&storage, &other] {
        assert_eq!(server.queue("one").await.expect("the queue").counts.pending, 1);
        let due = server.repository.next_due(at(-1)).await.expect("storage reads");
        assert_eq!(due, [(queue("one"), next.due_at)]);
    }
    let pause = Change::Queue(QueueChange::Set {
        queue: queue("one"),
        is_paused: Some(true),
    });
    assert_eq!(storage.apply(pause).await, Ok(Applied::QueueSet { changed: true }));
    assert!(other.queue("one").await.expect("the queue").is_paused);
    storage.counts_are_exact().await;
}

async fn queues_that_are_not_used_are_pruned(storage: Subject) {
    let node = storage.live_node(1).await;
    for (name, is_paused) in [("empty", None), ("paused", Some(true)), ("planned", None)] {
        let change = Change::Queue(QueueChange::Set {
            queue: queue(name),
            is_paused,
        });
        storage.apply(change).await.expect("a queue is made");
    }
    let mut planned = recurring(1);
    planned.template.queue = Some(queue("planned"));
    let change = Change::Recurring(RecurringChange::Insert {
        recurring: Arc::new(planned),
        idempotency: None,
    });
    storage.apply(change).await.expect("a recurring job is stored");
    storage
        .insert(&[in_queue("waits", job(1)), in_queue("done", job(2))])
        .await;
    let running = storage.start(&in_queue("done", job(2)), node).await;
    let done: Job = storage.finish(&running, completed()).await;
    assert_eq!(
        storage.apply(Change::Maintenance(MaintenanceChange::PruneQueues)).await,
        Ok(Applied::QueuesRemoved(vec![queue("empty")]))
    );
    storage
        .apply(Change::Job(JobChange::Delete { job: Arc::new(done) }))
        .await
        .expect("it is finished");
    let changes = [
        Change::Maintenance(MaintenanceChange::PruneQueues),
        insert([in_queue("empty", job(3))]),
    ];
    assert_eq!(
        storage.commit(&changes).await[0],
        Ok(Applied::QueuesRemoved(vec![queue("done")]))
    );
    for name in ["empty", "paused", "planned", "waits"] {
        assert!(storage.queue(name).await.is_some(), "{name}");
    }
    storage.counts_are_exact().await;
}
