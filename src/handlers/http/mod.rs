//! Handlers that call an HTTP endpoint.
//!
//! The endpoint receives the job as a JSON `POST` and responds when the work is done. The status decides the outcome
//! (see the module `response`), the body is the result. The request is aborted when the job is cancelled and when the
//! future is dropped. Redirects are not followed: a signed body is for the configured address alone.

mod options;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};
use tracing::debug;

pub(crate) use self::options::HttpHandlerOptions;
pub use self::options::InvalidHttpHandler;
use self::response::{Verdict, verdict};
use super::job_handler::{JobContext, JobHandler};
use super::limits::HandlerLimits;
use super::output;
use crate::domain::cluster::remote_worker::LogLevel;
use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, RetryAdvice};
use crate::domain::values::json::Json;
use crate::domain::values::timestamp;
use crate::domain::values::trace_context::{JobSpan, JobTrace, TRACE_PARENT_HEADER, TraceParent};
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::domain::webhooks::signature::{SIGNATURE_HEADER, sign, sign_message};
pub(crate) use crate::webhooks::client::HttpClient;
pub use crate::webhooks::client::HttpClientError;
use crate::webhooks::client::root_cause;
use crate::webhooks::client_spans::{CallReport, CallReporter, CallSubject, CallTarget};
use crate::webhooks::retry_after::{parse_http_date, retry_after};

/// Number of bytes of a failed response's body that are kept as the failure's detail.
const DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Time limit for the body of a failed response: the status is already known.
const DETAIL_WAIT: Duration = Duration::from_secs(5);

/// Runs jobs by calling an endpoint; see the module documentation.
pub(crate) struct HttpHandler {
    client: HttpClient,
    url: Url,
    /// The URL in errors, without the query, which may contain secrets.
    shown_url: String,
    headers: HeaderMap,
    secret: Option<SigningSecret>,
    permanent_statuses: Option<Vec<u16>>,
    limits: HandlerLimits,
    calls: CallReporter,
}

/// The body of a call. Its members are an API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    job_id: String,
    #[serde(rename = "type")]
    job_type: &'a str,
    name: &'a str,
    queue: &'a str,
    attempt: u32,
    parameters: &'a RawValue,
    priority: &'static str,
    created_at: String,
    retry_count: u32,
    max_retries: u32,
}

impl HttpHandler {
    /// Creates a handler. All handlers ratio one client with its connections.
    pub(crate) fn new(
        options: HttpHandlerOptions,
        limits: HandlerLimits,
        client: HttpClient,
    ) -> Result<Self, InvalidHttpHandler> {
        let url = options.parse_url()?;
        if let (Some(cause), "https") = (client.certificate_error(), url.scheme()) {
            return Err(InvalidHttpHandler::NoCertificates {
                cause: cause.to_owned(),
            });
        }
        let mut headers = options.parse_headers()?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut shown_url = url.clone();
        shown_url.set_query(None);
        shown_url.set_fragment(None);
        Ok(Self {
            client,
            url,
            shown_url: shown_url.into(),
            headers,
            secret: options.parse_secret()?,
            permanent_statuses: options.permanent_statuses,
            limits,
            calls: CallReporter::default(),
        })
    }

    /// The handler with a reporter of its calls, for tracing.
    #[must_use]
    pub(crate) fn with_call_reporter(self, calls: CallReporter) -> Self {
        Self { calls, ..self }
    }

