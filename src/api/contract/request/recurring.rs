//! Changes of a recurring job.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{CatchUpCount, MisfireWord, Parsed, PriorityValue, RetryCount};
use crate::api::contract::request::job::{json_of, spans, tags_of};
use crate::domain::cron::CronExpression;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{NewRecurringJob, Schedule, Template};
use crate::domain::values::name::{JobName, JobType, QueueName, Tag};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::views::words::{MisfirePolicyWord, OverlapPolicyWord, PriorityWord};

/// Changes of a recurring job. Omitted or `null` fields are not changed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RecurringPatch<'a> {
    /// Type of its occurrences, which selects their handler.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>, example = "DataBackupJob")]
    pub(crate) job_type: Option<Parsed<JobType>>,
    /// Display name of it and of its occurrences.
    #[schema(value_type = Option<String>, example = "Daily Backup")]
    pub(crate) name: Option<Parsed<JobName>>,
    /// Cron expression.
    #[schema(value_type = Option<String>, example = "0 2 * * *")]
    pub(crate) cron_expression: Option<Parsed<CronExpression>>,
    /// IANA time zone of the cron expression.
    #[schema(value_type = Option<String>, example = "Europe/Berlin")]
    pub(crate) time_zone: Option<Parsed<TimeZoneName>>,
    /// True if it creates occurrences.
    pub(crate) enabled: Option<bool>,
    /// `fire_once`, `skip` or `catch_up`.
    #[schema(value_type = Option<MisfirePolicyWord>)]
    pub(crate) misfire_policy: Option<Parsed<MisfireWord>>,
    /// Maximum number of missed due times for which `catch_up` creates occurrences.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    pub(crate) catch_up_max: Option<CatchUpCount>,
    /// `allow`, `skip` or `queue`.
    #[schema(value_type = Option<OverlapPolicyWord>)]
    pub(crate) overlap_policy: Option<Parsed<OverlapPolicy>>,
    /// Time before which it has no occurrences (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) starts_at: Option<Parsed<DateTime<Utc>>>,
    /// Time after which it has no occurrences (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ends_at: Option<Parsed<DateTime<Utc>>>,
    /// Input of the handler, which replaces the previous one.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) parameters: Option<&'a RawValue>,
    /// Name of the queue of its occurrences.
    #[schema(value_type = Option<String>, example = "default")]
    pub(crate) queue: Option<Parsed<QueueName>>,
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3.
    #[schema(value_type = Option<PriorityWord>)]
    pub(crate) priority: Option<PriorityValue>,
    /// Maximum number of retries of an occurrence.
    #[schema(value_type = Option<u32>, maximum = 1000)]
    pub(crate) max_retries: Option<RetryCount>,
    /// Timeout of an attempt.
    #[schema(value_type = Option<String>, example = "00:30:00")]
    pub(crate) timeout: Option<Parsed<TimeSpan>>,
    /// Backoff before the first retry.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    pub(crate) retry_delay: Option<Parsed<TimeSpan>>,
    /// Backoffs before each retry.
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub(crate) retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
    /// Tags by which jobs are found, which replace the previous ones: at most 10, of at most 64 characters.
    #[schema(value_type = Option<Vec<String>>, max_items = 10)]
    pub(crate) tags: Option<Vec<Parsed<Tag>>>,
}

impl RecurringPatch<'_> {
    /// Rejects an empty patch, and fields that are not allowed together.
    pub(crate) fn check(&self) -> Result<(), FieldError> {
        let Self {
            job_type,
            name,
            cron_expression,
            time_zone,
            enabled,
            misfire_policy,
            catch_up_max,
            overlap_policy,
            starts_at,
            ends_at,
            parameters,
            queue,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
        } = self;
        let is_given = job_type.is_some()
            || name.is_some()
            || cron_expression.is_some()
            || time_zone.is_some()
            || enabled.is_some()
            || misfire_policy.is_some()
            || catch_up_max.is_some()
            || overlap_policy.is_some()
            || starts_at.is_some()
            || ends_at.is_some()
            || parameters.is_some()
            || queue.is_some()
            || priority.is_some()
            || max_retries.is_some()
            || timeout.is_some()
            || retry_delay.is_some()
            || retry_intervals.is_some()
            || tags.is_some();
        if is_given {
            return Ok(());
        }
        let detail = "the update is empty; allowed are cronExpression, timeZone, enabled, misfirePolicy, catchUpMax, \
                      overlapPolicy, startsAt, endsAt and the fields of the occurrences";
        Err(FieldError::of_request(detail))
    }

    /// The definition with the changes applied.
    pub(crate) fn apply(&self, to: NewRecurringJob) -> NewRecurringJob {
        let Self {
            job_type,
            name,
            cron_expression,
            time_zone,
            enabled,
            misfire_policy,
            catch_up_max,
            overlap_policy,
            starts_at,
            ends_at,
            parameters,
            queue,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
        } = self.clone();
        let NewRecurringJob {
            key,
            schedule,
            template,
            is_enabled,
            misfire_policy: known_policy,
            overlap_policy: known_overlap,
        } = to;
        let max = catch_up_max.map(|CatchUpCount(max)| max);
        NewRecurringJob {
            key,
            schedule: Schedule {
                cron: cron_expression.map_or(schedule.cron, |Parsed(cron)| cron),
                time_zone: time_zone.map_or(schedule.time_zone, |Parsed(zone)| zone),
                starts_at: starts_at.map(|Parsed(time)| time).or(schedule.starts_at),
                ends_at: ends_at.map(|Parsed(time)| time).or(schedule.ends_at),
            },
            template: Template {
                job_type: job_type.map_or(template.job_type, |Parsed(job_type)| job_type),
                name: name.map_or(template.name, |Parsed(name)| name),
                queue: queue.map(|Parsed(queue)| queue).or(template.queue),
                parameters: parameters.map_or(template.parameters, json_of),
                priority: priority.map_or(template.priority, |PriorityValue(priority)| priority),
                max_retries: max_retries.map(|RetryCount(count)| count).or(template.max_retries),
                timeout: timeout.map(|Parsed(timeout)| timeout).or(template.timeout),
                retry_delay: retry_delay.map(|Parsed(delay)| delay).or(template.retry_delay),
                retry_intervals: retry_intervals.map(spans).or(template.retry_intervals),
                tags: tags.map_or(template.tags, tags_of),
            },
            is_enabled: enabled.unwrap_or(is_enabled),
            misfire_policy: match (misfire_policy, max) {
                (Some(Parsed(word)), max) => word.with(max),
                (None, Some(max)) => known_policy.with_max(max),
                (None, None) => known_policy,
            },
            overlap_policy: overlap_policy.map_or(known_overlap, |Parsed(policy)| policy),
        }
    }
}
