//! What a caller says of a job: the fields of a new one, in both shapes that clients send, and of a change.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::problem::PartError;
use super::super::values::{Object, Parsed, PriorityValue, RetryCount};
use crate::domain::json::Json;
use crate::domain::name::{JobName, JobType, QueueName, UniqueKey};
use crate::domain::new_job::{Due, NewJob};
use crate::domain::time_span::TimeSpan;
use crate::domain::transition::JobPatch;

/// A job to be run. Every field but `type` may be left out or be `null`; the job type's configuration then decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct JobRequest<'a> {
    /// Which handler runs it.
    #[serde(rename = "type")]
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "EmailNotificationJob")]
    job_type: Option<Parsed<JobType>>,
    /// What people call it; its type by default.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Welcome Email")]
    name: Option<Parsed<JobName>>,
    /// The queue that it waits in.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$", example = "default")]
    queue: Option<Parsed<QueueName>>,
    /// What the handler is given: any JSON, passed on byte for byte.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>, example = json!({"recipientEmail": "newuser@example.com"}))]
    parameters: Option<&'a RawValue>,
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3, as .NET writes its enums.
    #[schema(value_type = Option<String>, default = "normal", example = "normal")]
    priority: Option<PriorityValue>,
    /// How long it waits before it may start: .NET's `[d.]hh:mm:ss[.fffffff]`, or ISO 8601 such as `PT5M`. Not together
    /// with `runAt`.
    #[schema(value_type = Option<String>, example = "00:00:00")]
    delay: Option<Parsed<TimeSpan>>,
    /// When it may start (RFC 3339); at once if that has passed. Not together with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    run_at: Option<Parsed<DateTime<Utc>>>,
    /// How many retries it may have.
    #[schema(value_type = Option<u32>, maximum = 1000, example = 3)]
    max_retries: Option<RetryCount>,
    /// How long one attempt may take.
    #[schema(value_type = Option<String>, example = "00:30:00")]
    timeout: Option<Parsed<TimeSpan>>,
    /// The wait before the first retry; each further one is twice as long.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    retry_delay: Option<Parsed<TimeSpan>>,
    /// The waits before the first, second, … retry; the last one repeats. In place of `retryDelay`.
    #[schema(value_type = Option<Vec<String>>, max_items = 100, example = json!(["00:00:10", "00:01:00"]))]
    retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
    /// At most one unfinished job has this key: a request for a second one is answered with the first, and 200.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "welcome-4711")]
    unique_key: Option<Parsed<UniqueKey>>,
    /// Only `null`: this version has no recurring jobs yet.
    #[schema(value_type = Option<String>, example = json!(null))]
    cron_expression: Option<IgnoredAny>,
    /// Only `null`: the time zone of a `cronExpression`.
    #[schema(value_type = Option<String>, example = json!(null))]
    time_zone: Option<IgnoredAny>,
    /// The same fields may stand in here, as the .NET client sends them. A field that is given in both places must have
    /// the same value in both.
    #[schema(value_type = Option<Object>)]
    options: Option<Box<Object<JobRequest<'a>>>>,
}

impl JobRequest<'_> {
    /// The new job that is asked for; `pointer` is where the request lies in the body.
    pub(in super::super) fn into_new_job(mut self, pointer: &str) -> Result<NewJob, PartError> {
        let wrong = |field: &str, detail: String| PartError::field(&format!("{pointer}/{field}"), detail);
        if let Some(options) = self.options.take() {
            self = self
                .merge(options.0)
                .map_err(|(field, detail)| wrong(&format!("options/{field}"), detail))?;
        }
        let Self {
            job_type,
            name,
            queue,
            parameters,
            priority,
            delay,
            run_at,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            unique_key,
            cron_expression,
            time_zone,
            options: _,
        } = self;
        if cron_expression.is_some() {
            let detail = "this version has no recurring jobs yet; leave cronExpression out, or send null";
            return Err(wrong("cronExpression", detail.to_owned()));
        }
        if time_zone.is_some() {
            let detail =
                "timeZone belongs to a cronExpression, and this version has no recurring jobs yet; leave it out";
            return Err(wrong("timeZone", detail.to_owned()));
        }
        let Some(Parsed(job_type)) = job_type else {
            return Err(wrong(
                "type",
                "type is missing; it names the handler that runs the job".to_owned(),
            ));
        };
        Ok(NewJob {
            job_type,
            name: name.map(|Parsed(name)| name),
            queue: queue.map(|Parsed(queue)| queue),
            parameters: parameters.map_or_else(Json::null, json_of),
            priority: priority.map(|PriorityValue(priority)| priority).unwrap_or_default(),
            due: due(delay, run_at, pointer)?.unwrap_or_default(),
            max_retries: max_retries.map(|RetryCount(count)| count),
            timeout: timeout.map(|Parsed(timeout)| timeout),
            retry_delay: retry_delay.map(|Parsed(delay)| delay),
            retry_intervals: retry_intervals.map(spans),
            unique_key: unique_key.map(|Parsed(key)| key),
        })
    }

    /// Joins what stands at the top level with what stands in `options`, or names the field that is given twice with two
    /// values.
    fn merge(self, options: Self) -> Result<Self, (&'static str, String)> {
        if options.options.is_some() {
            return Err(("options", "options can't have options of their own".to_owned()));
        }
        let same_parameters = match (self.parameters, options.parameters) {
            (Some(one), Some(other)) => is_same_json(one, other),
            (None, _) | (_, None) => true,
        };
        if !same_parameters {
            return Err(("parameters", given_twice("parameters")));
        }
        Ok(Self {
            job_type: either("type", self.job_type, options.job_type)?,
            name: either("name", self.name, options.name)?,
            queue: either("queue", self.queue, options.queue)?,
            parameters: self.parameters.or(options.parameters),
            priority: either("priority", self.priority, options.priority)?,
            delay: either("delay", self.delay, options.delay)?,
            run_at: either("runAt", self.run_at, options.run_at)?,
            max_retries: either("maxRetries", self.max_retries, options.max_retries)?,
            timeout: either("timeout", self.timeout, options.timeout)?,
            retry_delay: either("retryDelay", self.retry_delay, options.retry_delay)?,
            retry_intervals: either("retryIntervals", self.retry_intervals, options.retry_intervals)?,
            unique_key: either("uniqueKey", self.unique_key, options.unique_key)?,
            cron_expression: self.cron_expression.or(options.cron_expression),
            time_zone: self.time_zone.or(options.time_zone),
            options: None,
        })
    }
}

