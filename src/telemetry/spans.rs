//! Conversion of trace reports to spans.
//!
//! | span | kind | from | to |
//! | --- | --- | --- | --- |
//! | `create TYPE` | producer | the request for the job | its commit |
//! | `wait TYPE` | internal | the due time | the attempt's start |
//! | `TYPE` | consumer | the attempt's start | its end |
//! | `POST /path` | client | a handler's call or a webhook | the response |
//!
//! Each is a child of `create`, which is a child of the caller's span; calls are children of the attempt that made or
//! caused them.

use std::borrow::Cow;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::values::trace_context;
use crate::domain::values::trace_context::{JobSpan, JobTrace, SamplingRatio, TraceParent};
use crate::service::traces::{CallReport, CallSubject, CallTarget, TraceReport};

/// The value of `messaging.system`.
pub(super) const MESSAGING_SYSTEM: &str = "tickerq";
/// The value of `error.type` of a failed attempt.
pub(super) const JOB_FAILED: &str = "JobFailed";

/// The span of a report; `ratio` is the sampling ratio at the time of the sampling decision.
pub(super) fn span_of(report: &TraceReport, ratio: SamplingRatio) -> Option<SpanData> {
    match report {
        TraceReport::Created { job, at } => Some(created(job, *at, ratio)),
        TraceReport::Started(job) => waited(job, ratio),
        TraceReport::Ended { job, attempt } => ran(job, attempt, ratio),
        TraceReport::Called(call) => Some(called(call)),
    }
}

fn created(job: &Job, at: DateTime<Utc>, ratio: SamplingRatio) -> SpanData {
    let trace = JobTrace::of(job, ratio);
    let span_context = trace.span_context(JobSpan::Create);
    SpanData {
        parent_span_id: trace.caller.map_or(SpanId::INVALID, |caller| span_id(caller.span_id)),
        parent_span_is_remote: trace.caller.is_some(),
        ..span(
            (span_context, state_of(job)),
            SpanKind::Producer,
            format!("create {}", job.job_type),
            (job.created_at, at),
            with_operation(attributes_of(job), "create", "create"),
        )
    }
}

/// The span of the wait for an attempt: from the due time, or the job's creation if that was later.
fn waited(job: &Job, ratio: SamplingRatio) -> Option<SpanData> {
    let started_at = job.started_at?;
    let trace = JobTrace::of(job, ratio);
    let due_at = job.due_at.max(job.created_at).min(started_at);
    let mut attributes = attributes_of(job);
    attributes.push(attempt_of(job.attempt));
    Some(SpanData {
        parent_span_id: span_id(JobTrace::span_id(job.id, JobSpan::Create)),
        ..span(
            (trace.span_context(JobSpan::Wait(job.attempt)), state_of(job)),
            SpanKind::Internal,
            format!("wait {}", job.job_type),
            (due_at, started_at),
            attributes,
        )
    })
}

fn ran(job: &Job, attempt: &Attempt, ratio: SamplingRatio) -> Option<SpanData> {
    let trace = JobTrace::of(job, ratio);
    let ended_at = attempt.ended_at?;
    let mut attributes = with_operation(attributes_of(job), "process", "process");
    attributes.push(attempt_of(attempt.number));
    attributes.push(KeyValue::new("tickerq.job.status", job.status.as_str()));
    attributes.push(KeyValue::new("tickerq.attempt.status", attempt.status.as_str()));
    attributes.push(KeyValue::new("tickerq.node.id", attempt.node.to_string()));
    let (status, exception) = match attempt.status {
        AttemptStatus::Completed => (Status::Ok, None),
        AttemptStatus::Cancelled | AttemptStatus::Running => (Status::Unset, None),
        AttemptStatus::Failed => (failed(attempt), Some(JOB_FAILED)),
        AttemptStatus::Interrupted => (failed(attempt), Some("JobInterrupted")),
        AttemptStatus::Lost => (failed(attempt), Some("JobLost")),
    };
    attributes.extend(exception.map(|kind| KeyValue::new("error.type", kind)));
    let mut events = SpanEvents::default();
    events
        .events
        .extend(exception.map(|kind| exception_of(kind, attempt, ended_at)));
    Some(SpanData {
        parent_span_id: span_id(JobTrace::span_id(job.id, JobSpan::Create)),
        status,
        events,
        ..span(
            (trace.span_context(JobSpan::Run(attempt.number)), state_of(job)),
            SpanKind::Consumer,
            job.job_type.to_string(),
            (attempt.started_at, ended_at),
            attributes,
        )
    })
}

fn failed(attempt: &Attempt) -> Status {
    let why = attempt.error.as_deref().unwrap_or(attempt.status.as_str());
    Status::error(why.to_owned())
}

