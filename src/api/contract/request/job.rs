//! A new job or recurring job, in both formats that clients send.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{CatchUpCount, MisfireWord, Object, Parsed, PriorityValue, RetryCount};
use crate::domain::cron::CronExpression;
use crate::domain::job::new_job::{Due, NewJob};
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{NewRecurringJob, Schedule, Template};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName, RecurringKey, Tag, UniqueKey};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::views::words::{MisfirePolicyWord, OverlapPolicyWord, PriorityWord};

/// A job to schedule. All fields but `type` may be omitted or `null`; defaults come from the configuration of the job's
/// type.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct JobRequest<'a> {
    /// Type of the job, which selects its handler.
    #[serde(rename = "type")]
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "EmailNotificationJob")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_type: Option<Parsed<JobType>>,
    /// Display name; the type by default.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Welcome Email")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Parsed<JobName>>,
    /// Name of the queue.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$", example = "default")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<Parsed<QueueName>>,
    /// Input of the handler: any JSON, preserved byte for byte.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>, example = json!({"recipientEmail": "newuser@example.com"}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<&'a RawValue>,
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3, the values of .NET's enum.
    #[schema(value_type = Option<PriorityWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<PriorityValue>,
    /// Time until it is due: .NET's `[d.]hh:mm:ss[.fffffff]`, ISO 8601 such as `PT5M`, or numbers with units such as
    /// `5m`. Mutually exclusive with `runAt`.
    #[schema(value_type = Option<String>, example = "00:00:00")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay: Option<Parsed<TimeSpan>>,
    /// Time when it is due (RFC 3339); a time in the past means now. Mutually exclusive with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_at: Option<Parsed<DateTime<Utc>>>,
    /// Maximum number of retries.
    #[schema(value_type = Option<u32>, maximum = 1000, example = 3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<RetryCount>,
    /// Timeout of an attempt.
    #[schema(value_type = Option<String>, example = "00:30:00")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Parsed<TimeSpan>>,
    /// Backoff before the first retry; it doubles with each further one.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_delay: Option<Parsed<TimeSpan>>,
    /// Backoffs before the first, second, … retry; the last one repeats. Replaces `retryDelay`.
    #[schema(value_type = Option<Vec<String>>, max_items = 100, example = json!(["00:00:10", "00:01:00"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
    /// Unique key: at most one unfinished job has it. A request for another one returns the existing job and 200.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "welcome-4711")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique_key: Option<Parsed<UniqueKey>>,
    /// Tags by which the job, or the occurrences, are found: at most 10, of at most 64 characters.
    #[schema(value_type = Option<Vec<String>>, max_items = 10, example = json!(["vip", "eu"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<Parsed<Tag>>>,
    /// Key of a recurring job, unique and immutable: see `PUT /jobs/recurring/by-key/{key}`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "nightly-backup")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Parsed<RecurringKey>>,
    /// Makes it a recurring job. Cron expression: five fields, six with seconds first, or a macro such as `@daily`.
    #[schema(value_type = Option<String>, example = "0 2 * * *")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cron_expression: Option<Parsed<CronExpression>>,
    /// IANA time zone of the `cronExpression`; UTC by default.
    #[schema(value_type = Option<String>, example = "Europe/Berlin")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<Parsed<TimeZoneName>>,
    /// True if a recurring job creates occurrences; true by default.
    #[schema(example = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
    /// Policy for due times that passed while no server was running: `fire_once` (one occurrence replaces them, the
    /// default), `skip`, or `catch_up`.
    #[schema(value_type = Option<MisfirePolicyWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) misfire_policy: Option<Parsed<MisfireWord>>,
    /// Maximum number of missed due times for which `catch_up` creates occurrences, the last ones; 100 by default.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000, example = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catch_up_max: Option<CatchUpCount>,
    /// Policy for an occurrence that is due while an earlier one is unfinished: `allow` (both run, the default), `skip`
    /// it, or `queue` it until the earlier one has finished.
    #[schema(value_type = Option<OverlapPolicyWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overlap_policy: Option<Parsed<OverlapPolicy>>,
    /// Time before which a recurring job has no occurrences (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) starts_at: Option<Parsed<DateTime<Utc>>>,
    /// Time after which a recurring job has no occurrences (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<Parsed<DateTime<Utc>>>,
    /// Nested alternative for the same fields, as the .NET client sends them. A field that is given in both places must
    /// have the same value.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<Box<Object<JobRequest<'a>>>>,
}

