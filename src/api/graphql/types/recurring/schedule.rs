//! Future due times.

use async_graphql::Object;

use crate::api::contract::view::schedule::{PreviewTimeView, SchedulePreviewView, UpcomingHourView, UpcomingView};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::int::int;

/// The next times of a cron expression.
pub(in crate::api::graphql) struct SchedulePreview(pub(in crate::api::graphql) SchedulePreviewView);

/// The next times of a cron expression.
#[Object]
impl SchedulePreview {
    /// The expression.
    async fn cron_expression(&self) -> &str {
        &self.0.cron_expression
    }

    /// Its IANA time zone.
    async fn time_zone(&self) -> &str {
        self.0.time_zone
    }

    /// The expression in words.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Warnings about the expression.
    async fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// The effect of changes of the clocks of the time zone; null if they do not change.
    async fn clock_changes(&self) -> Option<&str> {
        self.0.clock_changes
    }

    /// The next times, in order.
    async fn times(&self) -> Vec<PreviewTime<'_>> {
        self.0.times.iter().map(PreviewTime).collect()
    }
}

/// A time of a schedule.
pub(in crate::api::graphql) struct PreviewTime<'a>(&'a PreviewTimeView);

/// A time of a schedule.
#[Object]
impl PreviewTime<'_> {
    /// The time.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// The same in the time zone.
    async fn local(&self) -> &str {
        &self.0.local
    }

    /// The change of the clocks on its day; null if there is none.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }
}

/// Due times of all enabled recurring jobs.
pub(in crate::api::graphql) struct Upcoming(pub(in crate::api::graphql) UpcomingView);

/// Due times of all enabled recurring jobs.
#[Object]
impl Upcoming {
    /// Start of the range: now or later.
    async fn from(&self) -> DateTime {
        self.0.from.into()
    }

    /// End of the range.
    async fn to(&self) -> DateTime {
        self.0.to.into()
    }

    /// IANA time zone of the hours.
    async fn time_zone(&self) -> &str {
        self.0.time_zone
    }

    /// Hours with due times, in order, each with its queues.
    async fn hours(&self) -> Vec<UpcomingHour<'_>> {
        self.0.hours.iter().map(UpcomingHour).collect()
    }

    /// Number of due times.
    async fn total_count(&self) -> i32 {
        int(self.0.total_count)
    }
}

/// Due times of an hour in a queue.
pub(in crate::api::graphql) struct UpcomingHour<'a>(&'a UpcomingHourView);

/// Due times of an hour in a queue.
#[Object(name = "DueHour")]
impl UpcomingHour<'_> {
    /// Start of the hour.
    async fn hour(&self) -> DateTime {
        self.0.hour.into()
    }

    /// Queue.
    async fn queue(&self) -> &str {
        &self.0.queue
    }

    /// Number of due times.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }
}