    /// Calls the endpoint and reports the call.
    async fn call(&self, context: &JobContext) -> Result<Option<Json>, Failure> {
        let job = &context.job;
        let started_at = Instant::now();
        let (run, span_context) = match context.trace_parent {
            Some(run) if self.calls.is_enabled() => (
                Some(run),
                Some(run.at(JobTrace::span_id(job.id, JobSpan::Call(job.attempt)))),
            ),
            span_context => (None, span_context),
        };
        let mut status = None;
        let result = self.send(context, span_context, &mut status).await;
        debug!(
            url = self.shown_url,
            status = status.map(|status| status.as_u16()),
            took_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX),
            "called {}",
            self.shown_url
        );
        if let (Some(run), Some(span_context)) = (run, span_context) {
            self.calls.report(span_context.is_sampled, || CallReport {
                span_context,
                parent: run.span_id,
                about: CallSubject::Job {
                    id: job.id,
                    job_type: job.job_type.clone(),
                    attempt: job.attempt,
                },
                target: CallTarget::from(&self.url),
                started_at: now(job, started_at).unwrap_or_default(),
                took: started_at.elapsed(),
                status: status.map(|status| status.as_u16()),
                error: result.as_ref().err().map(|failure| Arc::clone(&failure.error)),
            });
        }
        result
    }

    /// Calls the endpoint; `status` is set once the response has arrived.
    async fn send(
        &self,
        context: &JobContext,
        span_context: Option<TraceParent>,
        status: &mut Option<StatusCode>,
    ) -> Result<Option<Json>, Failure> {
        let JobContext { job, .. } = context;
        let called_at = Instant::now();
        let body = body_of(job)?;
        let mut request = self
            .client
            .post(self.url.clone())
            .map_err(|blocked| Failure::permanent(blocked.to_string()))?
            .headers(self.headers.clone())
            .header("X-TickerQ-Job-Id", job.id.to_string())
            .header("X-TickerQ-Attempt", job.attempt);
        if let Some(span_context) = span_context {
            request = request.header(TRACE_PARENT_HEADER, span_context.to_string());
        }
        for (name, value) in job.propagated.iter().flat_map(|propagated| propagated.headers()) {
            request = request.header(name, value);
        }
        if let Some(secret) = &self.secret {
            let id = call_id(job);
            let seconds = now(job, called_at).unwrap_or_default().timestamp();
            request = request
                .header(SIGNATURE_HEADER, sign(secret.expose(), &body))
                .header("webhook-id", &id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", sign_message(secret, &id, seconds, &body));
        }
        let response = request
            .body(body)
            .send()
            .await
            .map_err(|error| self.unanswered(&error))?;
        *status = Some(response.status());
        match verdict(response.status(), self.permanent_statuses.as_deref()) {
            Verdict::Completed => self.result(response, context).await,
            Verdict::Retry => {
                // The endpoint's own clock if it sends a date; otherwise the server's clock, which set the attempt's
                // start.
                let now = date(&response).or_else(|| now(job, called_at));
                let wait = header(&response, &RETRY_AFTER).and_then(|value| retry_after(value, now));
                Err(Failure {
                    retry: wait.map_or(RetryAdvice::ByPolicy, RetryAdvice::NotBefore),
                    ..self.refusal(response).await
                })
            }
            Verdict::Redirected => Err(self.redirection(&response)),
            Verdict::Permanent => Err(Failure {
                retry: RetryAdvice::Never,
                ..self.refusal(response).await
            }),
        }
    }

    async fn result(&self, mut response: Response, context: &JobContext) -> Result<Option<Json>, Failure> {
        let encoding = header(&response, &CONTENT_ENCODING).map(str::to_owned);
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(self.limits.result_bytes_max).unwrap_or(u64::MAX) {
            return Err(self.limits.result_too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken_off(&error))? {
            if body.len() + chunk.len() > self.limits.result_bytes_max {
                return Err(self.limits.result_too_large());
            }
            body.extend_from_slice(&chunk);
        }
        output::to_result(&body).or_else(|unreadable| {
            // The work is done: another attempt would repeat it, and a temporary failure would cause one.
            let encoding = encoding.map_or_else(String::new, |encoding| format!(" (Content-Encoding: {encoding})"));
            let warning = format!(
                "{} responded with {} bytes that are not UTF-8 text{encoding}; the job is completed without a result",
                self.shown_url,
                body.len()
            );
            debug!("{warning}: {}", unreadable.error);
            context.log(LogLevel::Warning, &warning);
            Ok(None)
        })
    }

    /// The failure of an error response, with the start of its body.
    async fn refusal(&self, mut response: Response) -> Failure {
        let failure = Failure::new(format!(
            "{} responded with {}",
            self.shown_url,
            status_line(response.status())
        ));
        let mut body = Vec::new();
        // An incomplete body is sufficient for the detail.
        let _ = timeout(DETAIL_WAIT, async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() >= DETAIL_BYTES_MAX {
                    break;
                }
            }
        })
        .await;
        body.truncate(DETAIL_BYTES_MAX);
        if body.is_empty() {
            failure
        } else {
            failure.with_detail(String::from_utf8_lossy(&body))
        }
    }

    fn redirection(&self, response: &Response) -> Failure {
        let target = header(response, &LOCATION).and_then(|location| self.url.join(location).ok());
        let target = match target.as_ref().and_then(Url::host_str) {
            Some(host) => format!("a redirect to {host}"),
            None => "a redirect without a Location".to_owned(),
        };
        Failure::permanent(format!(
            "{} responded with {}, {target}; redirects are not followed",
            self.shown_url,
            status_line(response.status())
        ))
    }

    /// The failure of a request without a response.
    fn unanswered(&self, error: &reqwest::Error) -> Failure {
        if error.is_connect() {
            let host = self.url.host_str().unwrap_or_default();
            let port = self.url.port_or_known_default().unwrap_or_default();
            Failure::new(format!("could not connect to {host}:{port}: {}", root_cause(error)))
        } else {
            Failure::new(format!("{} sent no response: {}", self.shown_url, root_cause(error)))
        }
    }

    fn broken_off(&self, error: &reqwest::Error) -> Failure {
        Failure::new(format!(
            "{} sent an incomplete response: {}",
            self.shown_url,
            root_cause(error)
        ))
    }
}