/// A parsed request.
pub(crate) enum Scheduling {
    /// A job.
    Job(Box<NewJob>),
    /// A recurring job.
    Recurring(Box<NewRecurringJob>),
}

impl JobRequest<'_> {
    /// The new job of the request.
    pub(crate) fn into_new_job(self) -> Result<NewJob, FieldError> {
        match self.parse()? {
            Scheduling::Job(new) => Ok(*new),
            Scheduling::Recurring(_) => {
                let detail = "a batch has no recurring jobs; send each to POST /jobs/recurring";
                Err(FieldError::new("cronExpression", detail))
            }
        }
    }

    /// The new recurring job of the request.
    pub(crate) fn into_new_recurring_job(self) -> Result<NewRecurringJob, FieldError> {
        match self.parse()? {
            Scheduling::Recurring(new) => Ok(*new),
            Scheduling::Job(_) => {
                let detail = "cronExpression is missing; expected a cron expression such as 0 2 * * *";
                Err(FieldError::new("cronExpression", detail))
            }
        }
    }

    /// The parsed request: with a `cronExpression` a recurring job, else a job.
    pub(crate) fn parse(mut self) -> Result<Scheduling, FieldError> {
        if let Some(options) = self.options.take() {
            self = self
                .merge(options.0)
                .map_err(|(field, detail)| FieldError::new(&format!("options/{field}"), detail))?;
        }
        let misplaced = self.misplaced();
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
            tags,
            key,
            cron_expression,
            time_zone,
            enabled,
            misfire_policy,
            catch_up_max,
            overlap_policy,
            starts_at,
            ends_at,
            options: _,
        } = self;
        let Some(Parsed(job_type)) = job_type else {
            return Err(FieldError::new(
                "type",
                "type is missing; expected the name of a job type",
            ));
        };
        if let Some((field, detail)) = misplaced {
            return Err(FieldError::new(field, detail));
        }
        let new = NewJob {
            job_type,
            name: name.map(|Parsed(name)| name),
            queue: queue.map(|Parsed(queue)| queue),
            parameters: parameters.map_or_else(Json::null, json_of),
            priority: priority.map(|PriorityValue(priority)| priority).unwrap_or_default(),
            due: due(delay, run_at)?.unwrap_or_default(),
            max_retries: max_retries.map(|RetryCount(count)| count),
            timeout: timeout.map(|Parsed(timeout)| timeout),
            retry_delay: retry_delay.map(|Parsed(delay)| delay),
            retry_intervals: retry_intervals.map(spans),
            unique_key: unique_key.map(|Parsed(key)| key),
            tags: tags.map(tags_of).unwrap_or_default(),
        };
        let Some(Parsed(cron)) = cron_expression else {
            return Ok(Scheduling::Job(Box::new(new)));
        };
        let max = catch_up_max.map(|CatchUpCount(max)| max);
        Ok(Scheduling::Recurring(Box::new(NewRecurringJob {
            key: key.map(|Parsed(key)| key),
            schedule: Schedule {
                cron,
                time_zone: time_zone.map(|Parsed(zone)| zone).unwrap_or_default(),
                starts_at: starts_at.map(|Parsed(time)| time),
                ends_at: ends_at.map(|Parsed(time)| time),
            },
            template: Template {
                name: new.name.unwrap_or_else(|| JobName::from(&new.job_type)),
                job_type: new.job_type,
                queue: new.queue,
                parameters: new.parameters,
                priority: new.priority,
                max_retries: new.max_retries,
                timeout: new.timeout,
                retry_delay: new.retry_delay,
                retry_intervals: new.retry_intervals,
                tags: new.tags,
            },
            is_enabled: enabled.unwrap_or(true),
            misfire_policy: misfire_policy.map(|Parsed(word)| word.with(max)).unwrap_or_default(),
            overlap_policy: overlap_policy.map(|Parsed(policy)| policy).unwrap_or_default(),
        })))
    }

    /// A field that is not allowed together with the others.
    fn misplaced(&self) -> Option<(&'static str, String)> {
        if self.cron_expression.is_some() {
            let of_jobs = [
                // The reference sends `"delay": "00:00:00"` in every request.
                ("delay", self.delay.is_some_and(|Parsed(delay)| delay != TimeSpan::ZERO)),
                ("runAt", self.run_at.is_some()),
                ("uniqueKey", self.unique_key.is_some()),
            ];
            if let Some((field, _)) = of_jobs.into_iter().find(|(_, is_given)| *is_given) {
                let detail = format!("{field} is not allowed together with cronExpression; omit one of them");
                return Some((field, detail));
            }
            let catches_up = self.misfire_policy.is_some_and(|Parsed(word)| word.catches_up());
            let detail = "catchUpMax requires misfirePolicy catch_up; set it, or omit catchUpMax";
            return (self.catch_up_max.is_some() && !catches_up).then(|| ("catchUpMax", detail.to_owned()));
        }
        let of_recurring = [
            ("key", self.key.is_some()),
            ("timeZone", self.time_zone.is_some()),
            ("misfirePolicy", self.misfire_policy.is_some()),
            ("catchUpMax", self.catch_up_max.is_some()),
            ("overlapPolicy", self.overlap_policy.is_some()),
            ("startsAt", self.starts_at.is_some()),
            ("endsAt", self.ends_at.is_some()),
            ("enabled", self.enabled.is_some()),
        ];
        let (field, _) = of_recurring.into_iter().find(|(_, is_given)| *is_given)?;
        Some((
            field,
            format!("{field} requires cronExpression; set it, or omit {field}"),
        ))
    }

    /// Merges the top-level fields with those in `options`, or returns the field with two values.
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
            tags: either("tags", self.tags, options.tags)?,
            key: either("key", self.key, options.key)?,
            cron_expression: either("cronExpression", self.cron_expression, options.cron_expression)?,
            time_zone: either("timeZone", self.time_zone, options.time_zone)?,
            enabled: either("enabled", self.enabled, options.enabled)?,
            misfire_policy: either("misfirePolicy", self.misfire_policy, options.misfire_policy)?,
            catch_up_max: either("catchUpMax", self.catch_up_max, options.catch_up_max)?,
            overlap_policy: either("overlapPolicy", self.overlap_policy, options.overlap_policy)?,
            starts_at: either("startsAt", self.starts_at, options.starts_at)?,
            ends_at: either("endsAt", self.ends_at, options.ends_at)?,
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
    format!("{field} has two values, at the top level and in options; give it once")
}

