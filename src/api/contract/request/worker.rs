//! Requests of remote workers: their registration, running jobs and results.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{Parsed, from_text};
use crate::domain::cluster::remote_worker::{LogLevel, LogLine, Progress, WorkerDeclaration};
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::job::outcome::{Failure, Outcome, RetryAdvice};
use crate::domain::values::id::JobId;
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::service::workers::{HeldAttempt, JOBS_MAX, ReportedEnd};
use crate::views::words::{FailureOutcomeWord, LogLineLevelWord};

/// Default number of jobs that a worker runs at the same time.
const CONCURRENCY: NonZeroU32 = match NonZeroU32::new(10) {
    Some(number) => number,
    None => NonZeroU32::MIN,
};

/// A remote worker to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerRequest {
    /// Display name.
    #[schema(required = true, min_length = 1, max_length = 200, example = "mailer-3")]
    pub(crate) name: Option<String>,
    /// Job types that it runs.
    #[schema(value_type = Vec<String>, required = true, min_items = 1, max_items = 1000, example = json!(["EmailNotificationJob"]))]
    pub(crate) types: Option<Vec<Parsed<JobType>>>,
    /// Queues from which it leases jobs; all if there are none.
    #[schema(value_type = Option<Vec<String>>, max_items = 1000, example = json!(["default"]))]
    pub(crate) queues: Option<Vec<Parsed<QueueName>>>,
    /// Number of jobs that it runs at the same time.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000, example = 10)]
    pub(crate) concurrency: Option<i64>,
}

impl WorkerRequest {
    /// The declaration of the worker. The use case checks the allowed values.
    pub(crate) fn into_declaration(self) -> Result<WorkerDeclaration, FieldError> {
        let Self {
            name,
            types,
            queues,
            concurrency,
        } = self;
        let missing = |field, what: &str| FieldError::new(field, what);
        let name = name.ok_or_else(|| missing("name", "name is missing; expected the display name of the worker"))?;
        let types =
            types.ok_or_else(|| missing("types", "types is missing; expected the job types that the worker runs"))?;
        let queues = queues.unwrap_or_default();
        let concurrency = concurrency.map(|given| {
            let none = || format!("concurrency is {given}; allowed are 1 to {JOBS_MAX}");
            let number = u32::try_from(given).ok().and_then(NonZeroU32::new);
            number.ok_or_else(|| FieldError::new("concurrency", none()))
        });
        Ok(WorkerDeclaration {
            name: Arc::from(name),
            job_types: types.into_iter().map(|Parsed(job_type)| job_type).collect(),
            queues: queues.into_iter().map(|Parsed(queue)| queue).collect(),
            concurrency: concurrency.transpose()?.unwrap_or(CONCURRENCY),
        })
    }
}

/// Request for a lease.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseRequest {
    /// Maximum number of jobs; the worker's concurrency by default.
    #[schema(minimum = 1, maximum = 1000, example = 10)]
    pub(crate) max: Option<u32>,
    /// Maximum wait for the first job, at most 30 seconds; zero by default.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(crate) wait: Option<Parsed<TimeSpan>>,
}

impl LeaseRequest {
    /// The maximum number of jobs, and the maximum wait.
    pub(crate) fn into_parts(self) -> (Option<u32>, TimeSpan) {
        let Self { max, wait } = self;
        (max, wait.map_or(TimeSpan::ZERO, |Parsed(wait)| wait))
    }
}

/// All running jobs of a worker, with its reports.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeartbeatRequest {
    /// The jobs. One that is missing for the duration of a lease is recovered.
    #[schema(max_items = 10000)]
    pub(crate) jobs: Option<Vec<HeldRequest>>,
}

/// A running job of a worker.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = HeldJob)]
pub(crate) struct HeldRequest {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) job_id: Parsed<JobId>,
    /// Lease token of the job.
    #[schema(value_type = String)]
    pub(crate) lease_token: Parsed<LeaseToken>,
    /// Progress, if it has changed.
    pub(crate) progress: Option<ProgressRequest>,
    /// Log lines since the last heartbeat; the last 200 lines of a job are kept.
    pub(crate) log: Option<Vec<LogLineRequest>>,
}

/// Progress of a job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgressRequest {
    /// Percentage, 0 to 100.
    #[schema(minimum = 0, maximum = 100, example = 62.5)]
    pub(crate) percent: f64,
    /// Description of the current step, truncated to 1,024 bytes.
    #[schema(example = "page 5 of 8")]
    pub(crate) message: Option<String>,
}

/// A log line of a job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogLineRequest {
    /// Time of the line; now by default.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) at: Option<Parsed<DateTime<Utc>>>,
    /// `debug`, `info`, `warning` or `error`.
    #[schema(value_type = Option<LogLineLevelWord>)]
    pub(crate) level: Option<Parsed<LogLevel>>,
    /// Text of the line, truncated to 1,024 bytes.
    #[schema(example = "sent to 10 recipients")]
    pub(crate) message: String,
}