#[async_trait]
impl JobHandler for HttpHandler {
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure> {
        let cancellation = &context.cancellation;
        if cancellation.is_cancelled() {
            return Err(Failure::permanent(
                "the job was cancelled before its endpoint was called",
            ));
        }
        tokio::select! {
            // A response that has arrived counts, even if the job is cancelled at the same moment.
            biased;
            result = self.call(&context) => result,
            // HTTP/1 has no other way to cancel a request than closing the connection.
            () = cancellation.cancelled() => Err(Failure::permanent("the request was aborted: the job was cancelled")),
        }
    }
}

fn body_of(job: &Job) -> Result<Vec<u8>, Failure> {
    let unreadable = |error| Failure::permanent(format!("the job's parameters are not JSON: {error}"));
    let parameters: &RawValue = serde_json::from_str(job.parameters.as_str()).map_err(unreadable)?;
    let call = Call {
        job_id: job.id.to_string(),
        job_type: job.job_type.as_str(),
        name: job.name.as_str(),
        queue: job.queue.as_str(),
        attempt: job.attempt,
        parameters,
        priority: job.priority.as_str(),
        created_at: timestamp::to_text(job.created_at),
        retry_count: job.retry_count,
        max_retries: job.max_retries,
    };
    serde_json::to_vec(&call)
        .map_err(|error| Failure::permanent(format!("the request can't be written as JSON: {error}")))
}

/// The id of a call: the same for the same attempt, so that a receiver can reject a repeated request.
fn call_id(job: &Job) -> String {
    format!("job_{}_{}", job.id.as_uuid().simple(), job.attempt)
}

fn header<'a>(response: &'a Response, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn date(response: &Response) -> Option<DateTime<Utc>> {
    parse_http_date(header(response, &DATE)?)
}

/// The current time by the clock that set the attempt's start.
fn now(job: &Job, called_at: Instant) -> Option<DateTime<Utc>> {
    job.started_at?
        .checked_add_signed(TimeDelta::from_std(called_at.elapsed()).ok()?)
}

/// `503 Service Unavailable`; an unknown status is its number only.
fn status_line(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
