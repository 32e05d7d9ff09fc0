//! What a remote worker says: of itself, of the jobs that it runs, and of their ends.

use async_graphql::{ID, InputObject, Result};
use serde_json::value::RawValue;

use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::api::graphql::types::enums::{JobLogLevel, UnsuccessfulOutcome};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::rest::request::json_fields::{FromText, Parsed};
use crate::api::rest::workers::request::{
    CompletedRequest, FailedRequest, HeldRequest, LogLineRequest, ProgressRequest, WorkerRequest,
};
use crate::domain::cluster::remote_worker::WorkerDeclaration;
use crate::service::workers::JOBS_MAX;

/// A worker that comes.
#[derive(Debug, InputObject)]
pub(crate) struct RegisterWorkerInput {
    /// What people call it, in 1 to 200 characters.
    name: String,
    /// The types that it runs, 1 to 1000.
    types: Vec<String>,
    /// The queues that it takes jobs from; all by default.
    queues: Option<Vec<String>>,
    /// How many jobs it runs at the same time, 1 to 1000; 10 by default.
    concurrency: Option<i32>,
}

impl RegisterWorkerInput {
    /// What the worker says of itself.
    pub(crate) fn into_declaration(self, place: &Place) -> Result<WorkerDeclaration> {
        let Self {
            name,
            types,
            queues,
            concurrency,
        } = self;
        let concurrency = concurrency.map(|given| {
            let number = u32::try_from(given).ok();
            let detail = || format!("concurrency is {given}; allowed are 1 to {JOBS_MAX}");
            number.ok_or_else(|| errors::invalid(&place.field("concurrency"), &detail()))
        });
        let request = WorkerRequest {
            name: Some(name),
            types: Some(names(place, "types", types)?),
            queues: queues.map(|queues| names(place, "queues", queues)).transpose()?,
            concurrency: concurrency.transpose()?,
        };
        request
            .into_declaration()
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}

fn names<T: FromText>(place: &Place, field: &str, names: Vec<String>) -> Result<Vec<Parsed<T>>> {
    let read = names.iter().enumerate().map(|(index, name)| {
        let place = format!("{}.{index}", place.field(field));
        scalar_parsing::parse(&place, name).map(Parsed)
    });
    read.collect()
}

/// A job that a worker runs, and what it reports of it.
#[derive(Debug, InputObject)]
pub(crate) struct HeldJobInput {
    /// Which job.
    job_id: ID,
    /// The token that came with it.
    lease_token: String,
    /// How far it has got, if that is news.
    progress: Option<ProgressInput>,
    /// What it has logged since the last heartbeat; the last 200 lines of a job are kept.
    log: Option<Vec<LogLineInput>>,
}

/// How far a job has got.
#[derive(Debug, InputObject)]
pub(crate) struct ProgressInput {
    /// From 0 to 100.
    percent: f64,
    /// What it is doing. It is cut at 1,024 bytes.
    message: Option<String>,
}

/// A line that a job has logged.
#[derive(Debug, InputObject)]
pub(crate) struct LogLineInput {
    /// When; now by default.
    at: Option<DateTime>,
    /// How serious it is; information by default.
    level: Option<JobLogLevel>,
    /// The text. It is cut at 1,024 bytes.
    message: String,
}

impl HeldJobInput {
    /// The same as REST takes it.
    pub(crate) fn into_request(self, place: &Place) -> Result<HeldRequest> {
        let Self {
            job_id,
            lease_token,
            progress,
            log,
        } = self;
        let lines = log.unwrap_or_default().into_iter().enumerate().map(|(index, line)| {
            let LogLineInput { at, level, message } = line;
            Ok(LogLineRequest {
                at: Place::item(&place.field("log"), index).time("at", at)?,
                level: level.map(|level| Parsed(level.into())),
                message,
            })
        });
        Ok(HeldRequest {
            job_id: Parsed(scalar_parsing::job_id(&place.field("jobId"), &job_id)?),
            lease_token: Parsed(scalar_parsing::parse(&place.field("leaseToken"), &lease_token)?),
            progress: progress.map(|ProgressInput { percent, message }| ProgressRequest { percent, message }),
            log: Some(lines.collect::<Result<_>>()?),
        })
    }
}

/// A job that has succeeded.
#[derive(InputObject)]
pub(crate) struct CompletedJobInput {
    /// Which job.
    job_id: ID,
    /// The token that came with it.
    lease_token: String,
    /// What came of it. One that is too large fails the job.
    result: Option<Json>,
}

impl CompletedJobInput {
    /// What came of it, as text.
    pub(crate) fn result(&self, place: &Place) -> Result<Option<Box<RawValue>>> {
        place.json("result", self.result.as_ref())
    }

    /// The same as REST takes it.
    pub(crate) fn to_request<'a>(&self, place: &Place, result: Option<&'a RawValue>) -> Result<CompletedRequest<'a>> {
        Ok(CompletedRequest {
            job_id: Parsed(scalar_parsing::job_id(&place.field("jobId"), &self.job_id)?),
            lease_token: Parsed(scalar_parsing::parse(&place.field("leaseToken"), &self.lease_token)?),
            result,
        })
    }
}

/// A job that has not succeeded.
#[derive(Debug, InputObject)]
pub(crate) struct FailedJobInput {
    /// Which job.
    job_id: ID,
    /// The token that came with it.
    lease_token: String,
    /// How it has not succeeded; by default it has failed.
    outcome: Option<UnsuccessfulOutcome>,
    /// Why it failed, in a line.
    error: Option<String>,
    /// More of the failure, such as a stack trace.
    error_detail: Option<String>,
    /// Whether another attempt may help, as by default. If not, the job has failed for good.
    retry: Option<bool>,
    /// The wait before the next attempt, in place of the one of the job's retry policy: zero to ten years.
    retry_after: Option<TimeSpan>,
}

impl FailedJobInput {
    /// The same as REST takes it.
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