/// By the semantic conventions for exceptions.
fn exception_of(kind: &'static str, attempt: &Attempt, at: DateTime<Utc>) -> Event {
    let message = attempt.error.as_deref().unwrap_or(attempt.status.as_str());
    let mut attributes = vec![
        KeyValue::new("exception.type", kind),
        KeyValue::new("exception.message", message.to_owned()),
    ];
    let detail = attempt.error_detail.as_deref();
    attributes.extend(detail.map(|detail| KeyValue::new("exception.stacktrace", detail.to_owned())));
    Event::new("exception", at.into(), attributes, 0)
}

fn called(call: &CallReport) -> SpanData {
    let CallReport {
        span_context,
        parent,
        about,
        target: CallTarget { url, host, port },
        started_at,
        took,
        status,
        error,
    } = call;
    let mut attributes = vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("url.full", url.clone()),
        KeyValue::new("server.address", host.clone()),
        KeyValue::new("server.port", i64::from(*port)),
    ];
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
    if error.is_some() {
        // The response's status, or `no_response`.
        let kind = status.map_or_else(|| "no_response".to_owned(), |status| status.to_string());
        attributes.push(KeyValue::new("error.type", kind));
    }
    match about {
        CallSubject::Job { id, job_type, attempt } => {
            attributes.push(KeyValue::new("tickerq.job.id", id.to_string()));
            attributes.push(KeyValue::new("tickerq.job.type", job_type.to_string()));
            attributes.push(attempt_of(*attempt));
        }
        CallSubject::Webhook {
            endpoint,
            event,
            id,
            resend,
        } => {
            attributes.push(KeyValue::new("tickerq.webhook.endpoint", endpoint.to_string()));
            attributes.push(KeyValue::new("tickerq.webhook.event", event.to_string()));
            attributes.push(KeyValue::new("tickerq.webhook.id", id.clone()));
            if *resend > 0 {
                attributes.push(KeyValue::new("http.request.resend_count", i64::from(*resend)));
            }
        }
    }
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let ended_at = *started_at + chrono::TimeDelta::from_std(*took).unwrap_or_default();
    SpanData {
        parent_span_id: span_id(*parent),
        status: match error {
            None => Status::Ok,
            Some(error) => Status::error(error.to_string()),
        },
        ..span(
            (*span_context, TraceState::NONE),
            SpanKind::Client,
            format!("POST /{path}"),
            (*started_at, ended_at),
            attributes,
        )
    }
}

/// By the semantic conventions for messaging: a job is a message, its queue the destination.
fn with_operation(mut attributes: Vec<KeyValue>, name: &'static str, kind: &'static str) -> Vec<KeyValue> {
    attributes.push(KeyValue::new("messaging.operation.name", name));
    attributes.push(KeyValue::new("messaging.operation.type", kind));
    attributes
}

fn attributes_of(job: &Job) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("messaging.system", MESSAGING_SYSTEM),
        KeyValue::new("messaging.destination.name", job.queue.to_string()),
        KeyValue::new("messaging.message.id", job.id.to_string()),
        KeyValue::new("tickerq.job.id", job.id.to_string()),
        KeyValue::new("tickerq.job.type", job.job_type.to_string()),
        KeyValue::new("tickerq.job.name", job.name.to_string()),
        KeyValue::new("tickerq.queue", job.queue.to_string()),
        KeyValue::new("tickerq.job.priority", job.priority.as_str()),
    ];
    if let Some(occurrence) = job.occurrence {
        let id = occurrence.recurring_id.to_string();
        attributes.push(KeyValue::new("tickerq.recurring_job.id", id));
    }
    attributes
}

fn attempt_of(number: u32) -> KeyValue {
    KeyValue::new("tickerq.job.attempt", i64::from(number))
}

fn span_id(id: trace_context::SpanId) -> SpanId {
    SpanId::from(id.number())
}

/// The `tracestate` of a job's trace, which its spans carry as well.
fn state_of(job: &Job) -> TraceState {
    let state = job
        .propagated
        .as_deref()
        .and_then(|propagated| propagated.trace_state.as_deref());
    state.and_then(|state| state.parse().ok()).unwrap_or(TraceState::NONE)
}

fn span(
    (span_context, state): (TraceParent, TraceState),
    kind: SpanKind,
    name: impl Into<Cow<'static, str>>,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    attributes: Vec<KeyValue>,
) -> SpanData {
    let TraceParent {
        trace_id,
        span_id: id,
        is_sampled,
    } = span_context;
    let flags = TraceFlags::default().with_sampled(is_sampled);
    let trace_id = TraceId::from(trace_id.number());
    SpanData {
        span_context: SpanContext::new(trace_id, span_id(id), flags, false, state),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: kind,
        name: name.into(),
        start_time: SystemTime::from(start),
        end_time: SystemTime::from(end.max(start)),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("tickerq")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}
