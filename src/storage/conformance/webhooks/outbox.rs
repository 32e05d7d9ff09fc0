//! Outbox entries are written with the changes that they are about, and only with those that were applied.

use std::sync::Arc;

use super::sample::{all, endpoint, message, put};
use crate::domain::events::event::{Event, QueueEventKind};
use crate::domain::job::outcome::Outcome;
use crate::domain::values::id::JobId;
use crate::domain::webhooks::delivery::Message;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::storage::change::{Applied, Change, ChangeError, Finished, Inserted, JobChange, WebhookChange};
use crate::storage::commit::{Commit, OutboxResult, OutboxRule};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, finish, insert, job, jobs, queue};
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{KnownVersion, OutboxEntries, OutboxMessage};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        outbox_entries_are_written_with_applied_changes,
        a_rejected_change_has_no_outbox_entries_and_the_others_have,
        a_commit_has_deliveries_for_endpoints_that_its_node_does_not_know,
    ]
}

/// Adds a message for each job that was inserted, and for each end that was stored.
fn rule(endpoint: &Endpoint) -> OutboxRule {
    let id = endpoint.id;
    OutboxRule::new(move |changes, results, _| {
        assert_eq!(changes.len(), results.len(), "a result for each change");
        let message_of = |job: JobId, event: &str| OutboxMessage {
            message: Message {
                event: Arc::from(event),
                job_id: Some(job),
                ..message(job.as_uuid().as_u64_pair().0, 1, 0)
            },
            endpoints: vec![id],
        };
        let mut messages = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            match (change, result) {
                (Change::Job(JobChange::Insert { jobs, .. }), Ok(Applied::Inserted(inserted))) => {
                    let new = jobs.iter().zip(inserted).filter(|(_, is)| **is == Inserted::New);
                    messages.extend(new.map(|(job, _)| message_of(job.id, "job.created")));
                }
                (Change::Job(JobChange::Finish { job, .. }), Ok(Applied::Finished(_))) => {
                    messages.push(message_of(job.id, "job.completed"));
                }
                _ => {}
            }
        }
        OutboxEntries {
            messages,
            feed: Vec::new(),
            events: vec![cleared()],
        }
    })
}

fn cleared() -> Event {
    Event::Queue {
        kind: QueueEventKind::Cleared,
        at: at(0),
        queue: queue("mail"),
    }
}

async fn outbox_entries_are_written_with_applied_changes(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let changes = [
        insert(jobs(3).split_off(2)),
        finish(&running, Outcome::Completed(None), at(60)),
    ];
    let (_, outbox) = storage.commit_with(&changes, rule(&target)).await;
    assert_eq!(outbox.endpoints, [target.id]);
    assert_eq!(format!("{:?}", outbox.events), format!("{:?}", [cleared()]));
    let mut entries: Vec<(String, JobId)> = all(&storage, &target, None)
        .await
        .into_iter()
        .map(|delivery| {
            (
                delivery.message.event.to_string(),
                delivery.message.job_id.expect("a job"),
            )
        })
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [
            ("job.completed".to_owned(), job(1).id),
            ("job.created".to_owned(), job(2).id)
        ]
    );
    let (_, outbox) = storage.commit_with(&[], rule(&target)).await;
    assert_eq!(outbox.endpoints, []);
}

async fn a_rejected_change_has_no_outbox_entries_and_the_others_have(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    storage.insert(&[job(1)]).await;
    // An id that is taken.
    let changes = [insert([job(1)]), insert([job(2)])];
    let (applied, outbox) = storage.commit_with(&changes, rule(&target)).await;
    assert!(matches!(applied[0], Err(ChangeError::Rejected { .. })), "{applied:?}");
    assert!(applied[1].is_ok(), "{applied:?}");
    assert_eq!(outbox.endpoints, [target.id]);
    let entries: Vec<Option<JobId>> = all(&storage, &target, None)
        .await
        .into_iter()
        .map(|delivery| delivery.message.job_id)
        .collect();
    assert_eq!(entries, [Some(job(2).id)]);
}

/// Adds a delivery of each new job to all stored endpoints, if the node does not know them; to none otherwise.
fn knowing(version: Option<i64>, is_idle: bool) -> OutboxRule {
    let rule = OutboxRule::new(move |changes, results, newer| {
        assert!(is_idle || version.is_some() || newer.is_some());
        let mut messages = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            let (Change::Job(JobChange::Insert { jobs, .. }), Ok(_)) = (change, result) else {
                continue;
            };
            messages.extend(jobs.iter().map(|job| OutboxMessage {
                message: Message {
                    job_id: Some(job.id),
                    ..message(job.id.as_uuid().as_u64_pair().0, 1, 0)
                },
                endpoints: newer.unwrap_or_default().iter().map(|endpoint| endpoint.id).collect(),
            }));
        }
        OutboxEntries {
            messages,
            ..OutboxEntries::default()
        }
    });
    rule.knowing(KnownVersion { version, is_idle })
}

async fn a_commit_has_deliveries_for_endpoints_that_its_node_does_not_know(storage: Subject) {
    let Some(other) = storage.other() else { return };
    // The queue has a row, so that nothing is left but what a busy server commits in one statement.
    storage.insert(&[job(1)]).await;
    let newer = |outbox: Option<OutboxResult>, endpoints: &[&Endpoint]| {
        let Some(OutboxResult {
            endpoints: receivers,
            newer: Some(newer),
            events: _,
        }) = outbox
        else {
            panic!("the endpoints are read again: {outbox:?}");
        };
        let known: Vec<_> = newer.endpoints.iter().map(|endpoint| endpoint.id).collect();
        assert_eq!(known, endpoints.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>());
        assert_eq!(receivers, known);
        newer.version
    };
    let mut number = 1;
    let mut commit = |version, is_idle| {
        number += 1;
        Commit {
            outbox: Some(knowing(version, is_idle)),
            ..Commit::from([insert([job(number)])])
        }
    };
    let none = newer(storage.commit_all(commit(None, true)).await.outbox, &[]);
    for is_idle in [true, false] {
        let outbox = storage.commit_all(commit(Some(none), is_idle)).await.outbox;
        let outbox = outbox.unwrap_or_default();
        assert_eq!((outbox.endpoints, outbox.newer), (Vec::new(), None), "nothing is new");
    }
    let first = put(&other, &endpoint(1)).await;
    let one = newer(storage.commit_all(commit(Some(none), true)).await.outbox, &[&first]);
    let outbox = storage
        .commit_all(commit(Some(one), true))
        .await
        .outbox
        .unwrap_or_default();
    assert_eq!((outbox.endpoints, outbox.newer), (Vec::new(), None));
    let second = put(&other, &endpoint(2)).await;
    let outbox = storage.commit_all(commit(Some(one), false)).await.outbox;
    let two = newer(outbox, &[&first, &second]);
    let delete = Change::Webhook(WebhookChange::Delete { endpoint: first });
    assert_eq!(other.apply(delete).await, Ok(Applied::Deleted));
    let node = other.live_node(1).await;
    newer(storage.commit_all(commit(Some(two), true)).await.outbox, &[&second]);
    // Starts and ends are held back as well: they are applied once, and their entries written.
    let running = storage.start(&job(1), node).await;
    put(&other, &endpoint(3)).await;
    let end = finish(&running, Outcome::Completed(None), at(60));
    let (applied, outbox) = storage.commit_with(&[end], knowing(Some(two), true)).await;
    assert_eq!(applied[0], Ok(Applied::Finished(Finished::Stored)));
    assert!(outbox.newer.is_some(), "{outbox:?}");
    storage.counts_are_exact().await;
}
