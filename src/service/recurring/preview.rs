//! Use cases of future due times: of an expression, and of all recurring jobs.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::use_cases::Recurring;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::cron::CronExpression;
use crate::domain::cron::preview::{PreviewTime, hour_in_zone};
use crate::domain::values::name::QueueName;
use crate::domain::values::time_zone::TimeZoneName;
use crate::service::error::ServiceError;

/// Maximum number of times of a preview.
pub(crate) const PREVIEW_MAX: u32 = 100;
/// Default number of times of a preview.
pub(crate) const PREVIEW_DEFAULT: u32 = 5;
/// Maximum length of a range of future due times.
const RANGE_MAX: TimeDelta = TimeDelta::days(31);
/// Default length of it.
const RANGE_DEFAULT: TimeDelta = TimeDelta::days(1);
/// Maximum number of due times in such a range.
const DUE_TIMES_MAX: u64 = 100_000;
/// Number of recurring jobs per read.
const PAGE: u32 = 500;

/// The next times of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulePreview {
    /// The expression.
    pub expression: CronExpression,
    /// Its time zone.
    pub time_zone: TimeZoneName,
    /// The times, in order.
    pub times: Vec<PreviewTime>,
}

/// Due times of all enabled recurring jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// Start of the range.
    pub from: DateTime<Utc>,
    /// End of the range, which is excluded.
    pub to: DateTime<Utc>,
    /// The time zone of the hours.
    pub time_zone: TimeZoneName,
    /// Number of due times by hour of the time zone and queue.
    pub hours: BTreeMap<(DateTime<Utc>, QueueName), u64>,
}

impl Recurring {
    /// The next times of an expression after a time, by default now.
    pub fn preview(
        &self,
        caller: &Caller,
        expression: Option<CronExpression>,
        time_zone: TimeZoneName,
        after: Option<DateTime<Utc>>,
        count: u32,
    ) -> Result<SchedulePreview, ServiceError> {
        caller.require(Scope::Read)?;
        let expression = expression.ok_or_else(|| {
            ServiceError::invalid(
                "cronExpression",
                "cronExpression is missing; expected an expression such as 0 2 * * *",
            )
        })?;
        let after = after.unwrap_or_else(|| self.runtime.clock.now());
        let count = usize::try_from(count.min(PREVIEW_MAX)).unwrap_or_default();
        Ok(SchedulePreview {
            times: expression.preview(time_zone, after, count),
            expression,
            time_zone,
        })
    }

    /// Due times of all enabled recurring jobs in a range, by default the next day, by hours of a time zone. Past ones are not
    /// included.
    pub async fn upcoming(
        &self,
        caller: &Caller,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        time_zone: TimeZoneName,
    ) -> Result<Upcoming, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.runtime.clock.now();
        let from = from.map_or(now, |from| from.max(now));
        let to = to.unwrap_or(from + RANGE_DEFAULT);
        if to <= from {
            return Err(ServiceError::invalid("to", "to is not after from, or not after now"));
        }
        if to - from > RANGE_MAX {
            let detail = format!(
                "the range is limited to {} days; request a shorter one",
                RANGE_MAX.num_days()
            );
            return Err(ServiceError::invalid("to", detail));
        }
        let mut hours: BTreeMap<(DateTime<Utc>, QueueName), u64> = BTreeMap::new();
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.repository.recurring_after(after, PAGE).await?;
            for recurring in &page {
                let template = &recurring.template;
                let defaults = self.limits.defaults.of(&template.job_type);
                let queue = template.queue.as_ref().unwrap_or(&defaults.queue);
                let mut last = from - TimeDelta::microseconds(1);
                while let Some(due_at) = recurring.schedule.next_after(last).filter(|due_at| *due_at < to) {
                    count += 1;
                    if count > DUE_TIMES_MAX {
                        let detail =
                            format!("the range has more than {DUE_TIMES_MAX} due times; request a shorter one");
                        return Err(ServiceError::invalid("to", detail));
                    }
                    let hour = hour_in_zone(time_zone, due_at);
                    *hours.entry((hour, queue.clone())).or_default() += 1;
                    last = due_at;
                }
                // Frequent schedules take a while.
                tokio::task::yield_now().await;
            }
            if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                return Ok(Upcoming {
                    from,
                    to,
                    time_zone,
                    hours,
                });
            }
            after = page.last().map(|recurring| recurring.id);
        }
    }
}