impl HeartbeatRequest {
    /// The attempts that the worker runs.
    pub(crate) fn into_held(self, now: DateTime<Utc>) -> Result<Vec<HeldAttempt>, FieldError> {
        let jobs = self.jobs.unwrap_or_default();
        let held = jobs.into_iter().enumerate().map(|(index, held)| {
            let HeldRequest {
                job_id: Parsed(job_id),
                lease_token: Parsed(token),
                progress,
                log,
            } = held;
            let progress = match progress {
                Some(ProgressRequest { percent, message }) => {
                    let progress = Progress::from_percent(percent, message.map(Arc::from));
                    let field = format!("jobs/{index}/progress/percent");
                    let wrong = || FieldError::new(&field, format!("percent is {percent}; allowed are 0 to 100"));
                    Some(progress.ok_or_else(wrong)?)
                }
                None => None,
            };
            let log = log.unwrap_or_default().into_iter().map(|line| {
                let LogLineRequest { at, level, message } = line;
                LogLine {
                    attempt: token.attempt(),
                    at: at.map_or(now, |Parsed(at)| at),
                    level: level.map_or(LogLevel::Info, |Parsed(level)| level),
                    message: Arc::from(message),
                }
            });
            Ok(HeldAttempt {
                job_id,
                token,
                progress,
                log: log.collect(),
            })
        });
        held.collect()
    }
}

/// Completed jobs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteRequest<'a> {
    /// The jobs, at most 1,000.
    #[serde(borrow)]
    #[schema(min_items = 1, max_items = 1000)]
    pub(crate) jobs: Vec<CompletedRequest<'a>>,
}

/// A completed job.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompletedJob)]
pub(crate) struct CompletedRequest<'a> {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) job_id: Parsed<JobId>,
    /// Lease token of the job.
    #[schema(value_type = String)]
    pub(crate) lease_token: Parsed<LeaseToken>,
    /// Result of the handler: any JSON. A result that is too large fails the job.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>, example = json!({"messageId": "msg-456"}))]
    pub(crate) result: Option<&'a RawValue>,
}

impl CompleteRequest<'_> {
    /// The results of the attempts.
    pub(crate) fn into_ends(self) -> Vec<ReportedEnd> {
        let ends = self.jobs.into_iter().map(|completed| {
            let CompletedRequest {
                job_id: Parsed(job_id),
                lease_token: Parsed(token),
                result,
            } = completed;
            ReportedEnd {
                job_id,
                token,
                outcome: Outcome::Completed(result.map(|json| Json::from_valid(json.get()))),
            }
        });
        ends.collect()
    }
}

/// Jobs that did not complete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailRequest {
    /// The jobs, at most 1,000.
    #[schema(min_items = 1, max_items = 1000)]
    pub(crate) jobs: Vec<FailedRequest>,
}

/// A job that did not complete.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FailedJob)]
pub(crate) struct FailedRequest {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) job_id: Parsed<JobId>,
    /// Lease token of the job.
    #[schema(value_type = String)]
    pub(crate) lease_token: Parsed<LeaseToken>,
    /// `failed`; `cancelled`, if it stopped after its cancellation was requested; or `released`: the worker releases
    /// it, and it runs again immediately without counting as a retry.
    #[schema(value_type = Option<FailureOutcomeWord>)]
    pub(crate) outcome: Option<Parsed<FailureWord>>,
    /// Error message, in one line.
    #[schema(example = "SMTP timeout")]
    pub(crate) error: Option<String>,
    /// Details of the error, such as a stack trace.
    pub(crate) error_detail: Option<String>,
    /// True if a retry may succeed. False fails the job permanently.
    pub(crate) retry: Option<bool>,
    /// Backoff before the next attempt, which replaces that of the job's retry policy: zero to ten years.
    #[schema(value_type = Option<String>, example = "00:01:00")]
    pub(crate) retry_after: Option<Parsed<TimeSpan>>,
}

/// Outcome of a job that did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureWord {
    /// The handler failed.
    Failed,
    /// It stopped after its cancellation was requested.
    Cancelled,
    /// The worker released it.
    Released,
}

impl FailureWord {
    /// Parses the name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "failed" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Cancelled),
            "released" => Ok(Self::Released),
            other => {
                let other: String = other.chars().take(64).collect();
                Err(format!(
                    "'{other}' is not an outcome; allowed are failed, cancelled and released"
                ))
            }
        }
    }
}

from_text!(FailureWord, "failed, cancelled or released", FailureWord::parse);

impl FailRequest {
    /// The results of the attempts.
    pub(crate) fn into_ends(self) -> Vec<ReportedEnd> {
        let ends = self.jobs.into_iter().map(|failed| {
            let FailedRequest {
                job_id: Parsed(job_id),
                lease_token: Parsed(token),
                outcome,
                error,
                error_detail,
                retry,
                retry_after,
            } = failed;
            let outcome = match outcome.map_or(FailureWord::Failed, |Parsed(word)| word) {
                FailureWord::Cancelled => Outcome::Cancelled,
                FailureWord::Released => Outcome::Interrupted,
                FailureWord::Failed => Outcome::Failed(Failure {
                    error: Arc::from(error.unwrap_or_default()),
                    detail: error_detail.map(Arc::from),
                    retry: match (retry.unwrap_or(true), retry_after) {
                        (false, _) => RetryAdvice::Never,
                        (true, Some(Parsed(wait))) => RetryAdvice::After(wait),
                        (true, None) => RetryAdvice::ByPolicy,
                    },
                }),
            };
            ReportedEnd { job_id, token, outcome }
        });
        ends.collect()
    }
}
