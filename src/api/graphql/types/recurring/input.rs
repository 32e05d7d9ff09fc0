//! What is given of a recurring job: of a new one, and of what is to be changed.

use async_graphql::{InputObject, Result};
use serde_json::value::RawValue;

use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::api::graphql::types::enums::{MisfirePolicy, OverlapPolicy, Priority};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::rest::jobs::request::JobRequest;
use crate::api::rest::recurring::patch::RecurringPatch;
use crate::api::rest::request::json_fields::{CatchUpCount, Parsed};
use crate::domain::recurring::NewRecurringJob;
use crate::domain::recurring::misfire::CatchUpMax;

/// A job that recurs. What is left out, or is null, has its default.
#[derive(Debug, InputObject)]
pub(crate) struct ScheduleRecurringJobInput {
    /// Which handler runs its occurrences: 1 to 200 characters.
    #[graphql(name = "type")]
    job_type: String,
    /// When its occurrences are due: five fields, or six with seconds first, or a macro such as `@daily`.
    cron_expression: String,
    /// The time zone whose clocks are meant, by its IANA name such as `Europe/Berlin`; UTC by default.
    time_zone: Option<String>,
    /// Whether it creates occurrences; it does by default.
    enabled: Option<bool>,
    /// What becomes of due times that no server was there for; one occurrence stands for them by default.
    misfire_policy: Option<MisfirePolicy>,
    /// How many missed due times `CATCH_UP` makes up for at the most: 1 to 1000, 100 by default.
    catch_up_max: Option<i32>,
    /// What becomes of an occurrence that is due while an earlier one has not ended; both run by default.
    overlap_policy: Option<OverlapPolicy>,
    /// It has no occurrence before this time.
    starts_at: Option<DateTime>,
    /// It has no occurrence after this time.
    ends_at: Option<DateTime>,
    /// The key of a recurring job, which no other has and which never changes: see `putRecurringJob`.
    key: Option<String>,
    /// What people call it, and its occurrences, in 1 to 200 characters; its type by default.
    name: Option<String>,
    /// The queue that its occurrences wait in.
    queue: Option<String>,
    /// What the handler is given.
    parameters: Option<Json>,
    /// How urgent its occurrences are; normal by default.
    priority: Option<Priority>,
    /// How many retries an occurrence may have: 0 to 1000.
    max_retries: Option<i32>,
    /// How long one attempt may take.
    timeout: Option<TimeSpan>,
    /// The wait before the first retry; each further one is twice as long.
    retry_delay: Option<TimeSpan>,
    /// The waits before the first, second, … retry, at most 100; the last one repeats. In place of `retryDelay`.
    retry_intervals: Option<Vec<TimeSpan>>,
}

