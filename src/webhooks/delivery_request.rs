//! Delivery of one message to one endpoint: headers, signatures, and the meaning of the response.
//!
//! | response | the delivery |
//! | --- | --- |
//! | 2xx | delivered |
//! | 410 | failed, and the endpoint is gone |
//! | any other response, or none | retried by the endpoint's policy, and not before `Retry-After` |

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use super::client::{HttpClient, root_cause};
use super::payload::with_signature;
use super::retry_after::{parse_http_date, retry_after};
use crate::domain::values::name::is_printable;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::{TRACE_PARENT_HEADER, TraceParent};
use crate::domain::values::trace_state::PropagatedContext;
use crate::domain::webhooks::delivery::{DeliveryAttempt, Message, Reply};
use crate::domain::webhooks::endpoint::{Endpoint, SigningSecret};
use crate::domain::webhooks::signature::{PREVIOUS_SIGNATURE_HEADER, SIGNATURE_HEADER, sign, sign_message};

/// Number of bytes of a response's body that are kept.
const BODY_BYTES_KEPT: usize = 1_024;
/// Maximum number of bytes of a body that are read, so that the connection can be reused.
const BODY_BYTES_READ: usize = 64 * 1_024;

/// Outcome of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryOutcome {
    /// The attempt, for the history.
    pub attempt: DeliveryAttempt,
    /// Meaning of the response.
    pub reply: Reply,
    /// Delay that the endpoint requests for all its deliveries.
    pub pause: Option<TimeSpan>,
}

/// A request to an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryRequest<'a> {
    /// Address.
    pub url: &'a str,
    /// The `webhook-id`.
    pub id: &'a str,
    /// Secrets that sign the body, newest first.
    pub secrets: &'a [&'a SigningSecret],
    /// Span context.
    pub span_context: Option<TraceParent>,
    /// Further trace context.
    pub propagated: Option<&'a PropagatedContext>,
}

/// Sends a message to an endpoint; `now` is the time of the attempt.
pub(crate) async fn deliver(
    client: &HttpClient,
    endpoint: &Endpoint,
    message: &Message,
    span_context: Option<TraceParent>,
    wait: Duration,
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let body = with_signature(&message.body, endpoint.secret.expose());
    let secrets: Vec<&SigningSecret> = endpoint.secrets_at(now).collect();
    let id = message.webhook_id();
    let delivery = DeliveryRequest {
        url: &endpoint.url,
        id: &id,
        secrets: &secrets,
        span_context,
        propagated: message.propagated.as_deref(),
    };
    post(client, delivery, body, wait, now).await
}

/// Posts a signed body.
pub(crate) async fn post(
    client: &HttpClient,
    delivery: DeliveryRequest<'_>,
    body: String,
    wait: Duration,
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let started_at = Instant::now();
    let response = exchange(client, delivery, body, started_at + wait, now).await;
    let duration = TimeSpan::from_micros(i64::try_from(started_at.elapsed().as_micros()).unwrap_or(i64::MAX));
    let attempt = |response_status, response_body, error: Option<String>| DeliveryAttempt {
        at: now,
        duration,
        response_status,
        response_body,
        error: error.map(|error| Arc::from(clean(&error))),
    };
    match response {
        Ok(Received { status, body, wait }) => {
            let code = status.as_u16();
            let error = (!status.is_success()).then(|| status_text(status));
            let reply = match status {
                StatusCode::GONE => Reply::Gone,
                _ if status.is_success() => Reply::Accepted,
                _ => Reply::Rejected { wait },
            };
            let is_busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            DeliveryOutcome {
                attempt: attempt(Some(code), body, error),
                reply,
                pause: wait.filter(|_| is_busy),
            }
        }
        Err(error) => DeliveryOutcome {
            attempt: attempt(None, None, Some(error)),
            reply: Reply::Rejected { wait: None },
            pause: None,
        },
    }
}

struct Received {
    status: StatusCode,
    body: Option<Arc<str>>,
    wait: Option<TimeSpan>,
}

async fn exchange(
    client: &HttpClient,
    delivery: DeliveryRequest<'_>,
    body: String,
    end: Instant,
    now: DateTime<Utc>,
) -> Result<Received, String> {
    let DeliveryRequest {
        url,
        id,
        secrets,
        span_context,
        propagated,
    } = delivery;
    let url = Url::parse(url).map_err(|error| format!("invalid URL: {error}"))?;
    if let (Some(cause), "https") = (client.certificate_error(), url.scheme()) {
        return Err(format!("the system has no root certificates ({cause})"));
    }
    let seconds = now.timestamp();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| sign_message(secret, id, seconds, body.as_bytes()))
        .collect();
    let mut request = client
        .post(url)
        .map_err(|blocked| blocked.to_string())?
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signatures.join(" "));
    if let Some(span_context) = span_context {
        request = request.header(TRACE_PARENT_HEADER, span_context.to_string());
    }
    for (name, value) in propagated.into_iter().flat_map(PropagatedContext::headers) {
        request = request.header(name, value);
    }
    for (header, secret) in [SIGNATURE_HEADER, PREVIOUS_SIGNATURE_HEADER].into_iter().zip(secrets) {
        request = request.header(header, sign(secret.expose(), body.as_bytes()));
    }
    let too_late = |_| "timed out".to_owned();
    let response = timeout_at(end, request.body(body).send()).await.map_err(too_late)?;
    let mut response = response.map_err(|error| root_cause(&error))?;
    let (status, wait) = (response.status(), wait_of(response.headers(), now));
    // The status is sufficient: an incomplete body does not matter.
    let body = timeout_at(end, start_of_body(&mut response)).await.unwrap_or_default();
    Ok(Received { status, body, wait })
}

fn wait_of(headers: &HeaderMap, now: DateTime<Utc>) -> Option<TimeSpan> {
    let text = |name| headers.get(name)?.to_str().ok();
    // The endpoint's own clock, if it sends a date.
    let now = text(DATE).and_then(parse_http_date).unwrap_or(now);
    retry_after(text(RETRY_AFTER)?, Some(now))
}

async fn start_of_body(response: &mut Response) -> Option<Arc<str>> {
    let mut bytes = Vec::new();
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        let room = BODY_BYTES_KEPT - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if read >= BODY_BYTES_READ {
            break;
        }
    }
    (!bytes.is_empty()).then(|| Arc::from(clean(&String::from_utf8_lossy(&bytes))))
}

/// The text without characters that can't be stored.
fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            _ if !is_printable(character) => ' ',
            _ => character,
        })
        .collect()
}

fn status_text(status: StatusCode) -> String {
    let name = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    let more = if status.is_redirection() {
        "; redirects are not followed"
    } else {
        ""
    };
    format!("responded with {code} {name}{more}").replace("  ", " ")
}
