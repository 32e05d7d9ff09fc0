//! Recurring jobs and their rows.

use chrono::{DateTime, Utc};
use entities::recurring_job as table;

use crate::domain::cron::CronExpression;
use crate::domain::recurring::misfire::{CatchUpMax, MisfirePolicy};
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{RecurringId, RecurringJob, Schedule, Template};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName, RecurringKey};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::corrupt;
use crate::storage::sea::labels::stored::{tags_of, tags_text};
use crate::storage::sea::mapping::{count, int, intervals_text_of, micros, optional_time, priority, spans, time};

/// The row of a recurring job.
pub(crate) fn row(recurring: &RecurringJob) -> table::Model {
    let RecurringJob {
        id,
        key,
        schedule:
            Schedule {
                cron,
                time_zone,
                starts_at,
                ends_at,
            },
        template:
            Template {
                job_type,
                name,
                queue,
                parameters,
                priority,
                max_retries,
                timeout,
                retry_delay,
                retry_intervals,
                tags,
            },
        is_enabled,
        misfire_policy,
        overlap_policy,
        next_run_at,
        last_run_at,
        waiting,
        // In the id.
        created_at: _,
        updated_at,
        revision,
    } = recurring;
    table::Model {
        id: id.as_uuid(),
        key: key.as_ref().map(|key| key.as_str().to_owned()),
        name: name.as_str().to_owned(),
        job_type: job_type.as_str().to_owned(),
        queue: queue.as_ref().map(|queue| queue.as_str().to_owned()),
        parameters: parameters.as_str().to_owned(),
        priority: priority.code(),
        max_retries: max_retries.map(int),
        timeout: timeout.map(TimeSpan::as_micros),
        retry_delay: retry_delay.map(TimeSpan::as_micros),
        retry_intervals: retry_intervals.as_deref().map(intervals_text_of),
        tags: tags_text(tags),
        cron: cron.as_str().to_owned(),
        time_zone: time_zone.as_str().to_owned(),
        starts_at: starts_at.map(micros),
        ends_at: ends_at.map(micros),
        is_enabled: *is_enabled,
        misfire_policy: misfire_policy.as_str().to_owned(),
        catch_up_max: misfire_policy.max().map(|max| i32::from(max.get())),
        overlap_policy: overlap_policy.code(),
        next_run_at: next_run_at.map(micros),
        last_run_at: last_run_at.map(micros),
        waiting: waiting_text(waiting),
        updated_at: micros(*updated_at),
        revision: int(*revision),
    }
}

/// Due times as they are stored; `None` for none.
pub(crate) fn waiting_text(waiting: &[DateTime<Utc>]) -> Option<String> {
    let texts: Vec<String> = waiting.iter().map(|due_at| micros(*due_at).to_string()).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

/// A recurring job from its row.
pub(crate) fn recurring(row: table::Model) -> Result<RecurringJob, RepositoryError> {
    let table::Model {
        id,
        key,
        name,
        job_type,
        queue,
        parameters,
        priority: priority_code,
        max_retries,
        timeout,
        retry_delay,
        retry_intervals,
        tags,
        cron,
        time_zone,
        starts_at,
        ends_at,
        is_enabled,
        misfire_policy,
        catch_up_max,
        overlap_policy,
        next_run_at,
        last_run_at,
        waiting,
        updated_at,
        revision,
    } = row;
    let id = RecurringId::from_uuid(id);
    let of = |error: &dyn std::fmt::Display| corrupt(format!("recurring job {id}: {error}"));
    let max = match catch_up_max {
        Some(max) => CatchUpMax::new(i64::from(max)).map_err(|error| of(&error))?,
        None => CatchUpMax::default(),
    };
    let waiting = waiting.as_deref().unwrap_or_default();
    Ok(RecurringJob {
        id,
        key: key.map(RecurringKey::from_stored),
        schedule: Schedule {
            cron: CronExpression::parse(&cron).map_err(|error| of(&error))?,
            time_zone: TimeZoneName::parse(&time_zone).map_err(|error| of(&error))?,
            starts_at: optional_time(starts_at).map_err(|error| of(&error))?,
            ends_at: optional_time(ends_at).map_err(|error| of(&error))?,
        },
        template: Template {
            job_type: JobType::from_stored(job_type),
            name: JobName::from_stored(name),
            queue: queue.map(QueueName::from_stored),
            parameters: Json::from_valid(parameters),
            priority: priority(priority_code).map_err(|error| of(&error))?,
            max_retries: max_retries.map(count),
            timeout: timeout.map(TimeSpan::from_micros),
            retry_delay: retry_delay.map(TimeSpan::from_micros),
            retry_intervals: retry_intervals
                .as_deref()
                .map(spans)
                .transpose()
                .map_err(|error| of(&error))?,
            tags: tags_of(tags.as_deref()),
        },
        is_enabled,
        misfire_policy: MisfirePolicy::parse(&misfire_policy, max).map_err(|error| of(&error))?,
        overlap_policy: OverlapPolicy::from_code(overlap_policy)
            .ok_or_else(|| of(&format_args!("{overlap_policy} is no overlap policy")))?,
        next_run_at: optional_time(next_run_at).map_err(|error| of(&error))?,
        last_run_at: optional_time(last_run_at).map_err(|error| of(&error))?,
        waiting: waiting
            .split(',')
            .filter(|text| !text.is_empty())
            .map(|text| time(text.parse().map_err(|_| of(&format_args!("'{text}' is no time")))?))
            .collect::<Result<_, _>>()?,
        created_at: id.created_at().ok_or_else(|| of(&"its id is not of version 7"))?,
        updated_at: time(updated_at).map_err(|error| of(&error))?,
        revision: count(revision),
    })
}
