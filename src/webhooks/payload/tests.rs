//! Tests of payloads.

use super::*;
use crate::domain::events::event::JobEventKind;
use crate::domain::job::new_job::{JobDefaults, NewJob};
use crate::domain::job::outcome::Outcome;
use crate::domain::job::retry::Jitter;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason};
use crate::domain::values::name::{JobType, QueueName};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_705_314_660 + seconds, 0).expect("a time")
}

fn completed(result: &str) -> Job {
    let new = NewJob::of_type(JobType::parse("EmailNotificationJob").expect("a type"));
    let job = new.into_job(&JobDefaults::default(), at(0), 7);
    let running = job.start(crate::domain::values::id::NodeId::from_uuid(Uuid::nil()), at(0));
    let outcome = Outcome::Completed(Some(Json::from_valid(result)));
    running.finish(outcome, at(30), Jitter::new(0.0)).0
}

fn body_of(event: &Event) -> String {
    let (_, message) = message_of(event, Uuid::nil()).expect("a message");
    message.body.to_string()
}

fn job_event(kind: JobEventKind, job: Job) -> Event {
    Event::Job {
        kind,
        at: at(30),
        job: Arc::new(job),
    }
}

#[test]
fn the_payload_of_a_completed_job_matches_the_dashboard_api() {
    let body = body_of(&job_event(
        JobEventKind::Completed,
        completed(r#"{ "messageId": "msg-456" }"#),
    ));
    insta::assert_snapshot!(body);
}

#[test]
fn payloads_of_queues_and_alerts() {
    let queue = QueueName::parse("mail").expect("a name");
    let of = |kind| {
        body_of(&Event::Queue {
            kind,
            at: at(0),
            queue: queue.clone(),
        })
    };
    assert_eq!(
        of(QueueEventKind::Paused),
        r#"{"event":"queue.paused","timestamp":"2024-01-15T10:31:00Z","data":{"queue":"mail","status":"paused"}}"#
    );
    assert_eq!(
        of(QueueEventKind::Cleared),
        r#"{"event":"queue.cleared","timestamp":"2024-01-15T10:31:00Z","data":{"queue":"mail"}}"#
    );
    let change = HealthChange {
        before: HealthState::Healthy,
        before_since: at(-60),
        after: Health {
            state: HealthState::Degraded,
            reasons: vec![HealthReason::WriteBacklog { pending_rows: 7 }],
        },
    };
    insta::assert_snapshot!(body_of(&Event::SystemAlert {
        at: at(0),
        change: Arc::new(change),
    }));
}

#[test]
fn events_without_a_webhook_have_no_message() {
    let event = job_event(JobEventKind::Deleted, completed("1"));
    assert_eq!(message_of(&event, Uuid::nil()), None);
}

#[test]
fn a_result_that_is_too_large_is_omitted_with_a_flag() {
    let large = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX));
    let body = body_of(&job_event(JobEventKind::Completed, completed(&large)));
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["data"]["result"], serde_json::Value::Null);
    assert_eq!(body["data"]["resultOmitted"], true);
}

#[test]
fn insignificant_white_space_is_removed() {
    assert_eq!(
        compact(" { \"a b\" : [ 1.50 , \"\\\" x\\\\\" , null ]\n}\t"),
        "{\"a b\":[1.50,\"\\\" x\\\\\",null]}"
    );
    assert_eq!(compact("\" \""), "\" \"");
}

#[test]
fn removing_the_signature_restores_the_signed_bytes() {
    let body = r#"{"event":"webhook.test","data":{}}"#;
    let signed = with_signature(body, "webhook-secret-key");
    let value: serde_json::Value = serde_json::from_str(&signed).expect("JSON");
    let signature = value["signature"].as_str().expect("a signature");
    let restored = signed.replace(&format!(",\"signature\":\"{signature}\""), "");
    assert_eq!(restored, body);
    assert_eq!(signature, sign("webhook-secret-key", body.as_bytes()));
}

#[test]
fn ordering_keys_of_queues_are_distinct() {
    assert_eq!(ordering_key_of("queue", "a"), ordering_key_of("queue", "a"));
    assert_ne!(ordering_key_of("queue", "a"), ordering_key_of("queue", "b"));
    assert_ne!(ordering_key_of("queue", ""), ordering_key_of("system", ""));
    assert_ne!(ordering_key_of("queue", "a").get_version_num(), 7);
}