fn either<T: PartialEq>(
    field: &'static str,
    one: Option<T>,
    other: Option<T>,
) -> Result<Option<T>, (&'static str, String)> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err((field, given_twice(field))),
        (one, other) => Ok(one.or(other)),
    }
}

fn given_twice(field: &str) -> String {
    format!("{field} is given twice with two values: at the top level and in options; give it once")
}

fn is_same_json(one: &RawValue, other: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    one.get() == other.get() || value(one).is_some_and(|one| Some(one) == value(other))
}

fn json_of(raw: &RawValue) -> Json {
    Json::from_valid(raw.get())
}

fn spans(intervals: Vec<Parsed<TimeSpan>>) -> Vec<TimeSpan> {
    intervals.into_iter().map(|Parsed(interval)| interval).collect()
}

/// When a job may start, by the two fields that say so; `pointer` is where they lie in the body.
pub(super) fn due(
    delay: Option<Parsed<TimeSpan>>,
    run_at: Option<Parsed<DateTime<Utc>>>,
    pointer: &str,
) -> Result<Option<Due>, PartError> {
    match (delay, run_at) {
        (Some(_), Some(_)) => {
            let detail = "delay and runAt both say when the job starts; give one of them";
            Err(PartError::field(&format!("{pointer}/runAt"), detail))
        }
        (Some(Parsed(delay)), None) => Ok(Some(Due::After(delay))),
        (None, Some(Parsed(run_at))) => Ok(Some(Due::At(run_at))),
        (None, None) => Ok(None),
    }
}

/// What of a pending job is to be changed. What is left out, or is `null`, stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct PatchRequest<'a> {
    /// What people call it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Welcome Email")]
    name: Option<Parsed<JobName>>,
    /// The queue that it waits in.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$", example = "default")]
    queue: Option<Parsed<QueueName>>,
    /// What the handler is given, in place of what it had.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>)]
    parameters: Option<&'a RawValue>,
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3.
    #[schema(value_type = Option<String>, example = "high")]
    priority: Option<PriorityValue>,
    /// How long it waits from now on before it may start. Not together with `runAt`.
    #[schema(value_type = Option<String>, example = "00:05:00")]
    delay: Option<Parsed<TimeSpan>>,
    /// When it may start (RFC 3339). Not together with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    run_at: Option<Parsed<DateTime<Utc>>>,
    /// How many retries it may have.
    #[schema(value_type = Option<u32>, maximum = 1000)]
    max_retries: Option<RetryCount>,
    /// How long one attempt may take.
    #[schema(value_type = Option<String>, example = "00:30:00")]
    timeout: Option<Parsed<TimeSpan>>,
    /// The wait before the first retry.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    retry_delay: Option<Parsed<TimeSpan>>,
    /// The waits before each retry.
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
}

impl PatchRequest<'_> {
    /// The change that is asked for; an error if none is.
    pub(super) fn into_patch(self) -> Result<JobPatch, PartError> {
        let Self {
            name,
            queue,
            parameters,
            priority,
            delay,
            run_at,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
        } = self;
        let patch = JobPatch {
            name: name.map(|Parsed(name)| name),
            queue: queue.map(|Parsed(queue)| queue),
            parameters: parameters.map(json_of),
            priority: priority.map(|PriorityValue(priority)| priority),
            due: due(delay, run_at, "")?,
            max_retries: max_retries.map(|RetryCount(count)| count),
            timeout: timeout.map(|Parsed(timeout)| timeout),
            retry_delay: retry_delay.map(|Parsed(delay)| delay),
            retry_intervals: retry_intervals.map(spans),
        };
        if patch == JobPatch::default() {
            let detail = "nothing is to be changed; give name, queue, parameters, priority, delay, runAt, maxRetries, \
                          timeout, retryDelay or retryIntervals";
            return Err(PartError::field("", detail));
        }
        Ok(patch)
    }
}
