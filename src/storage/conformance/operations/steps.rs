//! Steps: changes of jobs, the cursor and the counts in one commit, made by the leader alone, once.

use std::sync::Arc;

use super::sample::{leader, started, store, stored};
use crate::domain::access::audit::{AuditRecord, AuditTarget};
use crate::domain::access::caller::Caller;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::operation::action::{Action, Previous};
use crate::domain::operation::progress::SkipReason;
use crate::domain::values::id::{AuditId, NodeId};
use crate::storage::change::{
    Applied, Change, ChangeError, ClusterChange, JobChange, MaintenanceChange, OperationChange, OperationStep, Stepped,
};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, job, jobs, node, queue, renamed, update, with_key};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{AuditFilter, AuditPage};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_step_changes_jobs_and_moves_the_cursor,
        a_step_is_made_once,
        only_the_leader_makes_steps,
        jobs_that_are_changed_concurrently_are_visited_again,
        a_taken_unique_key_is_skipped,
        a_step_creates_the_queue_to_which_it_moves_jobs,
        a_step_deletes_jobs,
        replaced_values_are_listed_in_pages_until_they_are_removed,
    ]
}

/// The step that changes these jobs.
fn step(leader: (NodeId, FencingToken), before: &Operation, jobs: &[Job]) -> OperationStep {
    let mut after = before.stepped(jobs.last().map(|job| job.id), at(50));
    let mut step = OperationStep {
        leader,
        before: Arc::new(before.clone()),
        after: Arc::new(before.clone()),
        jobs: Vec::new(),
        audit: Vec::new(),
        previous: Vec::new(),
    };
    for job in jobs {
        let changed = match before.action.apply(job, None, at(50)) {
            Ok(changed) => changed,
            Err(reason) => {
                after.progress.skip(reason);
                continue;
            }
        };
        let (action, outcome) = changed.audited;
        let id = AuditId::new(at(50), job.id.as_uuid().as_u128());
        step.audit.push(AuditRecord {
            target: Some(AuditTarget::Job(job.id)),
            operation: Some(before.id),
            ..AuditRecord::new(id, &Caller::local(), action, outcome)
        });
        let job = Arc::new(job.clone());
        step.jobs.push(Change::Job(match changed.after {
            Some(after) => JobChange::Update {
                before: job,
                after: Arc::new(after),
            },
            None => JobChange::Delete { job },
        }));
        step.previous.extend(changed.previous);
    }
    step.after = Arc::new(after);
    step
}

fn change(step: &OperationStep) -> Change {
    Change::Operation(OperationChange::Step(step.clone()))
}

/// Makes a step and returns its result.
async fn made(storage: &Subject, step: &OperationStep) -> Stepped {
    match storage.apply(change(step)).await {
        Ok(Applied::Stepped(stepped)) => {
            assert_eq!(
                stored(storage, step.before.id).await.as_ref(),
                Some(&*stepped.operation)
            );
            stepped
        }
        other => panic!("the step is not made: {other:?}"),
    }
}

/// The job after the change of a step.
fn after(step: &OperationStep, place: usize) -> Job {
    let Change::Job(JobChange::Update { before: _, after }) = &step.jobs[place] else {
        panic!("no update: {:?}", step.jobs[place]);
    };
    Job::clone(after)
}

async fn replaced(storage: &Subject, operation: &Operation) -> Vec<Previous> {
    let replaced = storage.repository.replaced_by(operation.id, None, 1_000).await;
    replaced.expect("storage reads")
}

async fn audited(storage: &Subject) -> Vec<AuditRecord> {
    let page = AuditPage {
        limit: 1_000,
        after: None,
    };
    let read = storage.repository.audit(&AuditFilter::default(), page).await;
    read.expect("storage reads")
}

async fn a_step_changes_jobs_and_moves_the_cursor(storage: Subject) {
    let (leader, jobs) = (leader(&storage).await, jobs(40));
    storage.insert(&jobs).await;
    let before = started(60, Action::Cancel);
    store(&storage, &before).await;
    let first = step(leader, &before, &jobs[..30]);
    let stepped = made(&storage, &first).await;
    assert_eq!(stepped.results, vec![Ok(Applied::Updated); 30]);
    assert_eq!(stepped.operation.progress.done, 30);
    assert_eq!(stepped.operation.cursor, Some(jobs[29].id));
    for place in 0..30 {
        storage.holds(&[after(&first, place)]).await;
    }
    storage.holds(&jobs[30..]).await;
    assert_eq!(replaced(&storage, &before).await, first.previous);
    let records = audited(&storage).await;
    assert_eq!(records.len(), 30);
    assert!(
        records
            .iter()
            .all(|record| record.operation == Some(before.id) && record.jobs == 1)
    );
    storage.counts_are_exact().await;

    let second = made(&storage, &step(leader, &stepped.operation, &jobs[30..])).await;
    assert_eq!(second.operation.progress.done, 40);
    assert_eq!(audited(&storage).await.len(), 40);
    storage.counts_are_exact().await;
}

