//! Input of new recurring jobs and of changes of recurring jobs.

use async_graphql::{InputObject, Result};
use serde_json::value::RawValue;

use crate::api::contract::field_values::Parsed;
use crate::api::contract::request::job::JobRequest;
use crate::api::contract::request::recurring::RecurringPatch;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::{MisfirePolicy, OverlapPolicy};
use crate::api::graphql::types::job::settings::JobSettingsInput;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::recurring::NewRecurringJob;

/// A recurring job to schedule. Omitted or null fields have their defaults.
#[derive(Debug, InputObject)]
pub(crate) struct ScheduleRecurringJobInput {
    /// Type of its occurrences, which selects their handler: 1 to 200 characters.
    #[graphql(name = "type")]
    job_type: String,
    /// Cron expression: five fields, six with seconds first, or a macro such as `@daily`.
    cron_expression: String,
    /// IANA time zone of the cron expression, such as `Europe/Berlin`; UTC by default.
    time_zone: Option<String>,
    /// True if it creates occurrences; true by default.
    enabled: Option<bool>,
    /// Policy for due times that passed while no server was running; `FIRE_ONCE` by default.
    misfire_policy: Option<MisfirePolicy>,
    /// Maximum number of missed due times for which `CATCH_UP` creates occurrences: 1 to 1000, 100 by default.
    catch_up_max: Option<i32>,
    /// Policy for an occurrence that is due while an earlier one is unfinished; `ALLOW` by default.
    overlap_policy: Option<OverlapPolicy>,
    /// Time before which it has no occurrences.
    starts_at: Option<DateTime>,
    /// Time after which it has no occurrences.
    ends_at: Option<DateTime>,
    /// Key, unique among recurring jobs and immutable: see `putRecurringJob`.
    key: Option<String>,
    #[graphql(flatten)]
    settings: JobSettingsInput,
}

impl ScheduleRecurringJobInput {
    /// The new recurring job of the input.
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
            settings,
        } = self;
        let parameters = place.json("parameters", settings.parameters.as_ref())?;
        let request = JobRequest {
            job_type: place.text("type", Some(job_type))?,
            key: place.text("key", key)?,
            cron_expression: place.text("cronExpression", Some(cron_expression))?,
            time_zone: place.text("timeZone", time_zone)?,
            enabled,
            misfire_policy: place.text("misfirePolicy", word(misfire_policy))?,
            catch_up_max: place.number("catchUpMax", catch_up_max)?,
            overlap_policy: overlap_policy.map(|policy| Parsed(policy.into())),
            starts_at: place.time("startsAt", starts_at)?,
            ends_at: place.time("endsAt", ends_at)?,
            ..settings.into_settings(place, parameters.as_deref())?.into()
        };
        request
            .into_new_recurring_job()
            .map_err(|error| errors::of_field(&error, place.as_str()))
    }
}

/// Changes of a recurring job. Omitted or null fields are not changed; at least one field is required.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateRecurringJobInput {
    /// Type of its occurrences, which selects their handler.
    #[graphql(name = "type")]
    job_type: Option<String>,
    /// Cron expression.
    cron_expression: Option<String>,
    /// IANA time zone of the cron expression.
    time_zone: Option<String>,
    /// True if it creates occurrences.
    enabled: Option<bool>,
    /// Policy for due times that passed while no server was running.
    misfire_policy: Option<MisfirePolicy>,
    /// Maximum number of missed due times for which `CATCH_UP` creates occurrences: 1 to 1000.
    catch_up_max: Option<i32>,
    /// Policy for an occurrence that is due while an earlier one is unfinished.
    overlap_policy: Option<OverlapPolicy>,
    /// Time before which it has no occurrences.
    starts_at: Option<DateTime>,
    /// Time after which it has no occurrences.
    ends_at: Option<DateTime>,
    #[graphql(flatten)]
    settings: JobSettingsInput,
}

impl UpdateRecurringJobInput {
    /// The change of the input.
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
            settings,
        } = self;
        let parameters = place.json("parameters", settings.parameters.as_ref())?;
        let patch = RecurringPatch {
            job_type: place.text("type", job_type)?,
            cron_expression: place.text("cronExpression", cron_expression)?,
            time_zone: place.text("timeZone", time_zone)?,
            enabled,
            misfire_policy: place.text("misfirePolicy", word(misfire_policy))?,
            catch_up_max: place.number("catchUpMax", catch_up_max)?,
            overlap_policy: overlap_policy.map(|policy| Parsed(policy.into())),
            starts_at: place.time("startsAt", starts_at)?,
            ends_at: place.time("endsAt", ends_at)?,
            ..settings.into_settings(place, None)?.into()
        };
        let change = RecurringChange { patch, parameters };
        let checked = change.patch().check();
        checked.map_err(|error| errors::of_field(&error, place.as_str()))?;
        Ok(change)
    }
}

/// A change of a recurring job.
#[derive(Debug)]
pub(crate) struct RecurringChange {
    /// All fields but the parameters, which the patch would borrow.
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

    /// The definition with the changes applied.
    pub(crate) fn apply(&self, to: NewRecurringJob) -> NewRecurringJob {
        self.patch().apply(to)
    }
}

fn word(policy: Option<MisfirePolicy>) -> Option<String> {
    policy.map(|policy| policy.word().to_owned())
}
