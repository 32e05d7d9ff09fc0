//! Due times that were stored while the clock was ahead: which are found, and how deliveries are set back.
//!
//! Storage with a clock of its own counts no time as future that this clock has reached, so these cases play in a later
//! century.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::job::new_job::{Due, JobDefaults, NewJob};
use crate::domain::job::{Job, Occurrence};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::JobId;
use crate::domain::values::json::Json;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::delivery::{AfterAttempt, DeliveryAttempt, DeliveryStatus, Message};
use crate::storage::change::{Applied, Change, JobChange, WebhookChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::job_type;
use crate::storage::conformance::subject::Subject;
use crate::storage::conformance::webhooks::sample::{all, due, endpoint, message, outcome, post, posting, put, record};
use crate::storage::outbox::AttemptOutcome;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        jobs_whose_due_time_was_calculated_in_the_future_are_found,
        deliveries_recorded_in_the_future_are_set_back_once,
    ]
}

fn far(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(60_000) + TimeDelta::seconds(seconds)
}

fn made(number: u128, due: Due, now: DateTime<Utc>) -> Job {
    let new = NewJob {
        due,
        parameters: Json::from_valid(r#"{"to":"someone"}"#),
        ..NewJob::of_type(job_type("MailJob"))
    };
    new.into_job(&JobDefaults::default(), now, number)
}

async fn jobs_whose_due_time_was_calculated_in_the_future_are_found(storage: Subject) {
    let now = far(0);
    let ahead = far(7_200);
    let hour = Due::After(TimeSpan::from_secs(3_600));
    let delayed = made(1, hour, ahead);
    let at_once = made(2, Due::Now, ahead);
    let retried = Job {
        due_at: ahead + TimeDelta::seconds(30),
        due_from: Some(ahead),
        attempt: 1,
        retry_count: 1,
        ..made(3, Due::Now, far(-60))
    };
    let occurrence = Job {
        occurrence: Some(Occurrence {
            recurring_id: RecurringId::from_uuid(uuid::Uuid::from_u64_pair(4, 4)),
            due_at: ahead,
        }),
        ..made(4, Due::Now, ahead)
    };
    storage
        .insert(&[
            delayed.clone(),
            at_once.clone(),
            retried.clone(),
            occurrence,
            made(5, Due::At(ahead + TimeDelta::seconds(1)), ahead),
            made(6, hour, now),
            made(7, Due::At(ahead), now),
            made(8, Due::Now, now),
        ])
        .await;
    let found = |after, limit| {
        let repository = Arc::clone(&storage.repository);
        async move {
            repository
                .due_computed_after(after, limit)
                .await
                .expect("storage reads")
        }
    };
    let ids: BTreeSet<JobId> = found(now, 10).await.iter().map(|job| job.id).collect();
    assert_eq!(ids, BTreeSet::from([delayed.id, at_once.id, retried.id]));
    assert_eq!(found(now, 1).await.len(), 1);
    assert_eq!(found(ahead, 10).await.len(), 0, "later, not at");
    for before in found(now, 10).await {
        let after = Arc::new(
            before
                .set_back(now, Some(TimeDelta::seconds(7_200)))
                .expect("it is ahead"),
        );
        let update = Change::Job(JobChange::Update {
            before,
            after: Arc::clone(&after),
        });
        assert_eq!(storage.apply(update).await, Ok(Applied::Updated));
        assert_eq!(storage.job(after.id).await.parameters, delayed.parameters, "they stay");
        assert_eq!(storage.job(after.id).await, storage.whole(&after).await);
    }
    assert_eq!(found(now, 10).await.len(), 0);
}

async fn deliveries_recorded_in_the_future_are_set_back_once(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let sent_at = |number, at| Message {
        at,
        ..message(number, number, 0)
    };
    let (now, ahead) = (far(5), far(7_200));
    let messages = [
        sent_at(1, far(0)),
        sent_at(2, far(0)),
        sent_at(3, ahead),
        sent_at(4, ahead),
    ];
    let postings = messages.into_iter().map(|message| posting(message, &[&target]));
    post(&storage, postings.collect()).await;
    let tried = |id, at, retry_at| AttemptOutcome {
        attempt: DeliveryAttempt {
            at,
            ..outcome(id, 1, AfterAttempt::Failed).attempt
        },
        ..outcome(id, 1, AfterAttempt::RetryAt(retry_at))
    };
    let ids: Vec<_> = due(&storage, &target, ahead).await;
    let id = |number| ids.iter().find(|(of, _)| *of == number).expect("a delivery").1;
    let hour = TimeDelta::hours(1);
    record(
        &storage,
        &target,
        vec![
            // By a right clock, and by one that was ahead: the same wait.
            tried(id(1), far(1), far(1) + hour),
            tried(id(2), ahead, ahead + hour),
            outcome(id(4), 1, AfterAttempt::Delivered),
        ],
    )
    .await;
    let set_back = |limit| {
        Change::Webhook(WebhookChange::SetBack {
            now,
            step: TimeSpan::from_secs(7_200),
            limit,
        })
    };
    assert_eq!(storage.apply(set_back(1)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(set_back(10)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(set_back(10)).await, Ok(Applied::Removed(0)));
    let pending = all(&storage, &target, Some(DeliveryStatus::Pending)).await;
    let of = |number| {
        let found = pending.iter().find(|delivery| delivery.id == id(number));
        let delivery = found.expect("a pending delivery");
        (delivery.due_at, delivery.last.as_ref().map(|last| last.at))
    };
    assert_eq!(of(1), (far(1) + hour, Some(far(1))));
    assert_eq!(of(2), (far(0) + hour, Some(far(0))));
    assert_eq!(of(3), (now, None), "a first attempt does not wait");
}
