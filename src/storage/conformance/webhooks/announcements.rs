//! What is told of a commit is written with it, and only what it has really done.

use std::sync::Arc;

use super::{all, endpoint, message, put};
use crate::domain::job::outcome::Outcome;
use crate::domain::values::id::JobId;
use crate::domain::webhooks::delivery::Message;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::storage::change::{Announcer, Applied, Change, ChangeError, Finished, Inserted, JobChange, WebhookChange};
use crate::storage::conformance::sample::{at, finish, insert, job, jobs};
use crate::storage::conformance::{Case, Subject, cases_of};
use crate::storage::outbox::{Announcement, KnownVersion, Posting};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_announcement_is_written_with_what_was_applied,
        a_bad_change_announces_nothing_and_the_others_do,
        a_commit_announces_to_endpoints_that_its_node_does_not_know,
    ]
}

/// Announces each job that was really inserted, and each end that was really stored.
fn announcer(endpoint: &Endpoint) -> Change {
    let id = endpoint.id;
    Change::Announce(Announcer::new(move |changes, results, _| {
        assert_eq!(changes.len(), results.len(), "a result for each change");
        let told = |job: JobId, event: &str| Posting {
            message: Message {
                event: Arc::from(event),
                job_id: Some(job),
                ..message(job.as_uuid().as_u64_pair().0, 1, 0)
            },
            endpoints: vec![id],
        };
        let mut postings = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            match (change, result) {
                (Change::Job(JobChange::Insert { jobs, .. }), Some(Ok(Applied::Inserted(inserted)))) => {
                    let new = jobs.iter().zip(inserted).filter(|(_, is)| **is == Inserted::New);
                    postings.extend(new.map(|(job, _)| told(job.id, "job.created")));
                }
                (Change::Job(JobChange::Finish { job, .. }), Some(Ok(Applied::Finished(_)))) => {
                    postings.push(told(job.id, "job.completed"));
                }
                _ => {}
            }
        }
        Announcement {
            postings,
            feed: Vec::new(),
        }
    }))
}

async fn an_announcement_is_written_with_what_was_applied(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let changes = [
        insert(jobs(3).split_off(2)),
        finish(&running, Outcome::Completed(None), at(60)),
        announcer(&told),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[2], Ok(Applied::Announced(vec![told.id])));
    let mut told_of: Vec<(String, JobId)> = all(&storage, &told, None)
        .await
        .into_iter()
        .map(|delivery| {
            (
                delivery.message.event.to_string(),
                delivery.message.job_id.expect("a job"),
            )
        })
        .collect();
    told_of.sort();
    assert_eq!(
        told_of,
        [
            ("job.completed".to_owned(), job(1).id),
            ("job.created".to_owned(), job(2).id)
        ]
    );
    let nothing = storage.commit(&[announcer(&told)]).await;
    assert_eq!(nothing, [Ok(Applied::Announced(Vec::new()))]);
}

async fn a_bad_change_announces_nothing_and_the_others_do(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    storage.insert(&[job(1)]).await;
    // An id that is taken.
    let changes = [insert([job(1)]), insert([job(2)]), announcer(&told)];
    let applied = storage.commit(&changes).await;
    assert!(matches!(applied[0], Err(ChangeError::Rejected { .. })), "{applied:?}");
    assert!(applied[1].is_ok(), "{applied:?}");
    assert_eq!(applied[2], Ok(Applied::Announced(vec![told.id])));
    let told_of: Vec<Option<JobId>> = all(&storage, &told, None)
        .await
        .into_iter()
        .map(|delivery| delivery.message.job_id)
        .collect();
    assert_eq!(told_of, [Some(job(2).id)]);
}

/// Announces each new job to all stored endpoints, when those are others than the node knows; to none otherwise.
fn knowing(version: Option<i64>, is_idle: bool) -> Change {
    let announcer = Announcer::new(move |changes, results, newer| {
        assert!(is_idle || version.is_some() || newer.is_some());
        let mut postings = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            let (Change::Job(JobChange::Insert { jobs, .. }), Some(Ok(_))) = (change, result) else {
                continue;
            };
            postings.extend(jobs.iter().map(|job| Posting {
                message: Message {
                    job_id: Some(job.id),
                    ..message(job.id.as_uuid().as_u64_pair().0, 1, 0)
                },
                endpoints: newer.unwrap_or_default().iter().map(|endpoint| endpoint.id).collect(),
            }));
        }
        Announcement {
            postings,
            feed: Vec::new(),
        }
    });
    Change::Announce(announcer.knowing(KnownVersion { version, is_idle }))
}

async fn a_commit_announces_to_endpoints_that_its_node_does_not_know(storage: Subject) {
    let Some(other) = storage.other() else { return };
    // The queue has a row, so that nothing is left but what a busy server commits in one statement.
    storage.insert(&[job(1)]).await;
    let anew = |applied: &[Result<Applied, ChangeError>], endpoints: &[&Endpoint]| {
        let Some(Ok(Applied::AnnouncedAnew(told, at))) = applied.last() else {
            panic!("{applied:?}");
        };
        let known: Vec<_> = at.endpoints.iter().map(|endpoint| endpoint.id).collect();
        assert_eq!(known, endpoints.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>());
        assert_eq!(*told, known);
        at.version
    };
    let applied = storage.commit(&[insert([job(2)]), knowing(None, true)]).await;
    let none = anew(&applied, &[]);
    let mut number = 2;
    let mut next = || {
        number += 1;
        insert([job(number)])
    };
    for is_idle in [true, false] {
        let applied = storage.commit(&[next(), knowing(Some(none), is_idle)]).await;
        assert_eq!(applied[1], Ok(Applied::Announced(Vec::new())), "nothing is new");
    }
    let first = put(&other, &endpoint(1)).await;
    let one = anew(&storage.commit(&[next(), knowing(Some(none), true)]).await, &[&first]);
    assert_eq!(
        storage.commit(&[next(), knowing(Some(one), true)]).await[1],
        Ok(Applied::Announced(Vec::new()))
    );
    let second = put(&other, &endpoint(2)).await;
    let two = anew(
        &storage.commit(&[next(), knowing(Some(one), false)]).await,
        &[&first, &second],
    );
    let delete = Change::Webhook(WebhookChange::Delete { endpoint: first });
    assert_eq!(other.apply(delete).await, Ok(Applied::Deleted));
    let node = other.live_node(1).await;
    let applied = storage.commit(&[next(), knowing(Some(two), true)]).await;
    anew(&applied, &[&second]);
    // Starts and ends are held back as well: they are applied once, and announced.
    let running = storage.start(&job(1), node).await;
    put(&other, &endpoint(3)).await;
    let ended = [
        finish(&running, Outcome::Completed(None), at(60)),
        knowing(Some(two), true),
    ];
    let applied = storage.commit(&ended).await;
    assert_eq!(applied[0], Ok(Applied::Finished(Finished::Stored)));
    assert!(matches!(applied[1], Ok(Applied::AnnouncedAnew(..))), "{applied:?}");
    storage.counts_are_exact().await;
}