impl ScheduleRecurringJobInput {
    /// The new recurring job that is asked for.
    pub(crate) fn into_new_recurring_job(self, place: &Place) -> Result<NewRecurringJob> {
        let Self {
            job_type,
            cron_expression,
            time_zone,
            enabled,
            misfire_policy,
            catch_up_max,
            overlap_policy,
            starts_at,
            ends_at,
            key,
            name,
            queue,
            parameters,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
        } = self;
        let parameters = place.json("parameters", parameters.as_ref())?;
        let request = JobRequest {
            job_type: place.text("type", Some(job_type))?,
            name: place.text("name", name)?,
            queue: place.text("queue", queue)?,
            parameters: parameters.as_deref(),
            priority: scalar_parsing::priority(priority),
            max_retries: place.retries("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
            key: place.text("key", key)?,
            cron_expression: place.text("cronExpression", Some(cron_expression))?,
            time_zone: place.text("timeZone", time_zone)?,
            enabled,
            misfire_policy: place.text("misfirePolicy", word(misfire_policy))?,
            catch_up_max: catch_up(place, catch_up_max)?,
            overlap_policy: overlap_policy.map(|policy| Parsed(policy.into())),
            starts_at: place.time("startsAt", starts_at)?,
            ends_at: place.time("endsAt", ends_at)?,
            // These belong to a single job.
            delay: None,
            run_at: None,
            unique_key: None,
            options: None,
        };
        request
            .into_new_recurring_job()
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}

/// What of a recurring job is to be changed. What is left out, or is null, stays as it is; at least one field is needed.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateRecurringJobInput {
    /// Which handler runs its occurrences.
    #[graphql(name = "type")]
    job_type: Option<String>,
    /// When its occurrences are due.
    cron_expression: Option<String>,
    /// The time zone whose clocks are meant.
    time_zone: Option<String>,
    /// Whether it creates occurrences.
    enabled: Option<bool>,
    /// What becomes of due times that no server was there for.
    misfire_policy: Option<MisfirePolicy>,
    /// How many missed due times `CATCH_UP` makes up for at the most: 1 to 1000.
    catch_up_max: Option<i32>,
    /// What becomes of an occurrence that is due while an earlier one has not ended.
    overlap_policy: Option<OverlapPolicy>,
    /// It has no occurrence before this time.
    starts_at: Option<DateTime>,
    /// It has no occurrence after this time.
    ends_at: Option<DateTime>,
    /// What people call it, and its occurrences.
    name: Option<String>,
    /// The queue that its occurrences wait in.
    queue: Option<String>,
    /// What the handler is given, in place of what it was.
    parameters: Option<Json>,
    /// How urgent its occurrences are.
    priority: Option<Priority>,
    /// How many retries an occurrence may have: 0 to 1000.
    max_retries: Option<i32>,
    /// How long one attempt may take.
    timeout: Option<TimeSpan>,
    /// The wait before the first retry.
    retry_delay: Option<TimeSpan>,
    /// The waits before each retry, at most 100.
    retry_intervals: Option<Vec<TimeSpan>>,
}

impl UpdateRecurringJobInput {
    /// The change that is asked for.
    pub(crate) fn into_change(self, place: &Place) -> Result<RecurringChange> {
        let Self {
            job_type,
            cron_expression,
            time_zone,
            enabled,
            misfire_policy,
            catch_up_max,
            overlap_policy,
            starts_at,
            ends_at,
            name,
            queue,
            parameters,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
        } = self;
        let parameters = place.json("parameters", parameters.as_ref())?;
        let patch = RecurringPatch {
            job_type: place.text("type", job_type)?,
            name: place.text("name", name)?,
            cron_expression: place.text("cronExpression", cron_expression)?,
            time_zone: place.text("timeZone", time_zone)?,
            enabled,
            misfire_policy: place.text("misfirePolicy", word(misfire_policy))?,
            catch_up_max: catch_up(place, catch_up_max)?,
            overlap_policy: overlap_policy.map(|policy| Parsed(policy.into())),
            starts_at: place.time("startsAt", starts_at)?,
            ends_at: place.time("endsAt", ends_at)?,
            parameters: None,
            queue: place.text("queue", queue)?,
            priority: scalar_parsing::priority(priority),
            max_retries: place.retries("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
        };
        let change = RecurringChange { patch, parameters };
        let checked = change.patch().check();
        checked.map_err(|part| errors::of_part(&part, place.as_str()))?;
        Ok(change)
    }
}

/// A change of a recurring job.
#[derive(Debug)]
pub(crate) struct RecurringChange {
    /// All of it but the parameters, which it would borrow.
    patch: RecurringPatch<'static>,
    parameters: Option<Box<RawValue>>,
}

impl RecurringChange {
    fn patch(&self) -> RecurringPatch<'_> {
        RecurringPatch {
            parameters: self.parameters.as_deref(),
            ..self.patch.clone()
        }
    }

    /// What was asked for before, changed.
    pub(crate) fn apply(&self, to: NewRecurringJob) -> NewRecurringJob {
        self.patch().apply(to)
    }
}

fn word(policy: Option<MisfirePolicy>) -> Option<String> {
    policy.map(|policy| policy.word().to_owned())
}

fn catch_up(place: &Place, max: Option<i32>) -> Result<Option<CatchUpCount>> {
    let read = |max: i32| {
        CatchUpMax::new(i64::from(max))
            .map(CatchUpCount)
            .map_err(|error| errors::invalid(&place.field("catchUpMax"), &error.to_string()))
    };
    max.map(read).transpose()
}