async fn a_step_is_made_once(storage: Subject) {
    let (leader, jobs) = (leader(&storage).await, jobs(3));
    storage.insert(&jobs).await;
    let before = started(60, Action::Cancel);
    store(&storage, &before).await;
    let first = step(leader, &before, &jobs);
    let stepped = made(&storage, &first).await;
    // The same step again, and another one that was computed from the same state, as by two servers.
    let other = step(leader, &before, &jobs[..1]);
    for late in [&first, &other] {
        assert_eq!(storage.apply(change(late)).await, Err(ChangeError::Conflict));
    }
    assert_eq!(stored(&storage, before.id).await.as_ref(), Some(&*stepped.operation));
    let paused = stepped.operation.paused().expect("it runs");
    let pause = super::sample::update(&stepped.operation, &paused);
    assert_eq!(storage.apply(pause).await, Ok(Applied::OperationStored));
    let late = step(leader, &stepped.operation, &[]);
    assert_eq!(storage.apply(change(&late)).await, Err(ChangeError::Conflict));
    assert_eq!(audited(&storage).await.len(), 3);
    storage.counts_are_exact().await;
}

async fn only_the_leader_makes_steps(storage: Subject) {
    let jobs = jobs(2);
    storage.insert(&jobs).await;
    let before = started(60, Action::Cancel);
    store(&storage, &before).await;
    let none = (node(1), FencingToken::from_stored(1));
    let early = change(&step(none, &before, &jobs));
    assert_eq!(storage.apply(early).await, Err(ChangeError::NoLease));
    let (leader, token) = leader(&storage).await;
    let newer = FencingToken::from_stored(token.number() + 1);
    for wrong in [(node(2), token), (leader, newer)] {
        let refused = change(&step(wrong, &before, &jobs));
        assert_eq!(storage.apply(refused).await, Err(ChangeError::NoLease), "{wrong:?}");
    }
    let leave = Change::Cluster(ClusterChange::Leave { node: leader });
    assert!(storage.apply(leave).await.is_ok());
    let late = change(&step((leader, token), &before, &jobs));
    assert_eq!(storage.apply(late).await, Err(ChangeError::NoLease));
    storage.holds(&jobs).await;
    assert_eq!(stored(&storage, before.id).await, Some(before.clone()));
    assert_eq!(
        (audited(&storage).await, replaced(&storage, &before).await),
        (vec![], vec![])
    );
}

async fn jobs_that_are_changed_concurrently_are_visited_again(storage: Subject) {
    let (leader, jobs) = (leader(&storage).await, jobs(3));
    storage.insert(&jobs).await;
    let before = started(60, Action::Cancel);
    store(&storage, &before).await;
    let changed = renamed(&jobs[1], "changed meanwhile");
    assert_eq!(storage.apply(update(&jobs[1], &changed)).await, Ok(Applied::Updated));
    let stepped = made(&storage, &step(leader, &before, &jobs)).await;
    assert_eq!(
        stepped.results,
        [Ok(Applied::Updated), Err(ChangeError::Conflict), Ok(Applied::Updated)]
    );
    assert_eq!(
        (stepped.operation.progress.done, &*stepped.operation.again),
        (2, &[jobs[1].id][..])
    );
    storage.holds(std::slice::from_ref(&changed)).await;
    assert_eq!(replaced(&storage, &before).await.len(), 2);
    let mut again = step(leader, &stepped.operation, std::slice::from_ref(&changed));
    again.after = Arc::new(stepped.operation.stepped(None, at(51)));
    let last = made(&storage, &again).await.operation;
    assert_eq!(
        (last.progress.done, last.again.len(), last.cursor),
        (3, 0, Some(jobs[2].id))
    );
    assert_eq!(audited(&storage).await.len(), 3);
    storage.counts_are_exact().await;
}

