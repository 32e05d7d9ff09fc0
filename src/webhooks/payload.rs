//! Payloads of webhook deliveries.
//!
//! The body is compact JSON, `{"event":…,"timestamp":…,"data":{…}}`. Before it is sent, the signature is added as the
//! last member: removing `,"signature":"…"` restores the signed bytes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::events::event::{Event, QueueEventKind};
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::health::HealthState;
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::json::Json;
use crate::domain::webhooks::delivery::Message;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::domain::webhooks::event::WebhookEvent;
use crate::domain::webhooks::signature::sign;
use crate::views::health::{HealthAlertView, ReasonView};
use crate::views::job::JobItem;
use crate::views::values::{Id, Span, Time};
use crate::views::words::{QueueStatus, Word};

/// Maximum size of a result in a payload; a larger one is available from the API.
const RESULT_BYTES_MAX: usize = 64 * 1024;

/// The name of the test event.
pub(crate) const TEST_EVENT: &str = "webhook.test";

#[derive(Serialize)]
struct Body<'a, T: Serialize> {
    event: &'a str,
    timestamp: Time,
    data: T,
}

/// A job in payloads; the first members are defined by the dashboard API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobData<'a> {
    job_id: Id,
    job_type: &'a str,
    status: Word<JobStatus>,
    duration: Option<Span>,
    result: Option<Box<RawValue>>,
    /// True if the result is too large for the payload.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    result_omitted: bool,
    error: Option<&'a str>,
    name: &'a str,
    queue: &'a str,
    priority: Word<Priority>,
    attempt: u32,
    retry_count: u32,
    max_retries: u32,
    created_at: Time,
    run_at: Time,
    executed_at: Option<Time>,
    completed_at: Option<Time>,
    recurring_job_id: Option<Id>,
}

impl<'a> From<&'a Job> for JobData<'a> {
    fn from(job: &'a Job) -> Self {
        let view = JobItem::from(job);
        let result = job.result.as_ref().map(Json::as_str);
        let sent = result.filter(|result| result.len() <= RESULT_BYTES_MAX);
        Self {
            job_id: view.job_id,
            job_type: view.job_type,
            status: view.status,
            duration: view.duration,
            result: sent.and_then(|result| RawValue::from_string(compact(result)).ok()),
            result_omitted: result.is_some() && sent.is_none(),
            error: view.error,
            name: view.name,
            queue: view.queue,
            priority: view.priority,
            attempt: view.attempt,
            retry_count: view.retry_count,
            max_retries: view.max_retries,
            created_at: view.created_at,
            run_at: view.run_at,
            executed_at: view.executed_at,
            completed_at: view.completed_at,
            recurring_job_id: view.recurring_job_id,
        }
    }
}

#[derive(Serialize)]
struct QueueData<'a> {
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Word<QueueStatus>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DisabledData {
    status: Word<HealthState>,
    reasons: Vec<ReasonView>,
    endpoint_id: Id,
    endpoint_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestData {
    endpoint_id: Id,
    message: &'static str,
}

/// The message of an event; `None` for events that webhooks do not deliver.
pub(crate) fn message_of(event: &Event, id: Uuid) -> Option<(WebhookEvent, Message)> {
    let kind = WebhookEvent::of(event)?;
    let at = event.at();
    let (ordering_key, job_id, body) = match event {
        Event::Job { job, .. } => (
            job.id.as_uuid(),
            Some(job.id),
            body(kind.as_str(), at, JobData::from(&**job)),
        ),
        Event::Queue { kind: done, queue, .. } => {
            let status = match done {
                QueueEventKind::Paused => Some(Word(QueueStatus::Paused)),
                QueueEventKind::Resumed => Some(Word(QueueStatus::Running)),
                QueueEventKind::Cleared => None,
            };
            let data = QueueData {
                queue: queue.as_str(),
                status,
            };
            (
                ordering_key_of("queue", queue.as_str()),
                None,
                body(kind.as_str(), at, data),
            )
        }
        Event::SystemAlert { change, .. } => {
            let data = HealthAlertView::from(&**change);
            (ordering_key_of("system", ""), None, body(kind.as_str(), at, data))
        }
        Event::JobReport { .. } | Event::QueueMetrics { .. } | Event::SystemMetrics(_) | Event::Operation { .. } => {
            return None;
        }
    };
    Some((kind, message(id, kind.as_str(), at, ordering_key, job_id, body)))
}

/// The alert that an endpoint was disabled, for the other endpoints.
pub(crate) fn disabled_alert(endpoint: &Endpoint, why: String, at: DateTime<Utc>, id: Uuid) -> Message {
    let event = WebhookEvent::SystemAlert.as_str();
    let data = DisabledData {
        status: Word(HealthState::Degraded),
        reasons: vec![ReasonView {
            code: "webhook-endpoint-disabled",
            message: why,
        }],
        endpoint_id: Id::from(endpoint.id),
        endpoint_name: endpoint.name.to_string(),
    };
    message(
        id,
        event,
        at,
        ordering_key_of("system", ""),
        None,
        body(event, at, data),
    )
}

/// The message of a test delivery.
pub(crate) fn test_message(endpoint: EndpointId, at: DateTime<Utc>, id: Uuid) -> Message {
    let data = TestData {
        endpoint_id: Id::from(endpoint),
        message: "this is a test",
    };
    // With an ordering key of its own, so that it waits for no other message.
    message(id, TEST_EVENT, at, id, None, body(TEST_EVENT, at, data))
}

fn message(
    id: Uuid,
    event: &str,
    at: DateTime<Utc>,
    ordering_key: Uuid,
    job_id: Option<JobId>,
    body: String,
) -> Message {
    Message {
        id,
        event: Arc::from(event),
        at,
        ordering_key,
        job_id,
        trace_parent: None,
        propagated: None,
        body: Arc::from(body),
    }
}

/// Compact JSON.
fn body<T: Serialize>(event: &str, at: DateTime<Utc>, data: T) -> String {
    let body = Body {
        event,
        timestamp: Time(at),
        data,
    };
    // Texts, numbers and valid JSON always serialise.
    serde_json::to_string(&body).unwrap_or_default()
}

/// JSON without insignificant white space. Numbers and texts stay as they are: a receiver that parses and serialises
/// the body gets the same bytes.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut is_in_text, mut is_escaped) = (false, false);
    for character in json.chars() {
        if is_in_text {
            is_in_text = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            is_in_text = character == '"';
        }
        compact.push(character);
    }
    compact
}

/// The ordering key of events without a job: the start of a digest, which is never a UUID version 7.
fn ordering_key_of(kind: &str, name: &str) -> Uuid {
    let mut digest = Sha256::new();
    digest.update(kind.as_bytes());
    digest.update([0]);
    digest.update(name.as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The body with its signature as the last member.
pub(crate) fn with_signature(body: &str, secret: &str) -> String {
    let signature = sign(secret, body.as_bytes());
    let inside = body.strip_suffix('}').unwrap_or(body);
    let comma = if inside == "{" { "" } else { "," };
    format!("{inside}{comma}\"signature\":\"{signature}\"}}")
}

#[cfg(test)]
mod tests;