fn is_same_json(one: &RawValue, other: &RawValue) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    one.get() == other.get() || value(one).is_some_and(|one| Some(one) == value(other))
}

pub(crate) fn json_of(raw: &RawValue) -> Json {
    Json::from_valid(raw.get())
}

pub(crate) fn spans(intervals: Vec<Parsed<TimeSpan>>) -> Vec<TimeSpan> {
    intervals.into_iter().map(|Parsed(interval)| interval).collect()
}

pub(crate) fn tags_of(tags: Vec<Parsed<Tag>>) -> Vec<Tag> {
    tags.into_iter().map(|Parsed(tag)| tag).collect()
}

/// The due time of a job by the two fields for it.
pub(crate) fn due(
    delay: Option<Parsed<TimeSpan>>,
    run_at: Option<Parsed<DateTime<Utc>>>,
) -> Result<Option<Due>, FieldError> {
    match (delay, run_at) {
        (Some(_), Some(_)) => {
            let detail = "delay and runAt are mutually exclusive; give one of them";
            Err(FieldError::new("runAt", detail))
        }
        (Some(Parsed(delay)), None) => Ok(Some(Due::After(delay))),
        (None, Some(Parsed(run_at))) => Ok(Some(Due::At(run_at))),
        (None, None) => Ok(None),
    }
}