async fn a_taken_unique_key_is_skipped(storage: Subject) {
    let leader = leader(&storage).await;
    let first = with_key("k", job(1));
    storage.insert(std::slice::from_ref(&first)).await;
    let cancelled = started(60, Action::Cancel);
    store(&storage, &cancelled).await;
    let cancel = step(leader, &cancelled, std::slice::from_ref(&first));
    made(&storage, &cancel).await;
    storage.insert(&[with_key("k", job(2)), job(3)]).await;
    let cancelled_3 = step(leader, &cancelled, &[job(3)]);
    let retried = started(
        61,
        Action::Retry {
            reset_retry_count: true,
        },
    );
    store(&storage, &retried).await;
    let stepped = made(&storage, &step(leader, &retried, &[after(&cancel, 0), job(3)])).await;
    assert_eq!(stepped.operation.progress.skipped_for(SkipReason::UniqueKey), 1);
    assert_eq!(
        stepped.operation.progress.skipped_for(SkipReason::Status),
        1,
        "a pending job is not retried"
    );
    assert_eq!(stepped.operation.progress.done, 0);
    storage.holds(&[after(&cancel, 0), job(3)]).await;
    assert_eq!(cancelled_3.jobs.len(), 1);
    storage.counts_are_exact().await;
}

async fn a_step_creates_the_queue_to_which_it_moves_jobs(storage: Subject) {
    let (leader, jobs) = (leader(&storage).await, jobs(2));
    storage.insert(&jobs).await;
    let before = started(60, Action::Move { queue: queue("new") });
    store(&storage, &before).await;
    let step = step(leader, &before, &jobs);
    assert_eq!(made(&storage, &step).await.operation.progress.done, 2);
    assert!(storage.queue("new").await.is_some());
    storage.holds(&[after(&step, 0), after(&step, 1)]).await;
    assert_eq!(replaced(&storage, &before).await, step.previous);
    storage.counts_are_exact().await;
}

async fn a_step_deletes_jobs(storage: Subject) {
    let leader = leader(&storage).await;
    storage.insert(&[job(1), job(2)]).await;
    let cancelled = started(60, Action::Cancel);
    store(&storage, &cancelled).await;
    let cancel = step(leader, &cancelled, &[job(1)]);
    made(&storage, &cancel).await;
    let before = started(61, Action::Delete);
    store(&storage, &before).await;
    let stepped = made(&storage, &step(leader, &before, &[after(&cancel, 0), job(2)])).await;
    assert_eq!(stepped.results, [Ok(Applied::Deleted)]);
    assert_eq!(stepped.operation.progress.skipped_for(SkipReason::Status), 1);
    assert_eq!(storage.find(job(1).id).await, None);
    storage.holds(&[job(2)]).await;
    storage.counts_are_exact().await;
}

async fn replaced_values_are_listed_in_pages_until_they_are_removed(storage: Subject) {
    let (leader, jobs) = (leader(&storage).await, jobs(5));
    storage.insert(&jobs).await;
    let before = started(60, Action::Cancel);
    store(&storage, &before).await;
    let step = step(leader, &before, &jobs);
    let stepped = made(&storage, &step).await;
    let mut after = None;
    let mut listed = Vec::new();
    loop {
        let page = storage.repository.replaced_by(before.id, after, 2).await;
        let page = page.expect("storage reads");
        let Some(last) = page.last() else { break };
        after = Some(last.job_id);
        listed.extend(page);
    }
    assert_eq!(listed, step.previous);
    let completed = stepped.operation.completed(at(70));
    let end = super::sample::update(&stepped.operation, &completed);
    assert_eq!(storage.apply(end).await, Ok(Applied::OperationStored));
    let prune = |undo_before| {
        Change::Maintenance(MaintenanceChange::PruneOperations {
            previews_before: at(0),
            undo_before,
            finished_before: at(0),
            limit: 3,
        })
    };
    let undo = started(80, Action::Undo { of: before.id });
    let undone = completed.undone(undo.id);
    let start = Change::Operation(OperationChange::Insert {
        operation: Arc::new(undo.clone()),
        undone: Some((Arc::new(completed), Arc::new(undone.clone()))),
    });
    assert_eq!(storage.apply(start).await, Ok(Applied::OperationStored));
    assert_eq!(
        storage.apply(prune(at(71))).await,
        Ok(Applied::Removed(0)),
        "the undo reads them"
    );
    let end = super::sample::update(&undo, &undo.completed(at(81)));
    assert_eq!(storage.apply(end).await, Ok(Applied::OperationStored));
    for (undo_before, removed) in [(at(70), 0), (at(71), 3), (at(71), 2), (at(71), 0)] {
        assert_eq!(storage.apply(prune(undo_before)).await, Ok(Applied::Removed(removed)));
    }
    assert_eq!(replaced(&storage, &before).await, []);
    assert_eq!(stored(&storage, before.id).await, Some(undone));
}
