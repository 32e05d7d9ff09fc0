//! Input of remote workers: their registration, running jobs and results.

use async_graphql::{ID, InputObject, Result};
use serde_json::value::RawValue;

use crate::api::contract::field_values::{FromText, Parsed};
use crate::api::contract::request::worker::{
    CompletedRequest, FailedRequest, HeldRequest, LogLineRequest, ProgressRequest, WorkerRequest,
};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::api::graphql::types::enums::{JobLogLevel, UnsuccessfulOutcome};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::cluster::remote_worker::WorkerDeclaration;

/// A remote worker to register.
#[derive(Debug, InputObject)]
pub(crate) struct RegisterWorkerInput {
    /// Display name, 1 to 200 characters.
    name: String,
    /// Job types that it runs, 1 to 1000.
    types: Vec<String>,
    /// Queues from which it leases jobs; all by default.
    queues: Option<Vec<String>>,
    /// Number of jobs that it runs at the same time, 1 to 1000; 10 by default.
    concurrency: Option<i32>,
}

impl RegisterWorkerInput {
    /// The declaration of the input.
    pub(crate) fn into_declaration(self, place: &Place) -> Result<WorkerDeclaration> {
        let Self {
            name,
            types,
            queues,
            concurrency,
        } = self;
        let request = WorkerRequest {
            name: Some(name),
            types: Some(names(place, "types", types)?),
            queues: queues.map(|queues| names(place, "queues", queues)).transpose()?,
            concurrency: concurrency.map(i64::from),
        };
        request
            .into_declaration()
            .map_err(|error| errors::of_field(&error, place.as_str()))
    }
}

fn names<T: FromText>(place: &Place, field: &str, names: Vec<String>) -> Result<Vec<Parsed<T>>> {
    let read = names.iter().enumerate().map(|(index, name)| {
        let place = format!("{}.{index}", place.field(field));
        scalar_parsing::parse(&place, name).map(Parsed)
    });
    read.collect()
}

/// A running job of a worker, with its report.
#[derive(Debug, InputObject)]
pub(crate) struct HeldJobInput {
    /// Id of the job.
    job_id: ID,
    /// Lease token of the job.
    lease_token: String,
    /// Progress, if it has changed.
    progress: Option<ProgressInput>,
    /// Log lines since the last heartbeat; the last 200 lines of a job are kept.
    log: Option<Vec<LogLineInput>>,
}

/// Progress of a job.
#[derive(Debug, InputObject)]
pub(crate) struct ProgressInput {
    /// Percentage, 0 to 100.
    percent: f64,
    /// Description of the current step, truncated to 1,024 bytes.
    message: Option<String>,
}

/// A log line of a job.
#[derive(Debug, InputObject)]
pub(crate) struct LogLineInput {
    /// Time of the line; now by default.
    at: Option<DateTime>,
    /// Severity; information by default.
    level: Option<JobLogLevel>,
    /// Text of the line, truncated to 1,024 bytes.
    message: String,
}

impl HeldJobInput {
    /// The request of REST with the same fields.
    pub(crate) fn into_request(self, place: &Place) -> Result<HeldRequest> {
        let Self {
            job_id,
            lease_token,
            progress,
            log,
        } = self;
        let lines = |log: Vec<LogLineInput>| {
            let lines = log.into_iter().enumerate().map(|(index, line)| {
                let LogLineInput { at, level, message } = line;
                Ok(LogLineRequest {
                    at: Place::item(&place.field("log"), index).time("at", at)?,
                    level: level.map(|level| Parsed(level.into())),
                    message,
                })
            });
            lines.collect::<Result<_>>()
        };
        Ok(HeldRequest {
            job_id: Parsed(scalar_parsing::job_id(&place.field("jobId"), &job_id)?),
            lease_token: Parsed(scalar_parsing::parse(&place.field("leaseToken"), &lease_token)?),
            progress: progress.map(|ProgressInput { percent, message }| ProgressRequest { percent, message }),
            log: log.map(lines).transpose()?,
        })
    }
}

/// A completed job.
#[derive(InputObject)]
pub(crate) struct CompletedJobInput {
    /// Id of the job.
    job_id: ID,
    /// Lease token of the job.
    lease_token: String,
    /// Result of the handler. A result that is too large fails the job.
    result: Option<Json>,
}

impl CompletedJobInput {
    /// The result as JSON text.
    pub(crate) fn result(&self, place: &Place) -> Result<Option<Box<RawValue>>> {
        place.json("result", self.result.as_ref())
    }

    /// The request of REST with the same fields.
    pub(crate) fn to_request<'a>(&self, place: &Place, result: Option<&'a RawValue>) -> Result<CompletedRequest<'a>> {
        Ok(CompletedRequest {
            job_id: Parsed(scalar_parsing::job_id(&place.field("jobId"), &self.job_id)?),
            lease_token: Parsed(scalar_parsing::parse(&place.field("leaseToken"), &self.lease_token)?),
            result,
        })
    }
}

/// A job that did not complete.
#[derive(Debug, InputObject)]
pub(crate) struct FailedJobInput {
    /// Id of the job.
    job_id: ID,
    /// Lease token of the job.
    lease_token: String,
    /// Outcome of the attempt; failed by default.
    outcome: Option<UnsuccessfulOutcome>,
    /// Error message, in one line.
    error: Option<String>,
    /// Details of the error, such as a stack trace.
    error_detail: Option<String>,
    /// True if a retry may succeed, which is the default. False fails the job permanently.
    retry: Option<bool>,
    /// Backoff before the next attempt, which replaces that of the job's retry policy: zero to ten years.
    retry_after: Option<TimeSpan>,
}

impl FailedJobInput {
    /// The request of REST with the same fields.
    pub(crate) fn into_request(self, place: &Place) -> Result<FailedRequest> {
        let Self {
            job_id,
            lease_token,
            outcome,
            error,
            error_detail,
            retry,
            retry_after,
        } = self;
        Ok(FailedRequest {
            job_id: Parsed(scalar_parsing::job_id(&place.field("jobId"), &job_id)?),
            lease_token: Parsed(scalar_parsing::parse(&place.field("leaseToken"), &lease_token)?),
            outcome: outcome.map(|outcome| Parsed(outcome.into())),
            error,
            error_detail,
            retry,
            retry_after: place.span("retryAfter", retry_after)?,
        })
    }
}
