//! Tests the encoding of every event in each protocol.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::job_hub::{JsonCall, MessagePackCall};
use super::websocket::EventMessage;
use crate::domain::events::event::{Event, JobEventKind, QueueEventKind};
use crate::domain::job::Job;
use crate::domain::job::new_job::{JobDefaults, NewJob};
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason, HealthState};
use crate::domain::metrics::{QueueMetrics, SystemMetrics, Usage};
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::{JobName, JobType, QueueName};
use crate::service::events::Form;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(19_737) + TimeDelta::hours(10) + TimeDelta::seconds(second)
}

/// A job with this status.
fn job(status: JobStatus) -> Arc<Job> {
    let mut new = NewJob::of_type(JobType::parse("EmailNotificationJob").expect("a type"));
    new.name = Some(JobName::parse("Welcome ✓ \"Email\"").expect("a name"));
    let mut job = new.into_job(&JobDefaults::default(), at(0), 7);
    job.status = status;
    if status != JobStatus::Pending {
        job.started_at = Some(at(60));
        job.attempt = 1;
    }
    if status.is_finished() {
        job.finished_at = Some(at(90));
    }
    if status == JobStatus::Failed {
        job.error = Some("SMTP timeout".into());
    }
    Arc::new(job)
}

fn events() -> Vec<Event> {
    let of_job = |kind, status| Event::Job {
        kind,
        at: at(90),
        job: job(status),
    };
    let queue = QueueName::default();
    let of_queue = |kind| Event::Queue {
        kind,
        at: at(90),
        queue: queue.clone(),
    };
    let alert = |before, after| Event::SystemAlert {
        at: at(90),
        change: Arc::new(HealthChange {
            before,
            before_since: at(0),
            after,
        }),
    };
    let unhealthy = Health {
        state: HealthState::Unhealthy,
        reasons: vec![
            HealthReason::StorageUnavailable,
            HealthReason::ActorsRestarted { restarts: 2 },
            HealthReason::WriteBacklog { pending_rows: 15_000 },
        ],
    };
    let metrics = QueueMetrics {
        queue: StoredQueue {
            name: queue.clone(),
            is_paused: false,
            counts: StatusCounts {
                pending: 25,
                running: 5,
                completed: 1_250,
                failed: 12,
                cancelled: 3,
            },
            throughput: Throughput {
                last_minute: 15,
                last_hour: 930,
            },
        },
        workers: 10,
    };
    let system = SystemMetrics {
        at: at(90),
        health: HealthState::Healthy,
        total_jobs: 15_000,
        active_workers: 25,
        queue_length: 150,
        usage: Usage {
            memory_used: 512 << 20,
            memory_available: 2 << 30,
            cpu_percentage: 15.21,
            cores: 8,
            ..Usage::default()
        },
    };
    vec![
        of_job(JobEventKind::Created, JobStatus::Pending),
        of_job(JobEventKind::Started, JobStatus::Running),
        of_job(JobEventKind::Completed, JobStatus::Completed),
        of_job(JobEventKind::Failed, JobStatus::Failed),
        of_job(JobEventKind::Retrying, JobStatus::Pending),
        of_job(JobEventKind::Cancelled, JobStatus::Cancelled),
        of_job(JobEventKind::Changed, JobStatus::Pending),
        of_job(JobEventKind::Deleted, JobStatus::Completed),
        of_queue(QueueEventKind::Paused),
        of_queue(QueueEventKind::Resumed),
        of_queue(QueueEventKind::Cleared),
        Event::QueueMetrics {
            at: at(90),
            metrics: Arc::new(metrics),
        },
        Event::SystemMetrics(Arc::new(system)),
        alert(HealthState::Healthy, unhealthy),
        alert(HealthState::Unhealthy, Health::healthy()),
    ]
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn every_event_is_encoded_in_every_protocol() {
    let mut lines = Vec::new();
    for event in events() {
        let (message, call) = (EventMessage::write(&event), JsonCall::write(&event));
        lines.push(format!("== {}\n{}\n{}", event.name(), text(&message), text(&call)));
    }
    insta::assert_snapshot!(lines.join("\n").replace('\u{1e}', "<RS>"));
}

#[test]
fn binary_and_text_calls_are_equivalent() {
    for event in events() {
        let (binary, text) = (MessagePackCall::write(&event), JsonCall::write(&event));
        if text.is_empty() {
            assert!(binary.is_empty());
            continue;
        }
        let length_bytes = binary.iter().position(|byte| byte & 0x80 == 0).expect("a length") + 1;
        let parts: Value = rmp_serde::from_slice(&binary[length_bytes..]).expect("MessagePack");
        let call: Value = serde_json::from_slice(text.strip_suffix(&[0x1e]).expect("a record")).expect("JSON");
        assert_eq!(parts, json!([1, {}, null, call["target"], call["arguments"], []]));
    }
}
